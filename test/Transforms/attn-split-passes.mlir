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

// -----

// The norm of a token is read at the rank of the rows, too: it is handed on, and
// what reads it makes one pass.
// CHECK-LABEL: func.func @shared(
// CHECK: %[[N:.*]] = attn.cascade
// CHECK: attn.einsum [n] =
// CHECK: reduce add(e)
// CHECK-NOT: attn.einsum
// CHECK: attn.cascade ({{.*}}, %[[A:.*]] = %[[N]])
// CHECK-NOT: reduce add(e)
// CHECK: attn.einsum [m,n] = map(%{{.*}}[m,n], %[[A]][m], %[[A]][n])
func.func @shared(%s: tensor<?x?xf32>, %x: tensor<?x32xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) : (tensor<?x?xf32>, tensor<?x32xf32>) -> tensor<?xf32> {
    %q = attn.einsum [n] = mul(%X[n,e], %X[n,e]) reduce add(e) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?xf32>
    // expected-remark @below {{starts another pass: reads rank 'n' of operand #1 at other points than those where it is made}}
    %t = attn.einsum [m,n] = map(%S[m,n], %q[n], %q[m]) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %d = arith.addf %b, %c : f32
      %e = arith.divf %a, %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %t[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// An extremum is handed on as maps read it, once; as a result it stays as it is.
// CHECK-LABEL: func.func @largest_of_all(
// CHECK: %[[F:.*]] = attn.cascade
// CHECK: %[[X:.*]] = attn.einsum [m] = {{.*}} reduce max(e)
// CHECK: %[[Y:.*]] = attn.einsum [m] = map(%[[X]][m])
// CHECK: arith.maximumf
// CHECK: attn.yield %[[Y]]
// CHECK: %[[O:.*]]:2 = attn.cascade ({{.*}}, %[[A:.*]] = %[[F]])
// CHECK-DAG: attn.einsum [] = %[[A]][j] reduce max(j)
// CHECK-DAG: attn.einsum [m] = {{.*}} reduce max(e)
// CHECK-NOT: arith.maximumf
// CHECK: return %[[O]]#0, %[[O]]#1
func.func @largest_of_all(%x: tensor<?x8xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%X = %x) : (tensor<?x8xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %a = attn.einsum [m] = %X[m,e] reduce max(e) : (tensor<?x8xf32>) -> tensor<?xf32>
    // expected-remark @below {{starts another pass: reads rank 'm' of operand #0 at other points than those where it is made}}
    %t = attn.einsum [] = %a[j] reduce max(j) : (tensor<?xf32>) -> tensor<f32>
    %r = attn.einsum [m] = sub(%a[m], %t[]) : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
    attn.yield %r, %a : tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?xf32>
}

// -----

// Heads of keys are shared: none is that of an item.
// CHECK-LABEL: func.func @groups(
// CHECK: attn.cascade
// CHECK: attn.einsum [n,g] =
// CHECK: reduce add(e)
// CHECK: attn.cascade
// CHECK: [n,h floordiv 2]
func.func @groups(%s: tensor<4x?x?xf32>, %k: tensor<2x?x32xf32>) -> tensor<4x?xf32> {
  %o = attn.cascade (%S = %s, %K = %k) : (tensor<4x?x?xf32>, tensor<2x?x32xf32>) -> tensor<4x?xf32> {
    %q = attn.einsum [g,n] = mul(%K[g,n,e], %K[g,n,e]) reduce add(e) : (tensor<2x?x32xf32>, tensor<2x?x32xf32>) -> tensor<2x?xf32>
    // expected-remark @below {{starts another pass: reads rank 'g' of operand #1 at other points than those where it is made}}
    %t = attn.einsum [h,m,n] = sub(%S[h,m,n], %q[h floordiv 2,n]) : (tensor<4x?x?xf32>, tensor<2x?xf32>) -> tensor<4x?x?xf32>
    %r = attn.einsum [h,m] = %t[h,m,n] reduce max(n) : (tensor<4x?x?xf32>) -> tensor<4x?xf32>
    attn.yield %r : tensor<4x?xf32>
  }
  return %o : tensor<4x?xf32>
}

// -----

// What a tile holds whole is read where anybody likes; truth values are not
// handed on.
// CHECK-LABEL: func.func @within_a_tile(
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
// CHECK: return
func.func @within_a_tile(%x: tensor<?x8xf32>, %y: tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?xi32>) {
  %o:2 = attn.cascade (%X = %x, %Y = %y) : (tensor<?x8xf32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?xi32>) {
    %q = attn.einsum [m,e] = map(%X[m,e]) {
    ^bb0(%a: f32):
      %t = math.tanh %a : f32
      attn.yield %t : f32
    } : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %s = attn.einsum [m] = %q[m,e] reduce add(e) : (tensor<?x8xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = div(%q[m,(f + 4) mod 8], %s[m]) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    %b = attn.einsum [m] = map(%Y[m]) {
    ^bb0(%a: f32):
      %z = arith.constant 0.0 : f32
      %t = arith.cmpf ogt, %a, %z : f32
      attn.yield %t : i1
    } : (tensor<?xf32>) -> tensor<?xi1>
    %all = attn.einsum [] = %b[j] reduce and(j) : (tensor<?xi1>) -> tensor<i1>
    %c = attn.einsum [m] = map(%b[m], %all[]) {
    ^bb0(%a: i1, %d: i1):
      %z = arith.xori %a, %d : i1
      %t = arith.extui %z : i1 to i32
      attn.yield %t : i32
    } : (tensor<?xi1>, tensor<i1>) -> tensor<?xi32>
    attn.yield %r, %c : tensor<?x8xf32>, tensor<?xi32>
  }
  return %o#0, %o#1 : tensor<?x8xf32>, tensor<?xi32>
}
