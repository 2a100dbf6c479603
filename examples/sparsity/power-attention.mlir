// PowerAttention (arXiv 2503.03588) with blocks of 32 tokens: the block of the query
// and the two before it, the first one, and those at a distance of a power of two.
func.func @power_attention(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal and (affine_set(affine_map<(m, n) -> (n floordiv 32 - m floordiv 32 + 2)>)
          or leading(32) or power_of_two(32)) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
