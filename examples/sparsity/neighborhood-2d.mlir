// Generalized neighborhood attention (arXiv 2504.16922) on 20 by 24 tokens: every query
// sees 7 by 9 of them, every second one along the rows.
func.func @neighborhood_2d(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where neighborhood([7, 9], grid [20, 24], dilation [1, 2]) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
