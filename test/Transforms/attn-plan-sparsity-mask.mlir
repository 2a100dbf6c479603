// RUN: attn-opt %s --attn-plan-sparsity --split-input-file --verify-diagnostics | FileCheck %s

// The other terms make the plan.
// CHECK-LABEL: @beside
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
func.func @beside(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %M = %m) where causal and mask(%M[m,n]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
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
func.func @alone(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>) -> tensor<?xf32> {
  // expected-remark @+1 {{visits every tile: its points are those of a mask, and nothing else says where there are none}}
  %o = attn.cascade (%S = %s, %M = %m) where mask(%M[m,n]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
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

// What may be live whatever the mask holds: here every point.
// CHECK-LABEL: @either
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>
func.func @either(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>) -> tensor<?xf32> {
  // expected-remark @+1 {{visits every tile: its points are those of a mask, and nothing else says where there are none}}
  %o = attn.cascade (%S = %s, %M = %m) where causal or mask(%M[m,n]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
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

// A mask may be 0, and not be it.
// CHECK-LABEL: @negated
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>
func.func @negated(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>) -> tensor<?xf32> {
  // expected-remark @+1 {{visits every tile: its points are those of a mask, and nothing else says where there are none}}
  %o = attn.cascade (%S = %s, %M = %m) where not mask(%M[m,n]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
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

// The plan is that of the first term.
// CHECK-LABEL: @within
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
func.func @within(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %M = %m) where causal and (window(3, 0) or not mask(%M[m,n])) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
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

// Negations are pushed to the atoms: what is left is `not prefix(4)`, and one of two prefixes.
// CHECK-LABEL: @neither
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (4)> to affine_map<(d0, d1)[s0, s1] -> (s1)>
func.func @neither(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %M = %m) where not (prefix(4) or mask(%M[m,n])) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
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

// CHECK-LABEL: @parts
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (7, s1)>
func.func @parts(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %M = %m) where (mask(%M[m,n]) and prefix(4)) or (prefix(7) and not mask(%M[m,n])) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
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

// In permuted order, tokens are tested by the plan of what reads them, and slots
// that a mask may stand in for are all of them.
// CHECK-LABEL: @permuted
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>
// CHECK-SAME: tokens <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
func.func @permuted(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // expected-remark @+2 {{tests every point that the other terms leave: 'or' or 'not' joins atoms 'in permuted' with atoms of tokens}}
  // expected-remark @+1 {{tests every point that it visits: 'm' and 'n' are walked in permuted order}}
  %o = attn.cascade (%S = %s, %M = %m, %P = %p) where (window(3, 2) in permuted or mask(%M[m,n])) and causal
      over (m, n) align top_left permute(m = %P[m], n = %P[n])
      : (tensor<?x?xf32>, tensor<?x?xi8>, tensor<?xi32>) -> tensor<?xf32> {
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

// Without another term there is nothing to test but the data.
// CHECK-LABEL: @slots
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>
// CHECK-NOT: tokens
func.func @slots(%s: tensor<?x?xf32>, %m: tensor<?x?xi8>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // expected-remark @+1 {{tests every point that the other terms leave: 'or' or 'not' joins atoms 'in permuted' with atoms of tokens}}
  %o = attn.cascade (%S = %s, %M = %m, %P = %p) where window(3, 2) in permuted or mask(%M[m,n])
      over (m, n) align top_left permute(m = %P[m], n = %P[n])
      : (tensor<?x?xf32>, tensor<?x?xi8>, tensor<?xi32>) -> tensor<?xf32> {
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
