// The fixed pattern of Sparse Transformers (arXiv 1904.10509): the query's block of 32
// tokens and the last four of every block before.
func.func @sparse_transformer(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal and (block_diagonal(32)
          or affine_set(affine_map<(m, n) -> (n mod 32 - 28)>)) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
