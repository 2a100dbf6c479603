// RUN: attn-opt %s | FileCheck %s
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attn-opt %s --emit-bytecode | attn-opt | FileCheck %s

// Where a parameter differs there is an array, and one at least.
// CHECK-LABEL: func private @atoms
// CHECK-SAME: #attn.sparsity<window([63, 127], 0) and prefix([5, 9])>
// CHECK-SAME: #attn.sparsity<window(8, [0, 4])>
// CHECK-SAME: #attn.sparsity<window([8, 8], 0) or leading([4])>
// CHECK-SAME: #attn.sparsity<block_diagonal([64, 32, 64])>
// CHECK-SAME: #attn.sparsity<dilated(1020, [1, 4])>
// CHECK-SAME: #attn.sparsity<strided([2, 4], [0, 3])>
// CHECK-SAME: #attn.sparsity<strided(4, [0, 3], block 16)>
// CHECK-SAME: #attn.sparsity<not strided(4, 0, block [16, 8]) in permuted>
// CHECK-SAME: #attn.sparsity<affine_set(affine_map<(d0, d1)[s0] -> (d0 - d1 - s0 * 16)>)>
// CHECK-SAME: #attn.sparsity<window([1, 2], 0) by 2 * k + g>
// CHECK-SAME: #attn.sparsity<affine_set(affine_map<(d0, d1)[s0] -> (d0 - s0)>) by x>
// CHECK-SAME: #attn.sparsity<prefix([1, 2, 3])>
func.func private @atoms() attributes {
  atoms = [#attn.sparsity<window([63, 127], 0) and prefix([5, 9])>,
           #attn.sparsity<window(8, [0, 4])>,
           #attn.sparsity<window([8, 8], [0, 0]) or leading([4])>,
           #attn.sparsity<block_diagonal([64, 32, 64])>,
           #attn.sparsity<dilated([1020, 1020], [1, 4])>,
           #attn.sparsity<strided([2, 4], [0, 3])>,
           #attn.sparsity<strided(4, [0, 3], block [16, 16])>,
           #attn.sparsity<not strided(4, 0, block [16, 8]) in permuted>,
           #attn.sparsity<affine_set(affine_map<(m, n)[h] -> (m - n - 16 * h)>)>,
           #attn.sparsity<window([1, 2], 0) by 2 * k + g>,
           #attn.sparsity<affine_set(affine_map<(m, n)[h] -> (m - h)>) by x>,
           #attn.sparsity<prefix([1, 2, 3]) by h>]}

// CHECK-LABEL: @operator
// CHECK: where causal and (window(63, 0) or strided([4, 4, 8, 8], [0, 2, 1, 5], block 64)) align bottom_right
func.func @operator(%q: tensor<?x4x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x4x?x64xf32> {
  %r = attn.attention(%q, %k, %k)
      where causal and (window(63, 0) or strided([4, 4, 8, 8], [0, 2, 1, 5], block 64))
      : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %r : tensor<?x4x?x64xf32>
}

// Some heads of a whole have an array of the whole.
// CHECK-LABEL: @part
// CHECK: where window([1, 2, 3, 4, 5], 0) align top_left origin(h = %{{.*}} : index)
func.func @part(%q: tensor<?x2x?x64xf32>, %h: index) -> tensor<?x2x?x64xf32> {
  %r = attn.attention(%q, %q, %q) where window([1, 2, 3, 4, 5], 0) align top_left origin(h = %h : index)
      : (tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x?x64xf32>
  return %r : tensor<?x2x?x64xf32>
}

// CHECK-LABEL: @cascade
// CHECK: where window([1, 2, 3, 4, 5, 6], 0) by 3 * k + g and causal over (m, n) align top_left
func.func @cascade(%s: tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
  %r = attn.cascade (%S = %s) where window([1, 2, 3, 4, 5, 6], 0) by 3 * k + g and causal over (m, n) align top_left
      : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
    %x = attn.einsum [k,g,m] = %S[k,g,m,n] reduce max(n) : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32>
    attn.yield %x : tensor<2x3x?xf32>
  }
  return %r : tensor<2x3x?xf32>
}
