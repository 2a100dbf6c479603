// RUN: attn-opt --attn-derive-cascades %s | FileCheck %s

// The distance to the maximum is computed in the map of the weights, unless the
// text of the three passes asks for a tile of it in memory.
// CHECK: attn.iterate
// CHECK: sub({{.*}}) in cache :
// CHECK-NEXT: map({{.*}}) {
// CHECK-NEXT: ^bb0
// CHECK-NEXT: math.exp
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = map(%s[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.subf %a, %b : f32
      attn.yield %c : f32
    } in cache : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %p = attn.einsum [m,n] = map(%d[m,n]) {
    ^bb0(%a: f32):
      %c = math.exp %a : f32
      attn.yield %c : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %t = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = div(%p[m,n], %t[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m,f] = mul(%w[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
