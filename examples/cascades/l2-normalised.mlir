// Signed weights over their Euclidean norm.
func.func @l2_normalised(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>)
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
    %qq = attn.einsum [m,n] = mul(%sc[m,n], %sc[m,n])
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %ss = attn.einsum [m] = %qq[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sd = attn.einsum [m] = map(%ss[m]) {
    ^bb0(%x: f32):
      %r = math.sqrt %x : f32
      attn.yield %r : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %pa = attn.einsum [m,n] = div(%sc[m,n], %sd[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%pa[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
