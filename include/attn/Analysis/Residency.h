//===- Residency.h - Where intermediates live -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The residency of an einsum's result in a mapped cascade: what its attribute
// says, else what the model chooses. docs/rationale/mapping.md explains it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_RESIDENCY_H
#define ATTN_ANALYSIS_RESIDENCY_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// The one einsum that reads `einsum`, once and beside it; null if there are
/// others.
EinsumOp getOnlyReader(EinsumOp einsum);

/// Whether a map can be computed inside the map that reads it: `reader` reads
/// it at plain ranks and sees the value that would be stored, not rounded.
bool canComputeInReader(EinsumOp einsum, EinsumOp reader);

/// Whether `reader` adds a sum of products to something else at every point, so
/// that the products can add into its result. `operand` receives its position
/// among the reader's inputs, `sum` the addition.
bool canAddIntoReader(EinsumOp einsum, EinsumOp reader, unsigned &operand,
                      Operation *&sum);

/// Where the result is if no attribute says it: in registers where its only
/// reader can take it there, in the kernel's tensors where it is nothing but a
/// result of the cascade, else in the worker's cache.
Residency chooseResidency(EinsumOp einsum);

/// The attribute's residency, else the chosen one.
Residency getResidency(EinsumOp einsum);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_RESIDENCY_H
