// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-split-phases --attn-tile-cascade --attn-distribute-cascade --attn-lower-to-linalg=remarks=false --attn-outline-kernel --attn-link-phases | FileCheck %s

// The second phase reads what the first left at the front of the workspace; its
// own share begins behind. Extents come from the kernel's tensors.
// CHECK: attn.kernels = [{name = "twice", phases = 2 : i64
// CHECK: func.func @twice_items0(%[[X:.*]]: memref<?x4xf32, strided<[?, 1], offset: ?>>
// CHECK:   call @twice_phase0_items0(
// CHECK: func.func @twice_run0(
// CHECK: func.func @twice_items1(
// CHECK: func.func @twice_run1(%[[X1:.*]]: memref<?x4xf32, strided<[?, 1], offset: ?>>, %[[Y1:.*]]: memref<?x4xf32, strided<[?, 1], offset: ?>>, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %[[WORKER:.*]]: !llvm.ptr, %[[SHARED:.*]]: !llvm.ptr)
// CHECK:   %[[M:.*]] = memref.dim %[[X1]], %c0
// CHECK:   arith.muli %{{.*}}, %[[M]]
// CHECK:   %[[VIEW:.*]] = memref.view %{{.*}}[%c0{{.*}}][%{{.*}}] : memref<?xi8> to memref<?x4xf32>
// CHECK:   %[[T:.*]] = memref.cast %[[VIEW]] : memref<?x4xf32> to memref<?x4xf32, strided<[?, 1], offset: ?>>
// CHECK:   %[[OWN:.*]] = llvm.getelementptr %[[SHARED]][%{{.*}}] : (!llvm.ptr, i64) -> !llvm.ptr, i8
// CHECK:   call @twice_phase1_run0(%[[T]], %[[Y1]], %[[BEGIN]], %[[END]], %[[WORKER]], %[[OWN]])
// CHECK: func.func @twice_shared(
// CHECK:   call @twice_phase0_shared(
// CHECK:   call @twice_phase1_shared(
// CHECK: func.func @twice_worker(
// CHECK-NOT: func.func private @twice_phase0(
// CHECK: func.func private @twice_phase0_run0(
func.func @twice(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = attn.cascade (%X = %x) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
    %r = attn.einsum [m,e] = add(%X[m,e], %X[m,e]) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    attn.yield %r : tensor<?x4xf32>
  }
  %y = arith.mulf %a, %a : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// The third value lies where the first was, which nobody reads any more.
// CHECK: attn.kernels = [{name = "chain", phases = 4 : i64
// CHECK-LABEL: func.func @chain_run3(
// CHECK: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK: memref.view %{{.*}}[%[[ZERO]]][%{{.*}}] : memref<?xi8> to memref<?x4xf32>
// CHECK: call @chain_phase3_run0(
func.func @chain(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = attn.cascade (%X = %x) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
    %r = attn.einsum [m,e] = add(%X[m,e], %X[m,e]) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    attn.yield %r : tensor<?x4xf32>
  }
  %b = attn.cascade (%X = %a) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
    %r = attn.einsum [m,e] = mul(%X[m,e], %X[m,e]) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    attn.yield %r : tensor<?x4xf32>
  }
  %c = attn.cascade (%X = %b) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
    %r = attn.einsum [m,e] = add(%X[m,e], %X[m,e]) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    attn.yield %r : tensor<?x4xf32>
  }
  %d = attn.cascade (%X = %c) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
    %r = attn.einsum [m,e] = mul(%X[m,e], %X[m,e]) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    attn.yield %r : tensor<?x4xf32>
  }
  return %d : tensor<?x4xf32>
}
