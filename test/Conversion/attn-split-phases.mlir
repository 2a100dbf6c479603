// RUN: attn-opt %s --split-input-file --attn-split-phases | FileCheck %s

// Two cascades are two phases. What the first computes is stored collapsed and
// not returned: the workspace holds it, with the extents of %q and %k.
// CHECK-LABEL: func.func @two(
// CHECK-SAME: %[[Q:.*]]: tensor<?x8xf32>, %[[K:.*]]: tensor<?x8xf32>)
// CHECK: %[[T:.*]] = call @two_phase0(%[[Q]], %[[K]]) {attn.extents = [array<i64: 0, 0, 1, 1>]} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
// CHECK: %[[R:.*]] = call @two_phase1(%[[T]], %[[Q]]) {attn.extents = [array<i64: 0, 0, 1, 1>]}
// CHECK: return %[[R]]
// CHECK: func.func private @two_phase0(%[[Q0:.*]]: tensor<?x8xf32>, %{{.*}}: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {attn.phase}
// CHECK: tensor.expand_shape %[[Q0]]
// CHECK: %[[C:.*]] = attn.cascade
// CHECK: %[[S:.*]] = tensor.collapse_shape %[[C]]
// CHECK: return %[[S]] : tensor<?x8xf32>
// CHECK: func.func private @two_phase1(%[[T1:.*]]: tensor<?x8xf32>, %[[Q1:.*]]: tensor<?x8xf32>)
// CHECK: tensor.expand_shape %[[T1]] {{\[}}[0], [1, 2]]
// CHECK: attn.cascade
func.func @two(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x8xf32>
  %qs = tensor.expand_shape %q [[0], [1, 2]] output_shape [%m, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
  %a = attn.cascade (%Q = %qs, %K = %k) : (tensor<?x2x4xf32>, tensor<?x8xf32>) -> tensor<?x2x4xf32> {
    %k0 = attn.einsum [f] = %K[n,f] reduce add(n) : (tensor<?x8xf32>) -> tensor<8xf32>
    %r = attn.einsum [m,h,e] = mul(%Q[m,h,e], %k0[h*4+e]) : (tensor<?x2x4xf32>, tensor<8xf32>) -> tensor<?x2x4xf32>
    attn.yield %r : tensor<?x2x4xf32>
  }
  %flat = tensor.collapse_shape %a [[0], [1, 2]] : tensor<?x2x4xf32> into tensor<?x8xf32>
  %b = attn.cascade (%A = %a, %Q = %q) : (tensor<?x2x4xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %s = attn.einsum [h,e] = %A[m,h,e] reduce max(m) : (tensor<?x2x4xf32>) -> tensor<2x4xf32>
    %r = attn.einsum [m,f] = add(%Q[m,f], %s[f floordiv 4, f mod 4]) : (tensor<?x8xf32>, tensor<2x4xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %b : tensor<?x8xf32>
}

// -----

// What is returned is stored in the output, which later phases read. A second
// return of it, and an argument that is returned, are copies: a phase as well.
// CHECK-LABEL: func.func @returns(
// CHECK-SAME: %[[X:.*]]: tensor<?xf32>)
// CHECK: %[[A:.*]] = call @returns_phase0(%[[X]])
// CHECK: %[[B:.*]] = call @returns_phase1(%[[A]])
// CHECK: %[[C:.*]]:2 = call @returns_phase2(%[[A]], %[[X]])
// CHECK: return %[[A]], %[[C]]#0, %[[B]], %[[C]]#1
// CHECK: func.func private @returns_phase2(%[[A2:.*]]: tensor<?xf32>, %[[X2:.*]]: tensor<?xf32>)
// CHECK-NEXT: return %[[A2]], %[[X2]]
func.func @returns(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %a = arith.addf %x, %x : tensor<?xf32>
  %b = attn.cascade (%A = %a) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = mul(%A[m], %A[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %a, %a, %b, %x : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// -----

// Operations between two cascades are one phase, and read each other's results.
// CHECK-LABEL: func.func @between(
// CHECK: call @between_phase0
// CHECK-NEXT: return
// CHECK: func.func private @between_phase0(
// CHECK: arith.addf
// CHECK: tensor.collapse_shape
// CHECK: tensor.expand_shape
// CHECK: arith.mulf
func.func @between(%x: tensor<4x2xf32>) -> tensor<2x4xf32> {
  %a = arith.addf %x, %x : tensor<4x2xf32>
  %b = tensor.collapse_shape %a [[0, 1]] : tensor<4x2xf32> into tensor<8xf32>
  %c = tensor.expand_shape %b [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  %d = arith.mulf %c, %c : tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

// How many runs of 64 keys there are follows from the keys.
// CHECK-LABEL: func.func @runs(
// CHECK: call @runs_phase0({{.*}}) {attn.extents = [array<i64: 0, 1, 1, 64, 0, 0, 1, 1>]} : (tensor<?x?xf32>) -> tensor<?x?xf32>
func.func @runs(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %zero : f32 } : () -> tensor<?x?xf32>
    %r = attn.iterate n1 of n by n0 split s by 64 init(%i : tensor<?x?xf32>) {
    ^bb0(%A: tensor<?x?xf32>):
      %l = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %n : tensor<?x?xf32>
    }
    attn.yield %r : tensor<?x?xf32>
  }
  %t = attn.cascade (%P = %o, %S = %s) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %P[s,m] reduce add(s) : (tensor<?x?xf32>) -> tensor<?xf32>
    %q = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %b = attn.einsum [m] = add(%r[m], %q[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %b : tensor<?xf32>
  }
  return %t : tensor<?xf32>
}

// -----

// Each number of the table stands for 16 keys.
// CHECK-LABEL: func.func @pages(
// CHECK: call @pages_phase0({{.*}}) {attn.extents = [array<i64: 1, 0, 16, 64, 0, 0, 1, 1>]} : (tensor<?x?x16xf32>, tensor<?xi32>) -> tensor<?x?xf32>
func.func @pages(%s: tensor<?x?x16xf32>, %t: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<?x?x16xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %zero : f32 } : () -> tensor<?x?xf32>
    %r = attn.iterate n1 of n by n0 split s by 64 init(%i : tensor<?x?xf32>) {
    ^bb0(%A: tensor<?x?xf32>):
      %l = attn.einsum [s,m] = %S[m,%T[(n1*N0+n0) floordiv 16],(n1*N0+n0) mod 16] reduce add(n0) : (tensor<?x?x16xf32>, tensor<?xi32>) -> tensor<?x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %n : tensor<?x?xf32>
    }
    attn.yield %r : tensor<?x?xf32>
  }
  %r = attn.cascade (%P = %o) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %P[s,m] reduce add(s) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// A vector is computed again in the phase that reads it, which takes the tensor
// that it was read from.
// CHECK-LABEL: func.func @hands_on_vector
// CHECK: %[[Y:.*]] = call @hands_on_vector_phase0
// CHECK: call @hands_on_vector_phase2(%[[Y]])
// CHECK: func.func private @hands_on_vector_phase2(%[[A:.*]]: tensor<1xf32>)
// CHECK: vector.transfer_read %[[A]]
func.func @hands_on_vector(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = tensor.empty() : tensor<1xf32>
  %zero = arith.constant 0 : index
  %f0 = arith.constant 0.0 : f32
  %e = vector.transfer_read %y[%zero], %f0 {in_bounds = [true]} : tensor<1xf32>, vector<1xf32>
  %a = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = add(%X[m], %X[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %f = vector.extract %e[0] : f32 from vector<1xf32>
  %t = tensor.from_elements %f : tensor<1xf32>
  %b = attn.cascade (%X = %a, %T = %t) : (tensor<?xf32>, tensor<1xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = add(%X[m], %T[0]) : (tensor<?xf32>, tensor<1xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %b : tensor<?xf32>
}
