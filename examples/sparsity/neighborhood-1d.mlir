// Generalized neighborhood attention (arXiv 2504.16922) in one dimension, causal:
// windows of 100 tokens for groups of 16.
func.func @neighborhood_1d(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where neighborhood([100], stride [16], causal [1]) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
