// Sliding Tile Attention (arXiv 2502.04507) on 4 frames of 12 by 16 tokens of a video, in
// tiles of 2 by 4 by 4 of which a query sees 1 by 3 by 3, and behind them the tokens of a
// text, which see all and are seen by all.
func.func @sliding_tiles(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where neighborhood([2, 12, 12], grid [4, 12, 16], stride [2, 4, 4])
        or affine_set(affine_map<(m, n) -> (n - 768)>) or affine_set(affine_map<(m, n) -> (m - 768)>)
      align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
