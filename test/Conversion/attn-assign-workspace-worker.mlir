// RUN: attn-opt %s --attn-assign-workspace --canonicalize --cse | FileCheck %s
// RUN: not attn-opt %s --attn-assign-workspace=max-bytes=511 2>&1 | FileCheck %s --check-prefix=LIMIT

// Items are independent: their buffers are the worker's, and take turns within
// one item.
// CHECK-LABEL: func.func @f_worker(
// CHECK: return %c512_i64
// CHECK-LABEL: func.func @f_run0(
// CHECK-SAME: %[[WORKER:[^ ]*]]: !llvm.ptr, %{{[^ ]*}}: !llvm.ptr)
// CHECK: llvm.insertvalue %[[WORKER]]
// CHECK: scf.for
// CHECK: %[[A:.*]] = memref.view %{{.*}}[%c0][] : memref<?xi8> to memref<64xf32>
// CHECK: %[[B:.*]] = memref.view %{{.*}}[%c256][] : memref<?xi8> to memref<64xf32>
// CHECK: linalg.copy ins(%[[A]] : memref<64xf32>) outs(%[[B]] : memref<64xf32>)
// CHECK: linalg.copy ins(%[[B]] : memref<64xf32>) outs(%[[A]] : memref<64xf32>)
// LIMIT: error: the intermediate results need 512 bytes per worker in the unfused form, this one 256; allowed are 511 (max-footprint)
module attributes {attn.kernels = [{name = "f", phases = 1 : i64, worker_workspace = 0 : i64, tensors = [
    {dims = ["64"], name = "x", output = true, type = tensor<64xf32>}]}]} {
  func.func @f_run0(%x: memref<64xf32, strided<[1], offset: ?>>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) attributes {attn.per_worker, llvm.emit_c_interface} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %first = arith.index_cast %begin : i64 to index
    %last = arith.index_cast %end : i64 to index
    scf.for %i = %first to %last step %c1 {
      %a = memref.alloc() : memref<64xf32>
      linalg.copy ins(%x : memref<64xf32, strided<[1], offset: ?>>) outs(%a : memref<64xf32>)
      %b = memref.alloc() : memref<64xf32>
      linalg.copy ins(%a : memref<64xf32>) outs(%b : memref<64xf32>)
      %c = memref.alloc() : memref<64xf32>
      linalg.copy ins(%b : memref<64xf32>) outs(%c : memref<64xf32>)
      linalg.copy ins(%c : memref<64xf32>) outs(%x : memref<64xf32, strided<[1], offset: ?>>)
    }
    return
  }
}
