// RUN: attn-opt %s --pass-pipeline='builtin.module(attn-to-llvm)' --verify-each | FileCheck %s

// The last of 17 keys is a part by itself. The size of the bias' view there is
// the constant 1, but a value, and its dimension is none of those that fall away.
// CHECK: llvm.func @bias
func.func @bias(%q: tensor<64x6x5x32xf32>, %k: tensor<64x3x17x32xf32>, %v: tensor<64x3x17x3xf32>, %s: tensor<17x6x64xf32>) -> tensor<64x6x5x3xf32> {
  %o = attn.attention(%q, %k, %v) score [bias(%s[n, h, b] : tensor<17x6x64xf32>), softcap(30.0)] where window(0, 7)
      : (tensor<64x6x5x32xf32>, tensor<64x3x17x32xf32>, tensor<64x3x17x3xf32>) -> tensor<64x6x5x3xf32>
  return %o : tensor<64x6x5x3xf32>
}
