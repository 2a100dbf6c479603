// RUN: attn-opt --canonicalize %s | FileCheck %s

// Each rule is an identity of sets of points.

// CHECK-LABEL: func @nested_and(
// CHECK: {{^ +}}where causal and prefix(9) and not prefix(3) align bottom_right
func.func @nested_and(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and (prefix(9) and not prefix(3)) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @nested_or(
// CHECK: {{^ +}}where not causal or prefix(9) or not window(1, 2) align bottom_right
func.func @nested_or(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where not causal or (prefix(9) or not window(1, 2)) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @double_negation(
// CHECK: {{^ +}}where causal align bottom_right
func.func @double_negation(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where not not causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @triple_negation(
// CHECK: {{^ +}}where not causal align bottom_right
func.func @triple_negation(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where not not not causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @duplicates(
// CHECK: {{^ +}}where not causal and prefix(4) align bottom_right
func.func @duplicates(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where (not causal) and prefix(4) and (not causal) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @single_term(
// CHECK: {{^ +}}where causal align bottom_right
func.func @single_term(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @causal_window(
// CHECK: {{^ +}}where window(255, 0) align bottom_right
func.func @causal_window(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and window(255, 7) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @window_causal(
// CHECK: {{^ +}}where window(255, 0) and not prefix(3) align bottom_right
func.func @window_causal(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(255, 0) and not prefix(3) and causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @windows(
// CHECK: {{^ +}}where window(3, 2) align bottom_right
func.func @windows(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(3, 9) and window(5, 2) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @window_union(
// CHECK: {{^ +}}where window(5, 9) align bottom_right
func.func @window_union(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(3, 9) or window(5, 2) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @window_in_causal(
// CHECK: {{^ +}}where causal align bottom_right
func.func @window_in_causal(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(3, 0) or causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @window_beside_causal(
// CHECK: {{^ +}}where window(3, 1) or causal align bottom_right
func.func @window_beside_causal(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(3, 1) or causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @prefixes(
// CHECK: {{^ +}}where prefix(4) align bottom_right
func.func @prefixes(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where prefix(4) and prefix(7) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @prefix_union(
// CHECK: {{^ +}}where prefix(7) align bottom_right
func.func @prefix_union(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where prefix(4) or prefix(7) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @dead_term(
// CHECK: {{^ +}}where prefix(0) align bottom_right
func.func @dead_term(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and prefix(0) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @dead_alternative(
// CHECK: {{^ +}}where causal align bottom_right
func.func @dead_alternative(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal or prefix(0) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @full_term(
// CHECK: {{^ +}}where causal align bottom_right
func.func @full_term(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and not prefix(0) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @contradiction(
// CHECK: {{^ +}}where prefix(0) align bottom_right
func.func @contradiction(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and prefix(4) and not causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @absorbed_or(
// CHECK: {{^ +}}where causal align bottom_right
func.func @absorbed_or(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and (causal or prefix(4)) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @absorbed_and(
// CHECK: {{^ +}}where prefix(4) align bottom_right
func.func @absorbed_and(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where prefix(4) or (causal and prefix(4)) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @kept(
// CHECK: {{^ +}}where causal and (prefix(4) or window(2, 2)) align bottom_right
func.func @kept(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and (prefix(4) or window(2, 2)) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @tautology(
// CHECK-NOT: where
// CHECK: {{^ +}}align bottom_right
func.func @tautology(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal or not causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @not_nowhere(
// CHECK-NOT: where
// CHECK: {{^ +}}align bottom_right
func.func @not_nowhere(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where not prefix(0) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @both(
// CHECK-NOT: where
// CHECK: {{^ +}}align bottom_right
func.func @both(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where not prefix(0) and not (causal and prefix(0)) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Cascades use the same rules. One that is restricted nowhere has no plane.
// CHECK-LABEL: func @cascade(
// CHECK: attn.cascade {{.*}} where window(7, 0) over (m, n) align top_left :
// CHECK: attn.cascade (%{{.*}} = %{{.*}}) : (tensor<?x?xf32>) -> tensor<?xf32>
// CHECK: attn.cascade {{.*}} over (m, n) align top_left lengths {{.*}} :
func.func @cascade(%s: tensor<?x?xf32>, %l: tensor<?xi32>, %t: tensor<?x?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?x?xf32>) {
  %a = attn.cascade (%S = %s) where causal and window(7, 2) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %b = attn.cascade (%S = %s) where causal or not causal over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %c = attn.cascade (%T = %t, %L = %l) where causal or not causal over (m, n) align top_left lengths key(%L[b]) : (tensor<?x?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    %r = attn.einsum [b,m] = %T[b,m,n] reduce max(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %a, %b, %c : tensor<?xf32>, tensor<?xf32>, tensor<?x?xf32>
}

// A plan was made for the terms as they stand, and what it leaves out is tested.
// CHECK-LABEL: func @planned(
// CHECK: attn.cascade {{.*}} where causal and window(7, 2) over (m, n) align top_left :
func.func @planned(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %a = attn.cascade (%S = %s) where causal and window(7, 2) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %init = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n, n - m + 7)>> {
    ^bb0(%R: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%R[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %a : tensor<?xf32>
}

// Atoms that hold everywhere.

// CHECK-LABEL: func @step_of_one(
// CHECK: {{^ +}}where causal align bottom_right
func.func @step_of_one(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal and strided(1, 0, block 4) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @steps_of_one(
// CHECK-NOT: where
// CHECK: return
func.func @steps_of_one(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where strided([1, 1, 1, 1, 1, 1, 1, 1], 0) or not prefix(9) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @far_window(
// CHECK: {{^ +}}where prefix(9) align bottom_right
func.func @far_window(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(1099511627776, 1099511627776) and prefix(9) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @far_to_the_left(
// CHECK: {{^ +}}where window(1099511627776, 3) align bottom_right
func.func @far_to_the_left(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(1099511627776, 3) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @constant_set(
// CHECK: {{^ +}}where causal align bottom_right
func.func @constant_set(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where affine_set(affine_map<(m, n) -> (m - m, 4)>) and causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @empty_set(
// CHECK: {{^ +}}where affine_set({{.*}}) and causal align bottom_right
func.func @empty_set(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where affine_set(affine_map<(m, n) -> (-1)>) and causal : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @step_of_one_in_permuted(
// CHECK: {{^ +}}where causal align bottom_right permute
func.func @step_of_one_in_permuted(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %p: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where strided(1, 0) in permuted and causal permute(%p : tensor<?xi32>) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
