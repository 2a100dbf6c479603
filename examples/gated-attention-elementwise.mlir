// Gated Attention (arXiv 2505.06708), element-wise: every feature of the output
// passes the sigmoid of a number that its query's token X is projected to.
func.func @gated_attention_elementwise(%q: tensor<?x8x?x32xf32>, %k: tensor<?x2x?x32xf32>,
                                       %v: tensor<?x2x?x32xf32>, %x: tensor<?x?x64xf32>,
                                       %w: tensor<8x32x64xf32>) -> tensor<?x8x?x32xf32> {
  %gate = attn.cascade (%X = %x, %W = %w)
      : (tensor<?x?x64xf32>, tensor<8x32x64xf32>) -> tensor<?x8x?x32xf32> {
    %g = attn.einsum [b,h,m,f] = mul(%X[b,m,c], %W[h,f,c]) reduce add(c)
        : (tensor<?x?x64xf32>, tensor<8x32x64xf32>) -> tensor<?x8x?x32xf32>
    attn.yield %g : tensor<?x8x?x32xf32>
  }
  %o = attn.attention(%q, %k, %v) where causal
      gate output sigmoid(%gate[b, h, m, f] : tensor<?x8x?x32xf32>)
      : (tensor<?x8x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x8x?x32xf32>
  return %o : tensor<?x8x?x32xf32>
}
