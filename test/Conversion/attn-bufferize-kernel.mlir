// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-outline-kernel --attn-bufferize-kernel --canonicalize | FileCheck %s

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

// -----

// The view of an item drops n, not the first dimension of size 1, which the type of
// a view of fewer dimensions would leave open.
// CHECK-LABEL: func.func @unit_run0(
// CHECK-SAME: %[[A:.*]]: memref<1x7x24x5xf32, strided<[?, ?, ?, 1], offset: ?>>
// CHECK: %[[PART:.*]] = memref.subview %[[A]][0, 0, %{{.*}}, 0] [1, 7, 1, 5] [1, 1, 1, 1] : {{.*}} to memref<1x7x1x5xf32, strided<[?, ?, ?, 1], offset: ?>>
// CHECK: memref.collapse_shape %[[PART]] {{\[\[}}0], [1, 2], [3]] : {{.*}} into memref<1x7x5xf32, strided<[?, ?, 1], offset: ?>>
func.func @unit(%a: tensor<1x7x24x5xf32>) -> tensor<24x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x5xf32>
  %r = scf.forall (%i) in (24) shared_outs(%o = %e) -> (tensor<24x5xf32>) {
    %t = tensor.extract_slice %a[0, 0, %i, 0] [1, 7, 1, 5] [1, 1, 1, 1] : tensor<1x7x24x5xf32> to tensor<1x7x5xf32>
    %d = tensor.extract_slice %o[%i, 0] [1, 5] [1, 1] : tensor<24x5xf32> to tensor<5xf32>
    %f = linalg.fill ins(%zero : f32) outs(%d : tensor<5xf32>) -> tensor<5xf32>
    %s = linalg.reduce ins(%t : tensor<1x7x5xf32>) outs(%f : tensor<5xf32>) dimensions = [0, 1]
      (%x: f32, %y: f32) {
        %z = arith.addf %x, %y : f32
        linalg.yield %z : f32
      }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i, 0] [1, 5] [1, 1] : tensor<5xf32> into tensor<24x5xf32>
    }
  }
  return %r : tensor<24x5xf32>
}
