// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping --split-input-file --verify-diagnostics | FileCheck %s

// Beside ranges of most keys boxes save nothing: rows are cut as they lie, of
// whose keys few are live where the grid has dilations.
// CHECK-LABEL: @beside_all
// CHECK: mapping <lanes = m by [48, 32, 16],
// CHECK-NOT: boxes
func.func @beside_all(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-remark @below {{loops visit whole ranges of keys, of which #attn.sparsity<neighborhood([3, 3], grid [20, 20], dilation [2, 3])> leaves one in 6}}
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [20, 20], dilation [2, 3]) or causal over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
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

// -----

// What is asked of other terms is asked of the keys of a box alone.
// CHECK-LABEL: @and_causal
// CHECK: grid = [
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N], live = {{.*}}, nonnegative = affine_map<{{.*}} -> (0)>> tokens <symbols = [M, N], live = affine_map<{{.*}} -> (0)> to affine_map<{{.*}} -> (d1 + 1, s1)>, full = affine_map<{{.*}} -> (0)> to affine_map<{{.*}} -> (d0 + 1, s1)>, nonnegative = affine_map<{{.*}} -> (d0 - d1)>> boxes {
func.func @and_causal(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal and neighborhood([13, 13], grid [128, 128]) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
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

// -----

// Scattered keys would leave ranges of all others to boxes: they are walked by
// numbers of their own, and the grid as it lies.
// CHECK-LABEL: @beside_scattered
// CHECK-NOT: grid = [
// CHECK: attn.iterate {{.*}} periodic {
func.func @beside_scattered(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where strided(8, 3) or neighborhood([13, 13], grid [128, 128]) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
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

// -----

// There are boxes of one grid: that whose windows are spread most, and one of the
// outermost 'and' where there are such. Ranges have the windows of the other.
// CHECK-LABEL: @two_grids
// CHECK: grid = [
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N], values = {{.*}} live = affine_map<{{.*}} -> (s4 * 64)> to affine_map<{{.*}} -> (s1, s5 * 64 + 64)>, {{.*}} tokens {{.*}} boxes {
func.func @two_grids(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([1, 64], grid [64, 64]) or neighborhood([64, 1], grid [64, 64]) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
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

// -----

// CHECK-LABEL: @outer_grid
// CHECK: grid = [
// CHECK: attn.iterate {{.*}} tokens {{.*}} boxes {
func.func @outer_grid(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([13, 13], grid [128, 128]) and (neighborhood([60, 60], grid [64, 64]) or causal) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
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

// -----

// Rows that are known to be few have no boxes beside ranges.
// CHECK-LABEL: @few_rows
// CHECK-NOT: grid = [
// CHECK-NOT: boxes
func.func @few_rows(%s: tensor<4x?xf32>) -> tensor<4xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([13, 13], grid [128, 128]) or leading(64) over (m, n) align top_left : (tensor<4x?xf32>) -> tensor<4xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<4xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<4xf32>) {
    ^bb0(%A: tensor<4xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<4x?xf32>) -> tensor<4xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      attn.yield %n : tensor<4xf32>
    }
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}
