// Prefix sums as a filter of a rank, S[i] = sum A[k] over k <= i: each sum reads what it needs.
func.func @prefix_sum_filter(%as: tensor<?x?xf32>)
    -> tensor<?x?xf32> {
  %r = attn.cascade (%A = %as)
      where causal over (i, k) align top_left
      : (tensor<?x?xf32>)
      -> tensor<?x?xf32> {
    %ab = attn.einsum [b,i,k] = map(%A[b,k], %A[b,i]) {
    ^bb0(%x: f32, %y: f32):
      attn.yield %x : f32
    } : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
    %sm = attn.einsum [b,i] = %ab[b,i,k] reduce add(k)
        : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    attn.yield %sm : tensor<?x?xf32>
  }
  return %r : tensor<?x?xf32>
}
