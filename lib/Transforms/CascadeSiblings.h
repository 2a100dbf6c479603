//===- CascadeSiblings.h - Cascades that share a pass -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_CASCADESIBLINGS_H
#define ATTN_LIB_TRANSFORMS_CASCADESIBLINGS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {

/// Makes one cascade of `producer` and `reader` where both stream over the same
/// points and `reader` needs results of `producer` after its own pass alone.
/// Returns whether it did.
bool mergeSiblings(CascadeOp producer, CascadeOp reader);

/// Calls `visit` with each rank of a result of `producer` and the rank by which
/// `reader` indexes it, once for each read. Returns false where `visit` does,
/// and where a result is an input handed on or is read in another way.
bool forEachLinkRank(
    CascadeOp producer, CascadeOp reader,
    llvm::function_ref<bool(StringAttr produced, StringAttr read)> visit);

/// Maps the arguments of `reader` that are results of `producer` to what
/// `tensors` has for those.
void mapLinks(CascadeOp producer, CascadeOp reader, IRMapping &tensors);

/// The results of `producer` that others than `reader` read.
SmallVector<unsigned> getResultsReadElsewhere(CascadeOp producer,
                                              CascadeOp reader);

/// Ends `merged`, which computes what `reader` and `producer` do, and puts it
/// in their place: first the reader's results, then the results `others` of the
/// producer. `tensors` maps the values of both bodies.
void replaceByMerged(OpBuilder &builder, CascadeOp merged, CascadeOp reader,
                     CascadeOp producer, ArrayRef<unsigned> others,
                     IRMapping &tensors);

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_CASCADESIBLINGS_H
