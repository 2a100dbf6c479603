// RUN: attn-opt --attn-plan-sparsity=optional --verify-diagnostics %s | FileCheck %s

// What cannot be planned stays without a plan, and a remark says why.
// CHECK: attn.iterate n1 of n by n0 init(%{{.*}}) {
func.func @disjunction(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>) -> tensor<?xf32> {
  // expected-remark @below {{cannot be planned: tiles walk one list, and one of tokens neither under 'not' nor beside masks and predicates under 'or'}}
  %o = attn.cascade (%S = %s, %L = %l) where not indices(16, %L[]) over (m, n) align top_left : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
