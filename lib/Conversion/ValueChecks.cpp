//===- ValueChecks.cpp - Kernels that check permutations ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row of a permutation holds every token once. Each thread takes slots, and
// sets the bit of the token that it finds: who finds it set, or no token,
// writes the status of the call, the first one for good.
//
//===----------------------------------------------------------------------===//

#include "LaunchArguments.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Words of 32 bits in front of the bits of tokens.
constexpr int64_t kStatusWords = 16;
constexpr int64_t kThreads = 256;
constexpr int64_t kMostBlocks = 1024;

enum Status : int32_t { NoToken = 1, SecondTime = 2 };

/// Writes the bodies of both kernels.
class CheckWriter {
public:
  CheckWriter(OpBuilder &builder, gpu::GPUFuncOp kernel,
              const KernelSignature &signature,
              const LaunchArguments &arguments)
      : builder(builder), loc(kernel.getLoc()), kernel(kernel),
        signature(signature), arguments(arguments),
        memory(arguments.createCheck(builder, kernel)) {}

  void clear();
  void check();

private:
  Value constant(int64_t value) {
    return arith::ConstantIntOp::create(builder, loc, value, /*width=*/64);
  }
  Value constant32(int64_t value) {
    return arith::ConstantIntOp::create(builder, loc, value, /*width=*/32);
  }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value multiply(Value a, Value b) {
    return arith::MulIOp::create(builder, loc, a, b);
  }
  Value divide(Value a, Value b) {
    return arith::DivUIOp::create(builder, loc, a, b);
  }
  Value modulo(Value a, Value b) {
    return arith::RemUIOp::create(builder, loc, a, b);
  }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      value);
  }
  Value getWord(Value number) {
    return LLVM::GEPOp::create(builder, loc, memory.getType(),
                               builder.getI32Type(), memory,
                               ArrayRef<LLVM::GEPArg>{number});
  }
  /// All rows of a permutation, its tokens, and the words of a row.
  struct Extents {
    Value rows, tokens, words;
  };
  Extents getExtents(const KernelTensor &tensor);
  /// Calls `emit` with every number below `count` (i64), each in one thread.
  void forEach(Value count, function_ref<void(Value)> emit);
  void checkSlot(unsigned index, Value table, const Extents &extents,
                 Value firstWord, Value number);
  void fail(Value condition, Status status, unsigned tensor, Value slot,
            Value token);

  OpBuilder &builder;
  Location loc;
  gpu::GPUFuncOp kernel;
  const KernelSignature &signature;
  const LaunchArguments &arguments;
  Value memory;
};

} // namespace

CheckWriter::Extents CheckWriter::getExtents(const KernelTensor &tensor) {
  Value rows = constant(1);
  for (StringRef dim : ArrayRef(tensor.dims).drop_back())
    rows = multiply(rows, arguments.createExtent(builder, kernel, dim));
  Value tokens = arguments.createExtent(builder, kernel, tensor.dims.back());
  Value words = divide(add(tokens, constant(31)), constant(32));
  return {rows, tokens, words};
}

void CheckWriter::forEach(Value count, function_ref<void(Value)> emit) {
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value block = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value blocks = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
  Value threads = arith::ConstantIndexOp::create(builder, loc, kThreads);
  auto loop =
      scf::ForOp::create(builder, loc, add(multiply(block, threads), thread),
                         toIndex(count), multiply(blocks, threads));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  emit(arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                  loop.getInductionVar()));
}

void CheckWriter::clear() {
  Value words = constant(kStatusWords);
  for (const KernelCheck &check : signature.getChecks()) {
    Extents extents = getExtents(signature.getTensors()[check.tensor]);
    words = add(words, multiply(extents.rows, extents.words));
  }
  forEach(words, [&](Value number) {
    LLVM::StoreOp::create(builder, loc, constant32(0), getWord(number));
  });
}

