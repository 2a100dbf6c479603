// BiFormer (arXiv 2303.08810), equations 4 to 6, on an image of 16 by 24 tokens in
// regions of 4 by 8: a query sees the tokens of the regions that its own is routed to.
// The 8 neighbours in a row of a region share a list of tokens, ascending.
func.func @biformer(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                    %routed: tensor<?x?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where indices(8, %routed[] : tensor<?x?xi32>) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
