// RUN: attn-opt %s --attn-plan-sparsity --split-input-file --verify-diagnostics | FileCheck %s

// Slots are planned by what reads them; tokens are tested. Lengths cut tokens and
// align slots, whose plan has their difference as D.
// CHECK-LABEL: @lengths
// expected-remark @+3 {{tests every point that it visits: 'm' and 'n' are walked in permuted order, which lengths and atoms without 'in permuted' do not read}}
func.func @lengths(%s: tensor<2x?x?xf32>, %l: tensor<2xi32>, %p: tensor<?xi32>) -> tensor<2x?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  %o = attn.cascade (%S = %s, %L = %l, %P = %p) where window(3, 2) in permuted and causal over (m, n) lengths key(%L[b])
      permute(m = %P[m], n = %P[n]) : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<?xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%R: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%R[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Atoms of slots alone: no point needs its tokens.
// CHECK-LABEL: @slots
func.func @slots(%s: tensor<?x?xf32>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-NOT: tokens
  %o = attn.cascade (%S = %s, %P = %p) where window(3, 2) in permuted over (m, n) align top_left
      permute(m = %P[m]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A term of slots and tokens leaves every range of slots, and is tested.
// CHECK-LABEL: @mixed
func.func @mixed(%s: tensor<?x?xf32>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // expected-remark @+1 {{tests every point that the other terms leave: 'or' or 'not' joins atoms 'in permuted' with atoms of tokens}}
  %o = attn.cascade (%S = %s, %P = %p) where window(3, 2) in permuted or causal over (m, n) align top_left
      permute(m = %P[m], n = %P[n]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    // CHECK: attn.iterate n1 of n by n0 init(%{{.*}} : tensor<?xf32>)
    // CHECK-SAME: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>
    // CHECK-NOT: tokens
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
