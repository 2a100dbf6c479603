// RUN: attn-opt %s --attn-defer-division | FileCheck %s

// FuseMax, Einsums 31-32. The sum is rounded once, after the division.
// CHECK-LABEL: func @division
// CHECK: attn.cascade (%[[SN:.*]] = %{{.*}}, %[[SD:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}})
// CHECK-NEXT: %[[SNV:.*]] = attn.einsum [m,f] = mul(%[[SN]][m,n], %[[V]][n,f]) reduce add(n) : {{.*}} -> tensor<?x8xf32>
// CHECK-NEXT: %[[AV:.*]] = attn.einsum [m,f] = div(%[[SNV]][m,f], %[[SD]][m]) : {{.*}} -> tensor<?x8xbf16>
// CHECK-NEXT: attn.yield %[[AV]]
func.func @division(%sn: tensor<?x?xf32>, %sd: tensor<?xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xbf16> {
  %o = attn.cascade (%SN = %sn, %SD = %sd, %V = %v) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?x8xf32>) -> tensor<?x8xbf16> {
    %a = attn.einsum [m,n] = div(%SN[m,n], %SD[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xbf16>
    attn.yield %av : tensor<?x8xbf16>
  }
  return %o : tensor<?x8xbf16>
}
