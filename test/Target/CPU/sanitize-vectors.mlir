// ThreadSanitizer sees what its pass alone would skip: accesses of more than 16
// bytes, and masked ones. The vectors of the kernel stay as they are.

// RUN: attn-compile --from-llvm-dialect %s -o - --emit=ll --cpu=x86-64-v4 --sanitize=thread | FileCheck %s
// RUN: attn-compile --from-llvm-dialect %s -o - --emit=ll --cpu=x86-64-v4 | FileCheck %s --check-prefix=PLAIN
// PLAIN-NOT: tsan

// CHECK-LABEL: define {{.*}}@wide.run0
// CHECK: call void @__tsan_read_range(ptr [[FROM:%[a-z0-9._]+]], i64 64)
// CHECK: load <16 x float>, ptr [[FROM]]
// CHECK: call void @__tsan_write_range(ptr [[TO:%[a-z0-9._]+]], i64 64)
// CHECK: store <16 x float> {{.*}}, ptr [[TO]]
// A masked store lane by lane, and no range for what LLVM's pass watches.
// CHECK-NOT: masked.store
// CHECK: call void @__tsan_{{(unaligned_)?}}write4
// CHECK-NOT: _range(ptr {{.*}}, i64 16)

module attributes {attn.kernels = [
  {name = "wide", phases = 1 : i64, worker_workspace = 0 : i64, tensors = [
    {name = "x", type = tensor<32xf32>, dims = ["32"], output = false},
    {name = "y", type = tensor<32xf32>, dims = ["32"], output = true}]}]} {
  llvm.func @_mlir_ciface_wide_items0(%x: !llvm.ptr, %y: !llvm.ptr) -> i64 {
    %one = llvm.mlir.constant(1 : i64) : i64
    llvm.return %one : i64
  }
  llvm.func @_mlir_ciface_wide_run0(%x: !llvm.ptr, %y: !llvm.ptr, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) {
    %0 = llvm.load %x : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %1 = llvm.load %y : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %from = llvm.extractvalue %0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %to = llvm.extractvalue %1[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %v = llvm.load %from {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    llvm.store %v, %to {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
    %lanes = llvm.mlir.constant(dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : vector<16xi64>) : vector<16xi64>
    %undef = llvm.mlir.undef : vector<16xi64>
    %zero = llvm.mlir.constant(0 : i32) : i32
    %inserted = llvm.insertelement %begin, %undef[%zero : i32] : vector<16xi64>
    %limit = llvm.shufflevector %inserted, %undef [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] : vector<16xi64>
    %mask = llvm.icmp "slt" %lanes, %limit : vector<16xi64>
    %rest = llvm.getelementptr %to[16] : (!llvm.ptr) -> !llvm.ptr, f32
    llvm.intr.masked.store %v, %rest, %mask {alignment = 4 : i32} : vector<16xf32>, vector<16xi1> into !llvm.ptr
    %narrow = llvm.load %from {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
    %last = llvm.getelementptr %to[28] : (!llvm.ptr) -> !llvm.ptr, f32
    llvm.store %narrow, %last {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
    llvm.return
  }
}
