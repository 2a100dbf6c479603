// RUN: attn-opt %s --split-input-file --verify-diagnostics

// IT-8
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [8, 8]) over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{walks boxes of a grid without a plan}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) boxes {
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

// IT-8
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [8, 8]) over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{walks boxes of a grid and keys that come back with a period}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> periodic boxes {
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

// IT-8
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [8, 8]) over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{walks boxes of a grid, but segments, lists, remainders or an order say where tokens lie}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <residues = 4, symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> boxes {
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

// IT-8
func.func @f(%s: tensor<?x?xf32>, %p: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %P = %p) where neighborhood([3, 3], grid [8, 8]) over (m, n) permute(m = %P[m], n = %P[n]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{walks boxes of a grid, but segments, lists, remainders or an order say where tokens lie}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> boxes {
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

// IT-8
func.func @f(%s: tensor<?x?x?xf32>, %p: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s, %P = %p) over (m, n) lengths key(%P[b]) : (tensor<?x?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [b,m] = map() { attn.yield %z : f32 } : () -> tensor<?x?xf32>
    // expected-error @+1 {{walks boxes of a grid, but the cascade has no sparsity that names one}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?x?xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> boxes {
    ^bb0(%A: tensor<?x?xf32>):
      %l = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce add(n0) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
      %n = attn.einsum [b,m] = add(%A[b,m], %l[b,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %n : tensor<?x?xf32>
    }
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}
