// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping | FileCheck %s
// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping="grid-tile=0" | FileCheck %s --check-prefix=ROWS
// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping="grid-tile=2,6 lane-tiles=32,16" | FileCheck %s --check-prefix=GIVEN
// RUN: not attn-opt %s --attn-plan-sparsity --attn-choose-mapping="grid-tile=2,9 lane-tiles=16" 2>&1 | FileCheck %s --check-prefix=LARGE
// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping="shared-bytes=65536" | FileCheck %s --check-prefix=GPU
// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping="grid-tile=2,4 shared-bytes=65536" | FileCheck %s --check-prefix=BLOCK
// RUN: not attn-opt %s --attn-plan-sparsity --attn-choose-mapping="grid-tile=9,16 shared-bytes=65536" 2>&1 | FileCheck %s --check-prefix=MANY
// LARGE: error: 'attn.cascade' op cannot be mapped: a grid tile holds up to 16 tokens, the largest lane tile; got 18
// MANY: error: 'attn.cascade' op cannot be mapped: a grid tile holds up to 128 tokens, the largest lane tile; got 144

// The keys of a box of 4 by 4 tokens are fewer, per row, than those of a row of
// 48: 16 by 16, not 13 rows of the grid.
// CHECK-LABEL: @window
// CHECK: mapping <lanes = m by [16], {{.*}}, grid = [4, 4]>
// ROWS-LABEL: @window
// ROWS: mapping <lanes = m by [48, 32, 16],
// ROWS-NOT: grid =
// GIVEN-LABEL: @window
// GIVEN: mapping <lanes = m by [32, 16], {{.*}}, grid = [2, 6]>
// A block of a GPU has room for 128 rows, in a box that has as many.
// GPU-LABEL: @window
// GPU: mapping <lanes = m by [128], {{.*}}, grid = [8, 16]>
// BLOCK-LABEL: @window
// BLOCK: mapping <lanes = m by [128], {{.*}}, grid = [2, 4]>
func.func @window(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([13, 13], grid [128, 128]) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// With dilation, a box is one of the coordinates with one remainder on each axis:
// a grid of 64 by 64 or 65 here.
// CHECK-LABEL: @dilated
// CHECK: mapping <lanes = m by [32], {{.*}}, grid = [8, 4]>
// ROWS-LABEL: @dilated
// ROWS-NOT: grid =
// GIVEN-LABEL: @dilated
// GIVEN: grid = [2, 6]>
func.func @dilated(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([13, 13], grid [128, 129], dilation [2, 2]) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Under 'or', boxes see the keys in their windows and the others in ranges: of the
// latter the plan is left, of the former 'tokens' says what ranges have not.
// CHECK-LABEL: @beside_first
// CHECK: mapping <lanes = m by [32], {{.*}}, grid = [4, 8]>
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N], live = affine_map<{{.*}} -> (0)> to affine_map<{{.*}} -> (64, s1)>, full = {{.*}}, nonnegative = affine_map<{{.*}} -> (-d1 + 63)>> tokens <{{.*}}, nonnegative = affine_map<{{.*}} -> (d1 - 64)>> boxes {
// ROWS-LABEL: @beside_first
// ROWS-NOT: grid =
// ROWS: attn.iterate
// ROWS-NOT: tokens
// ROWS: attn.einsum
// GIVEN-LABEL: @beside_first
// GIVEN: grid = [2, 6]>
func.func @beside_first(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([13, 13], grid [128, 128]) or leading(64) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Where the window covers the inner axis, rows as they lie are whole.
// CHECK-LABEL: @covered
// CHECK: mapping <lanes = m by [48, 32, 16],
// CHECK-NOT: grid =
func.func @covered(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([400, 48], grid [900, 48]) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
