// RUN: attn-opt %s --split-input-file --verify-diagnostics

// SP-19
// expected-error @+1 {{arrays over heads in one atom are equally long; got 2 and 3}}
module attributes {attn.mask = #attn.sparsity<window([1, 2], [0, 0, 0])>} {}

// -----

// SP-19
// expected-error @+1 {{window(-1, 0): both sides must be 0 or more}}
module attributes {attn.mask = #attn.sparsity<window([1, -1], 0)>} {}

// -----

// SP-19
// expected-error @+1 {{heads differ in window, prefix, leading, block_diagonal, dilated, strided or affine_set; got #attn.power_of_two<1>}}
module attributes {attn.mask = #attn.sparsity<power_of_two([1, 2])>} {}

// -----

// SP-19
// expected-error @+1 {{heads differ in window, prefix, leading, block_diagonal, dilated, strided or affine_set; got #attn.causal}}
module attributes {attn.mask = #attn.per_head<[#attn.causal], [h], [1]>} {}

// -----

// SP-19
// expected-error @+1 {{heads differ in the numbers of one atom; got #attn.prefix<1> and #attn.leading<1>}}
module attributes {attn.mask = #attn.per_head<[#attn.prefix<1>, #attn.leading<1>], [h], [1]>} {}

// -----

// SP-20
// expected-error @+1 {{the number of the head names each rank once}}
module attributes {attn.mask = #attn.sparsity<window([1, 2], 0) by h + h>} {}

// -----

// SP-20
// expected-error @+1 {{a factor in the number of the head is 1 to 4096; got 0}}
module attributes {attn.mask = #attn.sparsity<window([1, 2], 0) by 0 * h>} {}

// -----

// SP-18
// expected-error @+1 {{affine_set takes a map of (m, n), or of (m, n)[h], with at least one result; got affine_map<(d0, d1)[s0, s1] -> (d0)>}}
module attributes {attn.mask = #attn.sparsity<affine_set(affine_map<(m, n)[h, k] -> (m)>)>} {}

// -----

// SP-20
func.func @few(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{an array over heads has 3 numbers; there are 4 heads}}
  %r = attn.attention(%q, %q, %q) where window([1, 2, 3], 0)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-20
func.func @many(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{an array over heads has 5 numbers; there are 4 heads}}
  %r = attn.attention(%q, %q, %q) where window([1, 2, 3, 4, 5], 0)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-20
func.func @few_of_part(%q: tensor<1x4x16x32xf32>, %o: index) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{an array over heads has 3 numbers; there are 4 heads}}
  %r = attn.attention(%q, %q, %q) where window([1, 2, 3], 0) align top_left origin(h = %o : index)
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-20
func.func @rank(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{counts heads by 'b'; allowed is 'h'}}
  %r = attn.attention(%q, %q, %q) where window([1, 2, 3, 4], 0) by b
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-20
func.func @two_ways(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{counts heads in two ways; all atoms that differ by head name one sum of ranks}}
  %r = attn.attention(%q, %q, %q) where window([1, 2, 3, 4], 0) and prefix([1, 2, 3, 4, 5, 6, 7]) by 2 * h
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-20
func.func @cascade_rank(%s: tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
  // expected-error @+1 {{counts heads by 'x'; allowed are ranks of known extent outside of the plane}}
  %r = attn.cascade (%S = %s) where window([1, 2], 0) by x over (m, n) align top_left
      : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
    %x = attn.einsum [k,g,m] = %S[k,g,m,n] reduce max(n) : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32>
    attn.yield %x : tensor<2x3x?xf32>
  }
  return %r : tensor<2x3x?xf32>
}

// -----

// SP-20
func.func @cascade_plane(%s: tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
  // expected-error @+1 {{counts heads by 'm'; allowed are ranks of known extent outside of the plane}}
  %r = attn.cascade (%S = %s) where window([1, 2], 0) by m over (m, n) align top_left
      : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
    %x = attn.einsum [k,g,m] = %S[k,g,m,n] reduce max(n) : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32>
    attn.yield %x : tensor<2x3x?xf32>
  }
  return %r : tensor<2x3x?xf32>
}

// -----

// SP-20
func.func @cascade_count(%s: tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
  // expected-error @+1 {{an array over heads has 3 numbers; there are 6 heads}}
  %r = attn.cascade (%S = %s) where window([1, 2, 3], 0) by 3 * k + g over (m, n) align top_left
      : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32> {
    %x = attn.einsum [k,g,m] = %S[k,g,m,n] reduce max(n) : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32>
    attn.yield %x : tensor<2x3x?xf32>
  }
  return %r : tensor<2x3x?xf32>
}

// -----

// SP-20
func.func @reduction(%s: tensor<2x3x?x?xf32>) -> tensor<2x?xf32> {
  %r = attn.cascade (%S = %s) where window([1, 2, 3, 4, 5, 6], 0) by 3 * k + g over (m, n) align top_left
      : (tensor<2x3x?x?xf32>) -> tensor<2x?xf32> {
    // expected-error @+1 {{is restricted along 'g', a rank that it does not have}}
    %x = attn.einsum [k,m] = %S[k,0,m,n] reduce max(n) : (tensor<2x3x?x?xf32>) -> tensor<2x?xf32>
    %y = attn.einsum [k,g,m] = %S[k,g,m,n] reduce max(n) : (tensor<2x3x?x?xf32>) -> tensor<2x3x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}
