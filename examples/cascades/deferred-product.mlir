// FuseMax, Cascade 2: Y leaves the sum over k, and one pass is left.
func.func @deferred_product(%as: tensor<?x?xf32>, %bs: tensor<?x?xf32>)
    -> tensor<?xf32> {
  %r = attn.cascade (%A = %as, %B = %bs)
      : (tensor<?x?xf32>, tensor<?x?xf32>)
      -> tensor<?xf32> {
    %y = attn.einsum [b] = mul(%A[b,k], %B[b,k]) reduce add(k)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %x = attn.einsum [b] = %A[b,k] reduce add(k) : (tensor<?x?xf32>) -> tensor<?xf32>
    %z = attn.einsum [b] = mul(%y[b], %x[b])
        : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %z : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
