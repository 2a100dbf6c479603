// Attention with two gates. A key counts as much as its energy says, a weight
// that joins the denominator (Energy-Gated Attention, arXiv 2605.21842); the
// output of every head and feature passes a sigmoid gate of its query (Gated
// Attention, arXiv 2505.06708). Both are part of the one pass over the keys.
func.func @gated_attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>,
                           %v: tensor<?x2x?x64xf32>, %energy: tensor<?x?xf32>,
                           %g: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      gate weight sigmoid(%energy[b, n] : tensor<?x?xf32>) renormalised
      gate output sigmoid(%g[b, h, m, f] : tensor<?x8x?x64xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
        -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
