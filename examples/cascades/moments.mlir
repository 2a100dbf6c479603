// The entropy as it is defined, sum A (-log A), and the second moment of the scores about their
// maximum: products with one and with two values that move with it.
func.func @moments(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>) {
  %r:3 = attn.cascade (%Q = %qs, %K = %ks, %V = %vs)
      where causal over (m, n) align bottom_right
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>)
      -> (tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>) {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %sc = attn.einsum [m,n] = map(%qk[m,n]) {
    ^bb0(%x: f32):
      %c = arith.constant 0.25 : f32
      %r = arith.mulf %x, %c : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %sc[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%sc[m,n], %gm[m]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %p = math.exp %d : f32
      attn.yield %p : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %pa = attn.einsum [m,n] = div(%sn[m,n], %sd[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%pa[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %ld = attn.einsum [m] = map(%sd[m]) {
    ^bb0(%d: f32):
      %l = math.log %d : f32
      attn.yield %l : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    // -log A = log D - (S - X)
    %info = attn.einsum [m,n] = map(%ld[m], %sc[m,n], %gm[m]) {
    ^bb0(%d: f32, %s: f32, %x: f32):
      %t = arith.subf %s, %x : f32
      %r = arith.subf %d, %t : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %en = attn.einsum [m] = mul(%pa[m,n], %info[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    // sum A (S - X)^2
    %di = attn.einsum [m,n] = sub(%sc[m,n], %gm[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sq = attn.einsum [m,n] = mul(%di[m,n], %di[m,n])
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %vr = attn.einsum [m] = mul(%pa[m,n], %sq[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %av, %en, %vr : tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>
  }
  return %r#0, %r#1, %r#2 : tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>
}
