// Softmax with the log-sum-exp, the row maximum and the entropy of the weights as further results.
// The entropy needs sum P (S - X), which no factor alone repairs when X moves: it moves with the
// sum of P as a pair.
func.func @statistics(%qs: tensor<?x16xf32>, %ks: tensor<?x16xf32>, %vs: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %r:4 = attn.cascade (%Q = %qs, %K = %ks, %V = %vs)
      where causal over (m, n) align bottom_right
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>)
      -> (tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
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
    // log D + X
    %lse = attn.einsum [m] = map(%sd[m], %gm[m]) {
    ^bb0(%d: f32, %x: f32):
      %l = math.log %d : f32
      %r = arith.addf %l, %x : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    // H = -sum A log A = log D - (sum P (S - X)) / D
    %di = attn.einsum [m,n] = sub(%sc[m,n], %gm[m])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %st = attn.einsum [m] = mul(%sn[m,n], %di[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %en = attn.einsum [m] = map(%sd[m], %st[m]) {
    ^bb0(%d: f32, %t: f32):
      %l = math.log %d : f32
      %q = arith.divf %t, %d : f32
      %r = arith.subf %l, %q : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %av, %lse, %gm, %en : tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
  }
  return %r#0, %r#1, %r#2, %r#3 : tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
