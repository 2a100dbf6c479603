// FuseMax, Einsums 33-38: attention in three passes over the keys. As in the paper, M are keys and
// P queries, and features come first.
func.func @fusemax_3_pass(%qs: tensor<16x?xf32>, %ks: tensor<16x?xf32>, %vs: tensor<8x?xf32>)
    -> tensor<8x?xf32> {
  %r = attn.cascade (%Q = %qs, %K = %ks, %V = %vs)
      : (tensor<16x?xf32>, tensor<16x?xf32>, tensor<8x?xf32>)
      -> tensor<8x?xf32> {
    // (33)
    %qk = attn.einsum [m,p] = mul(%Q[e,p], %K[e,m]) reduce add(e)
        : (tensor<16x?xf32>, tensor<16x?xf32>) -> tensor<?x?xf32>
    // (34)
    %gm = attn.einsum [p] = %qk[m,p] reduce max(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    // (35)
    %sn = attn.einsum [m,p] = map(%qk[m,p], %gm[p]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // (36)
    %sd = attn.einsum [p] = %sn[m,p] reduce add(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    // (37)
    %am = attn.einsum [m,p] = div(%sn[m,p], %sd[p])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // (38)
    %av = attn.einsum [f,p] = mul(%am[m,p], %V[f,m]) reduce add(m)
        : (tensor<?x?xf32>, tensor<8x?xf32>) -> tensor<8x?xf32>
    attn.yield %av : tensor<8x?xf32>
  }
  return %r : tensor<8x?xf32>
}
