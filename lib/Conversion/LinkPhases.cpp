//===- LinkPhases.cpp - The kernel made of its phases ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernel function holds calls of phases by now, each of them lowered to
// functions on memrefs. What one phase hands to another lies at the front of
// the shared workspace, values of one type in the same place where the last
// phase that reads the first comes before the one that makes the second. Behind
// it lies the shared workspace of the phase that runs, which the next phase
// overwrites.
//
//===----------------------------------------------------------------------===//

#include "WorkspaceBytes.h"
#include "attn/Analysis/CascadeUtils.h"
#include "attn/Conversion/KernelSignature.h"
#include "attn/Conversion/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNLINKPHASES
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

class PhaseLinker {
public:
  PhaseLinker(func::FuncOp function, KernelSignature &signature)
      : function(function), module(function->getParentOfType<ModuleOp>()),
        signature(signature), builder(function),
        calls(function.getOps<func::CallOp>()) {}

  LogicalResult run();

private:
  /// A function of the kernel while its body is written.
  struct Scope {
    ValueRange tensors;
    /// Null in functions that only ask for sizes.
    Value shared;
    /// Offsets of what phases hand on, and where it ends.
    llvm::MapVector<Value, Value> offsets;
    Value end;
  };

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, function.getLoc(), value);
  }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, function.getLoc(), a, b);
  }
  std::optional<unsigned> getOutput(Value value);
  SmallVector<Value> getDynamicExtents(const Scope &scope, OpResult value);
  Value getBytes(const Scope &scope, OpResult value);
  bool canFollow(OpResult first, OpResult second);
  Scope open(func::FuncOp in, Value shared);
  Value getMemRef(Scope &scope, Value value, Type wanted);
  SmallVector<Value> getArguments(Scope &scope, func::CallOp call,
                                  func::FuncOp callee);
  func::FuncOp lookUp(func::CallOp call, StringRef suffix);
  /// The largest of what the phases' functions `suffix` return.
  Value callAll(Scope &scope, StringRef suffix);
  static std::optional<int64_t> getConstantResult(func::FuncOp callee);

  func::FuncOp function;
  ModuleOp module;
  KernelSignature &signature;
  OpBuilder builder;
  SmallVector<func::CallOp> calls;
};

} // namespace

/// The output that `value` is returned in.
std::optional<unsigned> PhaseLinker::getOutput(Value value) {
  for (OpOperand &use : value.getUses())
    if (isa<func::ReturnOp>(use.getOwner()))
      return signature.getNumInputs() + use.getOperandNumber();
  return std::nullopt;
}

SmallVector<Value> PhaseLinker::getDynamicExtents(const Scope &scope,
                                                  OpResult value) {
  auto extents = value.getOwner()->getAttrOfType<ArrayAttr>(kExtentsAttrName);
  auto places = cast<DenseI64ArrayAttr>(extents[value.getResultNumber()]);
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < places.size(); i += 4) {
    Value size = memref::DimOp::create(builder, function.getLoc(),
                                       scope.tensors[places[i]], places[i + 1]);
    if (places[i + 2] != 1)
      size = arith::MulIOp::create(builder, function.getLoc(), size,
                                   constant(places[i + 2]));
    if (places[i + 3] != 1)
      size = arith::CeilDivUIOp::create(builder, function.getLoc(), size,
                                        constant(places[i + 3]));
    sizes.push_back(size);
  }
  return sizes;
}

/// The size of a buffer between phases, a multiple of the alignment.
Value PhaseLinker::getBytes(const Scope &scope, OpResult value) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t known = llvm::divideCeil(
      type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth(), 8);
  for (int64_t extent : type.getShape())
    if (!ShapedType::isDynamic(extent))
      known = multiplyExtents(known, extent);
  return createWorkspaceBytes(builder, function.getLoc(), known,
                              getDynamicExtents(scope, value));
}

/// Whether `second` can lie where `first` lies.
bool PhaseLinker::canFollow(OpResult first, OpResult second) {
  auto getExtents = [](OpResult value) {
    return value.getOwner()->getAttrOfType<ArrayAttr>(
        kExtentsAttrName)[value.getResultNumber()];
  };
  return first.getType() == second.getType() &&
         getExtents(first) == getExtents(second) &&
         first.getOwner() != second.getOwner() &&
         llvm::all_of(first.getUsers(), [&](Operation *user) {
           return user->isBeforeInBlock(second.getOwner());
         });
}

/// Starts the body of `in` and lays out what phases hand on.
PhaseLinker::Scope PhaseLinker::open(func::FuncOp in, Value shared) {
  builder.setInsertionPointToStart(&in.getBody().front());
  Scope scope;
  scope.tensors = in.getArguments().take_front(signature.getTensors().size());
  scope.shared = shared;
  scope.end = constant(0);
  // The values that lie in each place last.
  SmallVector<OpResult> holders;
  for (func::CallOp call : calls)
    for (OpResult result : call->getResults()) {
      if (getOutput(result))
        continue;
      auto *found = llvm::find_if(
          holders, [&](OpResult holder) { return canFollow(holder, result); });
      if (found != holders.end()) {
        scope.offsets[result] = scope.offsets.lookup(*found);
        *found = result;
        continue;
      }
      scope.offsets[result] = scope.end;
      holders.push_back(result);
      scope.end = add(scope.end, getBytes(scope, result));
    }
  if (!scope.shared)
    scope.shared =
        LLVM::ZeroOp::create(builder, function.getLoc(),
                             LLVM::LLVMPointerType::get(builder.getContext()));
  return scope;
}

