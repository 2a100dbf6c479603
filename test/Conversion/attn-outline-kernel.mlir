// RUN: attn-opt %s --attn-describe-kernel --attn-outline-kernel | FileCheck %s

// One phase of one item; arguments are read, outputs written.
// CHECK: module attributes {attn.kernels = [{name = "twice", phases = 1 : i64
// CHECK: func.func @twice_items0(%{{.*}}: memref<?x4xf32, strided<[?, 1], offset: ?>>, %{{.*}}: memref<?x4xf32, strided<[?, 1], offset: ?>>) -> i64 attributes {llvm.emit_c_interface}
// CHECK:   %[[ONE:.*]] = arith.constant 1 : i64
// CHECK:   return %[[ONE]] : i64
// CHECK: func.func @twice_run0(%[[X:.*]]: memref<?x4xf32, strided<[?, 1], offset: ?>>, %[[Y:.*]]: memref<?x4xf32, strided<[?, 1], offset: ?>>, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) attributes {llvm.emit_c_interface}
// CHECK:   %[[T:.*]] = bufferization.to_tensor %[[X]] restrict : memref<?x4xf32, strided<[?, 1], offset: ?>> to tensor<?x4xf32>
// CHECK:   %[[S:.*]] = arith.addf %[[T]], %[[T]]
// CHECK:   bufferization.materialize_in_destination %[[S]] in restrict writable %[[Y]]
// CHECK:   return
// CHECK-NOT: func.func @twice(
func.func @twice(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = arith.addf %x, %x : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
