// RUN: attn-opt %s --attn-defer-division --attn-derive-single-pass | FileCheck %s

// Softmax: the 3-pass cascade becomes FuseMax's Einsums 39-56.
// CHECK-LABEL: func @softmax
// CHECK: attn.cascade (%[[Q:.*]] = %{{.*}}, %[[K:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}})
// CHECK: %[[RM0:.*]] = attn.einsum [m] = map() {
// CHECK-NEXT: arith.constant -3.40282347E+38
// CHECK: %[[RD0:.*]] = attn.einsum [m] = map() {
// CHECK-NEXT: arith.constant 0.000000e+00
// CHECK: %[[RNV0:.*]] = attn.einsum [m,f] = map() {
// CHECK-NEXT: arith.constant 0.000000e+00
// CHECK: %[[R:.*]]:3 = attn.iterate n1 of n by n0 init(%[[RM0]], %[[RD0]], %[[RNV0]]
// CHECK-NEXT: ^bb0(%[[RM:[^:]*]]: {{.*}}, %[[RD:[^:]*]]: {{.*}}, %[[RNV:[^:]*]]: {{.*}}):
// CHECK: %[[BQK:.*]] = attn.einsum [m,n0] = mul(%[[Q]][m,e], %[[K]][n1*N0+n0,e]) reduce add(e)
// CHECK: %[[LM:.*]] = attn.einsum [m] = %[[BQK]][m,n0] reduce max(n0)
// CHECK: %[[RM1:.*]] = attn.einsum [m] = max(%[[RM]][m], %[[LM]][m])
// CHECK: %[[SLN:.*]] = attn.einsum [m,n0] = map(%[[BQK]][m,n0], %[[RM1]][m])
// CHECK: %[[SLD:.*]] = attn.einsum [m] = %[[SLN]][m,n0] reduce add(n0)
// CHECK: %[[PRM:.*]] = attn.einsum [m] = map(%[[RM]][m], %[[RM1]][m]) {
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: %[[SPD:.*]] = attn.einsum [m] = mul(%[[RD]][m], %[[PRM]][m])
// CHECK: %[[RD1:.*]] = attn.einsum [m] = add(%[[SLD]][m], %[[SPD]][m])
// CHECK: %[[SLNV:.*]] = attn.einsum [m,f] = mul(%[[SLN]][m,n0], %[[V]][n1*N0+n0,f]) reduce add(n0)
// CHECK: %[[SPNV:.*]] = attn.einsum [m,f] = mul(%[[RNV]][m,f], %[[PRM]][m])
// CHECK: %[[RNV1:.*]] = attn.einsum [m,f] = add(%[[SLNV]][m,f], %[[SPNV]][m,f])
// CHECK: attn.yield %[[RM1]], %[[RD1]], %[[RNV1]]
// CHECK: attn.einsum [m,f] = div(%[[R]]#2[m,f], %[[R]]#1[m])
func.func @softmax(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x32xf32> {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %qk[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%qk[m,n], %gm[m]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%sn[m,n], %sd[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    attn.yield %av : tensor<?x32xf32>
  }
  return %o : tensor<?x32xf32>
}
