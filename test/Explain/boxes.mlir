// RUN: attn-explain %s | FileCheck %s

// The keys in the windows of a box from 64 on, and the first 64 in ranges.
// CHECK: tiles of 32 m, boxes of 8 by 4 on the grid
// CHECK: for n1: steps of {{[0-9]+}} n, those in the windows of a box, and then ranges
// CHECK: in the windows of a box, for the rows first to last of a tile
// CHECK-NEXT: live: 64 <= n < N
// CHECK-NEXT: without a test: 64 <= n < N
// CHECK-NEXT: in ranges, for the rows first to last of a tile
// CHECK-NEXT: live: 0 <= n < min(64, N)
func.func @attention(%q: tensor<1x2x?x64xf32>, %k: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where neighborhood([13, 13], grid [64, 128]) or leading(64)
      : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  return %o : tensor<1x2x?x64xf32>
}
