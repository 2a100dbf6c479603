// RUN: attn-opt %s --pass-pipeline="builtin.module(gpu.module(attn-lower-threads))" | FileCheck %s

// Registers are read with the range that the number of threads gives them; a kernel
// becomes a function of LLVM with its parameters, and what it computes stays.
// CHECK: gpu.module @device
gpu.module @device {
  // CHECK: func.func private @work
  // CHECK: %[[T:.*]] = nvvm.read.ptx.sreg.tid.x range <i32, 0, 96> : i32
  // CHECK: arith.index_castui %[[T]] : i32 to index
  // CHECK: nvvm.barrier0
  func.func private @work(%m: memref<?xf32>, %x: f32) attributes {attn.block_threads = 96 : i64} {
    %t = gpu.thread_id x
    gpu.barrier
    memref.store %x, %m[%t] : memref<?xf32>
    return
  }
  // CHECK: llvm.func @kernel(%{{.*}}: !llvm.ptr<1> {llvm.noalias}, %{{.*}}: i64)
  // CHECK-SAME: nvvm.kernel
  // CHECK-SAME: nvvm.reqntid = array<i32: 64, 1, 1>
  // CHECK: nvvm.read.ptx.sreg.ctaid.x : i32
  // CHECK: nvvm.read.ptx.sreg.nctaid.x : i32
  // CHECK: nvvm.read.ptx.sreg.tid.x range <i32, 0, 64> : i32
  // CHECK: scf.for
  // CHECK: llvm.return
  gpu.func @kernel(%p: !llvm.ptr<1> {llvm.noalias}, %n: i64) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %b = gpu.block_id x
    %g = gpu.grid_dim x
    %t = gpu.thread_id x
    %c = arith.index_cast %n : i64 to index
    scf.for %i = %b to %c step %g {
      %number = arith.index_cast %t : index to i64
      llvm.store %number, %p : i64, !llvm.ptr<1>
    }
    gpu.return
  }
}
