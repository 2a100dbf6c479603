// Softmax with a temperature per head, applied to the difference from the maximum: exp((s - x) /
// t).
func.func @temperature(%qs: tensor<4x?x16xf32>, %ks: tensor<4x?x16xf32>, %vs: tensor<4x?x8xf32>, %ts: tensor<4xf32>)
    -> tensor<4x?x8xf32> {
  %r = attn.cascade (%Q = %qs, %K = %ks, %V = %vs, %T = %ts)
      where causal over (m, n) align bottom_right
      : (tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x8xf32>, tensor<4xf32>)
      -> tensor<4x?x8xf32> {
    %sc = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e)
        : (tensor<4x?x16xf32>, tensor<4x?x16xf32>) -> tensor<4x?x?xf32>
    %gm = attn.einsum [h,m] = %sc[h,m,n] reduce max(n)
        : (tensor<4x?x?xf32>) -> tensor<4x?xf32>
    %sn = attn.einsum [h,m,n] = map(%sc[h,m,n], %gm[h,m], %T[h]) {
    ^bb0(%s: f32, %x: f32, %t: f32):
      %d = arith.subf %s, %x : f32
      %dt = arith.divf %d, %t : f32
      %p = math.exp %dt : f32
      attn.yield %p : f32
    } : (tensor<4x?x?xf32>, tensor<4x?xf32>, tensor<4xf32>) -> tensor<4x?x?xf32>
    %sd = attn.einsum [h,m] = %sn[h,m,n] reduce add(n)
        : (tensor<4x?x?xf32>) -> tensor<4x?xf32>
    %pa = attn.einsum [h,m,n] = div(%sn[h,m,n], %sd[h,m])
        : (tensor<4x?x?xf32>, tensor<4x?xf32>) -> tensor<4x?x?xf32>
    %av = attn.einsum [h,m,f] = mul(%pa[h,m,n], %V[h,n,f]) reduce add(n)
        : (tensor<4x?x?xf32>, tensor<4x?x8xf32>) -> tensor<4x?x8xf32>
    attn.yield %av : tensor<4x?x8xf32>
  }
  return %r : tensor<4x?x8xf32>
}
