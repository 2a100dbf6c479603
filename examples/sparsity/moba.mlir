// MoBA (arXiv 2502.13189) with blocks of 32 tokens: each query sees, causally, the
// blocks that were selected for it, its own among them. Query i of a head has the
// entries %offsets[i] to %offsets[i + 1] - 1 of %blocks, ascending.
func.func @moba(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                %offsets: tensor<2x?xi32>, %blocks: tensor<2x?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal and blocks(1, 32, %offsets[h] : tensor<2x?xi32>, %blocks[h] : tensor<2x?xi32>)
      align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
