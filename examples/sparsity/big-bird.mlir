// BigBird (arXiv 2007.14062), figure 1 (d), in blocks of 32 tokens: a query sees the
// blocks beside its own, the global tokens, and the blocks that were drawn for its block,
// from %blocks[%offsets[i]] up to %blocks[%offsets[i + 1]]. Global tokens see all.
func.func @big_bird(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                    %offsets: tensor<?xi32>, %blocks: tensor<?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where leading(32) or affine_set(affine_map<(m, n) -> (31 - m)>)
        or affine_set(affine_map<(m, n) -> (m floordiv 32 - n floordiv 32 + 1,
                                            n floordiv 32 - m floordiv 32 + 1)>)
        or blocks(32, 32, %offsets[] : tensor<?xi32>, %blocks[] : tensor<?xi32>)
      align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
