//===- LinkKernelAbi.cpp - Link the C ABI's code into a kernel ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPoints.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/Error.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// lib/Runtime/Kernel as LLVM bitcode.
alignas(8) constexpr unsigned char kX86Bitcode[] = {
#include "KernelAbiBitcode-x86_64.inc"
};
alignas(8) constexpr unsigned char kAArch64Bitcode[] = {
#include "KernelAbiBitcode-aarch64.inc"
};

/// Conversions that instruction selection calls by name, so that nothing in
/// the IR refers to them (lib/Runtime/Kernel/KernelBuiltins.c).
constexpr StringLiteral kConversions[] = {"__truncsfhf2", "__truncdfhf2",
                                          "__extendhfsf2", "__truncsfbf2",
                                          "__truncdfbf2"};

} // namespace

static bool isSmallFloat(llvm::Type *type) {
  llvm::Type *scalar = type->getScalarType();
  return scalar->isHalfTy() || scalar->isBFloatTy();
}

static bool usesSmallFloats(const llvm::Module &module) {
  for (const llvm::Function &function : module)
    for (const llvm::Instruction &instruction : llvm::instructions(function))
      if (isSmallFloat(instruction.getType()) ||
          llvm::any_of(instruction.operands(), [](const llvm::Use &operand) {
            return isSmallFloat(operand->getType());
          }))
        return true;
  return false;
}

LogicalResult
mlir::attn::linkKernelAbi(llvm::Module &module,
                          function_ref<InFlightDiagnostic()> emitError) {
  // Asked before linking: the conversions themselves have such types.
  bool needsConversions = usesSmallFloats(module);
  ArrayRef<unsigned char> bitcode(kX86Bitcode);
  if (module.getTargetTriple().isAArch64())
    bitcode = kAArch64Bitcode;
  llvm::MemoryBufferRef buffer(toStringRef(bitcode), "kernel ABI");
  llvm::Expected<std::unique_ptr<llvm::Module>> abi =
      llvm::parseBitcodeFile(buffer, module.getContext());
  if (!abi)
    return emitError() << "cannot read the embedded code of the C ABI: "
                       << llvm::toString(abi.takeError());
  (*abi)->setTargetTriple(module.getTargetTriple());
  (*abi)->setDataLayout(module.getDataLayout());
  // What was recorded about the build that made the bitcode says nothing about
  // the kernel, and must not reach its object.
  (*abi)->setModuleIdentifier("");
  (*abi)->setSourceFileName("");
  for (StringRef name : {"llvm.ident", "llvm.module.flags"})
    if (llvm::NamedMDNode *node = (*abi)->getNamedMetadata(name))
      node->eraseFromParent();
  for (StringRef name : kConversions) {
    llvm::Function *function = (*abi)->getFunction(name);
    assert(function && "lib/Runtime/Kernel lacks a conversion");
    if (needsConversions)
      llvm::appendToCompilerUsed(**abi, {function});
    else
      function->eraseFromParent();
  }
  if (llvm::Linker::linkModules(module, std::move(*abi)))
    return emitError() << "cannot link the code of the C ABI into the kernel";
  return success();
}
