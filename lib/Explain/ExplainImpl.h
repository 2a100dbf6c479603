//===- ExplainImpl.h - Parts of an explanation ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EXPLAIN_EXPLAINIMPL_H
#define ATTN_LIB_EXPLAIN_EXPLAINIMPL_H

#include "attn/Analysis/CascadeText.h"
#include "attn/Analysis/CascadeWork.h"
#include "attn/Analysis/CostModel.h"

namespace mlir::attn {

/// For each pass over a rank of `written` after the first: what forces it, and
/// the law that removes it, or what keeps it. `deferred` is the same cascade in
/// normal form with its factors deferred, which the derivation starts from.
void explainPassRemoval(raw_ostream &os, CascadeOp written, CascadeOp deferred);

/// The loop nest of a mapped cascade, with the place of every intermediate.
void explainLoopNest(raw_ostream &os, CascadeOp mapped, const CascadeWork &work,
                     const MachineModel &machine);

/// The einsums of a cascade that is compiled one by one.
void explainUnfused(raw_ostream &os, CascadeOp cascade,
                    const CascadeWork &work);

} // namespace mlir::attn

#endif // ATTN_LIB_EXPLAIN_EXPLAINIMPL_H
