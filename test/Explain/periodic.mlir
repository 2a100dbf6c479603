// RUN: attn-explain %s | FileCheck %s

// Keys that come back with a period, and the window that is walked behind them.
// CHECK: for n1: steps of {{[0-9]+}} n, those that come back with a period, and then ranges
func.func @attention(%q: tensor<1x2x?x64xf32>, %k: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and (window(31, 0) or strided(8, 3))
      : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  return %o : tensor<1x2x?x64xf32>
}
