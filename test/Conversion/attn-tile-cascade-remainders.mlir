// RUN: attn-opt %s --attn-plan-sparsity --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s

// Rows of one remainder, by 1 in the first head and by 4 in the second. There are
// as many items in each head as the one of more remainders takes; a head of fewer
// has no rows in those behind its own.
// CHECK-LABEL: func.func @heads_items0
// CHECK: %[[NEXT:.*]] = arith.ceildivui %{{.*}}, %c16
// CHECK: %[[EACH:.*]] = arith.ceildivui %{{.*}}, %c4
// CHECK: %[[TILES:.*]] = arith.ceildivui %[[EACH]], %c16
// CHECK: %[[REMAINDERS:.*]] = arith.minsi %{{.*}}, %c4
// CHECK: %[[APART:.*]] = arith.muli %[[TILES]], %[[REMAINDERS]]
// CHECK: arith.maxsi %{{.*}}, %[[APART]]
// CHECK-LABEL: func.func @heads_run0
// CHECK: %[[APART:.*]] = arith.muli %{{.*}}, %c3
// CHECK: %[[STEP:.*]] = arith.addi %[[APART]], %c1
// CHECK: %[[FIRST:.*]] = arith.divui
// CHECK: %[[ROWS:.*]] = arith.ceildivui %{{.*}}, %[[STEP]]
// CHECK: %[[IS_OWN:.*]] = arith.cmpi slt, %[[FIRST]], %[[STEP]]
// CHECK: arith.select %[[IS_OWN]], %[[ROWS]], %c0
// CHECK: memref.subview %arg0[%{{.*}}] [1, %{{.*}}, 8] [1, %[[STEP]], 1]
// CHECK: scf.for
// CHECK: memref.subview %arg3[%{{.*}}] [1, %{{.*}}, 8] [1, %[[STEP]], 1]
func.func @heads(%q: tensor<2x?x8xf32>, %k: tensor<2x?x8xf32>, %v: tensor<2x?x8xf32>) -> tensor<2x?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and dilated(1024, [1, 4]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [h]>
      : (tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>) -> tensor<2x?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [h,m,f] = map() { attn.yield %zero : f32 } : () -> tensor<2x?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?x8xf32>) {
    ^bb0(%A: tensor<2x?x8xf32>):
      %s = attn.einsum [h,m,n0] = mul(%Q[h,m,e], %K[h,n1*N0+n0,e]) reduce add(e) : (tensor<2x?x8xf32>, tensor<2x?x8xf32>) -> tensor<2x?x?xf32>
      %l = attn.einsum [h,m,f] = mul(%s[h,m,n0], %V[h,n1*N0+n0,f]) reduce add(n0) : (tensor<2x?x?xf32>, tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
      %n = attn.einsum [h,m,f] = add(%A[h,m,f], %l[h,m,f]) : (tensor<2x?x8xf32>, tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
      attn.yield %n : tensor<2x?x8xf32>
    }
    attn.yield %r : tensor<2x?x8xf32>
  }
  return %o : tensor<2x?x8xf32>
}
