//===- Control.h - Branches, calls and convergence --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_CONTROL_H
#define ATTN_PTXSIM_CONTROL_H

#include "Block.h"

namespace ptxsim {

/// Whether some of the warp's threads can go on.
bool canRun(Warp &warp);

/// Runs threads of the warp that can go on for up to `quantum` instructions.
void runWarp(Block &block, Warp &warp, uint64_t quantum);

/// What threads that are stuck at a barrier wait for.
std::string describeBarrier(const Block &block, const Warp &warp,
                            uint32_t mask);

} // namespace ptxsim

#endif // ATTN_PTXSIM_CONTROL_H
