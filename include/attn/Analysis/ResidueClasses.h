//===- ResidueClasses.h - Planes of one remainder ---------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dilated keys lie at every s-th position from the query's. Rows and keys with
// one remainder by s are a plane of their own, in which such keys lie next to
// each other; docs/rationale/sparsity-atoms.md says how it is walked.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_RESIDUECLASSES_H
#define ATTN_ANALYSIS_RESIDUECLASSES_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

struct ResidueClasses {
  int64_t residues;
  /// The sparsity over the quotients of positions.
  Attribute expression;
};

/// The planes into which the cascade's sparsity falls apart: those of a
/// `dilated` term of the outermost `and`, or of a dilated neighborhood of one
/// axis, where all terms say the same of the
/// quotients of positions, and nothing but positions says which points are
/// live. Nothing where there are none.
std::optional<ResidueClasses> findResidueClasses(CascadeOp cascade);

} // namespace mlir::attn

#endif // ATTN_ANALYSIS_RESIDUECLASSES_H
