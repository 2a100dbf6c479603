// 1.5-entmax attention: weights max(z - t, 0)^2 with z half of the scores and t such that they sum
// to 1, by three steps of Newton's method. What is cut off changes with t in no way that a law
// describes.
func.func @entmax(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>)
    -> tensor<?x8xf32> {
  %r = attn.cascade (%Q = %qs, %K = %ks, %V = %vs)
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>)
      -> tensor<?x8xf32> {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %sc = attn.einsum [m,n] = map(%qk[m,n]) {
    ^bb0(%x: f32):
      %c = arith.constant 0.125 : f32
      %r = arith.mulf %x, %c : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %sc[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %t0 = attn.einsum [m] = map(%gm[m]) {
    ^bb0(%x: f32):
      %o = arith.constant 1.0 : f32
      %r = arith.subf %x, %o : f32
      attn.yield %r : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    // Newton's step 1
    %u0 = attn.einsum [m,n] = map(%sc[m,n], %t0[m]) {
    ^bb0(%z: f32, %t: f32):
      %d = arith.subf %z, %t : f32
      %o = arith.constant 0.0 : f32
      %u = arith.maximumf %d, %o : f32
      attn.yield %u : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %f0 = attn.einsum [m] = mul(%u0[m,n], %u0[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %g0 = attn.einsum [m] = %u0[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %t1 = attn.einsum [m] = map(%t0[m], %f0[m], %g0[m]) {
    ^bb0(%t: f32, %f: f32, %g: f32):
      %o = arith.constant 1.0 : f32
      %h = arith.constant 0.5 : f32
      %a = arith.subf %f, %o : f32
      %b = arith.divf %a, %g : f32
      %c = arith.mulf %b, %h : f32
      %r = arith.addf %t, %c : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    // Newton's step 2
    %u1 = attn.einsum [m,n] = map(%sc[m,n], %t1[m]) {
    ^bb0(%z: f32, %t: f32):
      %d = arith.subf %z, %t : f32
      %o = arith.constant 0.0 : f32
      %u = arith.maximumf %d, %o : f32
      attn.yield %u : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %f1 = attn.einsum [m] = mul(%u1[m,n], %u1[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %g1 = attn.einsum [m] = %u1[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %t2 = attn.einsum [m] = map(%t1[m], %f1[m], %g1[m]) {
    ^bb0(%t: f32, %f: f32, %g: f32):
      %o = arith.constant 1.0 : f32
      %h = arith.constant 0.5 : f32
      %a = arith.subf %f, %o : f32
      %b = arith.divf %a, %g : f32
      %c = arith.mulf %b, %h : f32
      %r = arith.addf %t, %c : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    // Newton's step 3
    %u2 = attn.einsum [m,n] = map(%sc[m,n], %t2[m]) {
    ^bb0(%z: f32, %t: f32):
      %d = arith.subf %z, %t : f32
      %o = arith.constant 0.0 : f32
      %u = arith.maximumf %d, %o : f32
      attn.yield %u : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %f2 = attn.einsum [m] = mul(%u2[m,n], %u2[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %g2 = attn.einsum [m] = %u2[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %t3 = attn.einsum [m] = map(%t2[m], %f2[m], %g2[m]) {
    ^bb0(%t: f32, %f: f32, %g: f32):
      %o = arith.constant 1.0 : f32
      %h = arith.constant 0.5 : f32
      %a = arith.subf %f, %o : f32
      %b = arith.divf %a, %g : f32
      %c = arith.mulf %b, %h : f32
      %r = arith.addf %t, %c : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %u3 = attn.einsum [m,n] = map(%sc[m,n], %t3[m]) {
    ^bb0(%z: f32, %t: f32):
      %d = arith.subf %z, %t : f32
      %o = arith.constant 0.0 : f32
      %u = arith.maximumf %d, %o : f32
      attn.yield %u : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %pw = attn.einsum [m,n] = mul(%u3[m,n], %u3[m,n])
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%pw[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
