// Energy-Gated Attention (arXiv 2605.21842): a token counts as a key as much as its
// energy stands out. The energy of a head is a projection of the token X; less its
// mean, over its deviation, both over all tokens, it goes through a sigmoid with a
// slope and a threshold. Weights are multiplied by that and divided by their sum,
// which is the gate's logarithm on the score.
func.func @energy_gated_attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x8x?x64xf32>,
                                  %v: tensor<?x8x?x64xf32>, %x: tensor<?x?x128xf32>,
                                  %w: tensor<8x128xf32>, %bias: tensor<8xf32>,
                                  %slope: tensor<8xf32>, %threshold: tensor<8xf32>)
                                  -> tensor<?x8x?x64xf32> {
  %energy = attn.cascade (%X = %x, %W = %w, %B = %bias, %A = %slope, %T = %threshold)
      : (tensor<?x?x128xf32>, tensor<8x128xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
        -> tensor<?x8x?xf32> {
    %xw = attn.einsum [b,h,n] = mul(%X[b,n,c], %W[h,c]) reduce add(c)
        : (tensor<?x?x128xf32>, tensor<8x128xf32>) -> tensor<?x8x?xf32>
    %e = attn.einsum [b,h,n] = add(%xw[b,h,n], %B[h])
        : (tensor<?x8x?xf32>, tensor<8xf32>) -> tensor<?x8x?xf32>
    %count = attn.einsum [b,h] = map(%e[b,h,n]) {
    ^bb0(%y: f32):
      %one = arith.constant 1.0 : f32
      attn.yield %one : f32
    } reduce add(n) : (tensor<?x8x?xf32>) -> tensor<?x8xf32>
    %sum = attn.einsum [b,h] = %e[b,h,n] reduce add(n) : (tensor<?x8x?xf32>) -> tensor<?x8xf32>
    %mean = attn.einsum [b,h] = div(%sum[b,h], %count[b,h])
        : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %d = attn.einsum [b,h,n] = sub(%e[b,h,n], %mean[b,h])
        : (tensor<?x8x?xf32>, tensor<?x8xf32>) -> tensor<?x8x?xf32>
    %squares = attn.einsum [b,h] = mul(%d[b,h,n], %d[b,h,n]) reduce add(n)
        : (tensor<?x8x?xf32>, tensor<?x8x?xf32>) -> tensor<?x8xf32>
    %deviation = attn.einsum [b,h] = map(%squares[b,h], %count[b,h]) {
    ^bb0(%s: f32, %c: f32):
      %least = arith.constant 1.0e-8 : f32
      %variance = arith.divf %s, %c : f32
      %root = math.sqrt %variance : f32
      %r = arith.maximumf %root, %least : f32
      attn.yield %r : f32
    } : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %z = attn.einsum [b,h,n] = map(%d[b,h,n], %deviation[b,h], %A[h], %T[h]) {
    ^bb0(%y: f32, %s: f32, %a: f32, %t: f32):
      %unit = arith.divf %y, %s : f32
      %above = arith.subf %unit, %t : f32
      %r = arith.mulf %a, %above : f32
      attn.yield %r : f32
    } : (tensor<?x8x?xf32>, tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8x?xf32>
    attn.yield %z : tensor<?x8x?xf32>
  }
  %o = attn.attention(%q, %k, %v) where causal
      gate weight sigmoid(%energy[b, h, n] : tensor<?x8x?xf32>) renormalised
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>)
        -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
