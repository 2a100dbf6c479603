// RUN: attn-opt --attn-plan-sparsity=optional --verify-diagnostics %s | FileCheck %s

// What cannot be planned stays without a plan, and a remark says why.
// CHECK: attn.iterate n1 of n by n0 init(%{{.*}}) {
func.func @disjunction(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-remark @below {{cannot be planned: the live points are a union of 9 parts; a plan holds up to 8}}
  %o = attn.cascade (%S = %s) where prefix(5) or (not prefix(10) and prefix(15)) or (not prefix(20) and prefix(25)) or (not prefix(30) and prefix(35)) or (not prefix(40) and prefix(45)) or (not prefix(50) and prefix(55)) or (not prefix(60) and prefix(65)) or (not prefix(70) and prefix(75)) or (not prefix(80) and prefix(85)) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
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