Value PhaseLinker::getMemRef(Scope &scope, Value value, Type wanted) {
  Location loc = function.getLoc();
  Value memref;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    memref = scope.tensors[argument.getArgNumber()];
  } else if (std::optional<unsigned> output = getOutput(value)) {
    memref = scope.tensors[*output];
  } else {
    auto type = cast<RankedTensorType>(value.getType());
    Value workspace =
        createWorkspaceBuffer(builder, loc, scope.shared, scope.end);
    memref = memref::ViewOp::create(
        builder, loc, MemRefType::get(type.getShape(), type.getElementType()),
        workspace, scope.offsets.lookup(value),
        getDynamicExtents(scope, cast<OpResult>(value)));
  }
  if (memref.getType() == wanted)
    return memref;
  return memref::CastOp::create(builder, loc, wanted, memref);
}

SmallVector<Value> PhaseLinker::getArguments(Scope &scope, func::CallOp call,
                                             func::FuncOp callee) {
  SmallVector<Value> values(call.getOperands());
  llvm::append_range(values, call.getResults());
  SmallVector<Value> arguments;
  for (auto [value, type] : llvm::zip(values, callee.getArgumentTypes()))
    arguments.push_back(getMemRef(scope, value, type));
  return arguments;
}

func::FuncOp PhaseLinker::lookUp(func::CallOp call, StringRef suffix) {
  return module.lookupSymbol<func::FuncOp>((call.getCallee() + suffix).str());
}

std::optional<int64_t> PhaseLinker::getConstantResult(func::FuncOp callee) {
  if (callee.isExternal())
    return std::nullopt;
  auto result = callee.getBody().front().getTerminator()->getOperand(0);
  return getConstantIntValue(result);
}

Value PhaseLinker::callAll(Scope &scope, StringRef suffix) {
  Location loc = function.getLoc();
  Value largest = arith::ConstantIntOp::create(builder, loc, 0, 64);
  for (func::CallOp call : calls) {
    func::FuncOp callee = lookUp(call, suffix);
    Value value = func::CallOp::create(builder, loc, callee,
                                       getArguments(scope, call, callee))
                      .getResult(0);
    largest = arith::MaxSIOp::create(builder, loc, largest, value);
  }
  return largest;
}

LogicalResult PhaseLinker::run() {
  Location loc = function.getLoc();
  Type i64 = builder.getI64Type();
  for (func::CallOp call : calls)
    for (StringRef suffix : {"_items0", "_run0", "_shared", "_worker"})
      if (!lookUp(call, suffix))
        return call.emitError("phase '")
               << call.getCallee() << "' has no function '" << call.getCallee()
               << suffix << "'; it was not lowered";

  for (auto [number, call] : llvm::enumerate(calls)) {
    func::FuncOp items = signature.createItems(builder, loc, number);
    func::FuncOp run = signature.createRun(builder, loc, number);
    OpBuilder::InsertionGuard guard(builder);
    {
      Scope scope = open(items, Value());
      func::FuncOp callee = lookUp(call, "_items0");
      auto count = func::CallOp::create(builder, loc, callee,
                                        getArguments(scope, call, callee));
      func::ReturnOp::create(builder, loc, count.getResults());
    }
    KernelSignature::Run arguments = KernelSignature::getRunArguments(run);
    Scope scope = open(run, arguments.shared);
    func::FuncOp callee = lookUp(call, "_run0");
    SmallVector<Value> operands = getArguments(scope, call, callee);
    Value offset = arith::IndexCastOp::create(builder, loc, i64, scope.end);
    Value own = LLVM::GEPOp::create(builder, loc, arguments.shared.getType(),
                                    builder.getI8Type(), arguments.shared,
                                    ArrayRef<LLVM::GEPArg>{offset});
    llvm::append_range(operands, ValueRange{arguments.begin, arguments.end,
                                            arguments.worker, own});
    func::CallOp::create(builder, loc, callee, operands);
    func::ReturnOp::create(builder, loc);
  }

  // The workspace.
  {
    func::FuncOp shared = signature.createShared(builder, loc);
    OpBuilder::InsertionGuard guard(builder);
    Scope scope = open(shared, Value());
    Value own = callAll(scope, "_shared");
    Value before = arith::IndexCastOp::create(builder, loc, i64, scope.end);
    func::ReturnOp::create(builder, loc, add(before, own));
  }
  std::optional<int64_t> constantBytes = 0;
  for (func::CallOp call : calls) {
    std::optional<int64_t> bytes = getConstantResult(lookUp(call, "_worker"));
    constantBytes = bytes && constantBytes
                        ? std::optional(std::max(*bytes, *constantBytes))
                        : std::nullopt;
  }
  if (!constantBytes) {
    func::FuncOp worker = signature.createWorker(builder, loc);
    OpBuilder::InsertionGuard guard(builder);
    Scope scope = open(worker, Value());
    Value bytes = callAll(scope, "_worker");
    func::ReturnOp::create(builder, loc, bytes);
  }
  signature.attachTo(module, calls.size(), constantBytes.value_or(0));
  SmallVector<Operation *> phases;
  for (func::CallOp call : calls)
    phases.push_back(module.lookupSymbol(call.getCallee()));
  function.erase();
  for (Operation *phase : phases)
    phase->erase();
  return success();
}

namespace {
struct LinkPhasesPass : public attn::impl::AttnLinkPhasesBase<LinkPhasesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp function;
    module.walk([&](func::CallOp call) {
      if (call->hasAttr(kExtentsAttrName))
        function = call->getParentOfType<func::FuncOp>();
    });
    // A kernel that was not split is whole.
    if (!function)
      return;
    FailureOr<KernelSignature> signature =
        KernelSignature::getFromModule(module, function.getName());
    if (failed(signature) || failed(PhaseLinker(function, *signature).run()))
      signalPassFailure();
  }
};
} // namespace
