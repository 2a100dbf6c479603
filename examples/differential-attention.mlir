// Differential Attention (arXiv 2410.05258): the difference of two softmaxes,
// (softmax(Q1 K1) - lambda softmax(Q2 K2)) V, with lambda for each head. The
// branches share the values and the mask, so they walk the keys together. The
// norm of each head that follows in the paper is not part of it.
func.func @differential_attention(%q1: tensor<?x4x?x32xf32>, %q2: tensor<?x4x?x32xf32>,
                                  %k1: tensor<?x4x?x32xf32>, %k2: tensor<?x4x?x32xf32>,
                                  %v: tensor<?x4x?x64xf32>, %minus_lambda: tensor<4xf32>)
                                  -> tensor<?x4x?x64xf32> {
  %first = attn.attention(%q1, %k1, %v) where causal
      : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>)
        -> tensor<?x4x?x64xf32>
  %second = attn.attention(%q2, %k2, %v) where causal
      gate output none(%minus_lambda[h] : tensor<4xf32>)
      : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>)
        -> tensor<?x4x?x64xf32>
  %o = attn.mix %first, %second
      : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}
