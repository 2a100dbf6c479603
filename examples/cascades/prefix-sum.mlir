// Prefix sums as an iteration, S[i+1] = S[i] + A[i]: every generation is a result.
func.func @prefix_sum(%as: tensor<?x?xf32>)
    -> tensor<?x?xf32> {
  %r = attn.cascade (%A = %as)
      : (tensor<?x?xf32>)
      -> tensor<?x?xf32> {
    %zero = arith.constant 0.0 : f32
    %s0 = attn.einsum [b] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %g0 = attn.einsum [b,j] = map(%A[b,j]) {
    ^bb0(%x: f32):
      attn.yield %zero : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %s, %g = attn.iterate i of k by k0 init(%s0, %g0 : tensor<?xf32>, tensor<?x?xf32>) {
    ^bb0(%S: tensor<?xf32>, %G: tensor<?x?xf32>):
      %ai = attn.einsum [b,k0] = %A[b,i*K0+k0] : (tensor<?x?xf32>) -> tensor<?x1xf32>
      %li = attn.einsum [b] = %ai[b,k0] reduce add(k0) : (tensor<?x1xf32>) -> tensor<?xf32>
      %sn = attn.einsum [b] = add(%S[b], %li[b])
          : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      // The generation is kept where it belongs.
      %gn = attn.einsum [b,j] = map(%G[b,j], %sn[b], %A[b,i]) {
      ^bb0(%o: f32, %n: f32, %a: f32):
        %c = attn.index j : index
        %d = attn.index i : index
        %e = arith.cmpi eq, %c, %d : index
        %r = arith.select %e, %n, %o : f32
        attn.yield %r : f32
      } : (tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %sn, %gn : tensor<?xf32>, tensor<?x?xf32>
    }
    attn.yield %g : tensor<?x?xf32>
  }
  return %r : tensor<?x?xf32>
}
