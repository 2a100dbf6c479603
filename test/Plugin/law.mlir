// A law that a library adds: without it the cascade is cut into passes, with it
// one pass is derived.
//
// RUN: not attn-opt %s --attn-normalize-cascade --attn-defer-division --attn-derive-single-pass=require 2>&1 | FileCheck %s --check-prefix=WITHOUT
// RUN: attn-opt %s --load-dialect-plugin=%attn_build/lib/AttnTestPowerLaw.so \
// RUN:   --attn-normalize-cascade --attn-defer-division --attn-derive-single-pass=require | FileCheck %s --check-prefix=WITH
// RUN: attn-opt %s --attn-to-llvm=form=fused -o %t 2>&1 | FileCheck %s --check-prefix=SPLIT
// RUN: attn-opt %s --load-dialect-plugin=%attn_build/lib/AttnTestPowerLaw.so --attn-to-llvm=form=fused 2>&1 | FileCheck %s --check-prefix=FUSED --implicit-check-not='another pass'

// WITHOUT: error: keeps the cascade from a single pass over 'n': applies 'math.powf' to a value that moves
// WITH: attn.iterate
// WITH: math.powf
// SPLIT: remark: starts another pass over 'n': applies 'math.powf' to a value that moves
// FUSED: attn.kernels
func.func @attention(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %qs, %K = %ks, %V = %vs) : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %qk[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%qk[m,n], %gm[m]) {
    ^bb0(%s: f32, %x: f32):
      %ten = arith.constant 10.0 : f32
      %d = arith.subf %s, %x : f32
      %p = math.powf %ten, %d : f32
      attn.yield %p : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%sn[m,n], %sd[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
