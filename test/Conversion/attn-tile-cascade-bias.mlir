// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade --cse --canonicalize | FileCheck %s

// Scores that are a contraction plus a bias are not added up in two parts: they
// fill the points of a step only, and are masked where they are made.
// CHECK-LABEL: func.func @biased_run0
// CHECK: attn.tile_einsum [n0,m] = mul({{.*}}) reduce add(e) outs(%{{.*}}) :
// CHECK: attn.tile_einsum [n0,m] = add({{.*}}) outs(%{{.*}}) clamp [m] : ({{.*}}) -> memref<?x16xf32
// CHECK-LABEL: func.func @biased_shared
func.func @biased(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %b: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %B = %b) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x?xf32>) -> tensor<?xf32> {
    %lo = arith.constant -3.40282347E+38 : f32
    %rm0 = attn.einsum [m] = map() { attn.yield %lo : f32 } : () -> tensor<?xf32>
    %rm = attn.iterate n1 of n by n0 init(%rm0 : tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>):
      %qk = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %s = attn.einsum [m,n0] = add(%qk[m,n0], %B[m,n1*N0+n0]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      %lm = attn.einsum [m] = %s[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm1 = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm1 : tensor<?xf32>
    }
    attn.yield %rm : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
