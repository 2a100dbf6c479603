// RUN: attn-opt %s --split-input-file --verify-diagnostics

// PE-1
func.func @f(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>, %p: tensor<4x?xi32>) -> tensor<2x4x?x8xf32> {
  // expected-error @+1 {{the permutation of queries is 'tensor<4x?xi32>', indexed by 0 ranks and the token; allowed are %p, %p[b], %p[h] and %p[b, h]}}
  %o = attn.attention(%q, %k, %k) permute query(%p : tensor<4x?xi32>)
      : (tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x4x?x8xf32>
  return %o : tensor<2x4x?x8xf32>
}

// -----

// PE-1
func.func @f(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>, %p: tensor<4x2x?xi32>) -> tensor<2x4x?x8xf32> {
  // expected-error @+1 {{the permutation of keys is 'tensor<4x2x?xi32>', indexed by 2 ranks and the token}}
  %o = attn.attention(%q, %k, %k) permute key(%p[h, b] : tensor<4x2x?xi32>)
      : (tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x4x?x8xf32>
  return %o : tensor<2x4x?x8xf32>
}

// -----

// PE-1
func.func @f(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>, %p: tensor<2x?xi32>) -> tensor<2x4x?x8xf32> {
  // expected-error @+1 {{the permutation of queries has extent 2 along 'h', which is 4}}
  %o = attn.attention(%q, %k, %k) permute(%p[h] : tensor<2x?xi32>)
      : (tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x4x?x8xf32>
  return %o : tensor<2x4x?x8xf32>
}

// -----

// PE-1
func.func @f(%q: tensor<2x4x16x8xf32>, %k: tensor<2x2x?x8xf32>, %p: tensor<15xi32>) -> tensor<2x4x16x8xf32> {
  // expected-error @+1 {{the extent of the permutation of queries is 15 but the number of tokens is 16}}
  %o = attn.attention(%q, %k, %k) permute query(%p : tensor<15xi32>)
      : (tensor<2x4x16x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x4x16x8xf32>
  return %o : tensor<2x4x16x8xf32>
}

// -----

// PE-1: the operand constraints of the definition
func.func @f(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>, %p: tensor<?xf32>) -> tensor<2x4x?x8xf32> {
  // expected-error @+1 {{must be 1D/2D/3D tensor of 32-bit signless integer or 64-bit signless integer values, but got 'tensor<?xf32>'}}
  %o = attn.attention(%q, %k, %k) permute query(%p : tensor<?xf32>)
      : (tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x4x?x8xf32>
  return %o : tensor<2x4x?x8xf32>
}

// -----

// PE-2
func.func @f(%q: tensor<2x4x16x8xf32>, %k: tensor<2x2x15x8xf32>, %p: tensor<?xi32>) -> tensor<2x4x16x8xf32> {
  // expected-error @+1 {{with one permutation for both, the number of queries is 16 but the number of keys is 15}}
  %o = attn.attention(%q, %k, %k) permute(%p : tensor<?xi32>)
      : (tensor<2x4x16x8xf32>, tensor<2x2x15x8xf32>, tensor<2x2x15x8xf32>) -> tensor<2x4x16x8xf32>
  return %o : tensor<2x4x16x8xf32>
}

// -----

// PE-3
func.func @f(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>) -> tensor<2x4x?x8xf32> {
  // expected-error @+1 {{has an atom 'in permuted', but no order of tokens: permute(%p : type)}}
  %o = attn.attention(%q, %k, %k) where causal in permuted
      : (tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x4x?x8xf32>
  return %o : tensor<2x4x?x8xf32>
}

// -----

// PE-3
// expected-error @+1 {{'in permuted' follows an atom; got #attn.or}}
module attributes {attn.mask = #attn.sparsity<(causal or prefix(4)) in permuted>} {}

// -----

// PE-3
// expected-error @+1 {{'in permuted' follows a neighborhood that states its grid}}
module attributes {attn.mask = #attn.sparsity<neighborhood([3]) in permuted>} {}

// -----

// PE-3
// expected-error @+1 {{expected 'permuted'}}
module attributes {attn.mask = #attn.sparsity<causal in order>} {}

// -----

// PE-6
func.func @f(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>, %p: tensor<?xi32>, %x: index) -> tensor<2x4x?x8xf32> {
  // expected-error @+1 {{gives rank 'n' an origin, which an operator with a permutation does not have}}
  %o = attn.attention(%q, %k, %k) origin(n = %x : index) permute(%p : tensor<?xi32>)
      : (tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x4x?x8xf32>
  return %o : tensor<2x4x?x8xf32>
}

// -----

// PE-5
func.func @f(%s: tensor<?x?xf32>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{permutes rank 'e'; allowed are the ranks of 'over (query, key)'}}
  %o = attn.cascade (%S = %s, %P = %p) where causal over (m, n) permute(e = %P[e]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PE-5
func.func @f(%s: tensor<?x?xf32>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{permutes rank 'm' twice}}
  %o = attn.cascade (%S = %s, %P = %p) where causal over (m, n) permute(m = %P[m], m = %P[m]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PE-5
func.func @f(%s: tensor<?x?xf32>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{the permutation of 'm' is indexed by it last: '%p[m]'}}
  %o = attn.cascade (%S = %s, %P = %p) where causal over (m, n) permute(m = %P[n]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PE-5
func.func @f(%s: tensor<?x?xf32>, %p: tensor<?x?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{may not index the permutation of 'm' by 'n'}}
  %o = attn.cascade (%S = %s, %P = %p) where causal over (m, n) permute(m = %P[n,m]) : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PE-5
func.func @f(%s: tensor<?x?xf32>, %p: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads 'tensor<?xf32>' as the permutation of 'm'; allowed are i32 and i64}}
  %o = attn.cascade (%S = %s, %P = %p) where causal over (m, n) permute(m = %P[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PE-5
func.func @f(%s: tensor<?x?xf32>, %p: tensor<4x?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %P = %p) where causal over (m, n) permute(m = %P[h,m]) : (tensor<?x?xf32>, tensor<4x?xi32>) -> tensor<?xf32> {
    // expected-error @+1 {{is restricted along 'h', a rank that it does not have}}
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PE-6
func.func @f(%s: tensor<?x?xf32>, %p: tensor<?xi32>, %x: tensor<i32>) -> tensor<?xf32> {
  // expected-error @+1 {{gives rank 'n' an origin, which a permuted plane does not have}}
  %o = attn.cascade (%S = %s, %P = %p, %X = %x) where causal over (m, n) align top_left origin(n = %X[]) permute(m = %P[m]) : (tensor<?x?xf32>, tensor<?xi32>, tensor<i32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PE-3
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{has an atom 'in permuted', but no order of tokens: permute(%p : type)}}
  %o = attn.cascade (%S = %s) where causal in permuted over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan of tokens without one of slots}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) tokens <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan of tokens, but the cascade permutes no rank}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> tokens <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
