// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s

// Items are tiles of segments: as many as the tokens fill, and one for each
// segment more. What an item is follows from the offsets by a search.
// CHECK-LABEL: func.func @packed_items0
// CHECK: %[[ROWS:.*]] = memref.dim %arg0, %c0
// CHECK: %[[COUNT:.*]] = memref.dim %arg3, %c0
// CHECK: %[[SEGMENTS:.*]] = arith.addi %[[COUNT]], %c1
// CHECK: %[[TILES:.*]] = arith.divui %[[ROWS]], %c16
// CHECK: arith.addi %[[TILES]], %[[SEGMENTS]]
// CHECK-LABEL: func.func @packed_run0
// CHECK: scf.for %[[ITEM:.*]] =
// CHECK: %[[FOUND:.*]]:2 = scf.while
// CHECK: memref.load %arg3
// CHECK: arith.divui %{{.*}}, %c16
// CHECK: arith.cmpi ule, %{{.*}}, %[[ITEM]]
// Offsets of queries and of keys, each clamped to its own tensor.
// CHECK: scf.if
// CHECK: memref.load %arg3
// CHECK: scf.if
// CHECK: memref.load %arg3
// CHECK: %[[KEYS:.*]]:2 = scf.if
// CHECK: memref.load %arg4
// CHECK: memref.load %arg4
// Tiles behind the end of a segment have no rows.
// CHECK: %[[HAS:.*]] = arith.cmpi sgt
// CHECK: scf.if %[[HAS]]
// Steps count from the first key of the segment, loads from that of the tensor.
// CHECK: scf.for %{{.*}} step %c32
// CHECK-NOT: scf.if
// CHECK: %[[KEY:.*]] = arith.addi %{{.*}}, %[[KEYS]]#0
// CHECK: memref.subview %arg1[%[[KEY]], 0]
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: arith.addi %{{.*}}, %[[KEY]] : index
func.func @packed(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %x: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %X = %x, %Y = %y) over (m, n) align top_left segments query(%X[]) key(%Y[]) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (0)>> {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %w = attn.einsum [m,n0] = map(%s[m,n0]) {
      ^bb0(%x0: f32):
        %i = attn.index n : index
        %c = arith.index_cast %i : index to i32
        %t = arith.sitofp %c : i32 to f32
        %y0 = arith.addf %x0, %t : f32
        attn.yield %y0 : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%w[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