/// Writes the status of the call where `condition` holds and nobody has.
void CheckWriter::fail(Value condition, Status status, unsigned tensor,
                       Value slot, Value token) {
  auto branch = scf::IfOp::create(builder, loc, condition);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  auto exchange = LLVM::AtomicCmpXchgOp::create(
      builder, loc, memory, constant32(0), constant32(status),
      LLVM::AtomicOrdering::monotonic, LLVM::AtomicOrdering::monotonic);
  Value isFirst = LLVM::ExtractValueOp::create(builder, loc, exchange, 1);
  auto first = scf::IfOp::create(builder, loc, isFirst);
  builder.setInsertionPointToStart(first.thenBlock());
  LLVM::StoreOp::create(builder, loc, constant32(tensor), getWord(constant(1)));
  LLVM::StoreOp::create(builder, loc, slot, getWord(constant(2)));
  LLVM::StoreOp::create(builder, loc, token, getWord(constant(4)));
}

void CheckWriter::checkSlot(unsigned index, Value table, const Extents &extents,
                            Value firstWord, Value number) {
  const KernelTensor &tensor = signature.getTensors()[index];
  Value row = divide(number, extents.tokens);
  SmallVector<Value> place{toIndex(modulo(number, extents.tokens))};
  Value rest = row;
  for (StringRef dim : llvm::reverse(ArrayRef(tensor.dims).drop_back())) {
    Value extent = arguments.createExtent(builder, kernel, dim);
    place.insert(place.begin(), toIndex(modulo(rest, extent)));
    rest = divide(rest, extent);
  }
  Value token = memref::LoadOp::create(builder, loc, table, place);
  if (token.getType() != builder.getI64Type())
    token = arith::ExtSIOp::create(builder, loc, builder.getI64Type(), token);
  // A negative one is a large one.
  Value isNone = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::uge,
                                       token, extents.tokens);
  fail(isNone, NoToken, index, number, token);
  auto branch = scf::IfOp::create(
      builder, loc,
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, token,
                            extents.tokens));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  Value word = add(add(firstWord, multiply(row, extents.words)),
                   divide(token, constant(32)));
  Value bit = arith::ShLIOp::create(
      builder, loc, constant32(1),
      arith::TruncIOp::create(builder, loc, builder.getI32Type(),
                              modulo(token, constant(32))));
  Value before = LLVM::AtomicRMWOp::create(builder, loc, LLVM::AtomicBinOp::_or,
                                           getWord(word), bit,
                                           LLVM::AtomicOrdering::monotonic);
  Value isSecond = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::ne,
      arith::AndIOp::create(builder, loc, before, bit), constant32(0));
  fail(isSecond, SecondTime, index, number, token);
}

void CheckWriter::check() {
  Value firstWord = constant(kStatusWords);
  for (const KernelCheck &permutation : signature.getChecks()) {
    unsigned input = permutation.tensor;
    Extents extents = getExtents(signature.getTensors()[input]);
    Value table = arguments.createTensor(builder, kernel, input);
    forEach(multiply(extents.rows, extents.tokens), [&](Value number) {
      checkSlot(input, table, extents, firstWord, number);
    });
    firstWord = add(firstWord, multiply(extents.rows, extents.words));
  }
}

void attn::createValueChecks(OpBuilder &builder, Location loc,
                             const KernelSignature &signature,
                             const LaunchArguments &arguments,
                             LaunchPlan &plan) {
  std::string words = std::to_string(kStatusWords), most = "1";
  for (const KernelCheck &check : signature.getChecks()) {
    const KernelTensor &tensor = signature.getTensors()[check.tensor];
    std::string rows;
    for (StringRef dim : ArrayRef(tensor.dims).drop_back())
      rows += dim.str() + " * ";
    words += " + " + rows + "ceildiv(" + tensor.dims.back() + ", 32)";
    most = "max(" + most + ", " + rows + tensor.dims.back() + ")";
  }
  plan.check = "4 * (" + words + ")";
  auto add = [&](StringRef suffix, void (CheckWriter::*write)(),
                 const std::string &count) {
    OpBuilder::InsertionGuard guard(builder);
    Launch launch;
    launch.kernel = signature.getName().str() + suffix.str();
    launch.blocks = "min(ceildiv(" + count + ", " + std::to_string(kThreads) +
                    "), " + std::to_string(kMostBlocks) + ")";
    launch.threads = kThreads;
    plan.launches.push_back(launch);
    gpu::GPUFuncOp kernel =
        arguments.createKernel(builder, loc, launch.kernel, kThreads);
    (CheckWriter(builder, kernel, signature, arguments).*write)();
  };
  add("_prepare", &CheckWriter::clear, words);
  add("_check", &CheckWriter::check, most);
}
