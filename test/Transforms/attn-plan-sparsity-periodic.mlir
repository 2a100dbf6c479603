// RUN: attn-opt %s --attn-plan-sparsity --split-input-file --verify-diagnostics | FileCheck %s

// Two keys of every sixteen are live for every row. They are walked as a list is, and
// `tokens` says which of them a tile sees; the first plan is that of all slots.
// CHECK-LABEL: @causal
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>,
// CHECK-SAME: tokens <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1)>> periodic {
func.func @causal(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and strided(8, 3, block 2) over (m, n) align top_left
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

// -----

// Nothing else is asked of them.
// CHECK-LABEL: @alone
// CHECK: plan <symbols = [M, N], {{.*}}> periodic {
func.func @alone(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where affine_set(affine_map<(m, n) -> (n mod 128 - 120)>) over (m, n) align top_left
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

// -----

// Beside ranges, whose plan is the first, those that are in none are walked.
// CHECK-LABEL: @beside
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - 31)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
// CHECK-SAME: tokens <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 - 31, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - 32)>> periodic {
func.func @beside(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and (window(31, 0) or strided(8, 3, block 2)) over (m, n) align top_left
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

// -----

// Of rows of one remainder by 4 the keys of the longer window are those with the same
// remainder, which `tokens` does not speak of.
// CHECK-LABEL: @dilated
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - 31)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
// CHECK-SAME: tokens <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - 1024)> to affine_map<(d0, d1)[s0, s1] -> (d1 - 31, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1 - 32, -d0 + d1 + 1024)>> periodic {
func.func @dilated(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and (window(31, 0) or dilated(1024, 4)) over (m, n) align top_left
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

// -----

// So each head has a step of its own, and a window.
// CHECK-LABEL: @dilated_heads
// CHECK: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0, d0 - 31)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
// CHECK-SAME: tokens <symbols = [M, N, T0], tables = {{\[\[}}256, 1024]], live = affine_map<(d0, d1)[s0, s1, s2] -> (0, d0 - s2)> to affine_map<(d0, d1)[s0, s1, s2] -> (d1 - 31, s1)>,
// CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (d0 - d1 - 32, -d0 + d1 + s2)>> periodic {
func.func @dilated_heads(%q: tensor<2x?x8xf32>, %k: tensor<2x?x8xf32>, %v: tensor<2x?x8xf32>) -> tensor<2x?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and (window(31, 0) or dilated([256, 1024], [1, 4]) by h) over (m, n) align top_left
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

// -----

// In a short one there are few, and ranges of rows so far apart have more.
// CHECK-LABEL: @short
// CHECK-NOT: periodic
func.func @short(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-remark @+1 {{loops visit whole ranges of keys, of which #attn.sparsity<dilated(80, 4)> leaves one in 4}}
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and (window(31, 0) or dilated(80, 4)) over (m, n) align top_left
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

// -----

// Keys that are dead for being named, those of two such atoms, and blocks as long as
// steps are in ranges.
// CHECK-LABEL: @negated
// CHECK-NOT: periodic
func.func @negated(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-remark @+1 {{loops visit whole ranges of keys, of which #attn.sparsity<strided(8, 3)> leaves one in 8}}
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and not strided(8, 3) over (m, n) align top_left
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

// -----

// CHECK-LABEL: @two
// CHECK-NOT: periodic
func.func @two(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-remark @+2 {{loops visit whole ranges of keys, of which #attn.sparsity<strided(8, 3)> leaves one in 8}}
  // expected-remark @+1 {{loops visit whole ranges of keys, of which #attn.sparsity<strided(6, 1)> leaves one in 6}}
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where strided(8, 3) or strided(6, 1) over (m, n) align top_left
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

// -----

// CHECK-LABEL: @blocks
// CHECK-NOT: periodic
func.func @blocks(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal and strided(8, 3, block 64) over (m, n) align top_left
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

// -----

// An einsum that asks where in a step it is counts keys one by one.
// CHECK-LABEL: @asks
// CHECK-NOT: periodic
func.func @asks(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-remark @+1 {{leaves one in 8}}
  %o = attn.cascade (%S = %s) where strided(8, 3) over (m, n) align top_left
      : (tensor<?x?xf32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>):
      %t = attn.einsum [m,n0] = map(%S[m,n1*N0+n0]) {
      ^bb0(%x: f32):
        %i = attn.index n0 : index
        %j = arith.index_cast %i : index to i64
        %f = arith.sitofp %j : i64 to f32
        %y = arith.addf %x, %f : f32
        attn.yield %y : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %lm = attn.einsum [m] = %t[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
