// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade | FileCheck %s

// A step of a causal plane begins and ends on rows of the register tile, inside
// of the plane.
// CHECK-LABEL: func.func @causal_run0
// CHECK: arith.divui %{{.*}}, %c8
// CHECK: arith.divui %{{.*}}, %c8
// CHECK: %[[END:.*]] = arith.muli %{{.*}}, %c8
// CHECK: arith.minsi %[[END]], %{{.*}} : index
// CHECK: scf.for %[[TILE:.*]] =
// Full: no mask.
// CHECK: scf.if
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK-NOT: arith.select
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: math.exp
// CHECK-NOT: arith.select
// CHECK: } else {
// Partial: the scores whole, then a mask before and after the full range.
// CHECK: %[[FROM:.*]] = arith.minsi
// CHECK: %[[TO:.*]] = arith.minsi
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK: %[[HEAD:.*]] = arith.subi %[[FROM]], %{{.*}} : index
// CHECK: memref.subview %[[S:.*]][%{{.*}}, 0] [%[[HEAD]], 16]
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: arith.select
// CHECK: %[[TAIL:.*]] = arith.subi %{{.*}}, %[[TO]] : index
// CHECK: memref.subview %[[S]][%{{.*}}, 0] [%[[TAIL]], 16]
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: arith.select
// The weights in three parts, of which the middle one has no mask.
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: math.exp
// CHECK: arith.select
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: math.exp
// CHECK-NOT: arith.select
// CHECK: attn.yield
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: math.exp
// CHECK: arith.select
// CHECK: attn.tile_einsum [m] = {{.*}} reduce add(n0)
func.func @causal(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) align top_left
      mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %rd0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %rd = attn.iterate n1 of n by n0 init(%rd0 : tensor<?xf32>)
        plan <symbols = [M, N],
              live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>,
              full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>,
              nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%D: tensor<?xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %lm = attn.einsum [m] = %s[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %p = attn.einsum [m,n0] = map(%s[m,n0], %lm[m]) {
      ^bb0(%x: f32, %y: f32):
        %d = arith.subf %x, %y : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = add(%D[m], %ld[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %d1 : tensor<?xf32>
    }
    attn.yield %rd : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
