//===- ValueChecks.cpp - Kernels that check operands ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a CPU reads row by row (lib/Runtime/Kernel/KernelValues.c), threads read
// number by number: whether it is in range, and whether it follows the one
// before it. A row of a permutation holds every token once: who finds the bit
// of its token set is second. The first finding is the status of the call, for
// good.
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

enum Status : int32_t {
  NoToken = 1,    ///< The number is outside of what it counts.
  SecondTime = 2, ///< Another slot of a permutation holds it, too.
  OutOfOrder = 3, ///< It cannot follow the number before it.
  WrongCount = 4, ///< The operand has another number of rows than are needed.
};

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
  Value load(unsigned index, Value table, Value row, Value position);
  /// Calls `emit` with every row and every position in it of input `index`.
  void forEachNumber(unsigned index, function_ref<void(Value, Value)> emit);
  void ifHolds(Value condition, function_ref<void()> emit);
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  Value either(Value a, Value b) {
    return arith::OrIOp::create(builder, loc, a, b);
  }
  Value both(Value a, Value b) {
    return arith::AndIOp::create(builder, loc, a, b);
  }
  Value getExtent(StringRef dim) {
    return arguments.createExtent(builder, kernel, dim);
  }
  Value divideUp(Value a, int64_t b) {
    return divide(add(a, constant(b - 1)), constant(b));
  }
  /// Reports where the lists of `check` are not `count`.
  void checkCount(const KernelCheck &check, Value count, int64_t more);
  void checkPermutation(const KernelCheck &check, Value firstWord);
  void checkOffsets(unsigned index, Value most);
  void checkBlocks(const KernelCheck &check);
  void checkIndices(const KernelCheck &check);
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
    if (check.kind != KernelCheck::Kind::Permutation)
      continue;
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

Value CheckWriter::load(unsigned index, Value table, Value row,
                        Value position) {
  const KernelTensor &tensor = signature.getTensors()[index];
  SmallVector<Value> place{toIndex(position)};
  for (StringRef dim : llvm::reverse(ArrayRef(tensor.dims).drop_back())) {
    Value extent = getExtent(dim);
    place.insert(place.begin(), toIndex(modulo(row, extent)));
    row = divide(row, extent);
  }
  Value number = memref::LoadOp::create(builder, loc, table, place);
  if (number.getType() == builder.getI64Type())
    return number;
  return arith::ExtSIOp::create(builder, loc, builder.getI64Type(), number);
}

void CheckWriter::forEachNumber(unsigned index,
                                function_ref<void(Value, Value)> emit) {
  Extents extents = getExtents(signature.getTensors()[index]);
  forEach(multiply(extents.rows, extents.tokens), [&](Value number) {
    emit(divide(number, extents.tokens), modulo(number, extents.tokens));
  });
}

void CheckWriter::ifHolds(Value condition, function_ref<void()> emit) {
  auto branch = scf::IfOp::create(builder, loc, condition);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  emit();
}

void CheckWriter::checkPermutation(const KernelCheck &check, Value firstWord) {
  unsigned index = check.tensor;
  Extents extents = getExtents(signature.getTensors()[index]);
  Value table = arguments.createTensor(builder, kernel, index);
  forEachNumber(index, [&](Value row, Value slot) {
    Value number = add(multiply(row, extents.tokens), slot);
    Value token = load(index, table, row, slot);
    // A negative one is a large one.
    fail(compare(arith::CmpIPredicate::uge, token, extents.tokens), NoToken,
         index, number, token);
    Value isToken = compare(arith::CmpIPredicate::ult, token, extents.tokens);
    ifHolds(isToken, [&] {
      Value word = add(add(firstWord, multiply(row, extents.words)),
                       divide(token, constant(32)));
      Value bit = arith::ShLIOp::create(
          builder, loc, constant32(1),
          arith::TruncIOp::create(builder, loc, builder.getI32Type(),
                                  modulo(token, constant(32))));
      Value before = LLVM::AtomicRMWOp::create(
          builder, loc, LLVM::AtomicBinOp::_or, getWord(word), bit,
          LLVM::AtomicOrdering::monotonic);
      fail(compare(arith::CmpIPredicate::ne, both(before, bit), constant32(0)),
           SecondTime, index, number, token);
    });
  });
}

/// Numbers up to `most`, none less than the one before it.
void CheckWriter::checkOffsets(unsigned index, Value most) {
  Value size = getExtent(signature.getTensors()[index].dims.back());
  Value table = arguments.createTensor(builder, kernel, index);
  forEachNumber(index, [&](Value row, Value position) {
    Value number = add(multiply(row, size), position);
    Value offset = load(index, table, row, position);
    fail(compare(arith::CmpIPredicate::ugt, offset, most), NoToken, index,
         number, offset);
    ifHolds(compare(arith::CmpIPredicate::ne, position, constant(0)), [&] {
      Value before =
          load(index, table, row,
               arith::SubIOp::create(builder, loc, position, constant(1)));
      fail(compare(arith::CmpIPredicate::slt, offset, before), OutOfOrder,
           index, number, offset);
    });
  });
}

