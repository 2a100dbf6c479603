// Radial Attention (arXiv 2506.19852) over 17 frames of 24 tokens, without its
// density rule.
func.func @radial(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where radial(17, 24, 1.0, 4) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
