// RUN: attn-opt %s --attn-plan-sparsity --split-input-file --verify-diagnostics | FileCheck %s

// What a table has for the head is a symbol of the ranges and of the test.
// CHECK-LABEL: @windows
// CHECK: plan <symbols = [M, N, T0], tables = {{\[\[}}3, 9, 3, 27]], live = affine_map<(d0, d1)[s0, s1, s2] -> (0, d0 - s2)> to affine_map<(d0, d1)[s0, s1, s2] -> (d1 + 1, s1)>, full = affine_map<(d0, d1)[s0, s1, s2] -> (0, d1 - s2)> to affine_map<(d0, d1)[s0, s1, s2] -> (d0 + 1, s1)>, nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (d0 - d1, -d0 + d1 + s2)>>
func.func @windows(%s: tensor<2x2x?x?xf32>) -> tensor<2x2x?xf32> {
  %o = attn.cascade (%S = %s) where window([3, 9, 3, 27], 0) by 2 * k + g over (m, n) align top_left
      : (tensor<2x2x?x?xf32>) -> tensor<2x2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [k,g,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x2x?xf32>) {
    ^bb0(%RM: tensor<2x2x?xf32>):
      %lm = attn.einsum [k,g,m] = %S[k,g,m,n1*N0+n0] reduce max(n0) : (tensor<2x2x?x?xf32>) -> tensor<2x2x?xf32>
      %rm = attn.einsum [k,g,m] = max(%RM[k,g,m], %lm[k,g,m]) : (tensor<2x2x?xf32>, tensor<2x2x?xf32>) -> tensor<2x2x?xf32>
      attn.yield %rm : tensor<2x2x?xf32>
    }
    attn.yield %r : tensor<2x2x?xf32>
  }
  return %o : tensor<2x2x?xf32>
}

// -----

// A step that heads differ in is a test for each, which the others pass. Blocks
// of several lengths are ranges of keys.
// CHECK-LABEL: @strides
// CHECK: plan <symbols = [M, N, T0, T1], tables = {{\[\[}}0, 1], [1, 0]],
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (-((d1 floordiv 2) mod 6) - s2 * 5 + 5, -(d1 mod 4) - s3 * 3 + 3)>>
func.func @strides(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-remark @+1 {{loops visit whole ranges of keys, of which #attn.sparsity<strided([4, 6], 0, block [1, 2]) by x> leaves one in 4 to 6, by head}}
  %o = attn.cascade (%S = %s) where strided([4, 6], 0, block [1, 2]) by x over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [x,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [x,m] = %S[x,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [x,m] = max(%RM[x,m], %lm[x,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// The number of the head itself.
// CHECK-LABEL: @set
// CHECK: plan <symbols = [M, N, H], live = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, d1 - s2 * 5 + 1)>
func.func @set(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where affine_set(affine_map<(m, n)[h] -> (m - n - 5 * h)>) by x over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [x,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [x,m] = %S[x,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [x,m] = max(%RM[x,m], %lm[x,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}
