//===- AttnToLLVM.h - From operators to the LLVM dialect --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_ATTNTOLLVM_H
#define ATTN_PIPELINES_ATTNTOLLVM_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::attn {

/// What the pipeline needs to know of the machine, and what a user may fix.
struct AttnToLLVMOptions : public PassPipelineOptions<AttnToLLVMOptions> {
  Option<std::string> form{
      *this, "form",
      llvm::cl::desc("fused, unfused, or auto: fused where the cascade allows "
                     "it, else unfused with a remark"),
      llvm::cl::init("auto")};
  Option<std::string> passes{
      *this, "passes",
      llvm::cl::desc("single, several (over the tile of one step), or auto: "
                     "what the cost model prefers"),
      llvm::cl::init("auto")};
  Option<std::string> split{
      *this, "split",
      llvm::cl::desc("Points of the streamed rank in an item of its own, a "
                     "multiple of 16; none, or auto: what the cost model "
                     "prefers"),
      llvm::cl::init("auto")};
  Option<std::string> precision{
      *this, "precision",
      llvm::cl::desc("native, or f64: every tensor of the kernel becomes f64"),
      llvm::cl::init("native")};
  Option<int64_t> vectorBits{*this, "vector-bits",
                             llvm::cl::desc("Bits of a vector register"),
                             llvm::cl::init(512)};
  Option<int64_t> vectorRegisters{*this, "vector-registers",
                                  llvm::cl::desc("Vector registers"),
                                  llvm::cl::init(32)};
  Option<bool> fma{*this, "fma",
                   llvm::cl::desc("The target has fused multiply-add"),
                   llvm::cl::init(true)};
  Option<bool> avx512{*this, "avx512",
                      llvm::cl::desc("The target has AVX-512 F, DQ, BW, VL"),
                      llvm::cl::init(false)};
  Option<bool> bf16{*this, "bf16",
                    llvm::cl::desc("The target converts bf16 by instructions"),
                    llvm::cl::init(false)};
  Option<bool> amx{*this, "amx", llvm::cl::desc("The target has AMX with BF16"),
                   llvm::cl::init(false)};
  Option<std::string> bf16Products{
      *this, "bf16-products",
      llvm::cl::desc("Products of bf16: f32, pairs of them by one instruction, "
                     "or tiles of pairs by a matrix unit"),
      llvm::cl::init("f32")};
  Option<int64_t> vectorMultiplies{
      *this, "vector-multiplies",
      llvm::cl::desc("Fused multiply-adds of whole vectors that begin in a "
                     "cycle"),
      llvm::cl::init(2)};
  Option<int64_t> l1Bytes{*this, "l1-bytes",
                          llvm::cl::desc("Bytes of the first level data cache"),
                          llvm::cl::init(32768)};
  Option<int64_t> l2Bytes{
      *this, "l2-bytes",
      llvm::cl::desc("Bytes of the second level cache of a core"),
      llvm::cl::init(1048576)};
  Option<int64_t> sharedBytes{
      *this, "shared-bytes",
      llvm::cl::desc("Bytes of memory that the threads of a block share; 0 is "
                     "a CPU"),
      llvm::cl::init(0)};
  Option<bool> checkValues{
      *this, "check-values",
      llvm::cl::desc("Kernels of a GPU check values of operands, such as "
                     "permutations, before they run"),
      llvm::cl::init(true)};
  Option<int64_t> residentBlocks{
      *this, "resident-blocks",
      llvm::cl::desc("Blocks that a multiprocessor of a GPU is to hold at "
                     "once: a thread has the registers that this leaves"),
      llvm::cl::init(1)};
  ListOption<int64_t> laneTiles{
      *this, "lane-tiles",
      llvm::cl::desc("Tile sizes along the lanes, largest first")};
  ListOption<int64_t> gridTile{
      *this, "grid-tile",
      llvm::cl::desc("Tokens of a tile on each axis of a neighborhood's grid; "
                     "0 for rows as they lie")};
  Option<int64_t> streamTile{
      *this, "stream-tile",
      llvm::cl::desc("Points of the iterative rank in a step; 0 is the "
                     "model's choice"),
      llvm::cl::init(0)};
  Option<int64_t> rowTile{
      *this, "row-tile",
      llvm::cl::desc("Accumulator rows of a register tile; 0 is the model's "
                     "choice"),
      llvm::cl::init(0)};
  Option<bool> fastMath{
      *this, "fast-math",
      llvm::cl::desc("Elementwise operations of other dialects join the "
                     "cascades whatever their fast-math flags"),
      llvm::cl::init(false)};
  Option<int64_t> maxFootprint{
      *this, "max-footprint",
      llvm::cl::desc("Bytes that the intermediate results of an unfused phase "
                     "may take where its extents are known; 0 is no limit"),
      llvm::cl::init(0)};
  ListOption<std::string> order{
      *this, "order",
      llvm::cl::desc("The parallel ranks and the lanes, slowest first")};
  Option<std::string> residency{
      *this, "residency",
      llvm::cl::desc("Where a result with one reader that can take it in "
                     "registers lives: register, or cache"),
      llvm::cl::init("register")};
};

