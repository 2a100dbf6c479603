// RUN: attn-explain %s | FileCheck %s

// L0 is 1 in a block and 0 in a gap.
// CHECK-LABEL: kernel between
// CHECK: for n1: steps of {{[0-9]+}} n, those of a list and between them
// CHECK: part 1 of 2
// CHECK: live: 0 <= n < min(N, N*L0)
// CHECK: part 2 of 2
// CHECK: live: 0 <= n < min(last+1, N)
func.func @between(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>, %o: tensor<?xi32>, %b: tensor<?xi32>) -> tensor<?x2x?x32xf32> {
  %r = attn.attention(%q, %k, %v)
      where blocks(32, 32, %o[] : tensor<?xi32>, %b[] : tensor<?xi32>) or causal align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>) -> tensor<?x2x?x32xf32>
  return %r : tensor<?x2x?x32xf32>
}
