//===- TunedOptions.h - Options that were measured --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `attn-run --tune` measures mappings around that of the cost model and stores
// the best in a file; the compiler reads it. docs/tuning.md describes the file.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_TUNEDOPTIONS_H
#define ATTN_PIPELINES_TUNEDOPTIONS_H

#include "attn/Pipelines/AttnToLLVM.h"
#include "attn/Support/OperatorFile.h"

namespace mlir::attn {

/// What a measurement holds for.
struct TuningKey {
  /// SHA-256 of the operator as it is printed, in hexadecimal digits.
  std::string op;
  /// The CPU, as LLVM calls it.
  std::string machine;
  /// The versions of the compiler and of LLVM.
  std::string compiler;
};

/// The key of the operator in `module` on `machine`.
TuningKey getTuningKey(ModuleOp module, StringRef machine);

/// Prints the key as a JSON object.
void printTuningKey(const TuningKey &key, raw_ostream &os);

/// Takes what the flags say about forms and mappings.
void setOptions(AttnToLLVMOptions &options, const OperatorFlags &flags);

/// Sets what the file `name` holds for `key`, but for what `flags` give. Where
/// it holds nothing for the key, `remark` gets a sentence that says what it
/// lacks, and the options stay. A file that cannot be read or is none of these
/// goes to `error`.
LogicalResult applyTunedOptions(StringRef name, const TuningKey &key,
                                const OperatorFlags &flags,
                                AttnToLLVMOptions &options,
                                function_ref<void(const Twine &)> remark,
                                function_ref<void(const Twine &)> error);

} // namespace mlir::attn

#endif // ATTN_PIPELINES_TUNEDOPTIONS_H
