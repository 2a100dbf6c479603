// RUN: attn-opt %s --split-input-file --verify-diagnostics --attn-lower-to-linalg=remarks=false

func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x8x?x64xf32>, %v: tensor<?x8x?x32xf32>) -> tensor<?x8x?x32xf32> {
  // expected-error@+1 {{is no cascade; run attn-expand-attention first}}
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x32xf32>) -> tensor<?x8x?x32xf32>
  return %o : tensor<?x8x?x32xf32>
}

// -----

func.func @unknown_extent(%x: tensor<?xf32>) -> tensor<?xf32> {
  %a = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    // expected-error@+1 {{the extent of rank 'n' is not known: no input of the cascade has a dimension indexed by it alone}}
    %y = attn.einsum [n] = map(%X[2*n]) { ^bb0(%u: f32): attn.yield %u : f32 } : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %y : tensor<?xf32>
  }
  return %a : tensor<?xf32>
}

// -----

func.func @lengths_without_batch(%s: tensor<?x?xf32>, %kl: tensor<?xi64>) -> tensor<?xf32> {
  %a = attn.cascade (%S = %s, %KL = %kl) where causal over (m, n) align bottom_right lengths key(%KL[b]) : (tensor<?x?xf32>, tensor<?xi64>) -> tensor<?xf32> {
    // expected-error@+1 {{is restricted along 'b', a rank that it does not have}}
    %x = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %a : tensor<?xf32>
}
