// Sigmoid weights.
func.func @sigmoid(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>)
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
    %sn = attn.einsum [m,n] = map(%sc[m,n]) {
    ^bb0(%x: f32):
      %o = arith.constant 1.0 : f32
      %n = arith.negf %x : f32
      %e = math.exp %n : f32
      %d = arith.addf %o, %e : f32
      %r = arith.divf %o, %d : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%sn[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
