// FuseMax, Einsums 39-56: attention in one pass, what is summed so far being corrected whenever
// the maximum moves. m1 is an ordinary rank of the partitioned tensors and the iterative rank of
// the running ones.
func.func @fusemax_1_pass(%qs: tensor<16x?xf32>, %ks: tensor<16x?xf32>, %vs: tensor<8x?xf32>)
    -> tensor<8x?xf32> {
  %o = attn.cascade (%V = %vs, %Q = %qs, %K = %ks)
      : (tensor<8x?xf32>, tensor<16x?xf32>, tensor<16x?xf32>) -> tensor<8x?xf32> {
    // (39), (40)
    %bk = attn.einsum [e,m1,m0] = %K[e,m1*M0+m0] : (tensor<16x?xf32>) -> tensor<16x?x?xf32>
    %bv = attn.einsum [f,m1,m0] = %V[f,m1*M0+m0] : (tensor<8x?xf32>) -> tensor<8x?x?xf32>
    // (41)-(43)
    %lowest = arith.constant -3.40282347E+38 : f32
    %zero = arith.constant 0.0 : f32
    %rnv0 = attn.einsum [f,p] = map() { attn.yield %zero : f32 } : () -> tensor<8x?xf32>
    %rm0 = attn.einsum [p] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %rd0 = attn.einsum [p] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    // (56) ends the iteration.
    %rnvM, %rmM, %rdM = attn.iterate m1 of m by m0
        init(%rnv0, %rm0, %rd0 : tensor<8x?xf32>, tensor<?xf32>, tensor<?xf32>) {
    ^bb0(%RNV: tensor<8x?xf32>, %RM: tensor<?xf32>, %RD: tensor<?xf32>):
      // (44)-(46)
      %bqk = attn.einsum [m0,p] = mul(%Q[e,p], %bk[e,m1,m0]) reduce add(e)
          : (tensor<16x?xf32>, tensor<16x?x?xf32>) -> tensor<?x?xf32>
      %lm = attn.einsum [p] = %bqk[m0,p] reduce max(m0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [p] = max(%RM[p], %lm[p]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      // (47)
      %sln = attn.einsum [m0,p] = map(%bqk[m0,p], %rm[p]) {
      ^bb0(%s: f32, %x: f32):
        %d = arith.subf %s, %x : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      // (49)
      %slnv = attn.einsum [f,p] = mul(%sln[m0,p], %bv[f,m1,m0]) reduce add(m0)
          : (tensor<?x?xf32>, tensor<8x?x?xf32>) -> tensor<8x?xf32>
      // (48)
      %sld = attn.einsum [p] = %sln[m0,p] reduce add(m0) : (tensor<?x?xf32>) -> tensor<?xf32>
      // (50)
      %prm = attn.einsum [p] = map(%RM[p], %rm[p]) {
      ^bb0(%s: f32, %x: f32):
        %d = arith.subf %s, %x : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      // (51), (52)
      %spd = attn.einsum [p] = mul(%RD[p], %prm[p])
          : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %rd = attn.einsum [p] = add(%sld[p], %spd[p])
          : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      // (53), (54)
      %spnv = attn.einsum [f,p] = mul(%RNV[f,p], %prm[p])
          : (tensor<8x?xf32>, tensor<?xf32>) -> tensor<8x?xf32>
      %rnv = attn.einsum [f,p] = add(%slnv[f,p], %spnv[f,p])
          : (tensor<8x?xf32>, tensor<8x?xf32>) -> tensor<8x?xf32>
      attn.yield %rnv, %rm, %rd : tensor<8x?xf32>, tensor<?xf32>, tensor<?xf32>
    }
    // (55)
    %av = attn.einsum [f,p] = div(%rnvM[f,p], %rdM[p])
        : (tensor<8x?xf32>, tensor<?xf32>) -> tensor<8x?xf32>
    attn.yield %av : tensor<8x?xf32>
  }
  return %o : tensor<8x?xf32>
}
