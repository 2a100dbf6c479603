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
/// points and `reader` needs result number `result`, which nobody else reads,
/// after its own pass alone. Returns whether it did.
bool mergeSiblings(CascadeOp producer, CascadeOp reader, unsigned result);

/// Ends `merged`, which computes what `reader` and `producer` do, and puts it
/// in their place: first the reader's results, then the results `others` of the
/// producer. `tensors` maps the values of both bodies.
void replaceByMerged(OpBuilder &builder, CascadeOp merged, CascadeOp reader,
                     CascadeOp producer, ArrayRef<unsigned> others,
                     IRMapping &tensors);

} // namespace mlir::attn

#endif // ATTN_LIB_TRANSFORMS_CASCADESIBLINGS_H
