// RUN: attn-opt %s --pass-pipeline='builtin.module(func.func(attn-expand-attention,attn-merge-cascades))' --split-input-file | FileCheck %s

// One result is the queries of the next operator, through a reshape, and its keys or values as
// it is: there is nothing to merge, and nothing that moving a reshape would show.
// CHECK-LABEL: func.func @stacked
// CHECK-COUNT-2: attn.cascade
// CHECK-NOT: attn.cascade
func.func @stacked(%q: tensor<1x4x?x8xf32>, %k: tensor<1x2x?x8xf32>) -> tensor<1x4x?x8xf32> {
  %a = attn.attention(%q, %k, %k) : (tensor<1x4x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) -> tensor<1x4x?x8xf32>
  %o = attn.attention(%a, %a, %a) : (tensor<1x4x?x8xf32>, tensor<1x4x?x8xf32>, tensor<1x4x?x8xf32>) -> tensor<1x4x?x8xf32>
  return %o : tensor<1x4x?x8xf32>
}

// -----

// CHECK-LABEL: func.func @keys_of_others
// CHECK-COUNT-2: attn.cascade
// CHECK-NOT: attn.cascade
func.func @keys_of_others(%q: tensor<1x1x?x8xf32>, %k: tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32> {
  %a = attn.attention(%q, %k, %k) : (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32>
  %o = attn.attention(%a, %k, %a) : (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32>
  return %o : tensor<1x1x?x8xf32>
}
