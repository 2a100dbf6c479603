// RUN: attn-opt %s --attn-plan-sparsity --split-input-file --verify-diagnostics | FileCheck %s

// A segment is a plane of its own: without a sparsity all of it is live, and the
// plan says so.
// CHECK-LABEL: @plain
func.func @plain(%s: tensor<2x?x?xf32>, %x: tensor<2x?xi32>) -> tensor<2x?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-SAME: plan <symbols = [M, N],
  // CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>,
  // CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>,
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (0)>>
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) segments query(%X[b]) key(%X[b])
      : (tensor<2x?x?xf32>, tensor<2x?xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%R: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%R[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// With one, the plan is that of any plane: extents and lengths are the segment's.
// CHECK-LABEL: @causal
func.func @causal(%s: tensor<2x?x?xf32>, %l: tensor<2xi32>, %x: tensor<?xi32>) -> tensor<2x?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-SAME: plan <symbols = [M, N, KL],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (d0 - d1 - s0 + s2)>>
  %o = attn.cascade (%S = %s, %L = %l, %X = %x) where causal over (m, n) lengths key(%L[b]) segments query(%X[]) key(%X[])
      : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<?xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%R: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%R[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A state that decays with every step may not skip the steps of other segments.
// CHECK-LABEL: @decays
func.func @decays(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  // CHECK: attn.iterate n1 of n by n0 init(%{{.*}} : tensor<?xf32>) {
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) segments query(%X[]) key(%X[])
      : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %ls = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = map(%R[m], %ls[m]) {
      ^bb0(%a: f32, %b: f32):
        %half = arith.constant 0.5 : f32
        %d = arith.mulf %a, %half : f32
        %t = arith.addf %d, %b : f32
        attn.yield %t : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