/// An option whose value is none of those allowed: "form" with the complaint
/// "is 'quick', but must be auto, fused or unfused".
struct WrongOption {
  StringRef name;
  std::string complaint;
};

/// The first wrong option, if there is one.
std::optional<WrongOption> findWrongOption(const AttnToLLVMOptions &options);

/// Operators to cascades whose factors are deferred: what the forms of a
/// cascade have in common.
void buildPrepareCascades(OpPassManager &manager,
                          const AttnToLLVMOptions &options);

/// Each cascade, for itself, to mapped forms that the fused route takes.
void buildMapCascades(OpPassManager &manager, const AttnToLLVMOptions &options);

/// Operators to mapped cascades: the levels that every target shares.
void buildDeriveCascadesPipeline(OpPassManager &manager,
                                 const AttnToLLVMOptions &options);

/// The operators of one kernel to cascades in the forms in which they are
/// lowered: mapped where the fused route takes them, else as they were before
/// they were derived, with a remark.
void buildChooseFormsPipeline(OpPassManager &manager,
                              const AttnToLLVMOptions &options);

/// A kernel whose calls are inlined, in the precision asked for, with its
/// signature described: where every route begins.
void buildDescribeKernel(OpPassManager &manager,
                         const AttnToLLVMOptions &options);

/// A described kernel, whose cascades are mapped or not, to functions on
/// memrefs with loops around einsums on tiles and linalg operations, phase by
/// phase: where the routes to CPUs and GPUs part.
void buildFormPhases(OpPassManager &manager, const AttnToLLVMOptions &options);

/// A described kernel, whose cascades are mapped or not, to a kernel module in
/// the LLVM dialect (KernelSignature.h), phase by phase.
void buildLowerPhasesPipeline(OpPassManager &manager,
                              const AttnToLLVMOptions &options);

/// Operators to a kernel module in the LLVM dialect: all of it.
void buildAttnToLLVMPipeline(OpPassManager &manager,
                             const AttnToLLVMOptions &options);

/// Shared memory that a block has on every chip from sm_80 on.
inline constexpr int64_t kLeastSharedBytes = 99 * 1024;

/// Operators to a module with the kernels of a GPU in a `gpu.module`, in the
/// LLVM and NVVM dialects. `options.sharedBytes` is what a block has there.
void buildAttnToNVVMPipeline(OpPassManager &manager,
                             const AttnToLLVMOptions &options);

/// Registers `attn-to-llvm` and its parts, `attn-derive-cascades` and
/// `attn-lower-phases`, and `attn-to-nvvm`.
void registerAttnPipelines();

} // namespace mlir::attn

#endif // ATTN_PIPELINES_ATTNTOLLVM_H
