// RUN: attn-opt --transform-interpreter --canonicalize --cse --split-input-file %s | FileCheck %s

// Tiles by stock transforms: slices of operands, whose begins join the origins.

// Whole groups of heads, and rows: the alignment becomes an offset of the whole.
// CHECK-LABEL: func @rows_of_groups
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x8x?x64xf32>, %[[K:[a-z0-9]+]]: tensor<?x2x?x64xf32>
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %c2
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[K]], %c2
// CHECK: scf.for %[[H:.*]] = %c0 to %c8 step %c4
// CHECK: scf.for %[[I:.*]] = %c0 to %[[M]] step %c16
// CHECK: %[[G:.*]] = affine.apply #{{.*}}()[%[[H]]]
// CHECK: tensor.extract_slice %[[Q]][0, %[[H]], %[[I]], 0]
// CHECK: tensor.extract_slice %[[K]][0, %[[G]], 0, 0] [%{{.*}}, 1, %[[N]], 64]
// CHECK: %[[OFFSET:.*]] = affine.apply #{{.*}}()[%[[N]], %[[M]]]
// CHECK: attn.attention
// CHECK: where causal align offset(%[[OFFSET]] : index) origin(m = %[[I]] : index)
module attributes {transform.with_named_sequence} {
  func.func @rows_of_groups(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32> {
    %o = attn.attention(%q, %k, %v) where causal
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32>
    return %o : tensor<?x8x?x32xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l:2 = transform.structured.tile_using_for %op tile_sizes [0, 4, 16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Two heads of a group of four share its key head; no position changes.
// CHECK-LABEL: func @within_a_group
// CHECK: scf.for %[[H:.*]] = %c0 to %c8 step %c2
// CHECK: tensor.extract_slice %{{.*}}[0, %[[H]], 0, 0] [%{{.*}}, 2, %{{.*}}, 64]
// CHECK: tensor.extract_slice %{{.*}}[0, %{{.*}}, 0, 0] [%{{.*}}, 1, %{{.*}}, 64]
// CHECK: where causal align bottom_right
// CHECK-NOT: origin
module attributes {transform.with_named_sequence} {
  func.func @within_a_group(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32> {
    %o = attn.attention(%q, %k, %v) where causal
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32>
    return %o : tensor<?x8x?x32xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Origins of a part, one for each row, and lengths: numbers of the whole.
// CHECK-LABEL: func @forall
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?xi32>, %[[L:[a-z0-9]+]]: tensor<?xi32>
// CHECK: scf.forall (%[[B:.*]], %[[I:.*]]) in
// CHECK: %[[ROW:.*]] = affine.apply #{{.*}}(%[[I]])
// CHECK: %[[LB:.*]] = tensor.extract_slice %[[L]][%[[B]]] [1] [1]
// CHECK: %[[XB:.*]] = tensor.extract_slice %[[X]][%[[B]]] [1] [1]
// CHECK: %[[WIDE:.*]] = arith.extsi %[[XB]] : tensor<1xi32> to tensor<1xi64>
// CHECK: %[[ROW64:.*]] = arith.index_cast %[[ROW]] : index to i64
// CHECK: %[[SPLAT:.*]] = tensor.splat %[[ROW64]]
// CHECK: %[[OM:.*]] = arith.addi %[[WIDE]], %[[SPLAT]]
// CHECK: where window(20, 0) align offset(%{{.*}} : tensor<1xi64>) origin(m = %[[OM]] : tensor<1xi64>, n = %[[XB]] : tensor<1xi32>) lengths key(%[[LB]] : tensor<1xi32>) query(%[[LB]] : tensor<1xi32>)
// CHECK: tensor.parallel_insert_slice
module attributes {transform.with_named_sequence} {
  func.func @forall(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %x: tensor<?xi32>, %l: tensor<?xi32>) -> tensor<?x8x?x32xf32> {
    %o = attn.attention(%q, %k, %v) where causal and window(20, 0)
        origin(m = %x : tensor<?xi32>, n = %x : tensor<?xi32>)
        lengths key(%l : tensor<?xi32>) query(%l : tensor<?xi32>)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32>
    return %o : tensor<?x8x?x32xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %f = transform.structured.tile_using_forall %op tile_sizes [1, 0, 16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Key splits in slots of their own, merged by their log-sum-exps; the sinks join
// once.
// CHECK-LABEL: func @reduction_forall
// CHECK-DAG: arith.constant 0xFF800000 : f32
// CHECK: scf.forall (%[[S:.*]]) in (4)
// CHECK: %[[FIRST:.*]] = affine.apply
// CHECK: %{{.*}}, %{{.*}} = attn.attention
// CHECK: where causal align offset(%{{.*}} : index) origin(n = %[[FIRST]] : index)
// CHECK-NOT: sinks
// CHECK: tensor.parallel_insert_slice %{{.*}} into %{{.*}}[%[[S]], 0, 0, 0, 0] [1,
// CHECK: %[[M:.*]]:2 = attn.cascade
// CHECK: reduce max(s)
// CHECK: reduce add(s)
// CHECK: reduce add(s)
// CHECK: attn.merge(%[[M]]#0) lse(%[[M]]#1) sinks(
module attributes {transform.with_named_sequence} {
  func.func @reduction_forall(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %s: tensor<8xf32>) -> tensor<?x8x?x32xf32> {
    %o = attn.attention(%q, %k, %v) where causal sinks(%s : tensor<8xf32>)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32>
    return %o : tensor<?x8x?x32xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %i:2, %s, %c, %l = transform.structured.tile_reduction_using_forall %op by num_threads = [0, 0, 0, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Steps over the keys merge into one slot.
// CHECK-LABEL: func @reduction_for
// CHECK: scf.for %[[N:.*]] = %c0 to %{{.*}} step %c64 iter_args(%[[O:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}})
// CHECK: %[[PO:.*]], %[[PL:.*]] = attn.attention
// CHECK: where causal align offset(%{{.*}} : index) origin(n = %[[N]] : index)
// CHECK: %[[CO:.*]] = tensor.extract_slice %[[O]][0, 0, 0, 0, 0] [1,
// CHECK: %[[CL:.*]] = tensor.extract_slice %[[L]][0, 0, 0, 0] [1,
// CHECK: attn.merge(%[[CO]], %[[PO]]) lse(%[[CL]], %[[PL]])
// CHECK: attn.cascade
module attributes {transform.with_named_sequence} {
  func.func @reduction_for(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32> {
    %o = attn.attention(%q, %k, %v) where causal
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> tensor<?x8x?x32xf32>
    return %o : tensor<?x8x?x32xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %i:2, %s, %c, %l = transform.structured.tile_reduction_using_for %op by tile_sizes = [0, 0, 0, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A producer is fused into the loop of its consumer.
// CHECK-LABEL: func @fuse
// CHECK: scf.for %[[I:[a-z0-9]+]] =
// CHECK: %[[O:.*]] = attn.attention
// CHECK: origin(m = %[[I]] : index)
// CHECK: linalg.generic {{.*}} ins(%[[O]] :
// CHECK-NOT: attn.attention
module attributes {transform.with_named_sequence} {
  func.func @fuse(%q: tensor<2x8x64x64xf32>, %k: tensor<2x2x96x64xf32>, %e: tensor<2x8x64x64xf32>) -> tensor<2x8x64x64xf32> {
    %o = attn.attention(%q, %k, %k) where causal
        : (tensor<2x8x64x64xf32>, tensor<2x2x96x64xf32>, tensor<2x2x96x64xf32>) -> tensor<2x8x64x64xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(b, h, m, f) -> (b, h, m, f)>, affine_map<(b, h, m, f) -> (b, h, m, f)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%o : tensor<2x8x64x64xf32>) outs(%e : tensor<2x8x64x64xf32>) {
    ^bb0(%x: f32, %y: f32):
      %z = arith.addf %x, %x : f32
      linalg.yield %z : f32
    } -> tensor<2x8x64x64xf32>
    return %r : tensor<2x8x64x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["linalg.generic"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.fuse %op tile_sizes [0, 0, 16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
