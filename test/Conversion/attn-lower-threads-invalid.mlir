// RUN: attn-opt %s --pass-pipeline="builtin.module(gpu.module(attn-lower-threads))" -split-input-file -verify-diagnostics

gpu.module @second_dimension {
  gpu.func @kernel(%p: !llvm.ptr<1>) kernel {
    // expected-error @+1 {{'gpu.thread_id' has no form on NVIDIA GPUs here}}
    %t = gpu.thread_id y
    %number = arith.index_cast %t : index to i64
    llvm.store %number, %p : i64, !llvm.ptr<1>
    gpu.return
  }
}

// -----

gpu.module @no_kernel {
  // expected-error @+1 {{a gpu.func is a kernel without attributions}}
  gpu.func @helper(%p: !llvm.ptr<1>) {
    gpu.return
  }
}

// -----

gpu.module @memref {
  // expected-error @+1 {{a kernel takes pointers, integers and floats; got 'memref<4xf32>'}}
  gpu.func @kernel(%m: memref<4xf32>) kernel {
    gpu.return
  }
}
