// RUN: attn-opt %attn_src/examples/rotary.mlir --attn-derive-cascades | FileCheck %s

// Both rotations join the one cascade: that of the queries before the stream,
// that of the keys in every step, on the tile it loads.
// CHECK-LABEL: func.func @rope
// CHECK: attn.cascade
// CHECK: mapping <
// CHECK: attn.einsum [{{.*}}e] = map(
// CHECK: attn.iterate
// CHECK: attn.einsum [{{.*}}n0,e] = map(
// CHECK: reduce add(e)
// CHECK-NOT: attn.cascade
