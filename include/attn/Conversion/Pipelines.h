//===- Pipelines.h - Routes from tensors to machine code --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_PIPELINES_H
#define ATTN_CONVERSION_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::attn {

/// What the last part of every route needs to know about the target.
struct TargetFeatures {
  /// Fused multiply-add instructions.
  bool fma = true;
  /// AVX-512 F, DQ, BW and VL.
  bool avx512 = false;
  /// Conversions between bf16 and f32 are instructions. Without them LLVM calls
  /// functions of the compiler's runtime library, which a kernel must not need;
  /// they become integer arithmetic instead.
  bool bf16 = false;
  /// An exp2 of f32 is an instruction, and there is no libm.
  bool gpu = false;
};

/// Lowers func, scf, memref, vector, arith, math and affine operations to
/// those that a conversion to LLVM takes: what all targets share.
void buildLowerToControlFlow(OpPassManager &manager,
                             const TargetFeatures &features = {});

/// Lowers a module of func, scf, memref, vector, arith, math and affine
/// operations to the LLVM dialect. Every function with `llvm.emit_c_interface`
/// gets its wrapper. Both routes, fused and unfused, end with it.
void buildLowerToLLVMTail(OpPassManager &manager,
                          const TargetFeatures &features = {});

/// Lowers the device module of attn-map-to-blocks to the LLVM and NVVM
/// dialects.
void buildLowerToNVVMTail(OpPassManager &manager);

/// The unfused route, first third: the cascades of a module with
/// `attn.kernels`, and the upstream tensor operations around them, become
/// linalg operations, einsum by einsum, in functions whose boundary is memrefs.
void buildOutlineUnfused(OpPassManager &manager);

/// The second: tensors become buffers in the workspace. Buffers of a phase that
/// take more than `maxFootprint` bytes are refused, unless it is 0.
void buildBufferizeUnfused(OpPassManager &manager, int64_t maxFootprint);

/// The third, for CPUs: linalg operations become loops.
void buildLowerUnfused(OpPassManager &manager);

/// What a grid of thread blocks may have.
struct GridOptions {
  /// Shared memory of a block.
  int64_t sharedBytes;
  /// Blocks that a multiprocessor is to hold at once, 1 to
  /// kMostResidentBlocks.
  int64_t residentBlocks = 1;
  /// Whether the kernels check permutations before they run.
  bool checkValues = true;
};

/// For GPUs, of fused and unfused phases alike: a phase becomes a grid of
/// thread blocks, in a device module.
void buildMapToGrids(OpPassManager &manager, const GridOptions &options);

/// Registers the pipelines under their names: `attn-lower-to-llvm` is the tail,
/// `attn-unfused-to-llvm` the unfused route with it.
void registerAttnConversionPipelines();

} // namespace mlir::attn

#endif // ATTN_CONVERSION_PIPELINES_H
