// RUN: attn-opt %s --canonicalize | FileCheck %s
// RUN: attn-opt %s --canonicalize --attn-normalize-cascade --mlir-print-op-generic | FileCheck %s --check-prefix=NUMBERS

// A predicate that no term needs goes, and the others keep their regions; they are
// numbered anew where the cascade is made anew.
// CHECK-LABEL: @absorbed
// CHECK: where causal and predicate(n) {
// CHECK-NEXT: ^bb0(%[[N:.*]]: index):
// CHECK: arith.cmpi ult, %[[N]]
// CHECK: } over (m, n) align top_left
// NUMBERS: sym_name = "absorbed"
// NUMBERS: sparsity = #attn.sparsity<causal and predicate(0, n)>
// NUMBERS-NOT: predicate = 2
// NUMBERS: predicate = 6
// NUMBERS-NOT: predicate = 2
// NUMBERS: sym_name = "operator"
func.func @absorbed(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %r = attn.cascade (%S = %s) where causal and (causal or predicate(m) {
      ^bb0(%m: index):
        %c = arith.constant 3 : index
        %t = arith.cmpi slt, %m, %c : index
        attn.yield %t : i1
      }) and predicate(n) {
      ^bb0(%n: index):
        %c = arith.constant 5 : index
        %t = arith.cmpi ult, %n, %c : index
        attn.yield %t : i1
      } over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// An operator names its regions one by one, so its sparsity stays.
// CHECK-LABEL: @operator
// CHECK: where causal and (causal or predicate() {
func.func @operator(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  %r = attn.attention(%q, %q, %q) where causal and (causal or predicate() {
      ^bb0(%b: index, %h: index, %m: index, %n: index):
        %t = arith.cmpi slt, %m, %h : index
        attn.yield %t : i1
      })
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}
