// RUN: not attn-opt --transform-interpreter --split-input-file %s 2>&1 | FileCheck %s

// A size that does not divide the heads leaves a tail of another size.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op is tiled along h by a size that is no constant; allowed are divisors of 8
module attributes {transform.with_named_sequence} {
  func.func @tail_of_heads(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 3] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Two heads are neither groups of three nor a part of one.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op is tiled along h by 2; allowed are multiples and divisors of the 3 heads of a group
module attributes {transform.with_named_sequence} {
  func.func @across_groups(%q: tensor<?x6x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x6x?x64xf32> {
    %o = attn.attention(%q, %k, %k) : (tensor<?x6x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x6x?x64xf32>
    return %o : tensor<?x6x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Keys are reduced.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op cannot be tiled along n like a parallel loop; tile the reduction, into partial results that are merged
module attributes {transform.with_named_sequence} {
  func.func @keys(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 0, 0, 16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// The feature of a tail has no constant size.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op is tiled along f by a size that is no constant; allowed are divisors of 64
module attributes {transform.with_named_sequence} {
  func.func @features(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 0, 0, 0, 48] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Without a log-sum-exp parts cannot be joined.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op is not split along its keys: parts are joined by their log-sum-exps, and a renormalised gate without a positive activation may make the sum negative
module attributes {transform.with_named_sequence} {
  func.func @signed_sum(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %g: tensor<8xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) gate weight none(%g[h] : tensor<8xf32>) renormalised : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %i:2, %s, %c, %l = transform.structured.tile_reduction_using_for %op by tile_sizes = [0, 0, 0, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Weights that are no exponentials have none.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op is not split along its keys: parts are joined by their log-sum-exps, and only a softmax sums exponentials
module attributes {transform.with_named_sequence} {
  func.func @no_softmax(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) normalise l1 : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %i:2, %s, %c, %l = transform.structured.tile_reduction_using_for %op by tile_sizes = [0, 0, 0, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// An edit of P / D is none of a part.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op is not split along its keys: parts are joined by their log-sum-exps, and edited weights are no part of the sum
module attributes {transform.with_named_sequence} {
  func.func @edited_weights(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) weights() { ^bb0(%p: f32, %b: index, %h: index, %m: index, %n: index): attn.yield %p : f32 } : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %i:2, %s, %c, %l = transform.structured.tile_reduction_using_for %op by tile_sizes = [0, 0, 0, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A slice between a branch and its mix would round it: cascades are tiled, or
// what makes the branches.
// CHECK: error: only ops implementing TilingInterface are supported
module attributes {transform.with_named_sequence} {
  func.func @mix(%a: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.mix %a, %a : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.mix"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [1] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A neighborhood without a grid counts the keys of the whole.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op is not split along its keys: its neighborhood has no grid, and counts the keys
module attributes {transform.with_named_sequence} {
  func.func @neighborhood(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) where neighborhood([7]) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %i:2, %s, %c, %l = transform.structured.tile_reduction_using_for %op by tile_sizes = [0, 0, 0, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Offsets are those of the whole: a part of the queries would not know its own.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op has segments and is not tiled along their tokens; allowed are b, h and f
module attributes {transform.with_named_sequence} {
  func.func @segments(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %s: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) segments(%s : tensor<?xi32>) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 0, 32] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Lists are of all queries.
// CHECK: [[@LINE+3]]:10: error: 'attn.attention' op has lists of keys and is not tiled along tokens; allowed are b, h and f
module attributes {transform.with_named_sequence} {
  func.func @lists(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %l: tensor<?x?xi32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) where indices(32, %l[] : tensor<?x?xi32>) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 0, 32] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
