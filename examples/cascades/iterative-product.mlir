// FuseMax, Cascade 3: one element of k per step. The old sum of Z is corrected by the ratio of the
// new Y to the old.
func.func @iterative_product(%as: tensor<?x?xf32>, %bs: tensor<?x?xf32>)
    -> tensor<?xf32> {
  %r = attn.cascade (%A = %as, %B = %bs)
      : (tensor<?x?xf32>, tensor<?x?xf32>)
      -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %ry0 = attn.einsum [b] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %rz0 = attn.einsum [b] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %y, %z = attn.iterate i of k by k0 init(%ry0, %rz0 : tensor<?xf32>, tensor<?xf32>) {
    ^bb0(%RY: tensor<?xf32>, %RZ: tensor<?xf32>):
      %ai = attn.einsum [b,k0] = %A[b,i*K0+k0] : (tensor<?x?xf32>) -> tensor<?x1xf32>
      %bi = attn.einsum [b,k0] = %B[b,i*K0+k0] : (tensor<?x?xf32>) -> tensor<?x1xf32>
      %ly = attn.einsum [b] = mul(%ai[b,k0], %bi[b,k0]) reduce add(k0)
          : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?xf32>
      %ry = attn.einsum [b] = add(%RY[b], %ly[b])
          : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %lz = attn.einsum [b] = mul(%ry[b], %ai[b,k0]) reduce add(k0)
          : (tensor<?xf32>, tensor<?x1xf32>) -> tensor<?xf32>
      // RZ * RY' / RY + RY' * A
      %rz = attn.einsum [b] = map(%RZ[b], %ry[b], %RY[b], %lz[b]) {
      ^bb0(%s: f32, %n: f32, %o: f32, %l: f32):
        %c = arith.divf %n, %o : f32
        %p = arith.mulf %s, %c : f32
        %q = arith.addf %p, %l : f32
        attn.yield %q : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %ry, %rz : tensor<?xf32>, tensor<?xf32>
    }
    attn.yield %z : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
