// Signed weights over the sum of their absolute values.
func.func @l1_normalised(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>)
    -> tensor<?x8xf32> {
  %r = attn.cascade (%Q = %qs, %K = %ks, %V = %vs)
      where causal over (m, n) align bottom_right
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>)
      -> tensor<?x8xf32> {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %sc = attn.einsum [m,n] = map(%qk[m,n]) {
    ^bb0(%x: f32):
      %c = arith.constant 0.25 : f32
      %r = arith.mulf %x, %c : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %ab = attn.einsum [m,n] = map(%sc[m,n]) {
    ^bb0(%x: f32):
      %r = math.absf %x : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %ab[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %pa = attn.einsum [m,n] = div(%sc[m,n], %sd[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%pa[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
