// The whole route as a schedule; the stock mlir-opt with the plugin gives the
// same.
// RUN: attn-opt --transform-interpreter --split-input-file %s | FileCheck %s

// CHECK-LABEL: func @route
// CHECK: attn.cascade {{.*}} mapping <lanes = m by [32, 16], stream = 64, rows = {{[0-9]+}}, parallel = [b, k, g]>
// CHECK: attn.iterate n1 of n by n0 {{.*}} plan <symbols = [M, N]
// CHECK-NOT: attn.attention
// Only the operator that is matched is transformed.
// CHECK-LABEL: func @untouched
// CHECK: attn.attention
module attributes {transform.with_named_sequence} {
  func.func @route(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %v) where causal {scheduled}
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  func.func @untouched(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %v) where causal
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %attention = transform.structured.match ops{["attn.attention"]} attributes {scheduled} in %root : (!transform.any_op) -> !transform.any_op
    %cascade = transform.attn.expand_attention %attention : (!transform.any_op) -> !transform.any_op
    %normal = transform.attn.normalize_cascade %cascade : (!transform.any_op) -> !transform.any_op
    %deferred = transform.attn.defer_division %normal : (!transform.any_op) -> !transform.any_op
    %derived = transform.attn.derive_single_pass %deferred : (!transform.any_op) -> !transform.any_op
    %planned = transform.attn.plan_sparsity %derived : (!transform.any_op) -> !transform.any_op
    %mapped = transform.attn.choose_mapping %planned {stream_tile = 64, lane_tiles = array<i64: 32, 16>} : (!transform.any_op) -> !transform.any_op
    %fused = transform.attn.fuse_cascade %mapped : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

// The options describe the machine, as those of the pass do; a mapping that is
// there is replaced.
// CHECK-LABEL: func @machine
// CHECK: mapping <lanes = m by [48, 32, 16], stream = {{[0-9]+}}, rows = 4,
module attributes {transform.with_named_sequence} {
  func.func @machine(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %v)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %attention = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %cascade = transform.attn.expand_attention %attention : (!transform.any_op) -> !transform.any_op
    %deferred = transform.attn.defer_division %cascade : (!transform.any_op) -> !transform.any_op
    %derived = transform.attn.derive_single_pass %deferred : (!transform.any_op) -> !transform.any_op
    %once = transform.attn.choose_mapping %derived {vector_bits = 256, vector_registers = 16} : (!transform.any_op) -> !transform.any_op
    %again = transform.attn.choose_mapping %once {row_tile = 4} : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

// Boxes of a grid have plans of their own.
// CHECK-LABEL: func @boxes
// CHECK: grid = [
// CHECK: attn.iterate {{.*}} tokens {{.*}} boxes {
module attributes {transform.with_named_sequence} {
  func.func @boxes(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %v) where neighborhood([13, 13], grid [128, 128]) or leading(64)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %attention = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %cascade = transform.attn.expand_attention %attention : (!transform.any_op) -> !transform.any_op
    %deferred = transform.attn.defer_division %cascade : (!transform.any_op) -> !transform.any_op
    %derived = transform.attn.derive_single_pass %deferred : (!transform.any_op) -> !transform.any_op
    %planned = transform.attn.plan_sparsity %derived : (!transform.any_op) -> !transform.any_op
    %once = transform.attn.choose_mapping %planned : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

// And so have rows as they lie, in whose place they were.
// CHECK-LABEL: func @rows_again
// CHECK: mapping <lanes = m by [32, 16]
// CHECK-NOT: grid = [
// CHECK: attn.iterate
// CHECK-NOT: tokens
// CHECK-NOT: boxes
// CHECK: attn.yield
module attributes {transform.with_named_sequence} {
  func.func @rows_again(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %v) where neighborhood([13, 13], grid [128, 128]) or leading(64)
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %attention = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %cascade = transform.attn.expand_attention %attention : (!transform.any_op) -> !transform.any_op
    %deferred = transform.attn.defer_division %cascade : (!transform.any_op) -> !transform.any_op
    %derived = transform.attn.derive_single_pass %deferred : (!transform.any_op) -> !transform.any_op
    %planned = transform.attn.plan_sparsity %derived : (!transform.any_op) -> !transform.any_op
    %once = transform.attn.choose_mapping %planned : (!transform.any_op) -> !transform.any_op
    %again = transform.attn.choose_mapping %once {lane_tiles = array<i64: 32, 16>} : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----

// The linalg operations are there for upstream's transforms: the scores are
// tiled by structured.tile_using_for.
// CHECK-LABEL: func @unfused
// CHECK-NOT: attn.
// CHECK: scf.for
// CHECK:   linalg.generic
// CHECK: } {tiled}
module attributes {transform.with_named_sequence} {
  func.func @unfused(%q: tensor<2x8x128x64xf32>, %k: tensor<2x2x128x64xf32>, %v: tensor<2x2x128x64xf32>) -> tensor<2x8x128x64xf32> {
    %o = attn.attention(%q, %k, %v) where causal
        : (tensor<2x8x128x64xf32>, tensor<2x2x128x64xf32>, tensor<2x2x128x64xf32>) -> tensor<2x8x128x64xf32>
    return %o : tensor<2x8x128x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %attention = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %cascade = transform.attn.expand_attention %attention : (!transform.any_op) -> !transform.any_op
    %linalg = transform.attn.lower_to_linalg %cascade : (!transform.any_op) -> !transform.any_op
    %generic = transform.structured.match ops{["linalg.generic"]} in %root : (!transform.any_op) -> !transform.any_op
    %first, %rest = transform.split_handle %generic {overflow_result = 1} : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %tiled, %loop = transform.structured.tile_using_for %first tile_sizes [1] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.annotate %loop "tiled" : !transform.any_op
    transform.yield
  }
}

// -----

// Merging works on functions; merged partial results expand, too.
// CHECK-LABEL: func @merge
// CHECK-COUNT-1: attn.cascade
// CHECK-NOT: attn.{{merge|cascade}}
// CHECK: return
module attributes {transform.with_named_sequence} {
  func.func @merge(%a: tensor<?x8x?x64xf32>, %la: tensor<?x8x?xf32>, %b: tensor<?x8x?x64xf32>, %lb: tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32> {
    %m = attn.merge(%a, %b) lse(%la, %lb) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
    %g = attn.cascade (%M = %m) : (tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
      %r = attn.einsum [b,h,m,f] = mul(%M[b,h,m,f], %M[b,h,m,f]) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
      attn.yield %r : tensor<?x8x?x64xf32>
    }
    return %g : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %merge = transform.structured.match ops{["attn.merge"]} in %root : (!transform.any_op) -> !transform.any_op
    %cascade = transform.attn.expand_attention %merge : (!transform.any_op) -> !transform.any_op
    %function = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    %merged = transform.attn.merge_cascades %function : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}
