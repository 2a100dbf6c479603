// A plugin built for another MLIR is refused by name of both versions, whether
// it is loaded for its dialects or for its passes, and adds nothing.
// RUN: echo attn.yield > %t.mlir
// RUN: not mlir-opt --load-dialect-plugin=%attn_build/lib/AttnPluginOfAnotherVersion.so %t.mlir 2>&1 | FileCheck --check-prefixes=CHECK,DIALECT %s
// RUN: not mlir-opt --load-pass-plugin=%attn_build/lib/AttnPluginOfAnotherVersion.so --pass-pipeline='builtin.module(attn-plan-sparsity)' %s 2>&1 | FileCheck --check-prefixes=CHECK,PASS %s

// CHECK: error: the attn plugin was built for MLIR 0.0.1 and cannot be loaded by MLIR 22.1.{{[0-9]+}}: build attn-mlir against that version, or use the mlir-opt of 0.0.1
// CHECK: Failed to load {{.*}}AttnPluginOfAnotherVersion.so'. Request ignored
// DIALECT: Dialect `attn' not found
// PASS: 'attn-plan-sparsity' does not refer to a registered pass
