// RUN: attn-opt --attn-choose-mapping %s | FileCheck %s
// RUN: attn-opt --attn-choose-mapping="order=m,b residency=cache" %s | FileCheck %s --check-prefix=GIVEN

// Defaults are not printed: the lane tiles are the fastest items, and the map
// that one map reads stays in registers.
// CHECK: parallel = [b]>
// CHECK-NOT: in {{register|cache|global}}
// GIVEN: parallel = [b], order = [m, b]>
// GIVEN: add({{.*}}) in cache :
// GIVEN: mul({{.*}}) :
func.func @f(%s: tensor<4x?x8xf32>) -> tensor<4x?x8xf32> {
  %o = attn.cascade (%S = %s) : (tensor<4x?x8xf32>) -> tensor<4x?x8xf32> {
    %t = attn.einsum [b,m,f] = add(%S[b,m,f], %S[b,m,f]) : (tensor<4x?x8xf32>, tensor<4x?x8xf32>) -> tensor<4x?x8xf32>
    %r = attn.einsum [b,m,f] = mul(%t[b,m,f], %S[b,m,f]) : (tensor<4x?x8xf32>, tensor<4x?x8xf32>) -> tensor<4x?x8xf32>
    attn.yield %r : tensor<4x?x8xf32>
  }
  return %o : tensor<4x?x8xf32>
}
