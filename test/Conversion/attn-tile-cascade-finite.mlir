// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s

// A NaN stays in the sum that the steps carry. So nobody looks at the values of a
// partial step, unless an item has ended with a sum that is not finite: it is
// computed again, and the flag is for all items behind it.
// CHECK-LABEL: func.func @sums_run0
// CHECK: %[[FLAG:.*]] = memref.alloca() : memref<i1>
// CHECK: memref.store %false, %[[FLAG]][]
// CHECK: scf.for
// CHECK: scf.while : () -> ()
// CHECK: %[[BEFORE:.*]] = memref.load %[[FLAG]][]
// CHECK: attn.tile_einsum [f,m] = map()
// CHECK: %[[CAREFUL:.*]] = memref.load %[[FLAG]][]
// CHECK: %[[FINITE:.*]] = scf.if %[[CAREFUL]] -> (i1)
// CHECK: attn.tile_einsum [f] = map(%{{.*}}[n0,f])
// CHECK: } else {
// CHECK-NEXT: scf.yield %true
// CHECK: scf.if %[[FINITE]]
// CHECK: attn.tile_einsum [f,m] = mul(
// CHECK: } else {
// CHECK: arith.select
// The results of the item, and its sums.
// CHECK: attn.tile_einsum [m,f] = %{{.*}}[f,m]
// CHECK: attn.tile_einsum [m] = map(%{{.*}}[f,m])
// CHECK: %[[ALL:.*]] = arith.cmpf oeq
// CHECK: %[[WANTED:.*]] = arith.ori %[[BEFORE]], %[[ALL]]
// CHECK: %[[AGAIN:.*]] = arith.xori %[[WANTED]], %true
// CHECK: %[[NEXT:.*]] = arith.ori %[[BEFORE]], %[[AGAIN]]
// CHECK: memref.store %[[NEXT]], %[[FLAG]][]
// CHECK: scf.condition(%[[AGAIN]])
func.func @sums(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
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

// -----

// Every operation between one sum and the next keeps a NaN.
// CHECK-LABEL: func.func @repaired_run0
// CHECK: memref.alloca() : memref<i1>
// CHECK: scf.while
func.func @repaired(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = map(%A[m,f], %l[m,f]) {
      ^bb0(%a: f32, %b: f32):
        %two = arith.constant 2.0 : f32
        %c = arith.divf %two, %a : f32
        %d = arith.addf %c, %b : f32
        attn.yield %d : f32
      } : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// This one loses it: the values are looked at in each partial step.
// CHECK-LABEL: func.func @lost_run0
// CHECK-NOT: memref.alloca
// CHECK-NOT: scf.while
// CHECK: attn.tile_einsum [f] = map(%{{.*}}[n0,f])
// CHECK: %[[ALL:.*]] = arith.cmpf oeq
// CHECK: scf.if %[[ALL]]
func.func @lost(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = map(%A[m,f], %l[m,f]) {
      ^bb0(%a: f32, %b: f32):
        %one = arith.constant 1.0 : f32
        %c = arith.minnumf %one, %a : f32
        %d = arith.addf %c, %b : f32
        attn.yield %d : f32
      } : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
