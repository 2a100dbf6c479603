//===- MapToBlocks.cpp - A kernel's phases as grids of thread blocks ------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contractions.h"
#include "LaunchArguments.h"
#include "LaunchFormula.h"
#include "WorkspaceBytes.h"
#include "attn/Conversion/FusedForm.h"
#include "attn/Conversion/Passes.h"
#include "attn/Support/NotSupported.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNMAPTOBLOCKS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {

/// Makes the device module of one kernel.
class BlockMapper {
public:
  BlockMapper(ModuleOp module, KernelSignature given, int64_t phases,
              bool checkValues, int64_t sharedBytes, int64_t maxBlocks,
              int64_t maxScratch, int64_t residentBlocks)
      : module(module), signature(std::move(given)),
        arguments(signature, checkValues && !signature.getChecks().empty()),
        phases(phases), sharedBytes(sharedBytes), maxBlocks(maxBlocks),
        maxScratch(maxScratch), residentBlocks(residentBlocks),
        builder(module.getContext()) {}

  LogicalResult run();

private:
  /// What one phase is made of.
  struct Phase {
    func::FuncOp items, run;
    int64_t threads = 0;
    /// Bytes of a block's scratch where its threads share it.
    std::optional<int64_t> shared;
    /// What they are in any case, and the function that computes them where
    /// they depend on the extents.
    std::string workerBytes;
    func::FuncOp worker;
  };

  FailureOr<Phase> getPhase(int64_t number);
  void createDevice(MutableArrayRef<Phase> parts, LaunchPlan &plan);
  void createKernel(Phase &phase, int64_t number);
  Value createSharedPointer(Location loc);
  std::string getKernelName(int64_t phase) const {
    return (signature.getName() + "_kernel" + Twine(phase)).str();
  }

  ModuleOp module;
  KernelSignature signature;
  LaunchArguments arguments;
  int64_t phases, sharedBytes, maxBlocks, maxScratch, residentBlocks;
  OpBuilder builder;
  gpu::GPUModuleOp device;
};

} // namespace

/// Bytes that the parameters of a kernel may take on every chip.
static constexpr int64_t kMostParameterBytes = 4096;
/// Name of the memory that the threads of a block share.
static constexpr StringLiteral kBlockMemory = "attn_block_memory";

FailureOr<BlockMapper::Phase> BlockMapper::getPhase(int64_t number) {
  auto lookUp = [&](const Twine &name) {
    return module.lookupSymbol<func::FuncOp>(name.str());
  };
  Phase phase;
  phase.items = lookUp(signature.getItemsName(number));
  phase.run = lookUp(signature.getRunName(number));
  if (!phase.items || !phase.run)
    return module.emitError()
           << "kernel '" << signature.getName() << "' has no function '"
           << (phase.items ? signature.getRunName(number)
                           : signature.getItemsName(number))
           << "'; run attn-link-phases first";
  // A linked kernel calls what does the work.
  func::FuncOp body = phase.run;
  StringRef prefix = signature.getName();
  for (auto call : phase.run.getOps<func::CallOp>()) {
    body = lookUp(call.getCallee());
    prefix = call.getCallee();
    prefix.consume_back("_run0");
  }
  // What writes nothing, as there is nothing to write, needs no threads.
  constexpr int64_t kWarp = 32;
  auto threads = body->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName);
  if (!threads && writesMemory(body))
    return body.emitError() << "has no '" << kBlockThreadsAttrName
                            << "'; run attn-map-to-threads first";
  phase.threads = threads ? threads.getInt() : kWarp;
  func::FuncOp worker = lookUp(prefix + "_worker");
  if (!worker || worker.isExternal())
    return body.emitError() << "has no function '" << prefix << "_worker'";
  std::optional<int64_t> bytes = getConstantIntValue(
      worker.getBody().front().getTerminator()->getOperand(0));
  if (bytes) {
    phase.workerBytes = std::to_string(*bytes);
    if (*bytes <= sharedBytes)
      phase.shared = *bytes;
    else
      phase.run.emitRemark("the scratch of a block takes ")
          << *bytes << " bytes, more than the " << sharedBytes
          << " that its threads can share; it lies in global memory";
    return phase;
  }
  // Scratch that depends on the extents is that of an unfused phase, of which
  // attn-lower-to-linalg has said so.
  phase.worker = lookUp(signature.getWorkerName());
  if (!phase.worker)
    return module.emitError()
           << "kernel '" << signature.getName() << "' has no function '"
           << signature.getWorkerName() << "'";
  FailureOr<std::string> formula = getLaunchFormula(phase.worker, signature);
  if (failed(formula))
    return failure();
  phase.workerBytes = *formula;
  return phase;
}

