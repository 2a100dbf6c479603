// Attention over a cache in pages of 32 rows: page p of the sequence is page T[p] of the cache.
// Pages and their rows become one rank of keys, whose rows a step reads where the table says.
func.func @paged_attention(%q: tensor<?x16xf32>, %k: tensor<?x32x16xf32>, %v: tensor<?x32x8xf32>, %t: tensor<?xi32>)
    -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %T = %t)
      : (tensor<?x16xf32>, tensor<?x32x16xf32>, tensor<?x32x8xf32>, tensor<?xi32>)
      -> tensor<?x8xf32> {
    %s = attn.einsum [m,p,j] = mul(%Q[m,e], %K[%T[p],j,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x32x16xf32>, tensor<?xi32>) -> tensor<?x?x32xf32>
    %x = attn.einsum [m] = %s[m,p,j] reduce max(p, j) : (tensor<?x?x32xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,p,j] = map(%s[m,p,j], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?x32xf32>, tensor<?xf32>) -> tensor<?x?x32xf32>
    %d = attn.einsum [m] = %w[m,p,j] reduce add(p, j) : (tensor<?x?x32xf32>) -> tensor<?xf32>
    %n = attn.einsum [m,f] = mul(%w[m,p,j], %V[%T[p],j,f]) reduce add(p, j)
        : (tensor<?x?x32xf32>, tensor<?x32x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    %r = attn.einsum [m,f] = div(%n[m,f], %d[m]) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
