// Gated Attention (arXiv 2505.06708), head-wise: the output of a head passes the
// sigmoid of one number that its query's token X is projected to. The element-wise
// form has a projection to every feature, gate[b,h,m,f].
func.func @gated_attention_headwise(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>,
                                    %v: tensor<?x2x?x64xf32>, %x: tensor<?x?x128xf32>,
                                    %w: tensor<8x128xf32>) -> tensor<?x8x?x64xf32> {
  %gate = attn.cascade (%X = %x, %W = %w)
      : (tensor<?x?x128xf32>, tensor<8x128xf32>) -> tensor<?x8x?xf32> {
    %g = attn.einsum [b,h,m] = mul(%X[b,m,c], %W[h,c]) reduce add(c)
        : (tensor<?x?x128xf32>, tensor<8x128xf32>) -> tensor<?x8x?xf32>
    attn.yield %g : tensor<?x8x?xf32>
  }
  %o = attn.attention(%q, %k, %v) where causal
      gate output sigmoid(%gate[b, h, m] : tensor<?x8x?xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
        -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
