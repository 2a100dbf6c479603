// A 2-pass form: keys are partitioned into m1, m0; each partition has its own maximum and sums,
// and a second pass corrects them with the maximum of all. The types give M0 = 32.
func.func @fusemax_2_pass(%qs: tensor<16x?xf32>, %ks: tensor<16x?xf32>, %vs: tensor<8x?xf32>)
    -> tensor<8x?xf32> {
  %r = attn.cascade (%Q = %qs, %K = %ks, %V = %vs)
      : (tensor<16x?xf32>, tensor<16x?xf32>, tensor<8x?xf32>)
      -> tensor<8x?xf32> {
    %bk = attn.einsum [e,m1,m0] = %K[e,m1*M0+m0] : (tensor<16x?xf32>) -> tensor<16x?x32xf32>
    %bv = attn.einsum [f,m1,m0] = %V[f,m1*M0+m0] : (tensor<8x?xf32>) -> tensor<8x?x32xf32>
    %bqk = attn.einsum [m1,m0,p] = mul(%Q[e,p], %bk[e,m1,m0]) reduce add(e)
        : (tensor<16x?xf32>, tensor<16x?x32xf32>) -> tensor<?x32x?xf32>
    // What a partition knows of itself.
    %lm = attn.einsum [m1,p] = %bqk[m1,m0,p] reduce max(m0)
        : (tensor<?x32x?xf32>) -> tensor<?x?xf32>
    %sln = attn.einsum [m1,m0,p] = map(%bqk[m1,m0,p], %lm[m1,p]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x32x?xf32>, tensor<?x?xf32>) -> tensor<?x32x?xf32>
    %sld = attn.einsum [m1,p] = %sln[m1,m0,p] reduce add(m0)
        : (tensor<?x32x?xf32>) -> tensor<?x?xf32>
    %slnv = attn.einsum [f,m1,p] = mul(%sln[m1,m0,p], %bv[f,m1,m0]) reduce add(m0)
        : (tensor<?x32x?xf32>, tensor<8x?x32xf32>) -> tensor<8x?x?xf32>
    // The second pass, over partitions: the global maximum corrects them.
    %gm = attn.einsum [p] = %lm[m1,p] reduce max(m1) : (tensor<?x?xf32>) -> tensor<?xf32>
    %cm = attn.einsum [m1,p] = map(%lm[m1,p], %gm[p]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [p] = mul(%sld[m1,p], %cm[m1,p]) reduce add(m1)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %snv = attn.einsum [f,p] = mul(%slnv[f,m1,p], %cm[m1,p]) reduce add(m1)
        : (tensor<8x?x?xf32>, tensor<?x?xf32>) -> tensor<8x?xf32>
    %av = attn.einsum [f,p] = div(%snv[f,p], %sd[p])
        : (tensor<8x?xf32>, tensor<?xf32>) -> tensor<8x?xf32>
    attn.yield %av : tensor<8x?xf32>
  }
  return %r : tensor<8x?xf32>
}
