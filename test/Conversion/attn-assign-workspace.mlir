// RUN: attn-opt %s --split-input-file --attn-assign-workspace --canonicalize --cse | FileCheck %s

// Buffers of one size take turns where their lifetimes allow it: %a and %c. The
// sizes are those of a call, in the kernel and in the function that asks.
// CHECK-LABEL: func.func @f_shared(
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<?x?xf32, strided<[?, 1], offset: ?>>, {{.*}}) -> i64 attributes {llvm.emit_c_interface}
// CHECK-DAG: %[[M:.*]] = memref.dim %[[X]], %c0
// CHECK-DAG: %[[N:.*]] = memref.dim %[[X]], %c1
// CHECK: arith.muli
// CHECK: %[[FITS:.*]] = arith.cmpf olt
// CHECK: arith.select %[[FITS]], %{{.*}}, %c288230376151711744
// CHECK: return %{{.*}} : i64
// CHECK-LABEL: func.func @f_run0(
// CHECK-SAME: %[[SHARED:[^ ]*]]: !llvm.ptr) attributes
// CHECK: llvm.insertvalue %[[SHARED]]
// CHECK: %[[WORKSPACE:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?xi8>
// CHECK: %[[A:.*]] = memref.view %[[WORKSPACE]][%c0][%{{.*}}, %{{.*}}] : memref<?xi8> to memref<?x?xf32>
// CHECK: %[[B:.*]] = memref.view %[[WORKSPACE]][%[[OFFSET:.*]]][%{{.*}}, %{{.*}}] : memref<?xi8> to memref<?x?xf32>
// CHECK: linalg.copy ins(%[[B]] : memref<?x?xf32>) outs(%[[A]] : memref<?x?xf32>)
// CHECK: %[[D:.*]] = memref.view %[[WORKSPACE]][%{{.*}}][] : memref<?xi8> to memref<64xbf16>
// CHECK-NOT: memref.alloc
#in = strided<[?, 1], offset: ?>
module attributes {attn.kernels = [{name = "f", phases = 1 : i64, worker_workspace = 0 : i64, tensors = [
    {dims = ["m", "n"], name = "x", output = false, type = tensor<?x?xf32>},
    {dims = ["m", "n"], name = "y", output = true, type = tensor<?x?xf32>}]}]} {
  func.func @f_run0(%x: memref<?x?xf32, #in>, %y: memref<?x?xf32, #in>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) attributes {llvm.emit_c_interface} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %cst = arith.constant 0.0 : bf16
    %m = memref.dim %x, %c0 : memref<?x?xf32, #in>
    %n = memref.dim %x, %c1 : memref<?x?xf32, #in>
    %a = memref.alloc(%m, %n) : memref<?x?xf32>
    linalg.copy ins(%x : memref<?x?xf32, #in>) outs(%a : memref<?x?xf32>)
    %b = memref.alloc(%n, %m) : memref<?x?xf32>
    linalg.transpose ins(%a : memref<?x?xf32>) outs(%b : memref<?x?xf32>) permutation = [1, 0]
    %c = memref.alloc(%m, %n) : memref<?x?xf32>
    linalg.copy ins(%b : memref<?x?xf32>) outs(%c : memref<?x?xf32>)
    scf.for %i = %c0 to %c4 step %c1 {
      %d = memref.alloc() : memref<64xbf16>
      memref.store %cst, %d[%i] : memref<64xbf16>
    }
    linalg.copy ins(%c : memref<?x?xf32>) outs(%y : memref<?x?xf32, #in>)
    return
  }
}

// -----

// A size may be that of a part from which a dimension fell away; where the loop
// has the part begin does not matter.
// CHECK-LABEL: func.func @g_worker(
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>>
// CHECK: %[[N:.*]] = memref.dim %[[X]], %c2
// CHECK: arith.muli
// CHECK: return %{{.*}} : i64
#in = strided<[?, 1], offset: ?>
module attributes {attn.kernels = [{name = "g", phases = 1 : i64, worker_workspace = 0 : i64, tensors = [
    {dims = ["1", "m", "n"], name = "x", output = false, type = tensor<1x?x?xf32>},
    {dims = ["m", "n"], name = "y", output = true, type = tensor<?x?xf32>}]}]} {
  func.func @g_run0(%x: memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>>, %y: memref<?x?xf32, #in>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) attributes {llvm.emit_c_interface, attn.per_worker} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %first = arith.index_cast %begin : i64 to index
    %last = arith.index_cast %end : i64 to index
    scf.for %i = %first to %last step %c1 {
      %n = memref.dim %x, %c2 : memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>>
      %row = memref.subview %x[0, %i, 0] [1, 1, %n] [1, 1, 1] : memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>> to memref<1x1x?xf32, strided<[?, ?, 1], offset: ?>>
      %flat = memref.collapse_shape %row [[0, 1], [2]] : memref<1x1x?xf32, strided<[?, ?, 1], offset: ?>> into memref<1x?xf32, strided<[?, 1], offset: ?>>
      %size = memref.dim %flat, %c1 : memref<1x?xf32, strided<[?, 1], offset: ?>>
      %a = memref.alloc(%size) : memref<?xf32>
      %from = memref.subview %x[0, %i, 0] [1, 1, %n] [1, 1, 1] : memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>> to memref<?xf32, strided<[1], offset: ?>>
      linalg.copy ins(%from : memref<?xf32, strided<[1], offset: ?>>) outs(%a : memref<?xf32>)
      %to = memref.subview %y[%i, 0] [1, %n] [1, 1] : memref<?x?xf32, #in> to memref<?xf32, strided<[1], offset: ?>>
      linalg.copy ins(%a : memref<?xf32>) outs(%to : memref<?xf32, strided<[1], offset: ?>>)
    }
    return
  }
}
