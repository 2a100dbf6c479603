// RUN: attn-opt %s --attn-plan-sparsity --split-input-file --verify-diagnostics | FileCheck %s

// The other terms make the plan.
// CHECK-LABEL: @beside
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
func.func @beside(%s: tensor<?x?xf32>, %a: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %A = %a) where causal and predicate(%A[m], %A[n]) {
      ^bb0(%x: i32, %y: i32):
        %same = arith.cmpi eq, %x, %y : i32
        attn.yield %same : i1
      } over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
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

// -----

// Without others there is one of the whole plane, and a remark.
// CHECK-LABEL: @alone
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>
func.func @alone(%s: tensor<?x?xf32>, %a: tensor<?xi32>) -> tensor<?xf32> {
  // expected-remark @+1 {{visits every tile: its points are those of a predicate, and nothing else says where there are none}}
  %o = attn.cascade (%S = %s, %A = %a) where predicate(%A[m], %A[n]) {
      ^bb0(%x: i32, %y: i32):
        %same = arith.cmpi eq, %x, %y : i32
        attn.yield %same : i1
      } over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
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

// -----

// Under 'or' and 'not' it may hold.
// CHECK-LABEL: @elsewhere
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
func.func @elsewhere(%s: tensor<?x?xf32>, %a: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %A = %a) where causal and (window(9, 0) or predicate(%A[m], %A[n]) {
      ^bb0(%x: i32, %y: i32):
        %same = arith.cmpi eq, %x, %y : i32
        attn.yield %same : i1
      }) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
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
