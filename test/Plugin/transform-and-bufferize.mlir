// The plugin brings the transform operations and the bufferization models, too.
// RUN: %mlir_opt_attn --transform-interpreter %s -o %t.plugin && attn-opt --transform-interpreter %s | diff - %t.plugin
// RUN: FileCheck %s < %t.plugin
// RUN: not %mlir_opt_attn --one-shot-bufferize=bufferize-function-boundaries %s 2>&1 | FileCheck --check-prefix=REFUSED %s

// CHECK: attn.iterate n1 of n by n0
// REFUSED: error: 'attn.attention' op has no form on buffers
module attributes {transform.with_named_sequence} {
  func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
    %o = attn.attention(%q, %k, %k) where causal
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %o : tensor<?x8x?x64xf32>
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %attention = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %cascade = transform.attn.expand_attention %attention : (!transform.any_op) -> !transform.any_op
    %deferred = transform.attn.defer_division %cascade : (!transform.any_op) -> !transform.any_op
    %derived = transform.attn.derive_single_pass %deferred : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}
