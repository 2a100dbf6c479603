//===- Lanes.h - One operation on all lanes ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_LANES_H
#define ATTN_PTXSIM_LANES_H

#include "Decoder.h"
#include "Machine.h"

namespace ptxsim {

// All lanes are computed, those of the mask are written: operations must be
// defined for any values.

template <typename Result, typename Source, Result (*apply)(Source)>
void mapUnary(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  const Source *a = warp.read<Source>(operands[1]);
  Result result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = apply(a[lane]);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0], warp.getPoison(operands[1]), mask);
}

template <typename Result, typename Source, Result (*apply)(Source, Source)>
void mapBinary(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  const Source *a = warp.read<Source>(operands[1]);
  const Source *b = warp.read<Source>(operands[2]);
  Result result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = apply(a[lane], b[lane]);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]),
                 mask);
}

/// The third source may have a type of its own.
template <typename Result, typename Source, typename Third,
          Result (*apply)(Source, Source, Third)>
void mapTernary(Warp &warp, const Instruction &instruction, uint32_t mask) {
  const Operand *operands = instruction.operands;
  const Source *a = warp.read<Source>(operands[1]);
  const Source *b = warp.read<Source>(operands[2]);
  const Third *c = warp.read<Third>(operands[3]);
  Result result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = apply(a[lane], b[lane], c[lane]);
  warp.write(operands[0], result, mask);
  warp.setPoison(operands[0],
                 warp.getPoison(operands[1]) | warp.getPoison(operands[2]) |
                     warp.getPoison(operands[3]),
                 mask);
}

} // namespace ptxsim

#endif // ATTN_PTXSIM_LANES_H
