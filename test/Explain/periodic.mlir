// RUN: attn-explain %s | FileCheck %s

// Keys that come back with a period, and the window that is walked behind them.
// CHECK: for n1: steps of {{[0-9]+}} n, those that come back with a period, and then ranges
// CHECK: of those that come back with a period, for the rows first to last of a tile
// CHECK-NEXT: live: 0 <= n < last-M+N-31
// CHECK: in ranges, for the rows first to last of a tile
// CHECK-NEXT: live: max(0, first-M+N-31) <= n < last-M+N+1
func.func @attention(%q: tensor<1x2x?x64xf32>, %k: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and (window(31, 0) or strided(8, 3))
      : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  return %o : tensor<1x2x?x64xf32>
}
