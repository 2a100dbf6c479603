// RUN: attn-opt %s --attn-map-to-blocks -split-input-file -verify-diagnostics
// RUN: not attn-opt %s --attn-map-to-blocks="max-blocks=0" 2>&1 | FileCheck %s --check-prefix=BLOCKS
// RUN: not attn-opt %s --attn-map-to-blocks="shared-bytes=-1" 2>&1 | FileCheck %s --check-prefix=SHARED
// RUN: not attn-opt %s --attn-map-to-blocks="max-scratch=-1" 2>&1 | FileCheck %s --check-prefix=SCRATCH
// RUN: not attn-opt %s --attn-map-to-blocks="resident-blocks=33" 2>&1 | FileCheck %s --check-prefix=RESIDENT
// RESIDENT: error: option 'resident-blocks' is 33, but must be 1 to 32
// BLOCKS: error: option 'max-blocks' is too small
// SHARED: error: option 'shared-bytes' is too small
// SCRATCH: error: option 'max-scratch' is too small

// expected-error @+1 {{needs 'attn.kernels' with one kernel; run attn-describe-kernel first}}
module {
}

// -----

// expected-error @+1 {{kernel 'f' has no function 'f_items0'; run attn-link-phases first}}
module attributes {attn.kernels = [{name = "f", phases = 1 : i64, worker_workspace = 0 : i64, tensors = []}]} {
}

// -----

module attributes {attn.kernels = [{name = "f", phases = 1 : i64, worker_workspace = 0 : i64, tensors = [
    {name = "a", type = tensor<?xf32>, dims = ["m"], output = false},
    {name = "o", type = tensor<?xf32>, dims = ["m"], output = true}]}]} {
  func.func @f_items0(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>) -> i64 {
    %items = arith.constant 1 : i64
    return %items : i64
  }
  // expected-error @+1 {{has no 'attn.block_threads'; run attn-map-to-threads first}}
  func.func @f_run0(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) attributes {attn.other} {
    %first = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    memref.store %zero, %o[%first] : memref<?xf32, strided<[1], offset: ?>>
    return
  }
  func.func @f_shared(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>) -> i64 {
    %bytes = arith.constant 0 : i64
    return %bytes : i64
  }
  func.func @f_worker(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>) -> i64 {
    %bytes = arith.constant 0 : i64
    return %bytes : i64
  }
}

// -----

module attributes {attn.kernels = [{name = "f", phases = 1 : i64, worker_workspace = 0 : i64, tensors = [
    {name = "a", type = tensor<?xf32>, dims = ["m"], output = false},
    {name = "o", type = tensor<?xf32>, dims = ["m"], output = true}]}]} {
  func.func @f_items0(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>) -> i64 {
    %c0 = arith.constant 0 : index
    %x = memref.load %a[%c0] : memref<?xf32, strided<[1], offset: ?>>
    // expected-error @+1 {{the size of a launch depends on 'arith.fptosi'; it is computed from the extents of the kernel's tensors alone}}
    %items = arith.fptosi %x : f32 to i64
    return %items : i64
  }
  func.func @f_run0(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) attributes {attn.block_threads = 32 : i64} {
    return
  }
  func.func @f_shared(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>) -> i64 {
    %bytes = arith.constant 0 : i64
    return %bytes : i64
  }
  func.func @f_worker(%a: memref<?xf32, strided<[1], offset: ?>>, %o: memref<?xf32, strided<[1], offset: ?>>) -> i64 {
    %bytes = arith.constant 0 : i64
    return %bytes : i64
  }
}
