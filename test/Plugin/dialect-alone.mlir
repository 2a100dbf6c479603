// The dialect plugin brings the passes along; a host may also ask for both.
// RUN: mlir-opt --load-dialect-plugin=%attn_plugin --pass-pipeline='builtin.module(func.func(attn-expand-attention))' %s | FileCheck %s
// RUN: %mlir_opt_attn --pass-pipeline='builtin.module(func.func(attn-expand-attention))' %s | FileCheck %s

// CHECK-LABEL: func @attention
// CHECK: attn.cascade
// CHECK-NOT: attn.attention
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
