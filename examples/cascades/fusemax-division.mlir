// FuseMax, Einsums 31-32: the division is deferred until the values are summed, which leaves two
// passes.
func.func @fusemax_division(%qs: tensor<16x?xf32>, %ks: tensor<16x?xf32>, %vs: tensor<8x?xf32>)
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
    // (31)
    %snv = attn.einsum [f,p] = mul(%sn[m,p], %V[f,m]) reduce add(m)
        : (tensor<?x?xf32>, tensor<8x?xf32>) -> tensor<8x?xf32>
    // (32)
    %av = attn.einsum [f,p] = div(%snv[f,p], %sd[p])
        : (tensor<8x?xf32>, tensor<?xf32>) -> tensor<8x?xf32>
    attn.yield %av : tensor<8x?xf32>
  }
  return %r : tensor<8x?xf32>
}
