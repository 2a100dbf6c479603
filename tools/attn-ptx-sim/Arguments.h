//===- Arguments.h - Arguments of kernels on the command line ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_PTXSIM_ARGUMENTS_H
#define ATTN_TOOLS_PTXSIM_ARGUMENTS_H

#include "Simulator.h"

namespace ptxsim {

/// An argument as it was written, and the buffer that belongs to it.
struct Argument {
  std::vector<uint8_t> bytes;
  uint64_t buffer = 0;
  uint64_t bufferBytes = 0;
  /// What happens to the buffer after the launch: printed as values of a type,
  /// or written to a file.
  std::optional<Type> printedType;
  std::string outputFile;
};

extern const char *const argumentHelp;

/// Makes what `text` describes. Returns false after it printed an error.
bool makeArgument(Simulator &simulator, const std::string &text,
                  Argument &argument);

/// Prints or writes the buffer of argument `index`, if it is wanted.
bool finishArgument(Simulator &simulator, const Argument &argument,
                    size_t index);

} // namespace ptxsim

#endif // ATTN_TOOLS_PTXSIM_ARGUMENTS_H
