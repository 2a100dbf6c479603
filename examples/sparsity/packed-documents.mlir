// Documents of any lengths in one sequence, each causal by itself: document i has the
// tokens %begins[i] to %begins[i + 1] - 1, and what is behind the last one is padding.
func.func @packed_documents(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                            %begins: tensor<?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where causal align bottom_right segments(%begins : tensor<?xi32>)
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
