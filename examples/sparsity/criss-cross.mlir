// Criss-cross attention (CCNet, arXiv 1811.11721) on 20 by 24 tokens: a query sees its
// line and its column.
func.func @criss_cross(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where neighborhood([1, 24], grid [20, 24]) or neighborhood([20, 1], grid [20, 24])
      align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
