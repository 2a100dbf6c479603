// Rotary embedding of queries and keys, positions as data, fused into their loads:
// the cascades that rotate become part of the attention's. In bf16 or f16 they are
// phases in front of it, so that matrix units multiply what they write.
func.func @rope(%q: tensor<?x4x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %cm: tensor<?x32xf32>, %sm: tensor<?x32xf32>, %cn: tensor<?x32xf32>, %sn: tensor<?x32xf32>) -> tensor<?x4x?x64xf32> {
  %kr = attn.cascade (%K = %k, %C = %cn, %S = %sn) : (tensor<?x2x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32> {
    %r = attn.einsum [b,h,n,e] = map(%K[b,h,n,e], %K[b,h,n,(e+32) mod 64], %C[n,e mod 32], %S[n,e mod 32]) {
    ^bb0(%x: f32, %y: f32, %cos: f32, %sin: f32):
      %i = attn.index e : index
      %c32 = arith.constant 32 : index
      %first = arith.cmpi ult, %i, %c32 : index
      %neg = arith.negf %y : f32
      %z = arith.select %first, %neg, %y : f32
      %xc = arith.mulf %x, %cos : f32
      %zs = arith.mulf %z, %sin : f32
      %o2 = arith.addf %xc, %zs : f32
      attn.yield %o2 : f32
    } : (tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32>
    attn.yield %r : tensor<?x2x?x64xf32>
  }
  %qr = attn.cascade (%K = %q, %C = %cm, %S = %sm) : (tensor<?x4x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x4x?x64xf32> {
    %r = attn.einsum [b,h,n,e] = map(%K[b,h,n,e], %K[b,h,n,(e+32) mod 64], %C[n,e mod 32], %S[n,e mod 32]) {
    ^bb0(%x: f32, %y: f32, %cos: f32, %sin: f32):
      %i = attn.index e : index
      %c32 = arith.constant 32 : index
      %first = arith.cmpi ult, %i, %c32 : index
      %neg = arith.negf %y : f32
      %z = arith.select %first, %neg, %y : f32
      %xc = arith.mulf %x, %cos : f32
      %zs = arith.mulf %z, %sin : f32
      %o2 = arith.addf %xc, %zs : f32
      attn.yield %o2 : f32
    } : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x4x?x64xf32>
    attn.yield %r : tensor<?x4x?x64xf32>
  }
  %o = attn.attention(%qr, %kr, %v) where causal : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}
