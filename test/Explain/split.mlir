// RUN: attn-explain %s --split=64 | FileCheck %s

// One query reads runs of 64 keys, each an item, and what they come to is merged.
// CHECK: loop nest
// CHECK: parallel for s, b, k,
// CHECK: for n1: steps of {{[0-9]+}} n in split s of 64
// CHECK: einsum by einsum, loops over all ranks
// CHECK: :: max(s)
func.func @decode(%q: tensor<?x8x1x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x1x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32>
  return %o : tensor<?x8x1x64xf32>
}
