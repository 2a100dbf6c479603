// RUN: attn-opt %s --attn-describe-kernel --attn-unfused-to-llvm \
// RUN:   --mlir-print-ir-after=attn-assign-workspace -o /dev/null 2>&1 | FileCheck %s

// Two results reduced from equal initial values: each starts from its own.
// CHECK-LABEL: func.func @two_maxima_run0
// CHECK-SAME: %[[IN:[^:]*]]: memref<?x?xf32, {{[^%]*}}%[[OUT0:[^:]*]]: memref<{{[^%]*}}%[[OUT1:[^:]*]]: memref
// CHECK: linalg.fill ins(%[[LEAST:.*]] : f32) outs(%[[OUT0]]
// CHECK: linalg.generic {{.*}} outs(%[[OUT0]]
// CHECK: linalg.fill ins(%[[LEAST]] : f32) outs(%[[OUT1]]
// CHECK: linalg.generic {{.*}} outs(%[[OUT1]]
func.func @two_maxima(%s: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %a = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = sub(%S[m,n], %a[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %b = attn.einsum [m] = %d[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %a, %b : tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?xf32>
}
