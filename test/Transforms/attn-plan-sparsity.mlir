// RUN: attn-opt --attn-plan-sparsity --split-input-file --verify-diagnostics %s | FileCheck %s

// The smallest cascade with a plane and an iterative rank: a running maximum.

// The last row sees every key: no bound on N is needed.
// CHECK-LABEL: func @causal_bottom_right(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 - s0 + s1 + 1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d0 - s0 + s1 + 1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - s0 + s1)>> {
func.func @causal_bottom_right(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Rows past the last key see them all.
// CHECK-LABEL: func @causal_top_left(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d0 + 1, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1)>> {
func.func @causal_top_left(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Live: the first row reaches left, the last one right. Full: the other way.
// CHECK-LABEL: func @window_bottom_right(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - s0 + s1 - 255)> to affine_map<(d0, d1)[s0, s1] -> (s1, d1 - s0 + s1 + 8)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0, d1 - s0 + s1 - 255)> to affine_map<(d0, d1)[s0, s1] -> (s1, d0 - s0 + s1 + 8)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - s0 + s1 + 7, -d0 + d1 + s0 - s1 + 255)>> {
func.func @window_bottom_right(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where window(255, 7) over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CHECK-LABEL: func @window_top_left(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - 255)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 8, s1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0, d1 - 255)> to affine_map<(d0, d1)[s0, s1] -> (d0 + 8, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 + 7, -d0 + d1 + 255)>> {
func.func @window_top_left(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where window(255, 7) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// The right side of the window adds nothing to causal: each constraint once.
// CHECK-LABEL: func @causal_window(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - s0 + s1 - 255)> to affine_map<(d0, d1)[s0, s1] -> (d1 - s0 + s1 + 1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0, d1 - s0 + s1 - 255)> to affine_map<(d0, d1)[s0, s1] -> (d0 - s0 + s1 + 1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - s0 + s1, -d0 + d1 + s0 - s1 + 255)>> {
func.func @causal_window(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where causal and window(255, 0) over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CHECK-LABEL: func @nested_and(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - s0 + s1 - 9)> to affine_map<(d0, d1)[s0, s1] -> (7, d1 - s0 + s1 + 1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0, d1 - s0 + s1 - 9)> to affine_map<(d0, d1)[s0, s1] -> (7, d0 - s0 + s1 + 1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (-d1 + 6, d0 - d1 - s0 + s1, -d0 + d1 + s0 - s1 + 9)>> {
func.func @nested_and(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where (causal and window(9, 3)) and prefix(7) over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A bound that no row moves is at once live and full.
// CHECK-LABEL: func @prefix(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (100, s1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (100, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (-d1 + 99)>> {
func.func @prefix(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where prefix(100) over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Lengths alone restrict the plane.
// CHECK-LABEL: func @key_lengths(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N, KL],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, s2)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, s2)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (-d1 + s2 - 1)>> {
func.func @key_lengths(%s: tensor<2x?x?xf32>, %kl: tensor<2xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %KL = %kl) over (m, n) lengths key(%KL[b])
      : (tensor<2x?x?xf32>, tensor<2xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A condition on rows is a bound that is N or more where it holds, else 0 or
// less: live while the first row exists, full while the last one does.
// CHECK-LABEL: func @query_lengths(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N, QL],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, (-d0 + s2) * s1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, (-d1 + s2) * s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (-d0 + s2 - 1)>> {
func.func @query_lengths(%s: tensor<2x?x?xf32>, %ql: tensor<2xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %QL = %ql) over (m, n) lengths query(%QL[b])
      : (tensor<2x?x?xf32>, tensor<2xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Positions line up at the ends of this batch row.
// CHECK-LABEL: func @both_lengths(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N, KL, QL],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (s1, s2, d1 + s2 - s3 + 1, (-d0 + s3) * s1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (s1, s2, d0 + s2 - s3 + 1, (-d1 + s3) * s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (-d0 + s3 - 1, d0 - d1 + s2 - s3)>> {
func.func @both_lengths(%s: tensor<2x?x?xf32>, %kl: tensor<2xi32>, %ql: tensor<2xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %KL = %kl, %QL = %ql) where causal over (m, n) lengths key(%KL[b]) query(%QL[b])
      : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// The last row that exists bounds the keys.
// CHECK-LABEL: func @both_lengths_top_left(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N, KL, QL],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (d1 + 1, s1, s2, s3, (-d0 + s3) * s1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0 + 1, s1, s2, (-d1 + s3) * s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0 - d1, -d1 + s2 - 1, -d0 + s3 - 1)>> {
func.func @both_lengths_top_left(%s: tensor<2x?x?xf32>, %kl: tensor<2xi32>, %ql: tensor<2xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %KL = %kl, %QL = %ql) where causal over (m, n) align top_left lengths key(%KL[b]) query(%QL[b])
      : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CHECK-LABEL: func @everything(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N, KL, QL],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0, d0 + s2 - s3 - 64)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (1000, s1, s2, d1 + s2 - s3 + 1, (-d0 + s3) * s1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0, d1 + s2 - s3 - 64)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (1000, s1, s2, d0 + s2 - s3 + 1, (-d1 + s3) * s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (-d1 + 999, -d0 + s3 - 1, d0 - d1 + s2 - s3, -d0 + d1 - s2 + s3 + 64)>> {
func.func @everything(%s: tensor<2x?x?xf32>, %kl: tensor<2xi32>, %ql: tensor<2xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %KL = %kl, %QL = %ql) where causal and window(64, 3) and prefix(1000) over (m, n) lengths key(%KL[b]) query(%QL[b])
      : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A side that no tensor reaches restricts nothing.
// CHECK-LABEL: func @far_window(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1, d1 - s0 + s1 + 5)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1, d0 - s0 + s1 + 5)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - s0 + s1 + 4)>> {
func.func @far_window(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where window(9223372036854775807, 4) over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Ranks go by their roles, not by their names.
// CHECK-LABEL: func @rank_names(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 - s0 + s1 + 1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d0 - s0 + s1 + 1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - s0 + s1)>> {
func.func @rank_names(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where causal over (row, key)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,row] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate key1 of key by key0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,row] = %S[b,row,key1*Key0+key0] reduce max(key0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,row] = max(%RM[b,row], %lm[b,row]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CHECK-LABEL: func @nothing_live(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (0)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (0)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (-1)>> {
// expected-warning @+2 {{no point (m, n) is live, whatever the sizes; reductions over 'n' give their identities}}
func.func @nothing_live(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where prefix(0) and causal over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Nothing restricts the plane, so there is no plan.
// CHECK-LABEL: func @plane_without_restriction(
// CHECK: attn.iterate
// CHECK-NOT: plan
func.func @plane_without_restriction(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// An expression that holds everywhere is planned, too: whole ranges.
// CHECK-LABEL: func @everywhere(
// CHECK: attn.iterate
// CHECK-SAME: plan
func.func @everywhere(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where strided(1, 0) or not prefix(9) over (m, n)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CHECK-LABEL: func @no_plane(
// CHECK: attn.iterate
// CHECK-NOT: plan
func.func @no_plane(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s)
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Two pieces, each with ranges of its own.
// CHECK-LABEL: func @disjunction
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (3, s1)>,
// CHECK-SAME: or live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1)>>
func.func @disjunction(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where prefix(3) or causal over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Before the window or after it.
// CHECK-LABEL: func @negation
// CHECK: plan <{{.*}}nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - 5)> or live =
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (-d0 + d1 - 3)>>
func.func @negation(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where not window(4, 2) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A piece within another is dropped.
// CHECK-LABEL: func @absorbed
// CHECK: plan <
// CHECK-NOT: or live
// CHECK: attn.yield
func.func @absorbed(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where causal or (causal and prefix(3)) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// What a plan has no room for is left to the test of each point.
// CHECK-LABEL: func @many
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>,
// expected-remark @+2 {{visits all keys: its live points are a union of more than 16 parts, and a plan has no more}}
func.func @many(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where prefix(5) or (not prefix(10) and prefix(15)) or (not prefix(20) and prefix(25)) or (not prefix(30) and prefix(35)) or (not prefix(40) and prefix(45)) or (not prefix(50) and prefix(55)) or (not prefix(60) and prefix(65)) or (not prefix(70) and prefix(75)) or (not prefix(80) and prefix(85)) or (not prefix(90) and prefix(95)) or (not prefix(100) and prefix(105)) or (not prefix(110) and prefix(115)) or (not prefix(120) and prefix(125)) or (not prefix(130) and prefix(135)) or (not prefix(140) and prefix(145)) or (not prefix(150) and prefix(155)) or (not prefix(160) and prefix(165)) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Terms that make many parts come behind one that leaves few of them.
// CHECK-LABEL: func @another_order
// CHECK: plan <symbols = [M, N],
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (
// CHECK-COUNT-2: or live
// CHECK-NOT: or live
func.func @another_order(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where (prefix(5) or (not prefix(10) and prefix(15)) or (not prefix(20) and prefix(25)) or (not prefix(30) and prefix(35)) or (not prefix(40) and prefix(45)) or (not prefix(50) and prefix(55))) and (window(0, 0) or (window(2, 2) and not window(1, 1))) and prefix(3) and not prefix(2) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CHECK-LABEL: func @many_causal
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
// expected-remark @+2 {{visits all keys that the other terms leave: with #attn.sparsity<prefix(5) or}}
func.func @many_causal(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where causal and (prefix(5) or (not prefix(10) and prefix(15)) or (not prefix(20) and prefix(25)) or (not prefix(30) and prefix(35)) or (not prefix(40) and prefix(45)) or (not prefix(50) and prefix(55)) or (not prefix(60) and prefix(65)) or (not prefix(70) and prefix(75)) or (not prefix(80) and prefix(85)) or (not prefix(90) and prefix(95)) or (not prefix(100) and prefix(105)) or (not prefix(110) and prefix(115)) or (not prefix(120) and prefix(125)) or (not prefix(130) and prefix(135)) or (not prefix(140) and prefix(145)) or (not prefix(150) and prefix(155)) or (not prefix(160) and prefix(165))) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Without an iteration every point is tested, so any expression will do.
// CHECK-LABEL: func @no_iteration
// CHECK-NOT: plan
func.func @no_iteration(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where causal or prefix(3) over (m, n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %r = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A state that decays with every step must see the steps without live points,
// too: there is no range to plan.
// CHECK-LABEL: func.func @decay(
// CHECK: attn.iterate n1 of n by n0 init(
// CHECK-NOT: plan <
// CHECK: ^bb0
func.func @decay(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n)
      : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%RD: tensor<?xf32>):
      %ld = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rd = attn.einsum [m] = map(%RD[m], %ld[m]) {
      ^bb0(%old: f32, %new: f32):
        %half = arith.constant 0.5 : f32
        %kept = arith.mulf %old, %half : f32
        %sum = arith.addf %kept, %new : f32
        attn.yield %sum : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rd : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The one pass of softmax, written by hand: a step without live points repairs
// by exp(0), and adds 0.
// CHECK-LABEL: func.func @repaired(
// CHECK: attn.iterate n1 of n by n0 init({{.*}}) plan <
func.func @repaired(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n)
      : (tensor<?x?xf32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %j = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %x, %d = attn.iterate n1 of n by n0 init(%i, %j : tensor<?xf32>, tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>, %RD: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = map(%S[m,n1*N0+n0], %rm[m]) {
      ^bb0(%a: f32, %b: f32):
        %c = arith.subf %a, %b : f32
        %e = math.exp %c : f32
        attn.yield %e : f32
      } reduce add(n0) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %rd = attn.einsum [m] = map(%RD[m], %RM[m], %rm[m], %ld[m]) {
      ^bb0(%old: f32, %a: f32, %b: f32, %new: f32):
        %c = arith.subf %a, %b : f32
        %e = math.exp %c : f32
        %kept = arith.mulf %old, %e : f32
        %sum = arith.addf %kept, %new : f32
        attn.yield %sum : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm, %rd : tensor<?xf32>, tensor<?xf32>
    }
    attn.yield %d : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// With an offset or an origin the diagonal is one number of the call.
// CHECK-LABEL: func @diagonal(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N, D],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, d1 + s2 + 1)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, d0 + s2 + 1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (d0 - d1 + s2)>> {
func.func @diagonal(%s: tensor<2x?x?xf32>, %x: tensor<i64>, %y: tensor<2xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %X = %x, %Y = %y) where causal over (m, n) align offset(%Y[b]) origin(m = %X[])
      : (tensor<2x?x?xf32>, tensor<i64>, tensor<2xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A prefix counts keys of the whole.
// CHECK-LABEL: func @key_origin(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N, D, ON],
// CHECK-SAME: to affine_map<(d0, d1)[s0, s1, s2, s3] -> ({{.*}}-s3 + 70
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> ({{.*}}-d1 - s3 + 69
func.func @key_origin(%s: tensor<2x?x?xf32>, %x: tensor<i64>, %y: tensor<2xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %X = %x, %Y = %y) where causal and prefix(70) over (m, n) align top_left origin(n = %X[])
      : (tensor<2x?x?xf32>, tensor<i64>, tensor<2xi32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A block of keys begins and ends at multiples of its size: from that of the first
// row to that of the last one.
// CHECK-LABEL: func @blocks(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0, (d0 floordiv 64) * 64)> to affine_map<(d0, d1)[s0, s1] -> (s1, (d1 floordiv 64) * 64 + 64)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1] -> (0, (d1 floordiv 64) * 64)> to affine_map<(d0, d1)[s0, s1] -> (s1, (d0 floordiv 64) * 64 + 64)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d1 - (d0 floordiv 64) * 64, -d1 + (d0 floordiv 64) * 64 + 63)>> {
func.func @blocks(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where block_diagonal(64) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// The start of a clamped window is a value; on a grid, keys are whole rows of it,
// and none goes without a test.
// CHECK-LABEL: func @grid(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: values = [min affine_map<(d0, d1)[s0, s1] -> (d0 floordiv 24 - 3, 13)>, max affine_map<(d0, d1)[s0, s1, s2] -> (s2, 0)>,
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, {{.*}}] -> (s4 * 24)> to affine_map<(d0, d1)[s0, s1, {{.*}}] -> (s1, s5 * 24 + 168)>,
// CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, {{.*}}] -> (0)> to affine_map<(d0, d1)[s0, s1, {{.*}}] -> (0)>,
func.func @grid(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([7, 9], grid [20, 24]) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Keys of one remainder lie next to each other in a plane of their own, which is a
// window of quotients there.
// CHECK-LABEL: func @remainders(
// CHECK: attn.iterate {{.*}} plan <residues = 4, symbols = [M, N, D],
// CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2] -> (0, d0 + s2 - 16)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, d1 + s2 + 17)>,
func.func @remainders(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where dilated(64, 4) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// The window of a plane moves inward where the keys of its remainder end.
// CHECK-LABEL: func @remainders_of_a_neighborhood(
// CHECK: attn.iterate {{.*}} plan <residues = 4, symbols = [M, N, D], values = [min affine_map<(d0, d1)[s0, s1, s2] -> (d0 + s2 - 4, s1 - 9)>,
func.func @remainders_of_a_neighborhood(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([9], dilation [4]) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Some remainders have more coordinates of the grid than others, which a plane
// does not know; a walk in boxes does.
// CHECK-LABEL: func @uneven_grid(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: mod 4)
func.func @uneven_grid(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([9], grid [401], dilation [4]) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// A grid under 'not' is cut into no boxes.
// CHECK-LABEL: func @dilated_beside_another(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
func.func @dilated_beside_another(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-remark@+1 {{loops visit whole ranges of keys, of which #attn.sparsity<neighborhood([3, 3], grid [20, 20], dilation [2, 3])> leaves one in 6}}
  %o = attn.cascade (%S = %s) where not (not neighborhood([3, 3], grid [20, 20], dilation [2, 3]) and causal) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Where another atom reads positions, rows of one remainder walk the keys of their own,
// and the window is tested.
// CHECK-LABEL: func @tested_remainders(
// CHECK: attn.iterate {{.*}} plan <symbols = [M, N],
// CHECK-SAME: tokens <symbols = [M, N],
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (-d1 + 99, d0 - d1 + 64, -d0 + d1 + 64)>> periodic {
func.func @tested_remainders(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) where dilated(64, 4) and prefix(100) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CHECK-LABEL: func @nothing_leads(
func.func @nothing_leads(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-warning@+1 {{no point (m, n) is live, whatever the sizes}}
  %o = attn.cascade (%S = %s) where leading(0) over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [b,m] = map() { attn.yield %lowest : f32 } : () -> tensor<2x?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?xf32>) {
    ^bb0(%RM: tensor<2x?xf32>):
      %lm = attn.einsum [b,m] = %S[b,m,n1*N0+n0] reduce max(n0) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      %rm = attn.einsum [b,m] = max(%RM[b,m], %lm[b,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %rm : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// One tensor at the places that two others name: a step without live points adds their
// difference, and may not be skipped.
// CHECK-LABEL: @looked_up
// CHECK-NOT: plan <
// CHECK: return
func.func @looked_up(%s: tensor<?x?xf32>, %w: tensor<16xf32>, %x: tensor<8xf32>, %t: tensor<?xi32>, %u: tensor<?xi32>) -> tensor<?xf32> {
  %a = attn.cascade (%S = %s, %W = %w, %X = %x, %T = %t, %U = %u) where causal over (m, n) align top_left : (tensor<?x?xf32>, tensor<16xf32>, tensor<8xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = mul(%S[m,n1*N0+n0], %W[n0]) reduce add(n0) : (tensor<?x?xf32>, tensor<16xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = %X[%T[m]] : (tensor<8xf32>, tensor<?xi32>) -> tensor<?xf32>
      %d2 = attn.einsum [m] = %X[%U[m]] : (tensor<8xf32>, tensor<?xi32>) -> tensor<?xf32>
      %d = attn.einsum [m] = sub(%d1[m], %d2[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %e = attn.einsum [m] = add(%l[m], %d[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %e[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %a : tensor<?xf32>
}
