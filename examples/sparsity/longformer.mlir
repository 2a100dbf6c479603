// Longformer (arXiv 2004.05150), figure 2 (c) and (d) at once, causal: a window of
// 64 tokens, behind it every fourth token of the 256 before, and three global
// tokens at the front.
func.func @longformer(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal and (window(63, 0) or dilated(256, 4) or leading(3)) align bottom_right
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
