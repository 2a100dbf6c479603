//===- HeaderText.h - The text of generated C headers -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_COMMON_HEADERTEXT_H
#define ATTN_TARGET_COMMON_HEADERTEXT_H

#include "attn/Target/Common/CompiledKernel.h"

namespace mlir::attn {

/// What a header says beside the kernels.
struct HeaderParts {
  StringRef target;       ///< What the kernels were compiled for.
  StringRef include;      ///< The header of their types.
  StringRef place;        ///< "on the CPU", or where else tensors lie.
  StringRef declarations; ///< Of one kernel; NAME stands for its name.
};

/// A C header that declares the functions of kernels.
std::string getHeaderText(ArrayRef<CompiledKernel> kernels,
                          StringRef headerFileName, const HeaderParts &parts);

/// `text` with the name of a kernel instead of NAME.
std::string insertKernelName(StringRef text, StringRef name);

} // namespace mlir::attn

#endif // ATTN_TARGET_COMMON_HEADERTEXT_H
