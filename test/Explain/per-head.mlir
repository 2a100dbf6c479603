// RUN: attn-explain %s | FileCheck %s
// RUN: attn-explain %s --sizes b=1,m=64,n=64 | FileCheck %s --check-prefix=SIZES

// What heads differ in is a symbol of the ranges, and its numbers are listed.
// Points are counted on average over the heads.
// CHECK: T0 by head: 3, 9, 3, 27
// CHECK-NEXT: live: max(0, first-T0) <= n < min(last+1, N)
// SIZES: live points of (m, n) {{ *}}at most 628 of 4096
func.func @windows(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>)
    -> tensor<?x4x?x16xf32> {
  %o = attn.attention(%q, %k, %v) where window([3, 9, 3, 27], 0) align top_left
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}
