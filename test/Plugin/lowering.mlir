// Whole lowerings in the stock mlir-opt, to the LLVM dialect and to LLVM IR.
// RUN: %mlir_opt_attn --pass-pipeline='builtin.module(attn-to-llvm)' %s -o %t.plugin
// RUN: attn-opt --attn-to-llvm %s | diff - %t.plugin
// RUN: FileCheck %s < %t.plugin
// RUN: mlir-translate --mlir-to-llvmir %t.plugin | FileCheck --check-prefix=LLVM %s
// RUN: %mlir_opt_attn --pass-pipeline='builtin.module(attn-to-llvm{form=unfused})' %s -o %t.unfused
// RUN: attn-opt --attn-to-llvm=form=unfused %s | diff - %t.unfused
// RUN: %mlir_opt_attn --pass-pipeline='builtin.module(attn-derive-cascades)' %s | FileCheck --check-prefix=DERIVED %s

// CHECK: module attributes {attn.kernels
// CHECK-NOT: {{(attn|linalg|scf|memref|vector|tensor)\.[a-z_]+ }}
// CHECK: llvm.func @attention
// LLVM: define {{.*}} @attention
// DERIVED: mapping <
// DERIVED: attn.iterate
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
