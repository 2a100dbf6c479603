// Generalized neighborhood attention (arXiv 2504.16922) on 6 frames of 9 by 8 tokens,
// causal in time: windows of 3 by 5 by 4 that groups of 1 by 3 by 2 queries share.
func.func @neighborhood_3d(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where neighborhood([3, 5, 4], grid [6, 9, 8], stride [1, 3, 2], causal [1, 0, 0]) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
