// RUN: attn-opt %s --attn-normalize-cascade --attn-defer-division --attn-split-passes --mlir-print-op-generic | FileCheck %s

// The first pass is over keys alone, which nothing restricts: the predicate stays
// with the second.
// CHECK-LABEL: sym_name = "statistic_of_keys"
// CHECK: "attn.cascade"
// CHECK-NOT: sparsity
// CHECK-NOT: arith.cmpi
// CHECK: reduction max
// CHECK: "attn.cascade"
// CHECK-SAME: sparsity = #attn.sparsity<predicate(0, m, n)>
// CHECK: math.tanh
// CHECK: arith.cmpi
func.func @statistic_of_keys(%s: tensor<?x?xf32>, %c: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %C = %c) where predicate(m, n) {
      ^bb0(%i: index, %j: index):
        %b = arith.cmpi sle, %j, %i : index
        attn.yield %b : i1
      } over (m, n) align top_left : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %x = attn.einsum [] = %C[n] reduce max(n) : (tensor<?xf32>) -> tensor<f32>
    %p = attn.einsum [m,n] = map(%S[m,n], %x[]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.tanh %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<f32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
