// RUN: attn-opt %s --attn-to-llvm -split-input-file -verify-diagnostics -o /dev/null

// A map of the running maximum that no law repairs: two passes, both fused.
func.func @two_passes(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-note @+2 {{this running value is involved}}
    // expected-remark @below {{starts another pass over 'n': applies 'math.tanh' to a value that moves}}
    %p = attn.einsum [m,n] = map(%s[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.mulf %b, %b : f32
      %d = arith.subf %a, %c : f32
      %t = math.tanh %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %y = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %y : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// Weights over a restricted plane that are a result: only an iteration tests the
// points of a plane. The cascade is compiled einsum by einsum, both passes, and
// remarks say why.
func.func @weights(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>) -> tensor<?x?xf32> {
  // expected-remark @below {{compiled einsum by einsum}}
  %o = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) align top_left : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32> {
    // expected-remark @below {{the cascade is compiled unfused: runs over the restricted plane outside of an iteration}}
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-remark @below {{starts another pass over 'n': is a result of the cascade and is indexed by 'n'}}
    %p = attn.einsum [m,n] = map(%s[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.exp %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %p : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// Each cascade has its own form: what does not fit tiles costs the other
// nothing.
// RUN: attn-opt %s --attn-to-llvm -split-input-file --attn-debug=form -o /dev/null 2>&1 | FileCheck %s
// CHECK: [attn-form] cascade0 of two_passes is compiled fused
// CHECK: [attn-form] cascade0 of weights is compiled unfused
// CHECK: [attn-form] cascade1 of two_forms is compiled unfused
// CHECK: [attn-form] cascade0 of two_forms is compiled fused
func.func @two_forms(%q: tensor<1x1x?x8xf32>, %k: tensor<1x1x?x8xf32>, %s: tensor<?x?xf32>) -> (tensor<1x1x?x8xf32>, tensor<?x?xf32>) {
  %a = attn.attention(%q, %k, %k) where causal : (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32>
  // expected-remark @below {{compiled einsum by einsum}}
  %b = attn.cascade (%S = %s) where causal over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-remark @below {{the cascade is compiled unfused: runs over the restricted plane outside of an iteration}}
    %r = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %a, %b : tensor<1x1x?x8xf32>, tensor<?x?xf32>
}

// -----

// A mapping of the user's own is for tiles; where the cascade is compiled
// einsum by einsum, nothing takes it for one that is tiled.
func.func @own_mapping(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-remark @below {{compiled einsum by einsum}}
  %o = attn.cascade (%S = %s) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 8, rows = 4, parallel = []> : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-remark @below {{the cascade is compiled unfused: runs over the restricted plane outside of an iteration}}
    %r = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}
