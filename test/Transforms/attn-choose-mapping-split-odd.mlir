// RUN: attn-opt %s --attn-choose-mapping | FileCheck %s

// Splits of points that are no multiple of 16 have steps that divide them all the same.
// CHECK-LABEL: func.func @splits
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 24,
func.func @splits(%s: tensor<?x?xf32>) -> tensor<2x?xf32> {
  %a = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<2x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %zero : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 split s by 24 init(%i : tensor<2x?xf32>) {
    ^bb0(%A: tensor<2x?xf32>):
      %l = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<2x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %n : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %a : tensor<2x?xf32>
}
