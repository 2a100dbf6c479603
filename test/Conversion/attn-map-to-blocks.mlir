// RUN: attn-opt %s --attn-map-to-blocks -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-map-to-blocks="check-values=false" -split-input-file | FileCheck %s --check-prefix=TRUST
// RUN: attn-opt %s --attn-map-to-blocks="shared-bytes=1000 max-blocks=7 max-scratch=5000" -split-input-file 2>&1 | FileCheck %s --check-prefix=GLOBAL

// A kernel takes the tensors' pointers and strides, the extents, the workspace and,
// for the permutation, the memory in which the call checks it. It does nothing
// where the check found something; only inputs are promised not to be written by
// others.
// CHECK: gpu.module @f_device
// CHECK-SAME: check = "4 * (16 + ceildiv(m, 32))"
// CHECK-SAME: {blocks = "min(ceildiv(16 + ceildiv(m, 32), 256), 1024)", kernel = "f_prepare", shared = 0 : i64, threads = 256 : i64}
// CHECK-SAME: {blocks = "min(ceildiv(max(1, m), 256), 1024)", kernel = "f_check", shared = 0 : i64, threads = 256 : i64}
// CHECK-SAME: {blocks = "ceildiv(m, 32) * 2", kernel = "f_kernel0", shared = 2048 : i64, threads = 32 : i64}
// CHECK-SAME: parameters = ["pointer 0", "stride 0 0", "pointer 1", "pointer 2", "stride 2 0", "extent m", "workspace", "check"]
// CHECK-SAME: workspace = "64"
// CHECK: llvm.mlir.global external @attn_block_memory() {addr_space = 3 : i32, alignment = 64 : i64}
// CHECK: func.func private @f_run0
// CHECK: gpu.func @f_prepare
// CHECK: llvm.store
// CHECK: gpu.func @f_check
// CHECK: llvm.cmpxchg
// CHECK: llvm.atomicrmw _or
// CHECK: llvm.cmpxchg
// CHECK: gpu.func @f_kernel0(%[[A:.*]]: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %[[STRIDE:.*]]: i64, %{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %{{.*}}: !llvm.ptr<1>, %{{.*}}: i64, %[[M:.*]]: i64, %[[W:.*]]: !llvm.ptr<1>, %[[C:.*]]: !llvm.ptr<1>) kernel
// CHECK-SAME: known_block_size = array<i32: 32, 1, 1>
// CHECK: %[[CHECK:.*]] = llvm.addrspacecast %[[C]]
// CHECK: %[[STATUS:.*]] = llvm.load %[[CHECK]] : !llvm.ptr -> i32
// CHECK: %[[OK:.*]] = arith.cmpi eq, %[[STATUS]]
// CHECK: scf.if %[[OK]]
// CHECK: llvm.insertvalue %[[M]], %{{.*}}[3, 0]
// CHECK: llvm.insertvalue %[[STRIDE]], %{{.*}}[4, 0]
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[BLOCKS:.*]] = gpu.grid_dim x
// CHECK: %[[MEMORY:.*]] = llvm.mlir.addressof @attn_block_memory : !llvm.ptr<3>
// CHECK: %[[WORKER:.*]] = llvm.addrspacecast %[[MEMORY]]
// CHECK: %[[COUNT:.*]] = func.call @f_items0
// CHECK: scf.for %[[I:.*]] = %[[BLOCK]] to %{{.*}} step %[[BLOCKS]]
// CHECK: func.call @f_run0({{.*}}, %[[WORKER]], %{{.*}})
// CHECK-NOT: func.func @f_

// TRUST: gpu.module @f_device
// TRUST-SAME: check = ""
// TRUST-NOT: f_check

// Scratch that does not fit lies behind what the blocks share.
// GLOBAL: remark: the scratch of a block takes 2048 bytes, more than the 1000 that its threads can share; it lies in global memory
// GLOBAL: blocks = "min(ceildiv(m, 32) * 2, max(1, min(7, floordiv(5000, max(1, 2048)))))", items = "ceildiv(m, 32) * 2", kernel = "f_kernel0", shared = 0
// GLOBAL-SAME: workspace = "64 + min(ceildiv(m, 32) * 2, max(1, min(7, floordiv(5000, max(1, 2048))))) * 2048"
// GLOBAL: gpu.func @f_kernel0
// GLOBAL: %[[OWN:.*]] = arith.muli %c2048_i64, %{{.*}} : i64
// GLOBAL: %[[SHARED:.*]] = func.call @f_shared
// GLOBAL: %[[OFFSET:.*]] = arith.addi %[[SHARED]], %[[OWN]] : i64
// GLOBAL: llvm.getelementptr %{{.*}}[%[[OFFSET]]]
module attributes {attn.kernels = [{name = "f", phases = 1 : i64, worker_workspace = 2048 : i64, tensors = [
    {name = "a", type = tensor<?x4xf32>, dims = ["m", "4"], output = false},
    {name = "p", type = tensor<?xi32>, dims = ["m"], output = false},
    {name = "o", type = tensor<?x4xf32>, dims = ["m", "4"], output = true}],
    checks = [{extent = "m", kind = "permutation", tensor = 1 : i64}]}]} {
  func.func @f_items0(%a: memref<?x4xf32, strided<[?, 1], offset: ?>>, %p: memref<?xi32, strided<[1], offset: ?>>, %o: memref<?x4xf32, strided<[?, 1], offset: ?>>) -> i64 attributes {llvm.emit_c_interface} {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %m = memref.dim %a, %c0 : memref<?x4xf32, strided<[?, 1], offset: ?>>
    %tiles = arith.ceildivui %m, %c32 : index
    %count = arith.muli %tiles, %c2 : index
    %items = arith.index_cast %count : index to i64
    return %items : i64
  }
  func.func @f_run0(%a: memref<?x4xf32, strided<[?, 1], offset: ?>>, %p: memref<?xi32, strided<[1], offset: ?>>, %o: memref<?x4xf32, strided<[?, 1], offset: ?>>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) attributes {attn.block_threads = 32 : i64, llvm.emit_c_interface} {
    %i = arith.index_cast %begin : i64 to index
    %c0 = arith.constant 0 : index
    %x = memref.load %a[%i, %c0] : memref<?x4xf32, strided<[?, 1], offset: ?>>
    memref.store %x, %o[%i, %c0] : memref<?x4xf32, strided<[?, 1], offset: ?>>
    return
  }
  func.func @f_shared(%a: memref<?x4xf32, strided<[?, 1], offset: ?>>, %p: memref<?xi32, strided<[1], offset: ?>>, %o: memref<?x4xf32, strided<[?, 1], offset: ?>>) -> i64 {
    %bytes = arith.constant 64 : i64
    return %bytes : i64
  }
  func.func @f_worker(%a: memref<?x4xf32, strided<[?, 1], offset: ?>>, %p: memref<?xi32, strided<[1], offset: ?>>, %o: memref<?x4xf32, strided<[?, 1], offset: ?>>) -> i64 {
    %bytes = arith.constant 2048 : i64
    return %bytes : i64
  }
}
