// RUN: attn-opt %s --attn-expand-attention --attn-merge-cascades --canonicalize --attn-normalize-cascade --split-input-file | FileCheck %s

// A rotary embedding written as a cascade of its own, before the heads are
// split, joins the attention that reads it.
// CHECK-LABEL: func @rotary
// CHECK-SAME: (%[[ARGQ:[^:]*]]: tensor<?x8x?x64xf32>, %[[ARGK:[^:]*]]: tensor<?x2x?x64xf32>, %[[ARGV:[^:]*]]: tensor<?x2x?x64xf32>, %[[ARGC:[^:]*]]: tensor<?x32xf32>)
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[ARGQ]]
// CHECK: attn.cascade (%[[Q:.*]] = %[[SPLIT]], %[[K:.*]] = %[[ARGK]], %[[V:.*]] = %[[ARGV]], %[[C:.*]] = %[[ARGC]]) where causal over (m, n)
// CHECK: %[[RQ:.*]] = attn.einsum [b,k,g,m,e] = map(%[[Q]][b,k,g,m,e], %[[C]][m,e mod 32]) {
// CHECK: %[[RK:.*]] = attn.einsum [b,k,n,e] = map(%[[K]][b,k,n,e], %[[C]][n,e mod 32]) {
// CHECK: attn.index e : index
// CHECK: attn.einsum [b,k,g,m,n] = mul(%[[RQ]][b,k,g,m,e], %[[RK]][b,k,n,e]) reduce add(e)
// CHECK-NOT: attn.cascade
func.func @rotary(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %c: tensor<?x32xf32>) -> tensor<?x8x?x64xf32> {
  %rq = attn.cascade (%X = %q, %C = %c) : (tensor<?x8x?x64xf32>, tensor<?x32xf32>) -> tensor<?x8x?x64xf32> {
    %r = attn.einsum [b,h,t,d] = map(%X[b,h,t,d], %C[t,d mod 32]) {
    ^bb0(%x: f32, %y: f32):
      %i = attn.index d : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %p, %f : f32
      attn.yield %s : f32
    } : (tensor<?x8x?x64xf32>, tensor<?x32xf32>) -> tensor<?x8x?x64xf32>
    attn.yield %r : tensor<?x8x?x64xf32>
  }
  %rk = attn.cascade (%X = %k, %C = %c) : (tensor<?x2x?x64xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32> {
    %r = attn.einsum [b,h,t,d] = map(%X[b,h,t,d], %C[t,d mod 32]) {
    ^bb0(%x: f32, %y: f32):
      %i = attn.index d : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %p, %f : f32
      attn.yield %s : f32
    } : (tensor<?x2x?x64xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32>
    attn.yield %r : tensor<?x2x?x64xf32>
  }
  %o = attn.attention(%rq, %rk, %v) where causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// A normalisation reduces a rank that its result has, and is inlined too; the
// coordinate of a split head is put together. A chain is inlined as a whole.
// CHECK-LABEL: func @norm
// CHECK-COUNT-1: attn.cascade
// CHECK: } reduce add(e) :
// CHECK-DAG: attn.index k : index
// CHECK-DAG: arith.constant 4 : index
// CHECK-DAG: attn.index g : index
// CHECK: arith.muli
// CHECK: arith.addi
// CHECK-NOT: attn.cascade
func.func @norm(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %rq = attn.cascade (%X = %q) : (tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %ss = attn.einsum [b,h,m] = mul(%X[b,h,m,e], %X[b,h,m,e]) reduce add(e) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?xf32>
    %r = attn.einsum [b,h,m,e] = map(%X[b,h,m,e], %ss[b,h,m]) {
    ^bb0(%x: f32, %y: f32):
      %n = math.rsqrt %y : f32
      %s = arith.mulf %x, %n : f32
      attn.yield %s : f32
    } : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
    attn.yield %r : tensor<?x8x?x64xf32>
  }
  %hq = attn.cascade (%X = %rq) : (tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %r = attn.einsum [b,h,m,e] = map(%X[b,h,m,e]) {
    ^bb0(%x: f32):
      %i = attn.index h : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %s = arith.mulf %x, %f : f32
      attn.yield %s : f32
    } : (tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    attn.yield %r : tensor<?x8x?x64xf32>
  }
  %o = attn.attention(%hq, %k, %v) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// An elementwise epilogue joins what it follows, through the join of the heads;
// other results go on.
// CHECK-LABEL: func @gate
// CHECK-SAME: (%[[ARGQ:[^:]*]]: {{.*}}, %[[ARGG:[^:]*]]: tensor<?x8x?x32xf32>)
// CHECK: %[[GATE:.*]] = tensor.expand_shape %[[ARGG]]
// CHECK: %[[R:.*]]:2 = attn.cascade ({{.*}} %[[G:[^ ]*]] = %[[GATE]]) where causal over (m, n)
// CHECK: %[[AV:.*]] = attn.einsum [b,k,g,m,f] = mul({{.*}} reduce add(n)
// CHECK: %[[GO:.*]] = attn.einsum [b,k,g,m,f] = mul(%[[AV]][b,k,g,m,f], %[[G]][b,k,g,m,f])
// CHECK: attn.yield %[[GO]], %{{.*}}
// CHECK-DAG: %[[O:.*]] = tensor.collapse_shape %[[R]]#0
// CHECK-DAG: %[[L:.*]] = tensor.collapse_shape %[[R]]#1
// CHECK: return %[[O]], %[[L]]
func.func @gate(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %g: tensor<?x8x?x32xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>) {
  %o, %lse = attn.attention(%q, %k, %v) where causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>)
  %go = attn.cascade (%O = %o, %G = %g) : (tensor<?x8x?x32xf32>, tensor<?x8x?x32xf32>) -> tensor<?x8x?x32xf32> {
    %r = attn.einsum [i,head,row,n] = mul(%O[i,head,row,n], %G[i,head,row,n]) : (tensor<?x8x?x32xf32>, tensor<?x8x?x32xf32>) -> tensor<?x8x?x32xf32>
    attn.yield %r : tensor<?x8x?x32xf32>
  }
  return %go, %lse : tensor<?x8x?x32xf32>, tensor<?x8x?xf32>
}

// -----

// Read in two ways: a copy for each.
// CHECK-LABEL: func @twice
// CHECK: attn.cascade (%[[X:.*]] = %{{.*}}) :
// CHECK-DAG: %[[A:.*]] = attn.einsum [m,e] = map(%[[X]][m,e])
// CHECK-DAG: %[[B:.*]] = attn.einsum [n,e] = map(%[[X]][n,e])
// CHECK: attn.einsum [m,n] = mul({{.*}}) reduce add(e)
func.func @twice(%x: tensor<?x8xf32>) -> tensor<?x?xf32> {
  %y = attn.cascade (%X = %x) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [i,j] = map(%X[i,j], %X[i,j]) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      attn.yield %s : f32
    } : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  %o = attn.cascade (%X = %y) : (tensor<?x8xf32>) -> tensor<?x?xf32> {
    %s = attn.einsum [m,n] = mul(%X[m,e], %X[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    attn.yield %s : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// A contraction is not repeated for every tile; a result that others need stays
// a result; a space does not spread over another cascade's reductions.
// CHECK-LABEL: func @apart
// CHECK-COUNT-6: attn.cascade
func.func @apart(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %p: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x8xf32>, tensor<?xf32>) {
  %y = attn.cascade (%X = %x, %W = %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [i,j] = mul(%X[i,d], %W[d,j]) reduce add(d) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  %s = attn.cascade (%X = %y, %Y = %x) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32> {
    %r = attn.einsum [m,n] = mul(%X[m,e], %Y[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  %z = attn.cascade (%X = %x) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [i,j] = mul(%X[i,j], %X[i,j]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  %t = attn.cascade (%X = %z, %Y = %x) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32> {
    %r = attn.einsum [m,n] = mul(%X[m,e], %Y[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  %c = attn.cascade (%P = %p) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %m = attn.einsum [i] = %P[i,j] reduce add(j) : (tensor<?x?xf32>) -> tensor<?xf32>
    %r = attn.einsum [i,j] = mul(%P[i,j], %m[i]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  %d = attn.cascade (%P = %c) where causal over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %P[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %s, %t, %z, %d : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x8xf32>, tensor<?xf32>
}

// -----

// Branches of a mix over the same values with the same sparsity share a pass:
// their scores differ, their keys' rank is one.
// CHECK-LABEL: func @branches_that_share
// CHECK: attn.cascade {{.*}} where causal over (m, n)
// CHECK-NOT: attn.cascade
// CHECK: reduce max(n)
// CHECK-NOT: attn.cascade
// CHECK: reduce max(n)
// CHECK-NOT: attn.cascade
// CHECK: attn.einsum [b,k,g,m,f] = add(
// CHECK-NOT: attn.cascade
func.func @branches_that_share(%q1: tensor<?x4x?x32xf32>, %q2: tensor<?x4x?x32xf32>, %k1: tensor<?x4x?x32xf32>, %k2: tensor<?x4x?x32xf32>, %v: tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32> {
  %a = attn.attention(%q1, %k1, %v) where causal : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %b = attn.attention(%q2, %k2, %v) where causal : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %o = attn.mix %a, %b : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}

// -----

// With different sparsity they are two, and the second adds the first. The first
// keeps the type of the sum.
// CHECK-LABEL: func @branches_that_differ
// CHECK: %[[A:.*]] = attn.cascade {{.*}} where causal over (m, n) {{.*}} -> tensor<?x4x1x?x64xf32>
// CHECK: attn.cascade ({{.*}} = %[[A]]{{[,)].*}} where prefix(8) over (m, n) {{.*}} -> tensor<?x4x1x?x64xbf16>
// CHECK: reduce max(n)
// CHECK: attn.einsum [b,k,g,m,f] = {{.*}} -> tensor<?x4x1x?x64xbf16>
// CHECK-NOT: attn.cascade
func.func @branches_that_differ(%q: tensor<?x4x?x32xbf16>, %k: tensor<?x4x?x32xbf16>, %v: tensor<?x4x?x64xbf16>) -> tensor<?x4x?x64xbf16> {
  %a = attn.attention(%q, %k, %v) where causal : (tensor<?x4x?x32xbf16>, tensor<?x4x?x32xbf16>, tensor<?x4x?x64xbf16>) -> tensor<?x4x?x64xbf16>
  %b = attn.attention(%q, %k, %v) where prefix(8) : (tensor<?x4x?x32xbf16>, tensor<?x4x?x32xbf16>, tensor<?x4x?x64xbf16>) -> tensor<?x4x?x64xbf16>
  %o = attn.mix %a, %b : (tensor<?x4x?x64xbf16>, tensor<?x4x?x64xbf16>) -> tensor<?x4x?x64xbf16>
  return %o : tensor<?x4x?x64xbf16>
}

// -----

// Nothing says that the two have as many keys.
// CHECK-LABEL: func @branches_over_other_keys
// CHECK-COUNT-2: attn.cascade
// CHECK-NOT: attn.cascade
func.func @branches_over_other_keys(%q: tensor<?x4x?x32xf32>, %k1: tensor<?x4x?x32xf32>, %k2: tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32> {
  %a = attn.attention(%q, %k1, %k1) where causal : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %b = attn.attention(%q, %k2, %k2) where causal : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %o = attn.mix %a, %b : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  return %o : tensor<?x4x?x32xf32>
}

// -----

// One attention that reads another's result in its scores needs it before its
// pass begins.
// CHECK-LABEL: func @attention_of_attention
// CHECK-COUNT-2: attn.cascade
// CHECK-NOT: attn.cascade
func.func @attention_of_attention(%q: tensor<?x4x?x32xf32>, %k: tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32> {
  %a = attn.attention(%q, %k, %k) where causal : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %b = attn.attention(%a, %k, %k) where causal : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  return %b : tensor<?x4x?x32xf32>
}

// -----

// What follows may read several results, which go on to others, too.
// CHECK-LABEL: func @gate_by_lse
// CHECK: %[[R:.*]]:2 = attn.cascade ({{.*}}) where causal over (m, n)
// CHECK: %[[O:.*]] = attn.einsum [b,k,g,m,f] = mul({{.*}} reduce add(n)
// CHECK: %[[L:.*]] = attn.einsum [b,k,g,m] = map(
// CHECK: %[[G:.*]] = attn.einsum [b,k,g,m,f] = mul(%[[O]][b,k,g,m,f], %[[L]][b,k,g,m])
// CHECK: attn.yield %[[G]], %[[L]]
// CHECK-NOT: attn.cascade
func.func @gate_by_lse(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
  %o, %l = attn.attention(%q, %k, %k) where causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  %r = attn.cascade (%O = %o, %L = %l) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32> {
    %z = attn.einsum [b,h,m,f] = mul(%O[b,h,m,f], %L[b,h,m]) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
    attn.yield %z : tensor<?x8x?x64xf32>
  }
  return %r, %l : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
}

// -----

// The keys of one result are the queries of the other: no names fit both.
// CHECK-LABEL: func @read_crosswise
// CHECK-COUNT-2: attn.cascade
// CHECK-NOT: attn.cascade
func.func @read_crosswise(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x?x8xf32> {
  %a:2 = attn.cascade (%X = %x, %W = %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> (tensor<?x?xf32>, tensor<?x8xf32>) {
    %s = attn.einsum [m,n] = mul(%X[m,e], %X[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %p = attn.einsum [m,f] = mul(%X[m,e], %W[e,f]) reduce add(e) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
    attn.yield %s, %p : tensor<?x?xf32>, tensor<?x8xf32>
  }
  %r = attn.cascade (%S = %a#0, %P = %a#1) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x?x8xf32> {
    %z = attn.einsum [i,j,f] = mul(%S[i,j], %P[j,f]) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x?x8xf32>
    attn.yield %z : tensor<?x?x8xf32>
  }
  return %r : tensor<?x?x8xf32>
}

// -----

// An attention that weighs another's result by its own needs both results of it,
// behind its own pass.
// CHECK-LABEL: func @weighed_by_lse
// CHECK: attn.cascade {{.*}} where causal over (m, n)
// CHECK: reduce max(n)
// CHECK: reduce max(n)
// CHECK-NOT: attn.cascade
func.func @weighed_by_lse(%q: tensor<?x?x32xf32>, %p: tensor<?x?x32xf32>, %k: tensor<?x?x32xf32>) -> tensor<?x?x32xf32> {
  %a:2 = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) align bottom_right : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> (tensor<?x?x32xf32>, tensor<?x?xf32>) {
    %s = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x?xf32>
    %t = attn.einsum [h,m] = %s[h,m,n] reduce max(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %o = attn.einsum [h,m,f] = mul(%s[h,m,n], %K[h,n,f]) reduce add(n) : (tensor<?x?x?xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    attn.yield %o, %t : tensor<?x?x32xf32>, tensor<?x?xf32>
  }
  %b = attn.cascade (%Q = %p, %K = %k, %O = %a#0, %T = %a#1) where causal over (m, n) align bottom_right : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?xf32>) -> tensor<?x?x32xf32> {
    %s = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x?xf32>
    %t = attn.einsum [h,m] = %s[h,m,n] reduce max(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %w = attn.einsum [h,m] = sub(%t[h,m], %T[h,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %o = attn.einsum [h,m,f] = mul(%w[h,m], %O[h,m,f]) : (tensor<?x?xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    attn.yield %o : tensor<?x?x32xf32>
  }
  return %b : tensor<?x?x32xf32>
}

// -----

// One that needs the second of them in its scores has to wait for it.
// CHECK-LABEL: func @scored_by_second
// CHECK-COUNT-2: attn.cascade
// CHECK-NOT: attn.cascade
func.func @scored_by_second(%q: tensor<?x?x32xf32>, %k: tensor<?x?x32xf32>) -> tensor<?x?x32xf32> {
  %a:2 = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) align bottom_right : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> (tensor<?x?x32xf32>, tensor<?x?xf32>) {
    %s = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x?xf32>
    %t = attn.einsum [h,m] = %s[h,m,n] reduce max(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %o = attn.einsum [h,m,f] = mul(%s[h,m,n], %K[h,n,f]) reduce add(n) : (tensor<?x?x?xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    attn.yield %o, %t : tensor<?x?x32xf32>, tensor<?x?xf32>
  }
  %b = attn.cascade (%Q = %q, %K = %k, %O = %a#0, %T = %a#1) where causal over (m, n) align bottom_right : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?xf32>) -> tensor<?x?x32xf32> {
    %s = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x?xf32>
    %u = attn.einsum [h,m,n] = mul(%s[h,m,n], %T[h,m]) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
    %t = attn.einsum [h,m] = %u[h,m,n] reduce max(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %o = attn.einsum [h,m,f] = mul(%t[h,m], %O[h,m,f]) : (tensor<?x?xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    attn.yield %o : tensor<?x?x32xf32>
  }
  return %b : tensor<?x?x32xf32>
}

// -----

// An extent that no dimension has is not looked for among the ranks.
// CHECK-LABEL: func @no_such_dimension
// CHECK: %[[R:.*]] = attn.cascade
// CHECK: tensor.dim %[[R]]
func.func @no_such_dimension(%x: tensor<?x8xf32>) -> index {
  %r = attn.cascade (%X = %x) : (tensor<?x8xf32>) -> tensor<?xf32> {
    %z = attn.einsum [m] = %X[m,e] reduce max(e) : (tensor<?x8xf32>) -> tensor<?xf32>
    attn.yield %z : tensor<?xf32>
  }
  %before = arith.constant -1 : index
  %m = tensor.dim %r, %before : tensor<?xf32>
  return %m : index
}

// -----

// The read of the first one's result alone says how long q is in the second.
// CHECK-LABEL: func @extent_of_link
// CHECK-COUNT-2: attn.cascade
// CHECK-NOT: attn.cascade
func.func @extent_of_link(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<f32>) {
  %a:2 = attn.cascade (%X = %x) : (tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %r = attn.einsum [q] = %X[(Q-q)-1] : (tensor<?xf32>) -> tensor<?xf32>
    %c = attn.einsum [q] = mul(%X[q], %X[q]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r, %c : tensor<?xf32>, tensor<?xf32>
  }
  %b = attn.cascade (%R = %a#0) : (tensor<?xf32>) -> tensor<f32> {
    %s = attn.einsum [] = %R[q] reduce max(q) : (tensor<?xf32>) -> tensor<f32>
    attn.yield %s : tensor<f32>
  }
  return %a#1, %b : tensor<?xf32>, tensor<f32>
}

// -----

// The extent follows the cascade at once, and both are answered from an input.
// CHECK-LABEL: func @an_extent_behind_it
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x8xf32>
// CHECK: %[[D:.*]] = tensor.dim %[[X]]
// CHECK: %[[R:.*]] = attn.cascade
// CHECK-NOT: tensor.dim
// CHECK: return %[[R]], %[[D]]
func.func @an_extent_behind_it(%x: tensor<?x8xf32>) -> (tensor<?xf32>, index) {
  %zero = arith.constant 0 : index
  %r = attn.cascade (%X = %x) : (tensor<?x8xf32>) -> tensor<?xf32> {
    %z = attn.einsum [m] = %X[m,e] reduce max(e) : (tensor<?x8xf32>) -> tensor<?xf32>
    attn.yield %z : tensor<?xf32>
  }
  %m = tensor.dim %r, %zero : tensor<?xf32>
  return %r, %m : tensor<?xf32>, index
}

// -----

// What matrix units multiply stays a tensor of 16 bits, unless a few queries read it once;
// in 32 bits it is computed where it is loaded, and a copy always is.
// CHECK-LABEL: func @matrix_operand
// CHECK: %[[R:.*]] = attn.cascade
// CHECK: attn.cascade ({{.*}} = %[[R]])
// CHECK-LABEL: func @few_queries
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
// CHECK-LABEL: func @of_32_bits
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
// CHECK-LABEL: func @copied
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
// CHECK-LABEL: func @added
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
func.func @matrix_operand(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>, %c: tensor<?xbf16>) -> tensor<?xf32> {
  %r = attn.cascade (%K = %k, %C = %c) : (tensor<?x16xbf16>, tensor<?xbf16>) -> tensor<?x16xbf16> {
    %z = attn.einsum [n,e] = mul(%K[n,e], %C[n]) : (tensor<?x16xbf16>, tensor<?xbf16>) -> tensor<?x16xbf16>
    attn.yield %z : tensor<?x16xbf16>
  }
  %o = attn.cascade (%Q = %q, %R = %r) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %R[n,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
func.func @few_queries(%q: tensor<16x16xbf16>, %k: tensor<?x16xbf16>, %c: tensor<?xbf16>) -> tensor<16xf32> {
  %r = attn.cascade (%K = %k, %C = %c) : (tensor<?x16xbf16>, tensor<?xbf16>) -> tensor<?x16xbf16> {
    %z = attn.einsum [n,e] = mul(%K[n,e], %C[n]) : (tensor<?x16xbf16>, tensor<?xbf16>) -> tensor<?x16xbf16>
    attn.yield %z : tensor<?x16xbf16>
  }
  %o = attn.cascade (%Q = %q, %R = %r) : (tensor<16x16xbf16>, tensor<?x16xbf16>) -> tensor<16xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %R[n,e]) reduce add(e) : (tensor<16x16xbf16>, tensor<?x16xbf16>) -> tensor<16x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<16x?xf32>) -> tensor<16xf32>
    attn.yield %x : tensor<16xf32>
  }
  return %o : tensor<16xf32>
}
func.func @of_32_bits(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %c: tensor<?xf32>) -> tensor<?xf32> {
  %r = attn.cascade (%K = %k, %C = %c) : (tensor<?x16xf32>, tensor<?xf32>) -> tensor<?x16xf32> {
    %z = attn.einsum [n,e] = mul(%K[n,e], %C[n]) : (tensor<?x16xf32>, tensor<?xf32>) -> tensor<?x16xf32>
    attn.yield %z : tensor<?x16xf32>
  }
  %o = attn.cascade (%Q = %q, %R = %r) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %R[n,e]) reduce add(e) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
func.func @copied(%q: tensor<?x16xbf16>, %k: tensor<16x?xbf16>) -> tensor<?xf32> {
  %r = attn.cascade (%K = %k) : (tensor<16x?xbf16>) -> tensor<?x16xbf16> {
    %z = attn.einsum [n,e] = %K[e,n] : (tensor<16x?xbf16>) -> tensor<?x16xbf16>
    attn.yield %z : tensor<?x16xbf16>
  }
  %o = attn.cascade (%Q = %q, %R = %r) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %R[n,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
func.func @added(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>, %c: tensor<?xbf16>) -> tensor<?xf32> {
  %r = attn.cascade (%C = %c) : (tensor<?xbf16>) -> tensor<?xbf16> {
    %z = attn.einsum [n] = mul(%C[n], %C[n]) : (tensor<?xbf16>, tensor<?xbf16>) -> tensor<?xbf16>
    attn.yield %z : tensor<?xbf16>
  }
  %o = attn.cascade (%Q = %q, %K = %k, %R = %r) : (tensor<?x16xbf16>, tensor<?x16xbf16>, tensor<?xbf16>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
    %t = attn.einsum [m,n] = add(%s[m,n], %R[n]) : (tensor<?x?xf32>, tensor<?xbf16>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %t[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
