// RUN: attn-opt --resolve-ranked-shaped-type-result-dims --canonicalize --cse %s | FileCheck %s

// The dimensions of a result are those of operands.
// CHECK-LABEL: func @attention
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x8x?x64xf32>
// CHECK: %[[B:.*]] = tensor.dim %[[Q]], %c0
// CHECK: %[[M:.*]] = tensor.dim %[[Q]], %c2
// CHECK: return %[[B]], %[[M]], %[[M]]
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %o, %l = attn.attention(%q, %k, %k)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  %b = tensor.dim %o, %c0 : tensor<?x8x?x64xf32>
  %m = tensor.dim %o, %c2 : tensor<?x8x?x64xf32>
  %n = tensor.dim %l, %c2 : tensor<?x8x?xf32>
  return %b, %m, %n : index, index, index
}

// CHECK-LABEL: func @merge
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<?x8x?x32xf32>
// CHECK: %[[M:.*]] = tensor.dim %[[A]], %c2
// CHECK: return %[[M]], %[[M]]
func.func @merge(%a: tensor<?x8x?x32xf32>, %l: tensor<?x8x?xf32>) -> (index, index) {
  %c2 = arith.constant 2 : index
  %o, %s = attn.merge(%a) lse(%l) : (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>)
  %m = tensor.dim %o, %c2 : tensor<?x8x?x32xf32>
  %n = tensor.dim %s, %c2 : tensor<?x8x?xf32>
  return %m, %n : index, index
}

// CHECK-LABEL: func @mix
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<?x8x?x32xf32>
// CHECK: %[[M:.*]] = tensor.dim %[[A]], %c2
// CHECK: return %[[M]]
func.func @mix(%a: tensor<?x8x?x32xf32>, %b: tensor<?x8x?x32xf32>) -> index {
  %c2 = arith.constant 2 : index
  %o = attn.mix %a, %b : (tensor<?x8x?x32xf32>, tensor<?x8x?x32xf32>) -> tensor<?x8x?x32xf32>
  %m = tensor.dim %o, %c2 : tensor<?x8x?x32xf32>
  return %m : index
}

// By rank, through intermediates and an iteration, and from lengths.
// CHECK-LABEL: func @cascade
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<?x?x?xf32>, %[[T:[a-z0-9]+]]: tensor<?xf32>
// CHECK: %[[M:.*]] = tensor.dim %[[S]], %c1
// CHECK: %[[J:.*]] = tensor.dim %[[T]], %c0
// CHECK: return %[[M]], %[[J]], %[[M]]
func.func @cascade(%s: tensor<?x?x?xf32>, %t: tensor<?xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = attn.cascade (%S = %s, %T = %t) : (tensor<?x?x?xf32>, tensor<?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>) {
    %z = arith.constant 0.0 : f32
    %a = attn.einsum [m] = %S[b,m,n] reduce max(b,n) : (tensor<?x?x?xf32>) -> tensor<?xf32>
    %x = attn.einsum [m,j] = mul(%a[m], %T[j]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %w = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[b,m,n1*N0+n0] reduce add(b,n0) : (tensor<?x?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %x, %w : tensor<?x?xf32>, tensor<?xf32>
  }
  %m = tensor.dim %r#0, %c0 : tensor<?x?xf32>
  %j = tensor.dim %r#0, %c1 : tensor<?x?xf32>
  %w = tensor.dim %r#1, %c0 : tensor<?xf32>
  return %m, %j, %w : index, index, index
}

// An einsum by itself.
// CHECK-LABEL: func @einsum
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<?x?xf32>
// CHECK: %[[J:.*]] = tensor.dim %[[A]], %c1
// CHECK: return %[[J]]
func.func @einsum(%a: tensor<?x?xf32>) -> index {
  %c0 = arith.constant 0 : index
  %r = attn.einsum [j] = %a[i,j] reduce add(i) : (tensor<?x?xf32>) -> tensor<?xf32>
  %j = tensor.dim %r, %c0 : tensor<?xf32>
  return %j : index
}

// A tile has the shape of its destination.
// CHECK-LABEL: func @tile
// CHECK-SAME: %{{.*}}: tensor<?x8xf32>, %[[T:.*]]: tensor<?xf32>
// CHECK: tensor.dim %[[T]], %c0
func.func @tile(%x: tensor<?x8xf32>, %t: tensor<?xf32>) -> index {
  %c0 = arith.constant 0 : index
  %r = attn.tile_einsum [m] = %x[m,e] reduce add(e) outs(%t) : (tensor<?x8xf32>) -> tensor<?xf32>
  %d = tensor.dim %r, %c0 : tensor<?xf32>
  return %d : index
}
