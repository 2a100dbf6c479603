// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s

// Tokens in permuted order: tiles read them through the table of their slots.
// CHECK-LABEL: func.func @permuted_run0
// The tokens of the rows, one for each lane.
// CHECK: %[[ROWS:.*]] = memref.view %{{.*}} : memref<?xi8> to memref<16xi32>
// CHECK: attn.tile_einsum [m] = map(%{{.*}}[m]) {
// CHECK: } outs(%[[ROWS]]) clamp [m]
// The rows of the result are asked for: stores to them would wait one by one.
// CHECK: scf.for %[[WRITTEN:.*]] = %c0 to
// CHECK: memref.load %[[ROWS]][%[[WRITTEN]]]
// CHECK: memref.prefetch %{{.*}}, write, locality<2>
// CHECK: attn.tile_einsum [e,m] = %{{.*}}[%[[ROWS]][m],e] outs(
// No step is free of tests, as tokens may be dead in any slot.
// CHECK: scf.for
// CHECK-NOT: scf.if
// Values of this step and keys of the next are asked for, by the table.
// CHECK: scf.for %[[POINT:.*]] = %c0 to
// CHECK: %[[SLOT:.*]] = arith.addi %{{.*}}, %[[POINT]]
// CHECK: memref.subview %arg3[%[[SLOT]]] [1]
// CHECK: memref.prefetch %arg2[
// CHECK: %[[STEP:.*]] = arith.addi %[[SLOT]], %c32
// CHECK: %[[LATER:.*]] = arith.minsi %[[STEP]], %{{.*}}
// CHECK: memref.subview %arg3[%[[LATER]]] [1]
// CHECK: memref.prefetch %arg1[
// CHECK: } {attn.requests}
// Keys are read in place, each row once.
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[%{{.*}}[n0],e]) reduce add(e)
// Before the full slots: slots and tokens are tested. The index of n is the token.
// CHECK: attn.tile_einsum [n0,m] = map(%{{.*}}[n0,m], %[[ROWS]][m], %{{.*}}[n0]) {
// CHECK: ^bb0(%{{.*}}: f32, %[[M:.*]]: i32, %[[N:.*]]: i32):
// CHECK: arith.sitofp %[[N]]
// CHECK: attn.index m
// CHECK: arith.cmpi sge, %[[M]], %[[N]] {attn.exact} : i32
// CHECK: arith.andi
// CHECK: arith.select
// In them: tokens alone.
// CHECK: attn.tile_einsum [n0,m] = map(%{{.*}}[n0,m], %[[ROWS]][m], %{{.*}}[n0]) {
// CHECK-NOT: attn.index
// CHECK: arith.select
// CHECK: attn.yield
// Values are read in place, too; then each row is stored where its token lies.
// CHECK: attn.tile_einsum [f,m] = mul(%{{.*}}[n0,m], %{{.*}}[%{{.*}}[n0],f]) reduce add(n0)
// CHECK: scf.for %[[ROW:.*]] = %c0 to
// CHECK: %[[LOADED:.*]] = memref.load %[[ROWS]][%[[ROW]]] : memref<16xi32>
// CHECK: %[[CAST:.*]] = arith.index_cast %[[LOADED]]
// CHECK: %[[LEAST:.*]] = arith.minsi %[[CAST]]
// CHECK: %[[TOKEN:.*]] = arith.maxsi %[[LEAST]], %c0
// CHECK: memref.subview %arg4[%[[TOKEN]], 0] [1, 8]
// CHECK: attn.tile_einsum [f] =
func.func @permuted(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %P = %p) where window(4, 4) in permuted and causal over (m, n) align top_left permute(m = %P[m], n = %P[n]) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>) 
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0, first - 4)> to affine_map<(first, last)[M, N] -> (N, last + 5)>, full = affine_map<(first, last)[M, N] -> (0, last - 4)> to affine_map<(first, last)[M, N] -> (N, first + 5)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n + 4, n - m + 4)>>
        tokens <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %w = attn.einsum [m,n0] = map(%s[m,n0]) {
      ^bb0(%x: f32):
        %i = attn.index n : index
        %c = arith.index_cast %i : index to i32
        %t = arith.sitofp %c : i32 to f32
        %y = arith.addf %x, %t : f32
        attn.yield %y : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%w[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
