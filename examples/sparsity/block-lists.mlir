// Block-sparse attention over 64 by 64 tokens: the queries of block i see the blocks of
// keys from %blocks[%offsets[i]] up to %blocks[%offsets[i + 1]], as MInference (arXiv
// 2407.02490) selects them for a whole block of queries.
func.func @block_lists(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                       %offsets: tensor<?xi32>, %blocks: tensor<?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where blocks(64, 64, %offsets[] : tensor<?xi32>, %blocks[] : tensor<?xi32>) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
