// RUN: attn-opt %s --split-input-file --attn-expand-attention --attn-normalize-cascade --attn-choose-form | FileCheck %s

// Nobody reads the first cascade: it is no phase, and nor is what it alone reads.
// CHECK-LABEL: func.func @unread
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
func.func @unread(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %z = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %r = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  %a = attn.cascade (%S = %z) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %b = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %b : tensor<?xf32>
}

// -----

// The scores of the second attention are a constant, so that it does not read
// the first one.
// CHECK-LABEL: func.func @unread_scores
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.cascade
func.func @unread_scores(%q: tensor<4x2x8x16xf32>, %k: tensor<4x2x?x16xf32>) -> tensor<4x2x8x16xf32> {
  %a = attn.attention(%q, %k, %k) where causal : (tensor<4x2x8x16xf32>, tensor<4x2x?x16xf32>, tensor<4x2x?x16xf32>) -> tensor<4x2x8x16xf32>
  %b = attn.attention(%a, %k, %k) score [map() {
    ^bb0(%s: f32, %ib: index, %ih: index, %im: index, %in: index):
      %c = arith.constant 0.5 : f32
      attn.yield %c : f32
    }] : (tensor<4x2x8x16xf32>, tensor<4x2x?x16xf32>, tensor<4x2x?x16xf32>) -> tensor<4x2x8x16xf32>
  return %b : tensor<4x2x8x16xf32>
}

// -----

// Weights that do not depend on the scores: the second one does not read the
// result of the first, of which the log-sum-exp is left.
// CHECK-LABEL: func.func @unread_result
// CHECK: attn.cascade {{.*}} -> tensor<4x1x1x?xf32> {
// CHECK: attn.cascade {{.*}} -> tensor<4x1x1x?x2xf32> {
// CHECK-NOT: attn.cascade
func.func @unread_result(%q: tensor<4x1x?x2xf32>, %k: tensor<4x1x16x2xf32>, %k2: tensor<4x1x?x2xf32>, %w: tensor<?x1x?x4xf32>) -> (tensor<4x1x?x2xf32>, tensor<4x1x?xf32>) {
  %a, %l = attn.attention(%q, %k, %k) : (tensor<4x1x?x2xf32>, tensor<4x1x16x2xf32>, tensor<4x1x16x2xf32>) -> (tensor<4x1x?x2xf32>, tensor<4x1x?xf32>)
  %b = attn.attention(%a, %k2, %k2) weights(%w[n, h, m, b] : tensor<?x1x?x4xf32>) {
    ^bb0(%s: f32, %x: f32, %ib: index, %ih: index, %im: index, %in: index):
      attn.yield %x : f32
    } : (tensor<4x1x?x2xf32>, tensor<4x1x?x2xf32>, tensor<4x1x?x2xf32>) -> tensor<4x1x?x2xf32>
  return %b, %l : tensor<4x1x?x2xf32>, tensor<4x1x?xf32>
}

// -----

// The unread result alone says how long the other is: neither goes, and the
// cascade is no kernel of tiles.
// CHECK-LABEL: func.func @unread_extent
// CHECK: attn.cascade (%{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}) : {{.*}} -> (tensor<5x?xf32>, tensor<5x?xf32>) {
// CHECK-NOT: attn.cascade
func.func @unread_extent(%x: tensor<?x5xf32>, %y: tensor<5xf32>) -> tensor<5x?xf32> {
  %a, %b = attn.cascade (%X = %x, %Y = %y) : (tensor<?x5xf32>, tensor<5xf32>) -> (tensor<5x?xf32>, tensor<5x?xf32>) {
    %r = attn.einsum [e,n] = %X[n,e] : (tensor<?x5xf32>) -> tensor<5x?xf32>
    %s = attn.einsum [u,n] = map(%Y[u]) {
    ^bb0(%v: f32):
      %w = math.tanh %v : f32
      attn.yield %w : f32
    } : (tensor<5xf32>) -> tensor<5x?xf32>
    attn.yield %r, %s : tensor<5x?xf32>, tensor<5x?xf32>
  }
  return %b : tensor<5x?xf32>
}
