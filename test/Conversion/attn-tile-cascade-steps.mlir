// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade=warps 2>&1 | FileCheck %s --check-prefix=GPU

// Every fourth block of 64 keys is live. A step asks how often the number of the
// block divides by 4 between its first key and its last: where it does not, nothing
// of the step is done, and where both are in one live block, no point is tested.
// CHECK-LABEL: func.func @strided_run0
// CHECK: scf.for %[[STEP:.*]] = %{{.*}} to %{{.*}} step %c64
// CHECK: %[[FIRST:.*]] = arith.maxsi %[[STEP]]
// CHECK: affine.apply #{{.*}}(%[[FIRST]])
// CHECK: %[[LIVE:.*]] = arith.cmpi sge
// CHECK: %[[FULL:.*]] = arith.cmpi sge
// CHECK-NOT: attn.tile_einsum
// CHECK: scf.if %[[LIVE]]
// CHECK-NEXT: scf.if %[[FULL]]
// CHECK: attn.tile_einsum
// CHECK-NOT: arith.select
// CHECK: else
// CHECK: attn.tile_einsum
// CHECK: arith.select

// Passes of kernels for GPUs, whose copies run ahead of the steps, find the branch.
// GPU-NOT: remark
// GPU-LABEL: func.func @strided_run0
// GPU: step %c64
// GPU-NOT: attn.tile_einsum
// GPU: scf.if
// GPU: attn.tile_einsum [n0,m]
// GPU: {attn.live_step}
func.func @strided(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where strided(4, 0, block 64) over (m, n) align top_left mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (-((n floordiv 64) mod 4))>> {
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

// A plan that is written by hand may multiply what is not known.
// CHECK-LABEL: func.func @product_run0
// CHECK: scf.for %{{.*}} step %c64
// CHECK-COUNT-4: arith.minsi
// CHECK: scf.if
// GPU-LABEL: func.func @product_run0
func.func @product(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where strided(4, 0, block 64) over (m, n) align top_left mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (-((n floordiv 64) mod 4), (m - n) * N)>> {
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
