// RUN: attn-opt %s --attn-plan-sparsity --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s

// Two keys of every sixteen are live, from key 10 on. An item finds how many of them
// there are among all keys, and how many in front of its window: each from the runs
// in front of a key and how much of the next one is.
// CHECK-LABEL: func.func @f_run0
// CHECK: %[[FROM:.*]] = arith.subi %{{.*}}, %c10
// CHECK: %[[RUNS:.*]] = arith.floordivsi %[[FROM]], %c16
// CHECK: %[[WHOLE:.*]] = arith.muli %[[RUNS]], %c16
// CHECK: %[[REST:.*]] = arith.subi %[[FROM]], %[[WHOLE]]
// CHECK: %[[KEYS:.*]] = arith.muli %[[RUNS]], %c2
// CHECK: %[[LAST:.*]] = arith.minsi %[[REST]], %c2
// CHECK: arith.addi %[[KEYS]], %[[LAST]]

// A step writes its tokens down, what lies between the runs skipped once for each,
// and reads keys and values through them.
// CHECK: scf.for %{{.*}} step %c32
// CHECK: attn.tile_einsum [n0] = map() {
// CHECK: %[[PASSED:.*]] = arith.shrsi %[[NUMBER:.*]], %c1_i32
// CHECK: %[[BETWEEN:.*]] = arith.muli %[[PASSED]], %c14_i32
// CHECK: %[[NAMED:.*]] = arith.addi %{{.*}}, %[[NUMBER]]
// CHECK: %[[TOKEN:.*]] = arith.addi %[[NAMED]], %[[BETWEEN]]
// CHECK: attn.yield %[[TOKEN]] : i32
// CHECK: } outs(%[[TABLE:.*]]) : () -> memref<?xi32
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[%{{.*}}[n0],e])

// Then the ranges, whose keys have their own numbers.
// CHECK: scf.for %{{.*}} step %c32
// CHECK-NOT: memref<?xi32
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[n0,e])
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and (window(31, 0) or strided(8, 3, block 2)) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>) {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
