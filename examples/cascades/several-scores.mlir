// Scores that are a map of several einsums: a content and a positional product, a bias per key,
// and a soft cap over all.
func.func @several_scores(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>, %qrs: tensor<?x4xf32>, %krs: tensor<?x4xf32>, %bs: tensor<?xf32>)
    -> tensor<?x8xf32> {
  %r = attn.cascade (%Q = %qs, %K = %ks, %V = %vs, %QR = %qrs, %KR = %krs, %B = %bs)
      where causal over (m, n) align bottom_right
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xf32>)
      -> tensor<?x8xf32> {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %rel = attn.einsum [m,n] = mul(%QR[m,r], %KR[n,r]) reduce add(r)
        : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x?xf32>
    %s0 = attn.einsum [m,n] = map(%qk[m,n], %rel[m,n], %B[n]) {
    ^bb0(%a: f32, %b: f32, %k: f32):
      %c = arith.constant 0.25 : f32
      %t = arith.addf %a, %b : f32
      %u = arith.mulf %t, %c : f32
      %r = arith.addf %u, %k : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sc = attn.einsum [m,n] = map(%s0[m,n]) {
    ^bb0(%x: f32):
      %c = arith.constant 5.0 : f32
      %t = arith.divf %x, %c : f32
      %u = math.tanh %t : f32
      %r = arith.mulf %u, %c : f32
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
    %av = attn.einsum [m,f] = mul(%pa[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
