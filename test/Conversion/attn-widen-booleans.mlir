// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-widen-booleans | FileCheck %s

// A mask reads bytes; its caller hands over booleans.
// CHECK: {boolean, dims = ["b", "m"], name = "arg1", output = false, type = tensor<?x?xi8>}
// CHECK-LABEL: func @mask
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<?x?xi8>
// CHECK: mask(%[[M]][b, n] : tensor<?x?xi8>)
func.func @mask(%q: tensor<?x8x?x64xf32>, %m: tensor<?x?xi1>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %q, %q) where mask(%m[b, n] : tensor<?x?xi1>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// Maps test the bytes, each where it reads them.
// CHECK: {boolean, dims = ["m", "n"], name = "arg1"
// CHECK-LABEL: func @maps
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<?x?xi8>
// CHECK: attn.cascade (%[[S:.*]] = %{{.*}}, %[[B:.*]] = %[[M]]) where mask(%[[B]][m,n])
// CHECK: attn.einsum [m] = map(%[[S]][m,n], %[[B]][m,n]) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[BYTE:.*]]: i8):
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : i8
// CHECK-NEXT: %[[SET:.*]] = arith.cmpi ne, %[[BYTE]], %[[ZERO]] : i8
// CHECK: arith.select %[[SET]], %[[X]]
// CHECK: attn.einsum [m] = map(%[[B]][m,n]) {
// CHECK-NEXT: ^bb0(%[[BYTE:.*]]: i8):
// CHECK: %[[SET:.*]] = arith.cmpi ne, %[[BYTE]]
// CHECK-NEXT: attn.yield %[[SET]] : i1
// CHECK: reduce or(n)
func.func @maps(%s: tensor<?x?xf32>, %m: tensor<?x?xi1>) -> tensor<?xf32> {
  %x = attn.cascade (%S = %s, %M = %m) where mask(%M[m,n]) over (m, n)
      : (tensor<?x?xf32>, tensor<?x?xi1>) -> tensor<?xf32> {
    %a = attn.einsum [m] = map(%S[m,n], %M[m,n]) {
    ^bb0(%v: f32, %b: i1):
      %n = arith.negf %v : f32
      %r = arith.select %b, %v, %n : f32
      attn.yield %r : f32
    } reduce add(n) : (tensor<?x?xf32>, tensor<?x?xi1>) -> tensor<?xf32>
    %o = attn.einsum [m] = map(%M[m,n]) {
    ^bb0(%b: i1):
      attn.yield %b : i1
    } reduce or(n) : (tensor<?x?xi1>) -> tensor<?xi1>
    %r = attn.einsum [m] = map(%a[m], %o[m]) {
    ^bb0(%v: f32, %b: i1):
      %c = arith.uitofp %b : i1 to f32
      %y = arith.addf %v, %c : f32
      attn.yield %y : f32
    } : (tensor<?xf32>, tensor<?xi1>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %x : tensor<?xf32>
}

// -----

// What another operation reads is left.
// CHECK-NOT: boolean
// CHECK-LABEL: func @converted
// CHECK-SAME: %{{.*}}: tensor<8x16xi1>
func.func @converted(%s: tensor<8x16xf32>, %m: tensor<8x16xi1>) -> (tensor<8xf32>, tensor<8x16xf32>) {
  %x = attn.cascade (%S = %s, %M = %m) where mask(%M[m,n]) over (m, n)
      : (tensor<8x16xf32>, tensor<8x16xi1>) -> tensor<8xf32> {
    %a = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<8x16xf32>) -> tensor<8xf32>
    attn.yield %a : tensor<8xf32>
  }
  %y = arith.uitofp %m : tensor<8x16xi1> to tensor<8x16xf32>
  return %x, %y : tensor<8xf32>, tensor<8x16xf32>
}
