// Affine-Scaled Attention: the weights P of the softmax become alpha P + beta, with
// alpha for each head and query, and beta = (mean alpha - alpha) / N for N keys, so
// that what a row gives up goes to all of its keys alike.
func.func @affine_scaled_attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>,
                                   %v: tensor<?x2x?x64xf32>, %alpha: tensor<?x8x?xf32>,
                                   %mean: tensor<8xf32>, %one_over_n: tensor<f32>)
                                   -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      weights(%alpha[b, h, m] : tensor<?x8x?xf32>, %mean[h] : tensor<8xf32>,
              %one_over_n[] : tensor<f32>) {
      ^bb0(%p: f32, %a: f32, %top: f32, %share: f32,
           %b: index, %h: index, %m: index, %n: index):
        %left = arith.subf %top, %a : f32
        %beta = arith.mulf %left, %share : f32
        %scaled = arith.mulf %a, %p : f32
        %weight = arith.addf %scaled, %beta : f32
        attn.yield %weight : f32
      }
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
        -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
