// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping | FileCheck %s
// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping=vector-multiplies=1 | FileCheck %s --check-prefix=ONE

// Of a short window a tile of 48 rows sees keys that few of them see: 79, where one
// of 16 sees 47.
// CHECK-LABEL: @short
// CHECK: mapping <lanes = m by [16],
func.func @short(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal and window(31, 0) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Of a long one it sees 303, and takes less time for each, unless one multiply-add
// begins in a cycle, which a tile of one vector keeps busy as well.
// CHECK-LABEL: @long
// CHECK: mapping <lanes = m by [48, 32, 16],
// ONE-LABEL: @long
// ONE: mapping <lanes = m by [16],
// ONE-LABEL: @beside_many
// ONE: mapping <lanes = m by [48, 32, 16],
func.func @long(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal and window(255, 0) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// So it does where rows see keys in common.
// CHECK-LABEL: @beside_many
// CHECK: mapping <lanes = m by [48, 32, 16],
func.func @beside_many(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal and (window(31, 0) or leading(512)) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Tiles suit all heads together.
// CHECK-LABEL: @heads
// CHECK: mapping <lanes = m by [48, 32, 16],
func.func @heads(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where window([9, 999], 0) by h over (m, n) align top_left : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [h,m] = map() { attn.yield %zero : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<2x?xf32>) {
    ^bb0(%A: tensor<2x?xf32>):
      %l = attn.einsum [h,m] = %S[h,m,n1*N0+n0] reduce add(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %n = attn.einsum [h,m] = add(%A[h,m], %l[h,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %n : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}
