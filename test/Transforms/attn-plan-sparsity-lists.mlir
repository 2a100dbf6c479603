// RUN: attn-opt %s --attn-plan-sparsity --split-input-file --verify-diagnostics | FileCheck %s

// Blocks are walked within the ranges of the other terms.
// CHECK-LABEL: @blocks
func.func @blocks(%s: tensor<?x?xf32>, %o: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-SAME: plan <symbols = [M, N],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1)>>
  // CHECK-NOT: tokens
  %r = attn.cascade (%S = %s, %O = %o, %I = %i) where causal and blocks(64, 64, %O[], %I[]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// The slots of a list of tokens are their numbers in it; the others test tokens.
// CHECK-LABEL: @tokens
func.func @tokens(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>) -> tensor<?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-SAME: plan <symbols = [M, N],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (0)>>
  // CHECK-SAME: tokens <symbols = [M, N],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1)>>
  %r = attn.cascade (%S = %s, %L = %l) where indices(16, %L[]) and causal over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// CHECK-LABEL: @tokens_alone
func.func @tokens_alone(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>) -> tensor<?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (0)>> {
  %r = attn.cascade (%S = %s, %L = %l) where indices(16, %L[]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// Where an atom of blocks stands elsewhere the gaps between blocks are walked,
// too: L0 is 1 in a block and 0 in a gap.
// CHECK-LABEL: @gaps
func.func @gaps(%s: tensor<?x?xf32>, %o: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-SAME: plan <symbols = [M, N, L0],
  // CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (d1 + 1, s1, s1 * s2)>,
  // CHECK-SAME: full = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (d0 + 1, s1, s1 * s2)>,
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (s2 - 1, d0 - d1)>
  // CHECK-SAME: or live = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (-d1 + 3)>>
  %r = attn.cascade (%S = %s, %O = %o, %I = %i) where causal and blocks(64, 64, %O[], %I[]) or prefix(4) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// One list that is named twice is one list.
// CHECK-LABEL: @twice
func.func @twice(%s: tensor<?x?xf32>, %o: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xf32> {
  // CHECK: plan <symbols = [M, N, L0],
  %r = attn.cascade (%S = %s, %O = %o, %I = %i) where (blocks(64, 64, %O[], %I[]) and causal) or (not blocks(64, 64, %O[], %I[]) and prefix(4)) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// Ranges are walked as without the list, and tokens that are in none of them.
// CHECK-LABEL: @union
func.func @union(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>) -> tensor<?xf32> {
  // CHECK: attn.iterate n1 of n by n0
  // CHECK-SAME: plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
  // CHECK-SAME: tokens <symbols = [M, N],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (-d0 + d1 - 1)>>
  %r = attn.cascade (%S = %s, %L = %l) where indices(16, %L[]) or causal over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// A list under 'not' cuts the keys at its tokens, which are dead.
// CHECK-LABEL: @negation
func.func @negation(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>) -> tensor<?xf32> {
  // CHECK: plan <symbols = [M, N, L0],
  // CHECK-SAME: live = affine_map<(d0, d1)[s0, s1, s2] -> (0)> to affine_map<(d0, d1)[s0, s1, s2] -> (s1, (-s2 + 1) * s1)>
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (-s2)>>
  // CHECK-NOT: tokens
  // expected-remark @+1 {{visits each token of a list in a step of its own: the list stands under 'not', or beside another list of tokens}}
  %r = attn.cascade (%S = %s, %L = %l) where not indices(16, %L[]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// Each of several lists is a symbol.
// CHECK-LABEL: @two_lists
func.func @two_lists(%s: tensor<?x?xf32>, %o: tensor<?xi32>, %i: tensor<?xi32>, %p: tensor<?xi32>, %j: tensor<?xi32>) -> tensor<?xf32> {
  // CHECK: plan <symbols = [M, N, L0, L1],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (s2 - 1, d0 - d1)>
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (s3 - 1)>
  %r = attn.cascade (%S = %s, %O = %o, %I = %i, %P = %p, %J = %j) where (causal and blocks(64, 64, %O[], %I[])) or blocks(32, 16, %P[], %J[]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// A mask is tested at the tokens of a list, which are those where it does not
// hold, and in ranges.
// CHECK-LABEL: @tokens_or_mask
func.func @tokens_or_mask(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>, %k: tensor<?x?xi8>) -> tensor<?xf32> {
  // CHECK: plan <symbols = [M, N],
  // CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
  // CHECK-SAME: tokens <symbols = [M, N],
  // CHECK-SAME: live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>
  %r = attn.cascade (%S = %s, %L = %l, %K = %k) where causal and (indices(16, %L[]) or mask(%K[m, n])) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>, tensor<?x?xi8>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// A list of tokens is walked by itself beside blocks, which cut its slots: a
// token in a block of a range is in none of the list.
// CHECK-LABEL: @tokens_or_blocks
func.func @tokens_or_blocks(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>, %o: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xf32> {
  // CHECK: plan <symbols = [M, N, L0],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (s2 - 1, d0 - d1)>>
  // CHECK-SAME: tokens <symbols = [M, N, L0],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (-s2, d0 - d1)>>
  %r = attn.cascade (%S = %s, %L = %l, %O = %o, %I = %i) where causal and (indices(16, %L[]) or blocks(64, 64, %O[], %I[])) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// Of two lists of tokens the second cuts the keys.
// CHECK-LABEL: @two_lists_of_tokens
func.func @two_lists_of_tokens(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>, %k: tensor<?x?xi32>) -> tensor<?xf32> {
  // CHECK: plan <symbols = [M, N],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1] -> (0)>>
  // CHECK-SAME: tokens <symbols = [M, N, L0],
  // CHECK-SAME: nonnegative = affine_map<(d0, d1)[s0, s1, s2] -> (s2 - 1)>>
  // expected-remark @+1 {{visits each token of a list in a step of its own: the list stands under 'not', or beside another list of tokens}}
  %r = attn.cascade (%S = %s, %L = %l, %K = %k) where indices(16, %L[]) and indices(8, %K[]) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// Nothing is left to the list, which is no reason to warn.
// CHECK-LABEL: @nothing_listed
func.func @nothing_listed(%s: tensor<?x?xf32>, %l: tensor<?x?xi32>) -> tensor<?xf32> {
  // CHECK: plan <symbols = [M, N],
  // CHECK-SAME: tokens <symbols = [M, N],
  %r = attn.cascade (%S = %s, %L = %l) where (indices(16, %L[]) and prefix(4)) or prefix(8) over (m, n) align top_left
      : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