Value BlockMapper::createSharedPointer(Location loc) {
  MLIRContext *context = builder.getContext();
  Type shared = LLVM::LLVMPointerType::get(context, /*addressSpace=*/3);
  Value address = LLVM::AddressOfOp::create(builder, loc, shared, kBlockMemory);
  return LLVM::AddrSpaceCastOp::create(
      builder, loc, LLVM::LLVMPointerType::get(context), address);
}

void BlockMapper::createKernel(Phase &phase, int64_t number) {
  Location loc = phase.run.getLoc();
  Type i64 = builder.getI64Type(), index = builder.getIndexType();
  Type generic = LLVM::LLVMPointerType::get(builder.getContext());
  builder.setInsertionPointToEnd(device.getBody());
  gpu::GPUFuncOp kernel = arguments.createKernel(
      builder, loc, getKernelName(number), phase.threads);
  kernel->setAttr(kResidentBlocksAttrName,
                  builder.getI32IntegerAttr(residentBlocks));
  if (arguments.hasCheck()) {
    // A call that was found wrong writes nothing.
    Value status = LLVM::LoadOp::create(builder, loc, builder.getI32Type(),
                                        arguments.createCheck(builder, kernel));
    Value isRight = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::eq, status,
        arith::ConstantIntOp::create(builder, loc, 0, /*width=*/32));
    builder.setInsertionPointToStart(
        scf::IfOp::create(builder, loc, isRight).thenBlock());
  }
  SmallVector<Value> tensors;
  for (unsigned tensor = 0; tensor < signature.getTensors().size(); ++tensor)
    tensors.push_back(arguments.createTensor(builder, kernel, tensor));
  Value workspace = arguments.createWorkspace(builder, kernel);
  auto callForNumber = [&](func::FuncOp callee) -> Value {
    return func::CallOp::create(builder, loc, callee.getName(), i64, tensors)
        .getResult(0);
  };
  auto toIndex = [&](Value value) -> Value {
    return arith::IndexCastOp::create(builder, loc, index, value);
  };
  auto advance = [&](Value pointer, Value bytes) -> Value {
    return LLVM::GEPOp::create(builder, loc, generic, builder.getI8Type(),
                               pointer, ArrayRef<LLVM::GEPArg>{bytes});
  };
  Value block = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value blocks = gpu::GridDimOp::create(builder, loc, gpu::Dimension::x);
  Value worker;
  if (phase.shared) {
    worker = createSharedPointer(loc);
  } else {
    auto shared = module.lookupSymbol<func::FuncOp>(signature.getSharedName());
    int64_t bytes = 0;
    StringRef(phase.workerBytes).getAsInteger(10, bytes);
    Value size =
        phase.worker
            ? callForNumber(phase.worker)
            : arith::ConstantIntOp::create(builder, loc, bytes, 64).getResult();
    Value own = arith::MulIOp::create(
        builder, loc, size,
        arith::IndexCastOp::create(builder, loc, i64, block));
    worker = advance(workspace, arith::AddIOp::create(
                                    builder, loc, callForNumber(shared), own));
  }
  Value items = toIndex(callForNumber(phase.items));
  auto loop = scf::ForOp::create(builder, loc, block, items, blocks);
  builder.setInsertionPointToStart(loop.getBody());
  // From the last item on: attn-tile-cascade numbers those last that take
  // longest, and a grid whose last blocks are short leaves few multiprocessors
  // idle.
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value last = arith::SubIOp::create(builder, loc, items, one);
  Value item = arith::IndexCastOp::create(
      builder, loc, i64,
      arith::SubIOp::create(builder, loc, last, loop.getInductionVar()));
  // That it does not overflow says that the loop over items runs once.
  Value next = arith::AddIOp::create(
      builder, loc, item,
      arith::ConstantIntOp::create(builder, loc, 1, /*width=*/64),
      arith::IntegerOverflowFlags::nsw);
  SmallVector<Value> operands(tensors);
  llvm::append_range(operands, ValueRange{item, next, worker, workspace});
  func::CallOp::create(builder, loc, phase.run.getName(), TypeRange(),
                       operands);
}

void BlockMapper::createDevice(MutableArrayRef<Phase> parts, LaunchPlan &plan) {
  Location loc = module.getLoc();
  builder.setInsertionPointToEnd(module.getBody());
  device = gpu::GPUModuleOp::create(builder, loc,
                                    (signature.getName() + "_device").str());
  builder.setInsertionPointToEnd(device.getBody());
  LLVM::GlobalOp::create(
      builder, loc, LLVM::LLVMArrayType::get(builder.getI8Type(), 0),
      /*isConstant=*/false, LLVM::Linkage::External, kBlockMemory, Attribute(),
      /*alignment=*/kWorkspaceAlignment, /*addrSpace=*/3);
  // Constants of tensors.
  for (auto global :
       llvm::make_early_inc_range(module.getOps<memref::GlobalOp>())) {
    builder.clone(*global);
    global.erase();
  }
  SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
  for (func::FuncOp function : functions) {
    if (!function.isExternal()) {
      auto copy = cast<func::FuncOp>(builder.clone(*function));
      copy.setPrivate();
      copy->removeAttr("llvm.emit_c_interface");
    }
  }
  if (arguments.hasCheck()) {
    builder.setInsertionPointToEnd(device.getBody());
    createValueChecks(builder, loc, signature, arguments, plan);
  }
  for (auto [number, phase] : llvm::enumerate(parts))
    createKernel(phase, number);
  for (func::FuncOp function : functions)
    function.erase();
}

