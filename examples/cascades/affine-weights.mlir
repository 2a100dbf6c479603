// Weights edited after the normaliser: 0.75 A + 0.125.
func.func @affine_weights(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>)
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
    %gm = attn.einsum [m] = %sc[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%sc[m,n], %gm[m]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %p = math.exp %d : f32
      attn.yield %p : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %pa = attn.einsum [m,n] = div(%sn[m,n], %sd[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %wt = attn.einsum [m,n] = map(%pa[m,n]) {
    ^bb0(%x: f32):
      %alpha = arith.constant 0.75 : f32
      %beta = arith.constant 0.125 : f32
      %t = arith.mulf %x, %alpha : f32
      %r = arith.addf %t, %beta : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%wt[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
