// RUN: attn-opt %s --attn-describe-kernel --attn-outline-kernel --attn-bufferize-kernel --canonicalize | FileCheck %s

// Arguments are never written, and a copy is a linalg operation.
// CHECK-LABEL: func.func @update_run0(
// CHECK-SAME: %[[X:.*]]: memref<?xf32, strided<[1], offset: ?>>, %[[Y:.*]]: memref<?xf32, strided<[1], offset: ?>>
// CHECK: linalg.copy ins(%[[X]] : memref<?xf32, strided<[1], offset: ?>>) outs(%[[BUFFER:[^ ]*]] : memref<?xf32>)
// CHECK: memref.store %{{.*}}, %[[BUFFER]]
// CHECK: linalg.exp ins(%[[BUFFER]] : memref<?xf32>) outs(%[[RESULT:.*]] : memref<?xf32>)
// CHECK: linalg.copy ins(%[[RESULT]] : memref<?xf32>) outs(%[[Y]] : memref<?xf32, strided<[1], offset: ?>>)
// CHECK-NOT: memref.copy
func.func @update(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %cst = arith.constant 1.0 : f32
  %e = tensor.empty(%n) : tensor<?xf32>
  %t = tensor.insert %cst into %x[%c0] : tensor<?xf32>
  %y = linalg.exp ins(%t : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
