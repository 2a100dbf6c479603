// The vertical-slash pattern of MInference (arXiv 2407.02490), causal, for blocks of 32
// queries: each sees the blocks of 32 keys that its slash lines cross, entries %offsets[i]
// to %offsets[i + 1] - 1 of %blocks, and the vertical lines, tokens of %columns[i].
func.func @vertical_slash(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                          %offsets: tensor<?xi32>, %blocks: tensor<?xi32>,
                          %columns: tensor<?x?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal and (blocks(32, 32, %offsets[] : tensor<?xi32>, %blocks[] : tensor<?xi32>)
                        or indices(32, %columns[] : tensor<?x?xi32>))
      align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
