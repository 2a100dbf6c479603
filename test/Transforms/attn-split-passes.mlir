// RUN: attn-opt %s --split-input-file --attn-normalize-cascade --attn-defer-division --attn-split-passes --verify-diagnostics | FileCheck %s

// The mean of the scores joins the first pass, which is all that the second
// waits for; what the first hands on is what the second reads, a maximum as it
// is read in a map. Lengths stay with both, and the bias with the one that
// needs it.
// CHECK-LABEL: func.func @two_passes(
// CHECK-SAME: %[[S:.*]]: tensor<?x?xf32>, %[[L:.*]]: tensor<i32>, %[[V:.*]]: tensor<?x8xf32>)
// CHECK: %[[X:.*]] = attn.cascade (%[[A:.*]] = %[[S]], %[[A2:.*]] = %[[L]]) where causal over (m, n) align top_left lengths key(%[[A2]][]) : (tensor<?x?xf32>, tensor<i32>) -> tensor<?xf32>
// CHECK: attn.einsum [m] = %{{.*}}[m,n] reduce max(n)
// CHECK-NOT: math.tanh
// CHECK: %[[O:.*]] = attn.cascade (%{{.*}} = %[[S]], %{{.*}} = %[[L]], %{{.*}} = %[[V]], %[[B:.*]] = %[[X]]) where causal over (m, n) align top_left lengths key(
// CHECK: attn.einsum [m] = map(%[[B]][m])
// CHECK: arith.constant -3.40282347E+38
// CHECK: arith.maximumf
// CHECK: math.tanh
// CHECK: attn.einsum [m,f] = mul({{.*}}) reduce add(n)
// CHECK: return %[[O]]
func.func @two_passes(%s: tensor<?x?xf32>, %len: tensor<i32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %L = %len, %V = %v) where causal over (m, n) align top_left lengths key(%L[])
      : (tensor<?x?xf32>, tensor<i32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    // expected-note @below {{this running value is involved}}
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-remark @below {{starts another pass over 'n': applies 'math.tanh' to a value that moves}}
    %p = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.tanh %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m,f] = mul(%p[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// A statistic of the columns is complete when every row has been through it: a
// cut in front of it, for the maximum, and one behind.
// CHECK-LABEL: func.func @columns(
// CHECK: %[[X:.*]] = attn.cascade
// CHECK: reduce max(n)
// CHECK: %[[C:.*]] = attn.cascade (%{{.*}} = %{{.*}}, %{{.*}} = %[[X]])
// CHECK: attn.einsum [n] = %{{.*}}[m,n] reduce add(m)
// CHECK: %[[R:.*]] = attn.cascade (%{{.*}} = %{{.*}}, %{{.*}} = %[[X]], %{{.*}} = %[[C]])
// CHECK-NOT: reduce add(m)
// CHECK: return %[[R]]
func.func @columns(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-note @below {{this running value is involved}}
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.exp %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{starts another pass over 'n': reduces a rank along which the correction of its values varies}}
    // expected-remark @below {{ends a pass: it reduces a rank of all results}}
    %c = attn.einsum [n] = %p[m,n] reduce add(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = mul(%p[m,n], %c[n]) reduce add(n) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// Weights among the results are computed behind the statistics they read; the
// maximum itself, infinite where nothing is live, comes from the first part.
// CHECK-LABEL: func.func @weights(
// CHECK: %[[X:.*]] = attn.cascade
// CHECK: %[[P:.*]] = attn.cascade (%{{.*}} = %{{.*}}, %{{.*}} = %[[X]])
// CHECK: return %[[P]], %[[X]]
func.func @weights(%s: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s) where causal over (m, n) align top_left : (tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>) {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-remark @below {{starts another pass over 'n': is a result of the cascade and is indexed by 'n'}}
    %p = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.exp %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %p, %x : tensor<?x?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?x?xf32>, tensor<?xf32>
}

// -----

// One pass is enough: nothing is cut.
// CHECK-LABEL: func.func @softmax(
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
// CHECK: return
func.func @softmax(%s: tensor<?x?xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.exp %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = div(%p[m,n], %d[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m,f] = mul(%w[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// Only the weights say how long u is: without them the sum would have no extent.
// The cascade stays whole.
// CHECK-LABEL: func.func @extent(
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
// CHECK: return
func.func @extent(%s: tensor<7x?xf32>) -> (tensor<7xf32>, tensor<7x?xf32>) {
  %o:2 = attn.cascade (%S = %s) : (tensor<7x?xf32>) -> (tensor<7xf32>, tensor<7x?xf32>) {
    %x = attn.einsum [m] = %S[m,u + 1] reduce max(u) : (tensor<7x?xf32>) -> tensor<7xf32>
    %p = attn.einsum [m,u] = sub(%S[m,u], %x[m]) : (tensor<7x?xf32>, tensor<7xf32>) -> tensor<7x?xf32>
    attn.yield %x, %p : tensor<7xf32>, tensor<7x?xf32>
  }
  return %o#0, %o#1 : tensor<7xf32>, tensor<7x?xf32>
}
