// A statistic of the scores that has no name, the one that is farthest from 0. It may be
// looked for in any order and is found in the pass of the softmax, by a region declared
// commutative.
func.func @region_statistics(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?xf32>) {
  %o, %p = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align bottom_right
      : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?xf32>) {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
        : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
    %far = attn.einsum [m] = %s[m,n] reduce associative(n) identity(0.0 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %x = math.absf %a : f32
      %y = math.absf %b : f32
      %more = arith.cmpf ogt, %x, %y : f32
      %same = arith.cmpf oeq, %x, %y : f32
      %one = arith.select %more, %a, %b : f32
      %top = arith.maximumf %a, %b : f32
      %r = arith.select %same, %top, %one : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    %m = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = map(%s[m,n], %m[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %w[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%w[m,n], %d[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %z = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %z, %far : tensor<?x8xf32>, tensor<?xf32>
  }
  return %o, %p : tensor<?x8xf32>, tensor<?xf32>
}
