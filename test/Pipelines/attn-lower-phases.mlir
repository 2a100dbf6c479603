// RUN: attn-opt %s --attn-describe-kernel --attn-choose-form --attn-lower-phases 2>/dev/null | FileCheck %s
// RUN: not attn-opt %s --attn-choose-form --attn-lower-phases -o /dev/null 2>&1 | FileCheck %s --check-prefix=NO-SIGNATURE

// A fused cascade and one that is not are two phases of one kernel, and nothing
// but the LLVM dialect is left.
// CHECK: module attributes {attn.kernels = [{
// CHECK-SAME: name = "forms"
// CHECK-SAME: phases = 2
// CHECK-NOT: {{(attn|vector|memref|scf|arith|math|linalg|tensor|func)\.[a-z]}}
// CHECK-DAG: llvm.func @_mlir_ciface_forms_run0
// CHECK-DAG: llvm.func @_mlir_ciface_forms_run1
// NO-SIGNATURE: error: 'attn.kernels' does not describe kernel 'forms'; run attn-describe-kernel before the cascades are lowered
func.func @forms(%s: tensor<?x?xf32>, %v: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x?xf32>) {
  %a = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [m,f] = mul(%S[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  %b = attn.cascade (%S = %s) where causal over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %r = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %a, %b : tensor<?x8xf32>, tensor<?x?xf32>
}
