// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade | FileCheck %s
// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s --check-prefix=BOUNDS

// Two pieces: their intervals are sorted, merged where they touch, and walked
// in ascending order by one loop around the steps.
// CHECK-LABEL: func.func @anchored_run0
// CHECK: %[[FIRST:.*]] = arith.cmpi sle, %[[A:.*]], %[[B:.*]] : index
// CHECK: arith.select %[[FIRST]], %[[A]], %[[B]]
// CHECK: arith.select %[[FIRST]], %[[B]], %[[A]]
// CHECK: %[[TOUCH:.*]] = arith.cmpi sle
// CHECK: arith.maxsi
// CHECK: arith.select %[[TOUCH]]
// CHECK: scf.for %[[NUMBER:.*]] = %c0{{.*}} to %c2{{.*}} step %c1
// CHECK: arith.cmpi eq, %[[NUMBER]], %c1
// CHECK: scf.for
// A step is full where one of the pieces is.
// CHECK: arith.ori
// CHECK: scf.if
// CHECK: } else {
// CHECK: arith.cmpi sgt
// The test of some piece.
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: arith.ori
// CHECK: arith.select
// The last row of a tile is one in front of its end; steps begin where tiles of all
// keys do, whatever key the range begins with.
// BOUNDS-LABEL: func.func @anchored_run0
// BOUNDS: %[[REST:.*]] = arith.subi %{{.*}}, %c1 : index
// BOUNDS-NEXT: %[[LAST:.*]] = arith.addi %[[FIRST:.*]], %[[REST]] : index
// BOUNDS-NEXT: affine.max #{{.*}}(%[[FIRST]])
// BOUNDS: affine.min #{{.*}}(%[[LAST]])
// BOUNDS: %[[TILE:.*]] = arith.divui %[[BEGIN:.*]], %c128
// BOUNDS-NEXT: %[[ANCHOR:.*]] = arith.muli %[[TILE]], %c128
// BOUNDS: scf.for %[[STEP:.*]] = %[[ANCHOR]] to %{{.*}} step %c128
// BOUNDS-NEXT: arith.maxsi %[[STEP]], %[[BEGIN]]
func.func @anchored(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where window(5, 0) or prefix(3) over (m, n) align top_left
      mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []>
      : (tensor<?x?xf32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N],
              live = affine_map<(first, last)[M, N] -> (0, first - 5)> to affine_map<(first, last)[M, N] -> (last + 1, N)>,
              full = affine_map<(first, last)[M, N] -> (0, last - 5)> to affine_map<(first, last)[M, N] -> (first + 1, N)>,
              nonnegative = affine_map<(m, n)[M, N] -> (m - n, n - m + 5)>
           or live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (3, N)>,
              full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (3, N)>,
              nonnegative = affine_map<(m, n)[M, N] -> (2 - n)>> {
    ^bb0(%X: tensor<?xf32>):
      %t = attn.einsum [m,n0] = add(%S[m,n1*N0+n0], %S[m,n1*N0+n0]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      %lm = attn.einsum [m] = %t[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%X[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
