// RUN: attn-opt %s --split-input-file --verify-diagnostics

// SG-1
func.func @empty(%q: tensor<1x4x16x32xf32>, %s: tensor<0xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{has segments without an offset; there is one more than there are segments}}
  %o = attn.attention(%q, %q, %q) segments(%s : tensor<0xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %o : tensor<1x4x16x32xf32>
}

// -----

// SG-1
func.func @counts(%q: tensor<1x4x16x32xf32>, %s: tensor<4xi32>, %t: tensor<5xi32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the number of offsets of queries is 4 but that of keys is 5}}
  %o = attn.attention(%q, %q, %q) segments query(%s : tensor<4xi32>) key(%t : tensor<5xi32>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %o : tensor<1x4x16x32xf32>
}

// -----

// SG-1
func.func @batch(%q: tensor<3x4x16x32xf32>, %s: tensor<2x?xi32>) -> tensor<3x4x16x32xf32> {
  // expected-error @+1 {{the first extent of the segments of queries is 2 but the batch is 3}}
  %o = attn.attention(%q, %q, %q) segments(%s : tensor<2x?xi32>)
      : (tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>) -> tensor<3x4x16x32xf32>
  return %o : tensor<3x4x16x32xf32>
}

// -----

// SG-1
func.func @floats(%q: tensor<3x4x16x32xf32>, %s: tensor<?xf32>) -> tensor<3x4x16x32xf32> {
  // expected-error @+1 {{must be 1D/2D tensor of 32-bit signless integer or 64-bit signless integer values}}
  %o = attn.attention(%q, %q, %q) segments(%s : tensor<?xf32>)
      : (tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>) -> tensor<3x4x16x32xf32>
  return %o : tensor<3x4x16x32xf32>
}

// -----

// SG-1
func.func @half(%q: tensor<3x4x16x32xf32>, %s: tensor<?xi32>) -> tensor<3x4x16x32xf32> {
  // expected-error @+1 {{has segments of queries or of keys alone; each needs the other}}
  %o = attn.attention(%q, %q, %q) segments key(%s : tensor<?xi32>)
      : (tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>) -> tensor<3x4x16x32xf32>
  return %o : tensor<3x4x16x32xf32>
}

// -----

// SG-4
func.func @permuted(%q: tensor<3x4x16x32xf32>, %s: tensor<?xi32>, %p: tensor<16xi32>) -> tensor<3x4x16x32xf32> {
  // expected-error @+1 {{has segments and a permutation; tokens of packed sequences are walked as they lie}}
  %o = attn.attention(%q, %q, %q) segments(%s : tensor<?xi32>) permute(%p : tensor<16xi32>)
      : (tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>) -> tensor<3x4x16x32xf32>
  return %o : tensor<3x4x16x32xf32>
}

// -----

// SG-4
func.func @part(%q: tensor<3x4x16x32xf32>, %s: tensor<?xi32>, %x: index) -> tensor<3x4x16x32xf32> {
  // expected-error @+1 {{gives rank 'm' an origin, which segments do not have}}
  %o = attn.attention(%q, %q, %q) origin(m = %x : index) segments(%s : tensor<?xi32>)
      : (tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>, tensor<3x4x16x32xf32>) -> tensor<3x4x16x32xf32>
  return %o : tensor<3x4x16x32xf32>
}

// -----

// SG-3
func.func @cascade_rank(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads a tensor of rank 1 as the segments of queries, with 2 ranks}}
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) segments query(%X[b]) key(%X[])
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// SG-3
func.func @cascade_element(%s: tensor<?x?xf32>, %x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads 'tensor<?xf32>' as the segments of keys; allowed are i32 and i64}}
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) segments key(%X[])
      : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// SG-3
func.func @cascade_by_row(%s: tensor<?x?xf32>, %x: tensor<?x?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{may not index the segments of queries by 'm'}}
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) segments query(%X[m]) key(%X[m])
      : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// SG-1
func.func @cascade_counts(%s: tensor<?x?xf32>, %x: tensor<3xi32>, %y: tensor<4xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{the number of offsets of queries is 3 but that of keys is 4}}
  %o = attn.cascade (%S = %s, %X = %x, %Y = %y) over (m, n) segments query(%X[]) key(%Y[])
      : (tensor<?x?xf32>, tensor<3xi32>, tensor<4xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// SG-1
func.func @cascade_half(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{has segments of queries or of keys alone; each needs the other}}
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) segments query(%X[])
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// SG-4
func.func @cascade_permuted(%s: tensor<?x?xf32>, %x: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{has segments and a permutation}}
  %o = attn.cascade (%S = %s, %X = %x, %P = %p) over (m, n) segments query(%X[]) key(%X[]) permute(m = %P[m])
      : (tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// SG-4
func.func @cascade_part(%s: tensor<?x?xf32>, %x: tensor<?xi32>, %o: tensor<i32>) -> tensor<?xf32> {
  // expected-error @+1 {{gives rank 'n' an origin, which segments do not have}}
  %r = attn.cascade (%S = %s, %X = %x, %O = %o) over (m, n) align top_left origin(n = %O[]) segments query(%X[]) key(%X[])
      : (tensor<?x?xf32>, tensor<?xi32>, tensor<i32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

func.func @nothing(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{'segments' takes query(...) and key(...)}}
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) segments
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
  }
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @no_plane(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{sparsity, lengths, segments and an alignment need 'over (query, key)'}}
  %o = attn.cascade (%S = %s, %X = %x) segments query(%X[]) key(%X[])
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
