// RUN: attn-opt %s --attn-split-phases --attn-tile-cascade --canonicalize | FileCheck %s

// A step computes where its points lie: the part of the table of pages, and then
// the pages and the rows in them, each within its dimension. Each number of the
// table stands for 16 points, and nothing else says how many there are. Values are
// read in place, or zeros where there are no pages.
// CHECK-LABEL: func.func private @pages_phase0_run0(
// CHECK-SAME: %{{[^:]*}}: memref<?x16xf32, {{[^:]*}}: {{[^:]*}}, %[[V:[^:]*]]: memref<?x16x8xf32, {{[^:]*}}: {{[^:]*}}, %[[T:[^:]*]]: memref<?xi32,
// CHECK: %[[COUNT:.*]] = memref.dim %[[T]]
// CHECK: %[[KEYS:.*]] = arith.muli %[[COUNT]], %c16 : index
// CHECK: scf.for {{.*}} step %c64
// CHECK: %[[FIRST:.*]] = arith.maxsi
// CHECK: attn.tile_einsum [n0] = map() {
// CHECK: %[[N0:.*]] = attn.index n0 : index
// CHECK: arith.addi %[[N0]], %[[FIRST]] : index
// CHECK: arith.remsi
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: outs(%{{.*}}) : () -> memref<?xi64, strided<[1]>>
// CHECK: attn.tile_einsum [n0] = map() {
// CHECK: arith.divsi
// CHECK: outs(%[[AT:.*]]) : () -> memref<?xi64, strided<[1]>>
// CHECK: scf.if
// CHECK: } else {
// CHECK: attn.tile_einsum [n0] = map(%{{.*}}[%[[AT]][n0]]) {
// CHECK: attn.tile_einsum [n0] = map(%{{.*}}[n0]) {
// CHECK: outs(%{{.*}}) : (memref<?xi32, {{.*}}>) -> memref<?xi64, strided<[1]>>
// CHECK: outs(%{{.*}}) : () -> memref<?xi64, strided<[1]>>
// CHECK: %[[NONE:.*]] = memref.reinterpret_cast
// CHECK: %[[ZEROS:.*]] = memref.cast %[[NONE]]
// CHECK: arith.select %{{.*}}, %[[ZEROS]], %{{.*}} : memref<?x16x8xf32,
// CHECK-NOT: = map(
// CHECK: attn.tile_einsum [f,m] = mul(%{{.*}}[m,%{{.*}}[n0]], %{{.*}}[%{{.*}}[n0],%{{.*}}[n0],f]) reduce add(n0)
func.func @pages(%s: tensor<?x16xf32>, %v: tensor<?x16x8xf32>, %t: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v, %T = %t) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []>
      : (tensor<?x16xf32>, tensor<?x16x8xf32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %i = attn.einsum [m,f] = map() {
      %zero = arith.constant 0.0 : f32
      attn.yield %zero : f32
    } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?x8xf32>) {
    ^bb0(%A: tensor<?x8xf32>):
      %l = attn.einsum [m,f] = mul(%S[m,(n1*N0+n0) mod 16], %V[%T[(n1*N0+n0) floordiv 16],(n1*N0+n0) mod 16,f]) reduce add(n0)
          : (tensor<?x16xf32>, tensor<?x16x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
