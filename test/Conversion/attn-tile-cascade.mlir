// RUN: attn-opt %s --attn-describe-kernel --attn-fuse-cascade --attn-tile-cascade --cse --canonicalize | FileCheck %s

// A work item is one (b, k, g) and one tile of the lanes m.
// CHECK-LABEL: func.func @attention_items0
// CHECK: arith.ceildivui %{{.*}}, %c48

// CHECK-LABEL: func.func @attention_run0
// The query tile is packed once, features by lanes; rows past the end repeat.
// CHECK: attn.tile_einsum [e,m] = map(%{{.*}}[m,e])
// CHECK: clamp [m] : (memref<?x64xf32, {{.*}}>) -> memref<64x48xf32>
// CHECK: scf.for
// Keys are read in place.
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[n0,e]) reduce add(e) outs(%[[S:.*]]) :
// CHECK: attn.tile_einsum [m] = %[[S]][n0,m] reduce max(n0)
// CHECK: attn.tile_einsum [m] = max(
// The weights take the place of the scores.
// CHECK: attn.tile_einsum [n0,m] = map(%[[S]][n0,m]
// CHECK: outs(%[[S]])
// CHECK: attn.tile_einsum [m] = %[[S]][n0,m] reduce add(n0)
// The accumulator is rescaled in place, then the contraction adds into it.
// CHECK: attn.tile_einsum [f,m] = mul(%[[ACC:.*]][f,m], %{{.*}}[m]) outs(%[[ACC]])
// CHECK: attn.tile_einsum [f,m] = mul(%[[S]][n0,m], %{{.*}}[n0,f]) reduce add(n0) outs(%[[ACC]]) accumulate
// CHECK: attn.tile_einsum [m,f] = div(%[[ACC]][f,m], %{{.*}}[m])
// Tiles of 32 and 16 lanes serve the last rows.
// CHECK: memref<64x32xf32>
// CHECK: memref<64x16xf32>
// CHECK-LABEL: func.func @attention_shared
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x8x?x64xf32>
  %m = tensor.dim %q, %c2 : tensor<?x8x?x64xf32>
  %qe = tensor.expand_shape %q [[0],[1,2],[3],[4]] output_shape [%b, 2, 4, %m, 64] : tensor<?x8x?x64xf32> into tensor<?x2x4x?x64xf32>
  %o = attn.cascade (%Q = %qe, %K = %k, %V = %v) mapping <lanes = "m" by [48, 32, 16], stream = 128, rows = 8, parallel = ["b", "k", "g"]> : (tensor<?x2x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x4x?x64xf32> {
    %lo = arith.constant -3.40282347E+38 : f32
    %z = arith.constant 0.0 : f32
    %sc = arith.constant 0.125 : f32
    %qs = attn.einsum [b,k,g,m,e] = map(%Q[b,k,g,m,e]) {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %sc : f32
      attn.yield %y : f32
    } : (tensor<?x2x4x?x64xf32>) -> tensor<?x2x4x?x64xf32>
    %rm0 = attn.einsum [b,k,g,m] = map() { attn.yield %lo : f32 } : () -> tensor<?x2x4x?xf32>
    %rd0 = attn.einsum [b,k,g,m] = map() { attn.yield %z : f32 } : () -> tensor<?x2x4x?xf32>
    %rnv0 = attn.einsum [b,k,g,m,f] = map() { attn.yield %z : f32 } : () -> tensor<?x2x4x?x64xf32>
    %rm, %rd, %rnv = attn.iterate n1 of n by n0 init(%rm0, %rd0, %rnv0 : tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?x64xf32>) {
    ^bb0(%RM: tensor<?x2x4x?xf32>, %RD: tensor<?x2x4x?xf32>, %RNV: tensor<?x2x4x?x64xf32>):
      %bqk = attn.einsum [b,k,g,m,n0] = mul(%qs[b,k,g,m,e], %K[b,k,n1*N0+n0,e]) reduce add(e) : (tensor<?x2x4x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x4x?x?xf32>
      %lm = attn.einsum [b,k,g,m] = %bqk[b,k,g,m,n0] reduce max(n0) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
      %rm1 = attn.einsum [b,k,g,m] = max(%RM[b,k,g,m], %lm[b,k,g,m]) : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
      %sln = attn.einsum [b,k,g,m,n0] = map(%bqk[b,k,g,m,n0], %rm1[b,k,g,m]) {
      ^bb0(%s: f32, %x: f32):
        %d = arith.subf %s, %x : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?x2x4x?x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x?xf32>
      %sld = attn.einsum [b,k,g,m] = %sln[b,k,g,m,n0] reduce add(n0) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
      %slnv = attn.einsum [b,k,g,m,f] = mul(%sln[b,k,g,m,n0], %V[b,k,n1*N0+n0,f]) reduce add(n0) : (tensor<?x2x4x?x?xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x4x?x64xf32>
      %prm = attn.einsum [b,k,g,m] = map(%RM[b,k,g,m], %rm1[b,k,g,m]) {
      ^bb0(%s: f32, %x: f32):
        %d = arith.subf %s, %x : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
      %spd = attn.einsum [b,k,g,m] = mul(%RD[b,k,g,m], %prm[b,k,g,m]) : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
      %rd1 = attn.einsum [b,k,g,m] = add(%sld[b,k,g,m], %spd[b,k,g,m]) : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
      %spnv = attn.einsum [b,k,g,m,f] = mul(%RNV[b,k,g,m,f], %prm[b,k,g,m]) : (tensor<?x2x4x?x64xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x64xf32>
      %rnv1 = attn.einsum [b,k,g,m,f] = add(%slnv[b,k,g,m,f], %spnv[b,k,g,m,f]) : (tensor<?x2x4x?x64xf32>, tensor<?x2x4x?x64xf32>) -> tensor<?x2x4x?x64xf32>
      attn.yield %rm1, %rd1, %rnv1 : tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?x64xf32>
    }
    %av = attn.einsum [b,k,g,m,f] = div(%rnv[b,k,g,m,f], %rd[b,k,g,m]) : (tensor<?x2x4x?x64xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x64xf32>
    attn.yield %av : tensor<?x2x4x?x64xf32>
  }
  %r = tensor.collapse_shape %o [[0],[1,2],[3],[4]] : tensor<?x2x4x?x64xf32> into tensor<?x8x?x64xf32>
  return %r : tensor<?x8x?x64xf32>
}
