// S2-Attention (arXiv 2407.17678): every head sees a window of 64 tokens, and of the blocks of 16
// tokens before it every fourth or every second, from another one on than its neighbours.
func.func @s2_attention(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal and (window(63, 0) or strided([4, 2], [0, 1], block 16)) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
