// RUN: attn-opt %s --split-input-file --attn-split-phases --attn-distribute-cascade | FileCheck %s

// Batch and heads are items; the rows of the plane and what lies next to each
// other in memory stay. Lengths are sliced with the rest.
// CHECK-LABEL: func.func private @softmax_phase0(
// CHECK-SAME: %[[S:.*]]: tensor<?x4x?x?xf32>, %[[L:.*]]: tensor<?xi32>)
// CHECK: %[[B:.*]] = tensor.dim %[[S]], %c0
// CHECK: scf.forall (%[[I:.*]], %[[J:.*]]) in (%[[B]], 4)
// CHECK: %[[S1:.*]] = tensor.extract_slice %[[S]][%[[I]], %[[J]], 0, 0] [1, 1, %{{.*}}, %{{.*}}] [1, 1, 1, 1] : tensor<?x4x?x?xf32> to tensor<?x?xf32>
// CHECK: %[[L1:.*]] = tensor.extract_slice %[[L]][%[[I]]] [1] [1] : tensor<?xi32> to tensor<i32>
// CHECK: %[[R:.*]] = attn.cascade (%{{.*}} = %[[S1]], %{{.*}} = %[[L1]]) where causal over (m, n) align bottom_right lengths key(%{{.*}}[])
// CHECK: attn.einsum [m] = %{{.*}}[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
// CHECK: tensor.parallel_insert_slice %[[R]] into
func.func @softmax(%s: tensor<?x4x?x?xf32>, %l: tensor<?xi32>) -> tensor<?x4x?xf32> {
  %o = attn.cascade (%S = %s, %L = %l) where causal over (m, n) align bottom_right lengths key(%L[b])
      : (tensor<?x4x?x?xf32>, tensor<?xi32>) -> tensor<?x4x?xf32> {
    %x = attn.einsum [b,h,m] = %S[b,h,m,n] reduce max(n) : (tensor<?x4x?x?xf32>) -> tensor<?x4x?xf32>
    attn.yield %x : tensor<?x4x?xf32>
  }
  return %o : tensor<?x4x?xf32>
}

// -----

// A rank that an einsum lacks, one whose coordinate is asked for, one that
// shares an index with another, and one by which a tensor is read elsewhere
// stay inside.
// CHECK-LABEL: func.func private @stays_phase0(
// CHECK-NOT: scf.forall
func.func @stays(%x: tensor<4x?x6x8xf32>, %y: tensor<?x8xf32>) -> tensor<4x?x6x8xf32> {
  %o = attn.cascade (%X = %x, %Y = %y) : (tensor<4x?x6x8xf32>, tensor<?x8xf32>) -> tensor<4x?x6x8xf32> {
    %y2 = attn.einsum [b,e] = mul(%Y[b,e], %Y[b,e]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = attn.einsum [a,b,c,e] = map(%X[a,b,5-c,e], %y2[b,e]) {
    ^bb0(%v: f32, %w: f32):
      %i = attn.index b : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %p = arith.mulf %v, %f : f32
      %q = arith.addf %p, %w : f32
      attn.yield %q : f32
    } : (tensor<4x?x6x8xf32>, tensor<?x8xf32>) -> tensor<4x?x6x8xf32>
    attn.yield %r : tensor<4x?x6x8xf32>
  }
  return %o : tensor<4x?x6x8xf32>
}

// -----

// One dimension read by two ranks belongs to no item.
// CHECK-LABEL: func.func private @twice_phase0(
// CHECK: scf.forall (%{{.*}}) in (3)
// CHECK: attn.cascade
// CHECK: attn.einsum [b,e] = {{.*}} reduce add(c) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @twice(%x: tensor<3x?x8xf32>) -> tensor<3x?x8xf32> {
  %o = attn.cascade (%X = %x) : (tensor<3x?x8xf32>) -> tensor<3x?x8xf32> {
    %r = attn.einsum [a,b,e] = mul(%X[a,b,e], %X[a,c,e]) reduce add(c) : (tensor<3x?x8xf32>, tensor<3x?x8xf32>) -> tensor<3x?x8xf32>
    attn.yield %r : tensor<3x?x8xf32>
  }
  return %o : tensor<3x?x8xf32>
}

// -----

// Segments of each row lose the row, and keep their offsets.
// CHECK-LABEL: func.func private @segments_phase0(
// CHECK-SAME: %{{.*}}: tensor<2x?x?xf32>, %[[X:.*]]: tensor<2x?xi32>)
// CHECK: scf.forall (%[[B:.*]]) in (2)
// CHECK: tensor.extract_slice %[[X]][%[[B]], 0]
// CHECK: segments query(%{{.*}}[]) key(%{{.*}}[])
func.func @segments(%s: tensor<2x?x?xf32>, %x: tensor<2x?xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) where causal over (m, n) align bottom_right segments query(%X[b]) key(%X[b])
      : (tensor<2x?x?xf32>, tensor<2x?xi32>) -> tensor<2x?xf32> {
    %r = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// Where a dimension of extent 1 stays in front of one that falls away, all of
// them fall away, and those that stay come back: upstream folds slices to the
// type whose first dimensions of extent 1 fell away.
// CHECK-LABEL: func.func private @units_phase0(
// CHECK: scf.forall (%[[B:.*]]) in (5)
// CHECK: %[[P:.*]] = tensor.extract_slice %{{.*}}[0, 0, 0, %[[B]]] [%[[N:.*]], 1, %[[M:.*]], 1] [1, 1, 1, 1] : tensor<?x1x?x5xf32> to tensor<?x?xf32>
// CHECK: tensor.expand_shape %[[P]] {{\[}}[0, 1], [2]] output_shape [%[[N]], 1, %[[M]]] : tensor<?x?xf32> into tensor<?x1x?xf32>
// CHECK: %[[R:.*]] = attn.cascade
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0, 1]] : tensor<1x?xf32> into tensor<?xf32>
// CHECK: tensor.parallel_insert_slice %[[C]] into %{{.*}}[0, %[[B]], 0] [1, 1, %{{.*}}] [1, 1, 1] : tensor<?xf32> into tensor<1x5x?xf32>
func.func @units(%x: tensor<?x1x?x5xf32>, %y: tensor<5x?xf32>) -> tensor<1x5x?xf32> {
  %o = attn.cascade (%X = %x, %Y = %y) : (tensor<?x1x?x5xf32>, tensor<5x?xf32>) -> tensor<1x5x?xf32> {
    %z = attn.einsum [b,n] = mul(%Y[b,n], %Y[b,n]) : (tensor<5x?xf32>, tensor<5x?xf32>) -> tensor<5x?xf32>
    %r = attn.einsum [g,b,m] = mul(%X[n,g,m,b], %z[b,n]) reduce add(n) : (tensor<?x1x?x5xf32>, tensor<5x?xf32>) -> tensor<1x5x?xf32>
    attn.yield %r : tensor<1x5x?xf32>
  }
  return %o : tensor<1x5x?xf32>
}
