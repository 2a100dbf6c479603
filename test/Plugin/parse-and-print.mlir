// RUN: %mlir_opt_attn %s | FileCheck %s
// RUN: %mlir_opt_attn %s | %mlir_opt_attn | FileCheck %s
// RUN: %mlir_opt_attn --verify-roundtrip %s | FileCheck %s

// CHECK-LABEL: func @attention
// CHECK: attn.attention(%{{.*}}, %{{.*}}, %{{.*}})
// CHECK:   score [scale(1.250000e-01)]
// CHECK:   where causal align bottom_right
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
