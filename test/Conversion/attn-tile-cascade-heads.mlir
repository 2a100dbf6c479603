// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade | FileCheck %s

// An item reads the rows of its own head and those of the next: each tile has a
// copy, in the lanes of the step.
// CHECK-LABEL: func.func @two_heads_run0
// CHECK: %[[FIRST:.*]] = memref.view {{.*}} to memref<8x16xf32>
// CHECK: attn.tile_einsum {{.*}} outs(%[[FIRST]])
// CHECK: %[[SECOND:.*]] = memref.view {{.*}} to memref<8x16xf32>
// CHECK: attn.tile_einsum {{.*}} outs(%[[SECOND]])
// CHECK: scf.for
// CHECK: attn.tile_einsum [n0,m] = mul(%[[FIRST]][e,m], %[[SECOND]][e,m]) reduce add(e)
func.func @two_heads(%q: tensor<4x?x8xf32>, %b: tensor<?xf32>) -> tensor<4x?xf32> {
  %o = attn.cascade (%Q = %q, %B = %b) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = [h]> : (tensor<4x?x8xf32>, tensor<?xf32>) -> tensor<4x?xf32> {
    %z = attn.einsum [h,m] = map() {
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : () -> tensor<4x?xf32>
    %r = attn.iterate n1 of n by n0 init(%z : tensor<4x?xf32>) {
    ^bb0(%c: tensor<4x?xf32>):
      %s = attn.einsum [h,m,n0] = mul(%Q[h,m,e], %Q[(h + 1) mod 4,m,e]) reduce add(e) : (tensor<4x?x8xf32>, tensor<4x?x8xf32>) -> tensor<4x?x?xf32>
      %t = attn.einsum [h,m,n0] = add(%s[h,m,n0], %B[n1*N0+n0]) : (tensor<4x?x?xf32>, tensor<?xf32>) -> tensor<4x?x?xf32>
      %u = attn.einsum [h,m] = %t[h,m,n0] reduce max(n0) : (tensor<4x?x?xf32>) -> tensor<4x?xf32>
      %v = attn.einsum [h,m] = max(%u[h,m], %c[h,m]) : (tensor<4x?xf32>, tensor<4x?xf32>) -> tensor<4x?xf32>
      attn.yield %v : tensor<4x?xf32>
    }
    attn.yield %r : tensor<4x?xf32>
  }
  return %o : tensor<4x?xf32>
}