void CheckWriter::checkCount(const KernelCheck &check, Value count,
                             int64_t more) {
  Value lists = divideUp(getExtent(check.rows), check.rowsOfList);
  fail(compare(arith::CmpIPredicate::ne, count, add(lists, constant(more))),
       WrongCount, check.tensor, count, add(lists, constant(more)));
}

void CheckWriter::checkBlocks(const KernelCheck &check) {
  const KernelTensor &offsets = signature.getTensors()[check.tensor];
  const KernelTensor &entries = signature.getTensors()[check.entries];
  Value size = getExtent(entries.dims.back());
  Value blocks = divideUp(getExtent(check.extent), check.tokensOfBlock);
  checkCount(check, getExtent(offsets.dims.back()), /*more=*/1);
  checkOffsets(check.tensor, size);
  Value table = arguments.createTensor(builder, kernel, check.tensor);
  Value entryTable = arguments.createTensor(builder, kernel, check.entries);
  Value zero = constant(0), one = constant(1);
  // A list from the offset in front of this one, as far as it lies in the
  // entries.
  forEachNumber(check.tensor, [&](Value row, Value position) {
    ifHolds(compare(arith::CmpIPredicate::ne, position, zero), [&] {
      Value begin = load(check.tensor, table, row,
                         arith::SubIOp::create(builder, loc, position, one));
      Value end = load(check.tensor, table, row, position);
      begin = arith::MaxSIOp::create(builder, loc, begin, zero);
      end = arith::MinSIOp::create(builder, loc, end, size);
      // Entries without dimensions in front serve all rows of offsets.
      Value entryRow = entries.dims.size() == 1 ? zero : row;
      auto loop = scf::ForOp::create(builder, loc, toIndex(begin), toIndex(end),
                                     toIndex(one), ValueRange{constant(-1)});
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      Value at = arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                            loop.getInductionVar());
      Value entry = load(check.entries, entryTable, entryRow, at);
      Value number = add(multiply(entryRow, size), at);
      fail(compare(arith::CmpIPredicate::uge, entry, blocks), NoToken,
           check.entries, number, entry);
      fail(compare(arith::CmpIPredicate::sle, entry, loop.getRegionIterArg(0)),
           OutOfOrder, check.entries, number, entry);
      scf::YieldOp::create(builder, loc, entry);
    });
  });
}

void CheckWriter::checkIndices(const KernelCheck &check) {
  unsigned index = check.tensor;
  const KernelTensor &tensor = signature.getTensors()[index];
  Value size = getExtent(tensor.dims.back()), tokens = getExtent(check.extent);
  checkCount(check, getExtent(tensor.dims[tensor.dims.size() - 2]), /*more=*/0);
  Value table = arguments.createTensor(builder, kernel, index);
  Value none = constant(-1);
  forEachNumber(index, [&](Value row, Value position) {
    Value number = add(multiply(row, size), position);
    Value token = load(index, table, row, position);
    // -1 ends a list.
    ifHolds(compare(arith::CmpIPredicate::ne, token, none), [&] {
      fail(compare(arith::CmpIPredicate::uge, token, tokens), NoToken, index,
           number, token);
      ifHolds(compare(arith::CmpIPredicate::ne, position, constant(0)), [&] {
        Value before =
            load(index, table, row,
                 arith::SubIOp::create(builder, loc, position, constant(1)));
        fail(either(compare(arith::CmpIPredicate::eq, before, none),
                    compare(arith::CmpIPredicate::sle, token, before)),
             OutOfOrder, index, number, token);
      });
    });
  });
}

void CheckWriter::check() {
  Value firstWord = constant(kStatusWords);
  for (const KernelCheck &check : signature.getChecks()) {
    const KernelTensor &tensor = signature.getTensors()[check.tensor];
    switch (check.kind) {
    case KernelCheck::Kind::Permutation: {
      checkPermutation(check, firstWord);
      Extents extents = getExtents(tensor);
      firstWord = add(firstWord, multiply(extents.rows, extents.words));
      break;
    }
    case KernelCheck::Kind::Offsets:
      fail(compare(arith::CmpIPredicate::eq, getExtent(tensor.dims.back()),
                   constant(0)),
           WrongCount, check.tensor, constant(0), constant(1));
      checkOffsets(check.tensor, getExtent(check.extent));
      break;
    case KernelCheck::Kind::Blocks:
      checkBlocks(check);
      break;
    case KernelCheck::Kind::Indices:
      checkIndices(check);
      break;
    }
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
    if (check.kind == KernelCheck::Kind::Permutation)
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
