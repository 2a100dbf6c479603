// RUN: attn-opt %s | FileCheck %s
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attn-opt %s --emit-bytecode | attn-opt | FileCheck %s

// CHECK: attn.mask = #attn.sparsity<causal and blocks(64, 32, 0[b, h], 1[]) and not indices(16, 2[b])>
module attributes {attn.mask = #attn.sparsity<causal and blocks(64, 32, 0[b, h], 1[]) and not indices(16, 2[b])>} {
  // CHECK-LABEL: @blocks
  // CHECK: where causal and blocks(64, 32, %{{.*}}[b, h] : tensor<?x8x?xi32>, %{{.*}}[] : tensor<?xi64>) align bottom_right
  func.func @blocks(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %bias: tensor<8xf32>, %o: tensor<?x8x?xi32>, %i: tensor<?xi64>, %g: tensor<8xf32>) -> tensor<?x8x?x64xf32> {
    %r = attn.attention(%q, %k, %k) score [bias(%bias[h] : tensor<8xf32>)]
        where causal and blocks(64, 32, %o[b, h] : tensor<?x8x?xi32>, %i[] : tensor<?xi64>)
        gate output sigmoid(%g[h] : tensor<8xf32>)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %r : tensor<?x8x?x64xf32>
  }

  // CHECK-LABEL: @indices
  // CHECK: where (indices(16, %{{.*}}[h] : tensor<8x?x512xi32>) or not indices(1, %{{.*}}[] : tensor<?x4xi64>)) and prefix(9)
  func.func @indices(%q: tensor<?x8x?x64xf32>, %l: tensor<8x?x512xi32>, %m: tensor<?x4xi64>) -> tensor<?x8x?x64xf32> {
    %r = attn.attention(%q, %q, %q)
        where (indices(16, %l[h] : tensor<8x?x512xi32>) or not indices(1, %m[] : tensor<?x4xi64>)) and prefix(9)
        : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %r : tensor<?x8x?x64xf32>
  }

  // CHECK-LABEL: @cascade
  // CHECK: where indices(16, %[[L:.*]][b]) and causal over (m, n) align top_left
  func.func @cascade(%s: tensor<2x?x?xf32>, %l: tensor<2x?x?xi32>) -> tensor<2x?xf32> {
    %r = attn.cascade (%S = %s, %L = %l) where indices(16, %L[b]) and causal over (m, n) align top_left
        : (tensor<2x?x?xf32>, tensor<2x?x?xi32>) -> tensor<2x?xf32> {
      %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      attn.yield %x : tensor<2x?xf32>
    }
    return %r : tensor<2x?xf32>
  }
}