LogicalResult BlockMapper::run() {
  SmallVector<Phase> parts;
  for (int64_t number = 0; number < phases; ++number) {
    FailureOr<Phase> phase = getPhase(number);
    if (failed(phase))
      return failure();
    parts.push_back(*phase);
  }
  auto shared = module.lookupSymbol<func::FuncOp>(signature.getSharedName());
  if (!shared)
    return module.emitError()
           << "kernel '" << signature.getName() << "' has no function '"
           << signature.getSharedName() << "'";
  FailureOr<std::string> sharedWorkspace = getLaunchFormula(shared, signature);
  if (failed(sharedWorkspace))
    return failure();

  LaunchPlan plan;
  llvm::append_range(plan.parameters, arguments.getParameters());
  int64_t bytes = 8 * static_cast<int64_t>(plan.parameters.size());
  if (bytes > kMostParameterBytes)
    return emitNotSupported(module)
           << "the kernel takes " << bytes
           << " bytes of parameters, pointers, strides and extents, but a GPU "
              "takes at most "
           << kMostParameterBytes;
  std::string workers;
  for (auto [number, phase] : llvm::enumerate(parts)) {
    FailureOr<std::string> items = getLaunchFormula(phase.items, signature);
    if (failed(items))
      return failure();
    Launch launch;
    launch.kernel = getKernelName(number);
    launch.blocks = *items;
    // Blocks with scratch in global memory are as many as there is room for.
    if (!phase.shared) {
      launch.items = *items;
      launch.blocks = "min(" + *items + ", max(1, min(" +
                      std::to_string(maxBlocks) + ", floordiv(" +
                      std::to_string(maxScratch) + ", max(1, " +
                      phase.workerBytes + ")))))";
    }
    launch.threads = phase.threads;
    launch.sharedBytes = phase.shared.value_or(0);
    plan.launches.push_back(launch);
    if (phase.shared)
      continue;
    std::string scratch = launch.blocks + " * " + phase.workerBytes;
    workers =
        workers.empty() ? scratch : "max(" + workers + ", " + scratch + ")";
  }
  plan.workspace =
      workers.empty() ? *sharedWorkspace : *sharedWorkspace + " + " + workers;
  SmallVector<Launch> launches = std::move(plan.launches);
  plan.launches.clear();
  createDevice(parts, plan);
  llvm::append_range(plan.launches, launches);
  plan.attachTo(device);
  return success();
}

namespace {
struct MapToBlocksPass
    : public attn::impl::AttnMapToBlocksBase<MapToBlocksPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::pair<StringRef, int64_t> sizes[] = {{"shared-bytes", sharedBytes},
                                             {"max-blocks", maxBlocks - 1},
                                             {"max-scratch", maxScratch}};
    for (auto [name, size] : sizes)
      if (size < 0) {
        module.emitError("option '") << name << "' is too small";
        return signalPassFailure();
      }
    if (residentBlocks < 1 || residentBlocks > kMostResidentBlocks) {
      module.emitError("option 'resident-blocks' is ")
          << static_cast<int64_t>(residentBlocks) << ", but must be 1 to "
          << kMostResidentBlocks;
      return signalPassFailure();
    }
    auto kernels = module->getAttrOfType<ArrayAttr>(kKernelsAttrName);
    if (!kernels || kernels.size() != 1) {
      module.emitError() << "needs '" << kKernelsAttrName
                         << "' with one kernel; run attn-describe-kernel first";
      return signalPassFailure();
    }
    auto kernel = dyn_cast<DictionaryAttr>(kernels[0]);
    auto name = kernel ? kernel.getAs<StringAttr>("name") : StringAttr();
    auto phases = kernel ? kernel.getAs<IntegerAttr>("phases") : IntegerAttr();
    if (!name || !phases) {
      module.emitError() << "'" << kKernelsAttrName << "' is malformed";
      return signalPassFailure();
    }
    FailureOr<KernelSignature> signature =
        KernelSignature::getFromModule(module, name);
    if (failed(signature) ||
        failed(BlockMapper(module, *signature, phases.getInt(), checkValues,
                           sharedBytes, maxBlocks, maxScratch, residentBlocks)
                   .run()))
      signalPassFailure();
  }
};
} // namespace
