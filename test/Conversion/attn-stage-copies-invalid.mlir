// RUN: attn-opt %s --attn-stage-copies -split-input-file -verify-diagnostics

// expected-error @+1 {{has no function that says how much scratch it takes; run attn-map-to-warps first}}
func.func @alone_run0(%w: memref<?xi8>, %workspace: !llvm.ptr) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  return
}

// -----

// Its answer has to be a constant.
// expected-error @+1 {{has no function that says how much scratch it takes; run attn-map-to-warps first}}
func.func @asked_run0(%w: memref<?xi8>, %workspace: !llvm.ptr) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  return
}
func.func @asked_worker(%bytes: i64) -> i64 {
  return %bytes : i64
}

// -----

// And it has to have a body.
// expected-error @+1 {{has no function that says how much scratch it takes; run attn-map-to-warps first}}
func.func @declared_run0(%w: memref<?xi8>, %workspace: !llvm.ptr) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  return
}
func.func private @declared_worker() -> i64
