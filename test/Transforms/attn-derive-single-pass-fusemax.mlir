// The form derived from the 3-pass cascade (FuseMax, Einsums 33-38) is the
// 1-pass cascade of the paper (Einsums 39-56), written here by hand with the
// paper's names: P queries, M keys, partitioned into M1, M0.
//
// RUN: split-file %s %t
// RUN: attn-opt %t/three-pass.mlir --attn-normalize-cascade --attn-defer-division \
// RUN:   --attn-derive-single-pass=require --attn-normalize-cascade=rename-ranks > %t/derived
// RUN: attn-opt %t/one-pass.mlir --attn-normalize-cascade=rename-ranks > %t/written
// RUN: diff %t/derived %t/written
// RUN: FileCheck %s --input-file=%t/derived
// CHECK: attn.iterate

//--- three-pass.mlir
func.func @attention(%q: tensor<64x?xf32>, %k: tensor<64x?xf32>, %v: tensor<32x?xf32>) -> tensor<32x?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (tensor<64x?xf32>, tensor<64x?xf32>, tensor<32x?xf32>) -> tensor<32x?xf32> {
    %qk = attn.einsum [m,p] = mul(%Q[e,p], %K[e,m]) reduce add(e) : (tensor<64x?xf32>, tensor<64x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [p] = %qk[m,p] reduce max(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,p] = map(%qk[m,p], %gm[p]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [p] = %sn[m,p] reduce add(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,p] = div(%sn[m,p], %sd[p]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [f,p] = mul(%a[m,p], %V[f,m]) reduce add(m) : (tensor<?x?xf32>, tensor<32x?xf32>) -> tensor<32x?xf32>
    attn.yield %av : tensor<32x?xf32>
  }
  return %o : tensor<32x?xf32>
}

//--- one-pass.mlir
func.func @attention(%q: tensor<64x?xf32>, %k: tensor<64x?xf32>, %v: tensor<32x?xf32>) -> tensor<32x?xf32> {
  %o = attn.cascade (%V = %v, %Q = %q, %K = %k) : (tensor<32x?xf32>, tensor<64x?xf32>, tensor<64x?xf32>) -> tensor<32x?xf32> {
    // (39), (40)
    %bk = attn.einsum [e,m1,m0] = %K[e,m1*M0+m0] : (tensor<64x?xf32>) -> tensor<64x?x?xf32>
    %bv = attn.einsum [f,m1,m0] = %V[f,m1*M0+m0] : (tensor<32x?xf32>) -> tensor<32x?x?xf32>
    // (41)-(43)
    %lowest = arith.constant -3.40282347E+38 : f32
    %zero = arith.constant 0.0 : f32
    %rnv0 = attn.einsum [f,p] = map() { attn.yield %zero : f32 } : () -> tensor<32x?xf32>
    %rm0 = attn.einsum [p] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %rd0 = attn.einsum [p] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    // (56) ends the iteration.
    %rnvM, %rmM, %rdM = attn.iterate m1 of m by m0 init(%rnv0, %rm0, %rd0 : tensor<32x?xf32>, tensor<?xf32>, tensor<?xf32>) {
    ^bb0(%RNV: tensor<32x?xf32>, %RM: tensor<?xf32>, %RD: tensor<?xf32>):
      // (44)-(46)
      %bqk = attn.einsum [m0,p] = mul(%Q[e,p], %bk[e,m1,m0]) reduce add(e) : (tensor<64x?xf32>, tensor<64x?x?xf32>) -> tensor<?x?xf32>
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
      %slnv = attn.einsum [f,p] = mul(%sln[m0,p], %bv[f,m1,m0]) reduce add(m0) : (tensor<?x?xf32>, tensor<32x?x?xf32>) -> tensor<32x?xf32>
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
      %spd = attn.einsum [p] = mul(%RD[p], %prm[p]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %rd = attn.einsum [p] = add(%sld[p], %spd[p]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      // (53), (54)
      %spnv = attn.einsum [f,p] = mul(%RNV[f,p], %prm[p]) : (tensor<32x?xf32>, tensor<?xf32>) -> tensor<32x?xf32>
      %rnv = attn.einsum [f,p] = add(%slnv[f,p], %spnv[f,p]) : (tensor<32x?xf32>, tensor<32x?xf32>) -> tensor<32x?xf32>
      attn.yield %rnv, %rm, %rd : tensor<32x?xf32>, tensor<?xf32>, tensor<?xf32>
    }
    // (55)
    %av = attn.einsum [f,p] = div(%rnvM[f,p], %rdM[p]) : (tensor<32x?xf32>, tensor<?xf32>) -> tensor<32x?xf32>
    attn.yield %av : tensor<32x?xf32>
  }
  return %o : tensor<32x?xf32>
}
