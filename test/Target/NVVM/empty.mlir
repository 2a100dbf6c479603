// RUN: attn-compile %s -o %t.ptx --target=nvvm 2>&1
// RUN: FileCheck %s < %t.json

// A tensor without elements is a result, too: what writes it has nothing to write, and
// nothing to launch.
// CHECK: "launches": [
// CHECK: "kernel": "f_kernel0",
// CHECK: "threads": 32,
// CHECK-NEXT: "shared": 0
func.func @f(%q: tensor<?x2x0x32xf32>, %k: tensor<?x2x?x32xf32>) -> tensor<?x2x0x32xf32> {
  %o = attn.attention(%q, %k, %k) where causal
      : (tensor<?x2x0x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>) -> tensor<?x2x0x32xf32>
  return %o : tensor<?x2x0x32xf32>
}
