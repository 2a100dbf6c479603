// Stochastic attention: every query sees a window of the keys that a random order
// of the tokens puts beside it, of those no later than itself. The order is data,
// one for queries and keys, and so are the positions of the rotary embedding: its
// rows of cosines and sines are those of the tokens, not of the slots. Rotations
// and order are part of the loads, and the window bounds the slots that are visited.
func.func @stochastic_attention(%q: tensor<?x4x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>,
                                %cos: tensor<?x32xf32>, %sin: tensor<?x32xf32>, %order: tensor<?xi32>) -> tensor<?x4x?x64xf32> {
  %kr = attn.cascade (%K = %k, %C = %cos, %S = %sin) : (tensor<?x2x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32> {
    %r = attn.einsum [b,h,n,e] = map(%K[b,h,n,e], %K[b,h,n,(e+32) mod 64], %C[n,e mod 32], %S[n,e mod 32]) {
    ^bb0(%x: f32, %y: f32, %c: f32, %s: f32):
      %i = attn.index e : index
      %c32 = arith.constant 32 : index
      %first = arith.cmpi ult, %i, %c32 : index
      %neg = arith.negf %y : f32
      %z = arith.select %first, %neg, %y : f32
      %xc = arith.mulf %x, %c : f32
      %zs = arith.mulf %z, %s : f32
      %o2 = arith.addf %xc, %zs : f32
      attn.yield %o2 : f32
    } : (tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32>
    attn.yield %r : tensor<?x2x?x64xf32>
  }
  %qr = attn.cascade (%K = %q, %C = %cos, %S = %sin) : (tensor<?x4x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x4x?x64xf32> {
    %r = attn.einsum [b,h,n,e] = map(%K[b,h,n,e], %K[b,h,n,(e+32) mod 64], %C[n,e mod 32], %S[n,e mod 32]) {
    ^bb0(%x: f32, %y: f32, %c: f32, %s: f32):
      %i = attn.index e : index
      %c32 = arith.constant 32 : index
      %first = arith.cmpi ult, %i, %c32 : index
      %neg = arith.negf %y : f32
      %z = arith.select %first, %neg, %y : f32
      %xc = arith.mulf %x, %c : f32
      %zs = arith.mulf %z, %s : f32
      %o2 = arith.addf %xc, %zs : f32
      attn.yield %o2 : f32
    } : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x4x?x64xf32>
    attn.yield %r : tensor<?x4x?x64xf32>
  }
  %o = attn.attention(%qr, %kr, %v) where window(128, 128) in permuted and causal
      permute(%order : tensor<?xi32>) : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}
