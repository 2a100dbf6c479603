// RUN: attn-opt %s --split-input-file --verify-diagnostics

// SP-21
// expected-error @+1 {{'in permuted' follows an atom; got #attn.mask<<0, []>>}}
module attributes {attn.mask = #attn.sparsity<mask(0[]) in permuted>} {}

// -----

// SP-21
func.func @rank(%q: tensor<1x4x16x32xf32>, %m: tensor<1x16xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the mask of rank 2 is indexed by 1 ranks}}
  %r = attn.attention(%q, %q, %q) where mask(%m[b] : tensor<1x16xi8>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-21
func.func @name(%q: tensor<1x4x16x32xf32>, %m: tensor<4xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the mask is indexed by 'k'; allowed are b, h, m}}
  %r = attn.attention(%q, %q, %q) where mask(%m[k] : tensor<4xi8>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-21
func.func @extent(%q: tensor<1x4x16x32xf32>, %m: tensor<15xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the mask has extent 15 along 'm', which is 16}}
  %r = attn.attention(%q, %q, %q) where mask(%m[m] : tensor<15xi8>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-21
func.func @element(%q: tensor<1x4x16x32xf32>, %m: tensor<16xi16>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the mask must hold i1 or i8; got 'i16'}}
  %r = attn.attention(%q, %q, %q) where mask(%m[m] : tensor<16xi16>)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-21
func.func @cascade_type(%s: tensor<2x?x?xf32>, %m: tensor<2x?x?xi32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{reads 'tensor<2x?x?xi32>' as a mask with 3 ranks; allowed are i1 or i8, and a dimension for each rank}}
  %r = attn.cascade (%S = %s, %M = %m) where mask(%M[b,m,n]) over (m, n) align top_left
      : (tensor<2x?x?xf32>, tensor<2x?x?xi32>) -> tensor<2x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}

// -----

// SP-21
func.func @cascade_rank(%s: tensor<2x?x?xf32>, %m: tensor<2x?x?xi8>) -> tensor<2x?xf32> {
  // expected-error @+1 {{reads 'tensor<2x?x?xi8>' as a mask with 2 ranks; allowed are i1 or i8, and a dimension for each rank}}
  %r = attn.cascade (%S = %s, %M = %m) where mask(%M[b,m]) over (m, n) align top_left
      : (tensor<2x?x?xf32>, tensor<2x?x?xi8>) -> tensor<2x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}

// -----

// SP-21
func.func @reduction(%s: tensor<2x?x?xf32>, %m: tensor<2x?x?xi8>) -> tensor<?xf32> {
  %r = attn.cascade (%S = %s, %M = %m) where mask(%M[b,m,n]) over (m, n) align top_left
      : (tensor<2x?x?xf32>, tensor<2x?x?xi8>) -> tensor<?xf32> {
    // expected-error @+1 {{is restricted along 'b', a rank that it does not have}}
    %x = attn.einsum [m] = %S[0,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
