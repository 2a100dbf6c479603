// RUN: attn-opt --one-shot-bufferize=bufferize-function-boundaries --split-input-file --verify-diagnostics %s

func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  // expected-error @+2 {{'attn.attention' op has no form on buffers: run attn-expand-attention and attn-lower-to-linalg before bufferization}}
  // expected-error @+1 {{failed to bufferize op}}
  %o = attn.attention(%q, %k, %k) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

func.func @merge(%a: tensor<?x8x?x64xf32>, %l: tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32> {
  // expected-error @+2 {{'attn.merge' op has no form on buffers: run attn-expand-attention and attn-lower-to-linalg before bufferization}}
  // expected-error @+1 {{failed to bufferize op}}
  %o = attn.merge(%a) lse(%l) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

func.func @cascade(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'attn.cascade' op has no form on buffers}}
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    // expected-error @+1 {{failed to bufferize op}}
    %i = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @einsum(%x: tensor<16x32xf32>) -> tensor<16xf32> {
  // expected-error @+2 {{'attn.einsum' op has no form on buffers: an einsum needs a destination, and a cascade becomes linalg on tensors by attn-lower-to-linalg}}
  // expected-error @+1 {{failed to bufferize op}}
  %r = attn.einsum [m] = %x[m,n] reduce max(n) : (tensor<16x32xf32>) -> tensor<16xf32>
  return %r : tensor<16xf32>
}
