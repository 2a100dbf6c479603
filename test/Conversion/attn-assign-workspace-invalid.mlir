// RUN: attn-opt %s --split-input-file --verify-diagnostics --attn-assign-workspace

// expected-error@+1 {{has no 'attn.kernels'; run attn-outline-kernel first}}
module {
}

// -----

// expected-error@+1 {{kernel 'f' has no function 'f_run0'}}
module attributes {attn.kernels = [{name = "f", tensors = [{dims = ["n"], name = "x", output = false, type = tensor<?xi64>}]}]} {
}

// -----

#in = strided<[1], offset: ?>
module attributes {attn.kernels = [{name = "f", tensors = [{dims = ["n"], name = "x", output = false, type = tensor<?xi64>}]}]} {
  func.func @f_run0(%x: memref<?xi64, #in>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) {
    %c0 = arith.constant 0 : index
    // expected-note@+1 {{on this value}}
    %v = memref.load %x[%c0] : memref<?xi64, #in>
    %n = arith.index_cast %v : i64 to index
    // expected-error@+1 {{the size of a buffer depends on more than the extents of the kernel's tensors}}
    %a = memref.alloc(%n) : memref<?xf32>
    return
  }
}

// -----

#in = strided<[1], offset: ?>
module attributes {attn.kernels = [{name = "f", tensors = [{dims = ["n"], name = "x", output = false, type = tensor<?xf32>}]}]} {
  func.func @f_run0(%x: memref<?xf32, #in>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %i = memref.alloc() : memref<8xf32>
    %r = scf.for %s = %c0 to %c4 step %c1 iter_args(%t = %i) -> (memref<8xf32>) {
      // expected-error@+1 {{a buffer made in a loop leaves its iteration}}
      %a = memref.alloc() : memref<8xf32>
      scf.yield %a : memref<8xf32>
    }
    return
  }
}

// -----

module attributes {attn.kernels = [{name = "f", tensors = [{dims = [], name = "x", output = false, type = tensor<f32>}]}]} {
  func.func @f_run0(%x: memref<f32, strided<[], offset: ?>>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) {
    // expected-error@+1 {{a buffer of the workspace is contiguous}}
    %a = memref.alloc() : memref<4x4xf32, strided<[8, 1]>>
    return
  }
}
