// RUN: attn-opt %s | FileCheck %s
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attn-opt %s --emit-bytecode | attn-opt | FileCheck %s

// CHECK: attn.mask = #attn.sparsity<causal and (mask(0[b, m, n]) or not mask(1[]))>
module attributes {attn.mask = #attn.sparsity<causal and (mask(0[b, m, n]) or not mask(1[]))>} {
  // Tokens may be listed, packed or permuted.
  // CHECK-LABEL: @listed
  // CHECK: where mask(%{{.*}}[m] : tensor<16xi8>) and indices(4, %{{.*}}[] : tensor<4x8xi32>)
  func.func @listed(%q: tensor<1x4x16x32xf32>, %m: tensor<16xi8>, %l: tensor<4x8xi32>) -> tensor<1x4x16x32xf32> {
    %r = attn.attention(%q, %q, %q) where mask(%m[m] : tensor<16xi8>) and indices(4, %l[] : tensor<4x8xi32>)
        : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
    return %r : tensor<1x4x16x32xf32>
  }

  // CHECK-LABEL: @packed
  // CHECK: where mask(%{{.*}}[m] : tensor<16xi8>) align bottom_right segments(%{{.*}} : tensor<3xi32>)
  func.func @packed(%q: tensor<1x4x16x32xf32>, %m: tensor<16xi8>, %l: tensor<3xi32>) -> tensor<1x4x16x32xf32> {
    %r = attn.attention(%q, %q, %q) where mask(%m[m] : tensor<16xi8>) segments(%l : tensor<3xi32>)
        : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
    return %r : tensor<1x4x16x32xf32>
  }

  // Operands stand in the order of the text, those of lists and modifiers with them.
  // CHECK-LABEL: @operator
  // CHECK: where mask(%{{.*}}[n, h] : tensor<?x8xi8>) and causal align bottom_right
  func.func @operator(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %bias: tensor<8xf32>, %m: tensor<?x8xi8>, %g: tensor<8xf32>) -> tensor<?x8x?x64xf32> {
    %r = attn.attention(%q, %k, %k) score [bias(%bias[h] : tensor<8xf32>)]
        where mask(%m[n, h] : tensor<?x8xi8>) and causal
        gate output sigmoid(%g[h] : tensor<8xf32>)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %r : tensor<?x8x?x64xf32>
  }

  // CHECK-LABEL: @cascade
  // CHECK: where mask(%{{.*}}[b,m,n]) over (m, n) align top_left
  func.func @cascade(%s: tensor<2x?x?xf32>, %m: tensor<2x?x?xi8>) -> tensor<2x?xf32> {
    %r = attn.cascade (%S = %s, %M = %m) where mask(%M[b,m,n]) over (m, n) align top_left
        : (tensor<2x?x?xf32>, tensor<2x?x?xi8>) -> tensor<2x?xf32> {
      %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      attn.yield %x : tensor<2x?xf32>
    }
    return %r : tensor<2x?xf32>
  }
}
