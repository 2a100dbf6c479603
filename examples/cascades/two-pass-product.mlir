// FuseMax, Cascade 1, for a batch of vectors: Z needs the whole of Y, and A again.
func.func @two_pass_product(%as: tensor<?x?xf32>, %bs: tensor<?x?xf32>)
    -> tensor<?xf32> {
  %r = attn.cascade (%A = %as, %B = %bs)
      : (tensor<?x?xf32>, tensor<?x?xf32>)
      -> tensor<?xf32> {
    %y = attn.einsum [b] = mul(%A[b,k], %B[b,k]) reduce add(k)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %z = attn.einsum [b] = mul(%y[b], %A[b,k]) reduce add(k)
        : (tensor<?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %z : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
