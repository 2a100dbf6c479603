// Routing Transformer (arXiv 2003.05997), causal: a query sees the keys of its cluster.
// Each query has a list of its own, of the cluster's tokens in ascending order; -1 fills
// up those of smaller clusters.
func.func @routing_transformer(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                               %clusters: tensor<?x?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal and indices(1, %clusters[] : tensor<?x?xi32>) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
