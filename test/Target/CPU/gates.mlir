// RUN: attn-opt %S/../../../examples/gated-attention.mlir --attn-derive-cascades | FileCheck %s
// RUN: attn-compile %S/../../../examples/gated-attention.mlir --form=fused --cpu=x86-64-v3 --emit=s -o - | FileCheck %s --check-prefix=CODE

// The logarithm of the gate on the weights is taken once for each key, before
// the keys are walked, and joins the score. Both gates are in the one pass over
// the keys and after it: nothing of the extent M x N, and no pass of their own.
// CHECK: math.log1p
// CHECK: attn.yield
// CHECK-COUNT-1: attn.iterate
// CHECK-NOT: math.log1p
// CHECK: math.exp
// CHECK-NOT: attn.iterate
// CODE: gated_attention:
