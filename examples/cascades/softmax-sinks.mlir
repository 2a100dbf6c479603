// Softmax with one sink logit per head: it takes part in the maximum and in the denominator, and
// in no numerator.
func.func @softmax_sinks(%qs: tensor<4x?x16xf32>, %ks: tensor<4x?x16xf32>, %vs: tensor<4x?x8xf32>, %zs: tensor<4xf32>)
    -> tensor<4x?x8xf32> {
  %r = attn.cascade (%Q = %qs, %K = %ks, %V = %vs, %Z = %zs)
      where causal over (m, n) align bottom_right
      : (tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x8xf32>, tensor<4xf32>)
      -> tensor<4x?x8xf32> {
    %sc = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e)
        : (tensor<4x?x16xf32>, tensor<4x?x16xf32>) -> tensor<4x?x?xf32>
    %km = attn.einsum [h,m] = %sc[h,m,n] reduce max(n)
        : (tensor<4x?x?xf32>) -> tensor<4x?xf32>
    %gm = attn.einsum [h,m] = max(%km[h,m], %Z[h])
        : (tensor<4x?xf32>, tensor<4xf32>) -> tensor<4x?xf32>
    %sn = attn.einsum [h,m,n] = map(%sc[h,m,n], %gm[h,m]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %p = math.exp %d : f32
      attn.yield %p : f32
    } : (tensor<4x?x?xf32>, tensor<4x?xf32>) -> tensor<4x?x?xf32>
    %kd = attn.einsum [h,m] = %sn[h,m,n] reduce add(n)
        : (tensor<4x?x?xf32>) -> tensor<4x?xf32>
    %sd = attn.einsum [h,m] = map(%kd[h,m], %Z[h], %gm[h,m]) {
    ^bb0(%d: f32, %z: f32, %x: f32):
      %z0 = arith.subf %z, %x : f32
      %z1 = math.exp %z0 : f32
      %r = arith.addf %d, %z1 : f32
      attn.yield %r : f32
    } : (tensor<4x?xf32>, tensor<4xf32>, tensor<4x?xf32>) -> tensor<4x?xf32>
    %pa = attn.einsum [h,m,n] = div(%sn[h,m,n], %sd[h,m])
        : (tensor<4x?x?xf32>, tensor<4x?xf32>) -> tensor<4x?x?xf32>
    %av = attn.einsum [h,m,f] = mul(%pa[h,m,n], %V[h,n,f]) reduce add(n)
        : (tensor<4x?x?xf32>, tensor<4x?x8xf32>) -> tensor<4x?x8xf32>
    attn.yield %av : tensor<4x?x8xf32>
  }
  return %r : tensor<4x?x8xf32>
}
