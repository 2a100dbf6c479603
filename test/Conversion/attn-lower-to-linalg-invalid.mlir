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

// -----

func.func @splits(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %a = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %zero : f32 } : () -> tensor<?x?xf32>
    // expected-error@+1 {{an iteration with splits is compiled fused alone}}
    %r = attn.iterate n1 of n by n0 split s by 64 init(%i : tensor<?x?xf32>) {
    ^bb0(%A: tensor<?x?xf32>):
      %l = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %n : tensor<?x?xf32>
    }
    attn.yield %r : tensor<?x?xf32>
  }
  return %a : tensor<?x?xf32>
}
