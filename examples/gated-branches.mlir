// Two branches over the same tokens, each with a gate of its own for every head
// and query: a causal window, and the first tokens of the sequence for the rows
// that the window has left behind. They are two passes of one call; the second
// adds the first as it stores, in f32, and rounds once.
func.func @gated_branches(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>,
                          %v: tensor<?x2x?x64xbf16>, %local: tensor<?x8x?xbf16>,
                          %global: tensor<?x8x?xbf16>) -> tensor<?x8x?x64xbf16> {
  %a = attn.attention(%q, %k, %v) where causal and window(127, 0)
      gate output sigmoid(%local[b, h, m] : tensor<?x8x?xbf16>)
      : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>)
        -> tensor<?x8x?x64xbf16>
  %b = attn.attention(%q, %k, %v) where causal and prefix(64)
      gate output sigmoid(%global[b, h, m] : tensor<?x8x?xbf16>)
      : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>)
        -> tensor<?x8x?x64xbf16>
  %o = attn.mix %a, %b
      : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16>
  return %o : tensor<?x8x?x64xbf16>
}
