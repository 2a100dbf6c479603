// RUN: attn-opt %s --attn-normalize-cascade --split-input-file | FileCheck %s

// A copy at data is read at data where it was read, by inputs in their order.
// CHECK-LABEL: func @gathered_keys
// CHECK: attn.cascade (%[[Q:.*]] = %{{.*}}, %[[K:.*]] = %{{.*}}, %[[T:.*]] = %{{.*}})
// CHECK-NEXT: mul(%[[Q]][m,e], %[[K]][%[[T]][n],e]) reduce add(e)
// CHECK-NEXT: reduce max(n)
func.func @gathered_keys(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %t: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%T = %t, %K = %k, %Q = %q) : (tensor<?xi32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?xf32> {
    %g = attn.einsum [n,e] = %K[%T[n],e] : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    %s = attn.einsum [m,n] = mul(%Q[m,e], %g[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// Data at data is no index: the copy stays.
// CHECK-LABEL: func @twice
// CHECK: %[[G:.*]] = attn.einsum [{{.*}}] = %{{.*}}[%{{.*}}[n],e]
// CHECK: %[[G]][e,%{{.*}}[m]] :
func.func @twice(%k: tensor<?x8xf32>, %t: tensor<?xi32>, %u: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%K = %k, %T = %t, %U = %u) : (tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %g = attn.einsum [n,e] = %K[%T[n],e] : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    %r = attn.einsum [m,e] = %g[%U[m],e] : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// The dimensions of what a cascade computes change places, and so do the indices
// of an index tensor among it. Equal reads at equal data are one.
// CHECK-LABEL: func @computed_table
// CHECK: %[[J:.*]] = attn.einsum [m,b] = map(
// CHECK: map(%{{.*}}[%[[J]][m,b],e]) {
// CHECK-NEXT: ^bb0(%[[K:.*]]: f32):
// CHECK-NEXT: arith.addf %[[K]], %[[K]]
// CHECK-NOT: map(
func.func @computed_table(%k: tensor<?x8xf32>, %t: tensor<?xi32>, %u: tensor<?xi32>) -> tensor<?x?x8xf32> {
  %o = attn.cascade (%K = %k, %T = %t, %U = %u) : (tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x?x8xf32> {
    %j = attn.einsum [b,m] = add(%T[b], %U[m]) : (tensor<?xi32>, tensor<?xi32>) -> tensor<?x?xi32>
    %i = attn.einsum [m,b] = add(%U[m], %T[b]) : (tensor<?xi32>, tensor<?xi32>) -> tensor<?x?xi32>
    %r = attn.einsum [m,b,e] = add(%K[%j[b,m],e], %K[%i[m,b],e]) : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
    attn.yield %r : tensor<?x?x8xf32>
  }
  return %o : tensor<?x?x8xf32>
}

// -----

// A copy over a restricted plane holds 0 at its dead points: what reads it beside
// its own point reads the copy.
// CHECK-LABEL: func @copy_beside
// CHECK: %[[C:.*]] = attn.einsum [{{.*}}] = %{{.*}}[d] :
// CHECK: %[[C]][v+1,d] reduce add(d)
func.func @copy_beside(%s: tensor<?xf32>, %t: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %T = %t) where window(3, 1) over (d, v) align bottom_right : (tensor<?xf32>, tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %x = attn.einsum [v] = %T[v,d] reduce max(d) : (tensor<?x?xf32>) -> tensor<?xf32>
    %c = attn.einsum [v,d] = %S[d] : (tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [v] = %c[v+1,d] reduce add(d) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x, %r : tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?xf32>
}
