// RUN: attn-opt %s --attn-hoist-maps --split-input-file | FileCheck %s

// A map of the keys with an elementary function is computed before.
// CHECK-LABEL: func.func @keys
// CHECK: %[[H:.*]] = attn.cascade (%[[K:.*]] = %{{.*}}, %[[G:.*]] = %{{.*}}) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
// CHECK-NEXT: attn.einsum [n,e] = map(%[[K]][n,e], %[[G]][n,e])
// CHECK: math.exp
// The second reads it, and K and G no more.
// CHECK: attn.cascade (%[[Q:.*]] = %{{.*}}, %{{.*}} = %{{.*}}, %[[KG:.*]] = %[[H]]) :
// CHECK-NEXT: attn.einsum [m,n] = mul(%[[Q]][m,e], %[[KG]][n,e]) reduce add(e)
func.func @keys(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %g: tensor<?x8xf32>,
                %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %G = %g, %V = %v)
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %kg = attn.einsum [n,e] = map(%K[n,e], %G[n,e]) {
    ^bb0(%x: f32, %y: f32):
      %t = math.exp %y : f32
      %r = arith.mulf %x, %t : f32
      attn.yield %r : f32
    } : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %s = attn.einsum [m,n] = mul(%Q[m,e], %kg[n,e]) reduce add(e)
        : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%s[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = div(%p[m,n], %d[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m,f] = mul(%w[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// Of a map over the scores the part that depends on the keys alone moves, once
// for each key and not for each score. What depends on the query stays, and so
// does what reads an index, and products.
// CHECK-LABEL: func.func @scores
// CHECK: %[[H:.*]] = attn.cascade (%[[G:.*]] = %{{.*}}) : (tensor<?xf32>) -> tensor<?xf32> {
// CHECK-NEXT: attn.einsum [n] = map(%[[G]][n])
// CHECK-NEXT: ^bb0
// CHECK-NEXT: math.log1p
// CHECK-NEXT: attn.yield
// CHECK: attn.cascade
// CHECK-SAME: = %[[H]]
// CHECK-NOT: math.log1p
// CHECK: math.tanh
// CHECK: math.sin
func.func @scores(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %g: tensor<?xf32>, %r: tensor<?xf32>,
                  %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %G = %g, %R = %r, %V = %v)
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>)
        -> tensor<?x8xf32> {
    %kg = attn.einsum [n,e] = mul(%K[n,e], %G[n])
        : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    %s = attn.einsum [m,n] = mul(%Q[m,e], %kg[n,e]) reduce add(e)
        : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %t = attn.einsum [m,n] = map(%s[m,n], %G[n], %R[m]) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %l = math.log1p %b : f32
      %h = math.tanh %c : f32
      %i = attn.index n : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %shift = arith.addf %b, %f : f32
      %wave = math.sin %shift : f32
      %x = arith.addf %a, %l : f32
      %y = arith.mulf %x, %h : f32
      %z = arith.addf %y, %wave : f32
      attn.yield %z : f32
    } : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %p = attn.einsum [m,n] = map(%t[m,n]) {
    ^bb0(%a: f32):
      %z = arith.constant 0.0 : f32
      %y = arith.maximumf %a, %z : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = div(%p[m,n], %d[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %o = attn.einsum [m,f] = mul(%w[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %o : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// Nor does what depends on both move: it would be a tensor as large as the plane.
// CHECK-LABEL: func.func @plane
// CHECK: attn.cascade
// CHECK: math.tanh
// CHECK-NOT: attn.cascade
func.func @plane(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %b: tensor<?x?xf32>,
                %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %B = %b, %V = %v)
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %t = attn.einsum [m,n] = map(%s[m,n], %B[m,n]) {
    ^bb0(%x: f32, %y: f32):
      %z = math.tanh %y : f32
      %r = arith.addf %x, %z : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %p = attn.einsum [m,n] = map(%t[m,n]) {
    ^bb0(%a: f32):
      %z = arith.constant 0.0 : f32
      %y = arith.maximumf %a, %z : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m,f] = mul(%p[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// What depends on both ranks of a restricted plane moves where neither fills
// lanes, but its dead points are 0: a copy over the plane stays.
// CHECK-LABEL: func.func @dead_points
// CHECK: %[[T:.*]] = attn.cascade
// CHECK: math.tanh
// CHECK: attn.cascade ({{.*}}%[[I:.*]] = %[[T]]) where prefix(3) over (m, n)
// CHECK: %[[C:.*]] = attn.einsum [m,n] = %[[I]][m,n] :
// CHECK: attn.yield %{{.*}}, %[[C]]
func.func @dead_points(%b: tensor<?x24xf32>, %c: tensor<?x24xf32>) -> (tensor<?xf32>, tensor<?x24xf32>) {
  %o:2 = attn.cascade (%B = %b, %C = %c) where prefix(3) over (m, n) align bottom_right
      : (tensor<?x24xf32>, tensor<?x24xf32>) -> (tensor<?xf32>, tensor<?x24xf32>) {
    %t = attn.einsum [m,n] = map(%B[m,n]) {
    ^bb0(%x: f32):
      %y = math.tanh %x : f32
      attn.yield %y : f32
    } : (tensor<?x24xf32>) -> tensor<?x24xf32>
    %r = attn.einsum [n,c] = mul(%B[m,n], %C[c,n]) reduce min(m)
        : (tensor<?x24xf32>, tensor<?x24xf32>) -> tensor<24x?xf32>
    %s = attn.einsum [c] = mul(%r[n,c], %C[c,n]) reduce add(n)
        : (tensor<24x?xf32>, tensor<?x24xf32>) -> tensor<?xf32>
    attn.yield %s, %t : tensor<?xf32>, tensor<?x24xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?x24xf32>
}
