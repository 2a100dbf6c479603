// RUN: attn-opt %s --split-input-file --verify-diagnostics

// LI-1
// expected-error @+1 {{blocks(0, 64): the numbers of rows and keys must be 1 to 2^30}}
module attributes {attn.mask = #attn.sparsity<blocks(0, 64, 0[], 1[])>} {}

// -----

// LI-1
// expected-error @+1 {{indices(-1): the size of a group must be 1 to 2^30}}
module attributes {attn.mask = #attn.sparsity<indices(-1, 0[])>} {}

// -----

// LI-1
// expected-error @+1 {{blocks: the indices have the ranks of the offsets, or none}}
module attributes {attn.mask = #attn.sparsity<blocks(64, 64, 0[b], 1[h])>} {}

// -----

// LI-2
func.func @offsets_rank(%q: tensor<1x4x16x32xf32>, %o: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the offsets of blocks of rank 1 is indexed by 1 ranks and what is behind them}}
  %r = attn.attention(%q, %q, %q) where blocks(8, 8, %o[h] : tensor<?xi32>, %i[] : tensor<?xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// LI-2
func.func @heads(%q: tensor<1x4x16x32xf32>, %o: tensor<3x?xi32>, %i: tensor<?xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the offsets of blocks has extent 3 along 'h', which is 4}}
  %r = attn.attention(%q, %q, %q) where blocks(8, 8, %o[h] : tensor<3x?xi32>, %i[] : tensor<?xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// LI-2
func.func @tokens(%q: tensor<1x4x16x32xf32>, %o: tensor<16x?xi32>, %i: tensor<?xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the offsets of blocks is indexed by 'm'; allowed are b and h}}
  %r = attn.attention(%q, %q, %q) where blocks(8, 8, %o[m] : tensor<16x?xi32>, %i[] : tensor<?xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// LI-2
func.func @floats(%q: tensor<1x4x16x32xf32>, %o: tensor<?xi32>, %i: tensor<?xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the indices of blocks must hold i32 or i64; got 'f32'}}
  %r = attn.attention(%q, %q, %q) where blocks(8, 8, %o[] : tensor<?xi32>, %i[] : tensor<?xf32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// LI-2
func.func @count(%q: tensor<1x4x17x32xf32>, %o: tensor<3xi32>, %i: tensor<?xi32>) -> tensor<1x4x17x32xf32> {
  // expected-error @+1 {{the number of offsets is 3; 17 queries in blocks of 8 have 4}}
  %r = attn.attention(%q, %q, %q) where blocks(8, 8, %o[] : tensor<3xi32>, %i[] : tensor<?xi32>)
      : (tensor<1x4x17x32xf32>, tensor<1x4x17x32xf32>, tensor<1x4x17x32xf32>) -> tensor<1x4x17x32xf32>
  return %r : tensor<1x4x17x32xf32>
}

// -----

// LI-3
func.func @groups(%q: tensor<1x4x16x32xf32>, %l: tensor<3x?xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the number of lists is 3; 16 queries in groups of 8 have 2}}
  %r = attn.attention(%q, %q, %q) where indices(8, %l[] : tensor<3x?xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// LI-3
func.func @list_rank(%q: tensor<1x4x16x32xf32>, %l: tensor<?xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the list of indices of rank 1 is indexed by 0 ranks and what is behind them}}
  %r = attn.attention(%q, %q, %q) where indices(8, %l[] : tensor<?xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// LI-5
func.func @permuted(%q: tensor<1x4x16x32xf32>, %l: tensor<?x?xi32>, %p: tensor<16xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{has lists of keys and a permutation, segments or an origin of its plane}}
  %r = attn.attention(%q, %q, %q) where indices(8, %l[] : tensor<?x?xi32>) permute(%p : tensor<16xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// LI-5
func.func @packed(%q: tensor<1x4x16x32xf32>, %l: tensor<?x?xi32>, %s: tensor<?xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{has lists of keys and a permutation, segments or an origin of its plane}}
  %r = attn.attention(%q, %q, %q) where indices(8, %l[] : tensor<?x?xi32>) segments(%s : tensor<?xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// PE-3
// expected-error @+1 {{'in permuted' follows an atom; got #attn.indices}}
module attributes {attn.mask = #attn.sparsity<indices(8, 0[]) in permuted>} {}

// -----

// LI-2
func.func @cascade_rank(%s: tensor<?x?xf32>, %o: tensor<?xi32>, %i: tensor<?x?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads a tensor of rank 2 as the indices of blocks, with 1 ranks}}
  %r = attn.cascade (%S = %s, %O = %o, %I = %i) where blocks(8, 8, %O[], %I[]) over (m, n)
      : (tensor<?x?xf32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// LI-3
func.func @cascade_count(%s: tensor<16x?xf32>, %l: tensor<3x?xi32>) -> tensor<16xf32> {
  // expected-error @+1 {{the number of lists is 3; 16 queries in groups of 8 have 2}}
  %r = attn.cascade (%S = %s, %L = %l) where indices(8, %L[]) over (m, n)
      : (tensor<16x?xf32>, tensor<3x?xi32>) -> tensor<16xf32> {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<16x?xf32>) -> tensor<16xf32>
    attn.yield %x : tensor<16xf32>
  }
  return %r : tensor<16xf32>
}

// -----

// LI-5
func.func @cascade_part(%s: tensor<16x?xf32>, %l: tensor<2x?xi32>, %o: tensor<i32>) -> tensor<16xf32> {
  // expected-error @+1 {{has lists of keys and a permutation, segments or an origin of its plane}}
  %r = attn.cascade (%S = %s, %L = %l, %O = %o) where indices(8, %L[]) over (m, n) align top_left origin(n = %O[])
      : (tensor<16x?xf32>, tensor<2x?xi32>, tensor<i32>) -> tensor<16xf32> {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<16x?xf32>) -> tensor<16xf32>
    attn.yield %x : tensor<16xf32>
  }
  return %r : tensor<16xf32>
}

// -----

func.func @unknown_input(%s: tensor<16x?xf32>) -> tensor<16xf32> {
  // expected-error @+1 {{'%L' is no input of the cascade}}
  %r = attn.cascade (%S = %s) where indices(8, %L[]) over (m, n) : (tensor<16x?xf32>) -> tensor<16xf32> {
  }
  return %r : tensor<16xf32>
}
