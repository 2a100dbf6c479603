// RUN: attn-opt %s --attn-to-nvvm | FileCheck %s
// RUN: attn-opt %s --attn-to-nvvm="form=unfused" | FileCheck %s --check-prefix=UNFUSED
// RUN: attn-opt %s --attn-to-nvvm="lane-tiles=32 stream-tile=16" | FileCheck %s --check-prefix=GIVEN
// RUN: not attn-opt %s --attn-to-nvvm="shared-bytes=-1" 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: option 'shared-bytes' is -1, but must be at least 0

// CHECK: attn.kernels = [{name = "attention"
// CHECK: gpu.module @attention_device
// CHECK-SAME: launches = [{blocks = "b * 8 * ceildiv(m, 64)", kernel = "attention_kernel0", shared = [[SHARED:[0-9]+]] : i64, threads = 64 : i64}]
// CHECK-SAME: workspace = "0"
// CHECK: llvm.func @attention_phase0_run0
// CHECK: nvvm.read.ptx.sreg.tid.x range <i32, 0, 64> : i32
// CHECK: nvvm.barrier0
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
// CHECK: llvm.func @attention_kernel0
// CHECK-SAME: nvvm.kernel
// CHECK-NOT: func.func
// CHECK-NOT: unrealized_conversion_cast

// UNFUSED: launches = [{blocks = "min(b * 8, {{.*}}", items = "b * 8", kernel = "attention_kernel0", shared = 0 : i64, threads = 128 : i64}]
// UNFUSED: nvvm.barrier0

// GIVEN: launches = [{blocks = "b * 8 * ceildiv(m, 32)", kernel = "attention_kernel0", shared = {{[0-9]+}} : i64, threads = 32 : i64}]
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
