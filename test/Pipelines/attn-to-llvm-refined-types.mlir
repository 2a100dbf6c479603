// The inliner at the head of the route canonicalises: extents that the operands
// state come into the result's type, with a cast to the type that is returned.
// The kernel is fused as before, and its signature is the function's.
// RUN: attn-opt --attn-to-llvm=form=fused %s | FileCheck %s

// CHECK: module attributes {attn.kernels = [{
// CHECK-SAME: dims = ["2", "8", "128", "64"], name = "arg0"
// CHECK-SAME: name = "out0"
// CHECK-SAME: type = tensor<?x8x?x64xf32>
func.func @attention(%q: tensor<2x8x128x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal and window(255, 0)
      : (tensor<2x8x128x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
