// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC
// RUN: attn-opt --mlir-print-op-generic --mlir-print-local-scope %s | attn-opt | FileCheck %s

// A mapped cascade with a planned iteration: names and lists are bare, and the
// maps of the plan stand where they are read.
// CHECK-LABEL: func @mapped
// CHECK: attn.cascade {{.*}} mapping <lanes = m by [48, 16], stream = 128, rows = 8, parallel = []> :
// CHECK: attn.iterate n1 of n by n0 init({{.*}}) plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>, full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d0 + 1, s1)>, nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1)>> {
// GENERIC: #attn.mapping<lanes = m by [48, 16], stream = 128, rows = 8, parallel = []>
func.func @mapped(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) align top_left
      mapping <lanes = m by [48, 16], stream = 128, rows = 8, parallel = []>
      : (tensor<?x?xf32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N],
              live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>,
              full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>,
              nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%RM: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Lists may be empty, and an atom may nest.
// CHECK-LABEL: func @attributes
// CHECK-SAME: #attn.bias<0, []>
// CHECK-SAME: #attn.access<1, []>
// CHECK-SAME: #attn.score_map<0, [], []>
// CHECK-SAME: #attn.score_map<1, [2, 3], {{\[}}[], ["h"]]>
// CHECK-SAME: #attn.sparsity<not (causal or window(3, 0)) and prefix(7)>
func.func @attributes() attributes {
  list = [#attn.bias<0, []>, #attn.access<1, []>, #attn.score_map<0, [], []>,
          #attn.score_map<1, [2, 3], [[], ["h"]]>,
          #attn.sparsity<not (causal or window(3, 0)) and prefix(7)>]} {
  return
}

// Options of an atom that say nothing are left out.
// CHECK-LABEL: func private @atoms
// CHECK-SAME: #attn.sparsity<leading(4) or block_diagonal(64)>
// CHECK-SAME: #attn.sparsity<dilated(1020, 4) and strided(8, 3)>
// CHECK-SAME: #attn.sparsity<strided(8, 0, block 16)>
// CHECK-SAME: #attn.sparsity<neighborhood([7])>
// CHECK-SAME: #attn.sparsity<neighborhood([3, 5], grid [9, 9], stride [2, 5], dilation [3, 1], causal [1, 0])>
// CHECK-SAME: #attn.sparsity<not neighborhood([9], grid [4], clipped)>
// CHECK-SAME: #attn.sparsity<power_of_two(32) or radial(9, 100, 5.000000e-01, 16)>
// CHECK-SAME: #attn.sparsity<affine_set(affine_map<(d0, d1) -> (d0 - d1, d1 mod 3 - 1)>)>
func.func private @atoms() attributes {
  atoms = [#attn.sparsity<leading(4) or block_diagonal(64)>,
           #attn.sparsity<dilated(1020, 4) and strided(8, 3, block 1)>,
           #attn.sparsity<strided(8, 0, block 16)>,
           #attn.sparsity<neighborhood([7], stride [1])>,
           #attn.sparsity<neighborhood([3, 5], causal [1, 0], dilation [3, 1], grid [9, 9], stride [2, 5])>,
           #attn.sparsity<not neighborhood([9], grid [4], clipped, causal [0])>,
           #attn.sparsity<power_of_two(32) or radial(9, 100, 0.5, 16)>,
           #attn.sparsity<affine_set(affine_map<(m, n) -> (m - n, n mod 3 - 1)>)>]}
