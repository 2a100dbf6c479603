//===- KernelSignature.cpp - What a compiled kernel takes ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/KernelSignature.h"
#include "ExtentClasses.h"
#include "KernelChecks.h"
#include "attn/Support/NotSupported.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Derivation
//===----------------------------------------------------------------------===//

static bool isIdentifier(StringRef name) {
  auto isLetter = [](char c) { return llvm::isAlpha(c) || c == '_'; };
  return !name.empty() && isLetter(name.front()) &&
         llvm::all_of(name,
                      [&](char c) { return isLetter(c) || llvm::isDigit(c); });
}

static bool isSupportedElement(Type type) {
  return type.isF32() || type.isBF16() || type.isF16() || type.isF64() ||
         type.isSignlessInteger(32) || type.isSignlessInteger(64);
}

LogicalResult attn::checkRankedTensor(func::FuncOp function, StringRef what,
                                      unsigned index, Type type) {
  if (isa<RankedTensorType>(type))
    return success();
  return emitNotSupported(function)
             << "kernel '" << function.getName() << "': " << what << " #"
             << index << " is " << type
             << "; kernels take and return ranked tensors",
         failure();
}

/// Checks the type of a tensor that crosses the C ABI.
static FailureOr<RankedTensorType> checkTensorType(func::FuncOp function,
                                                   StringRef what,
                                                   unsigned index, Type type) {
  if (failed(checkRankedTensor(function, what, index, type)))
    return failure();
  auto tensor = cast<RankedTensorType>(type);
  // Masks are read; what is written has a type that einsums compute with.
  Type element = tensor.getElementType();
  bool isMask =
      (element.isSignlessInteger(1) || element.isSignlessInteger(8)) &&
      what == "argument";
  if (!isSupportedElement(element) && !isMask)
    return emitNotSupported(function)
               << "kernel '" << function.getName() << "': " << what << " #"
               << index << " holds " << element
               << "; kernels take f32, bf16, f16, f64, i32, i64 and, as "
                  "arguments, i1 and i8",
           failure();
  if (tensor.getEncoding())
    return emitNotSupported(function)
               << "kernel '" << function.getName() << "': " << what << " #"
               << index << " has an encoding; kernels take plain tensors",
           failure();
  return tensor;
}

/// Names the tensors that no attribute names: arguments as in the text, if the
/// parser kept that, or by their number. Such a name gives way to any other.
static void nameTensors(func::FuncOp function,
                        MutableArrayRef<KernelTensor> tensors) {
  llvm::StringSet<> taken;
  for (const KernelTensor &tensor : tensors)
    taken.insert(tensor.name);
  for (auto [argument, tensor] :
       llvm::zip_first(function.getArguments(), tensors)) {
    auto source = dyn_cast<NameLoc>(argument.getLoc());
    if (tensor.name.empty() && source && isIdentifier(source.getName()) &&
        taken.insert(source.getName()).second)
      tensor.name = source.getName().str();
  }
  for (auto [position, tensor] : llvm::enumerate(tensors)) {
    if (!tensor.name.empty())
      continue;
    std::string base =
        tensor.isOutput
            ? "out" + std::to_string(position - function.getNumArguments())
            : "arg" + std::to_string(position);
    tensor.name = base;
    for (unsigned copy = 2; !taken.insert(tensor.name).second; ++copy)
      tensor.name = base + "_" + std::to_string(copy);
  }
}

FailureOr<KernelSignature> KernelSignature::get(func::FuncOp function) {
  KernelSignature signature;
  signature.name = function.getName().str();
  if (!isIdentifier(signature.name))
    return LogicalResult(function.emitError()
                         << "kernel '" << signature.name
                         << "' needs a name that is a C identifier");
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return LogicalResult(function.emitError() << "kernel '" << signature.name
                                              << "' needs a body of one block");

  auto add = [&](StringRef what, unsigned index, Type type,
                 Attribute given) -> LogicalResult {
    FailureOr<RankedTensorType> tensor =
        checkTensorType(function, what, index, type);
    if (failed(tensor))
      return failure();
    std::string name;
    if (given) {
      auto string = dyn_cast<StringAttr>(given);
      if (!string || !isIdentifier(string.getValue()))
        return function.emitError()
               << what << " #" << index << ": '" << kNameAttrName << "' is "
               << given << "; it holds a C identifier";
      name = string.str();
      for (const KernelTensor &other : signature.tensors)
        if (other.name == name)
          return function.emitError() << what << " #" << index << ": the name '"
                                      << name << "' is taken";
    }
    signature.tensors.push_back({name, *tensor, {}, what == "result"});
    return success();
  };
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (failed(add("argument", index, type,
                   function.getArgAttr(index, kNameAttrName))))
      return failure();
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    if (failed(add("result", index, type,
                   function.getResultAttr(index, kNameAttrName))))
      return failure();
  nameTensors(function, signature.tensors);

  ExtentClasses classes;
  classes.build(function);
  if (auto conflict = classes.getConflict())
    return LogicalResult(function.emitError()
                         << "kernel '" << signature.name
                         << "': one extent is both " << conflict->first
                         << " and " << conflict->second);

  // Name the classes in the order in which the tensors show them.
  SmallVector<Value> values(function.getArguments());
  Operation *terminator = function.getBody().front().getTerminator();
  llvm::append_range(values, terminator->getOperands());
  llvm::DenseMap<unsigned, std::string> symbols;
  llvm::StringSet<> taken;
  unsigned numUnnamed = 0;
  for (auto [position, pair] :
       llvm::enumerate(llvm::zip(values, signature.tensors))) {
    auto &[value, tensor] = pair;
    for (int64_t dim = 0; dim < tensor.type.getRank(); ++dim) {
      unsigned leader = classes.find(value, dim);
      if (int64_t size = classes.getSize(leader);
          !ShapedType::isDynamic(size)) {
        tensor.dims.push_back(std::to_string(size));
        continue;
      }
      auto [it, inserted] = symbols.insert({leader, std::string()});
      if (inserted) {
        if (tensor.isOutput)
          return emitNotSupported(terminator)
                     << "dimension " << dim << " of result #"
                     << position - function.getNumArguments()
                     << " is not the extent of an argument; the caller could "
                        "not know the size of the output",
                 failure();
        std::string base = classes.getName(leader).str();
        if (base.empty())
          base = "d" + std::to_string(numUnnamed++);
        std::string symbol = base;
        for (unsigned copy = 2; !taken.insert(symbol).second; ++copy)
          symbol = base + "_" + std::to_string(copy);
        it->second = symbol;
      }
      tensor.dims.push_back(it->second);
    }
  }

  for (const CheckedOperand &operand : findChecked(function)) {
    FailureOr<unsigned> number =
        findCheckedArgument(function, operand, operand.tensor);
    if (failed(number))
      return failure();
    // The extent of a rank as tensors of the kernel state it; empty where none
    // does.
    auto getExtent = [&](StringRef rank) -> std::string {
      std::optional<unsigned> leader = classes.findRank(operand.op, rank);
      std::string extent = leader ? symbols.lookup(*leader) : "";
      if (leader && !ShapedType::isDynamic(classes.getSize(*leader)))
        extent = std::to_string(classes.getSize(*leader));
      bool isStated =
          llvm::any_of(signature.tensors, [&](const KernelTensor &tensor) {
            return llvm::is_contained(tensor.dims, extent);
          });
      return isStated ? extent : "";
    };
    KernelCheck check{operand.kind, *number, getExtent(operand.rank)};
    StringRef unknown = check.extent.empty() ? operand.rank : StringRef();
    if (!operand.rowRank.empty()) {
      check.rows = getExtent(operand.rowRank);
      check.rowsOfList = operand.rowsOfList;
      check.tokensOfBlock = operand.tokensOfBlock;
      if (check.rows.empty())
        unknown = operand.rowRank;
    }
    if (!unknown.empty())
      return emitNotSupported(operand.op)
                 << "orders, packs or lists the tokens of '" << unknown
                 << "', whose number no tensor of the kernel has",
             failure();
    if (operand.entries) {
      FailureOr<unsigned> entries =
          findCheckedArgument(function, operand, operand.entries);
      if (failed(entries))
        return failure();
      check.entries = *entries;
    }
    if (!llvm::is_contained(signature.checks, check))
      signature.checks.push_back(check);
  }
  return signature;
}

FailureOr<KernelSignature> KernelSignature::getFromModule(ModuleOp module,
                                                          StringRef name) {
  auto kernels = module->getAttrOfType<ArrayAttr>(kKernelsAttrName);
  for (Attribute attr : kernels ? kernels.getValue() : ArrayRef<Attribute>()) {
    auto kernel = dyn_cast<DictionaryAttr>(attr);
    auto kernelName = kernel ? kernel.getAs<StringAttr>("name") : StringAttr();
    if (!kernelName || kernelName != name)
      continue;
    KernelSignature signature;
    signature.name = name.str();
    auto tensors = kernel.getAs<ArrayAttr>("tensors");
    for (Attribute tensorAttr :
         tensors ? tensors.getValue() : ArrayRef<Attribute>()) {
      auto tensor = dyn_cast<DictionaryAttr>(tensorAttr);
      auto tensorName = tensor ? tensor.getAs<StringAttr>("name") : nullptr;
      auto type = tensor ? tensor.getAs<TypeAttr>("type") : nullptr;
      auto dims = tensor ? tensor.getAs<ArrayAttr>("dims") : nullptr;
      auto output = tensor ? tensor.getAs<BoolAttr>("output") : nullptr;
      auto ranked = type ? dyn_cast<RankedTensorType>(type.getValue())
                         : RankedTensorType();
      if (!tensorName || !ranked || !dims || !output ||
          static_cast<int64_t>(dims.size()) != ranked.getRank() ||
          !llvm::all_of(dims, llvm::IsaPred<StringAttr>))
        return LogicalResult(module.emitError()
                             << "'" << kKernelsAttrName << "' of kernel '"
                             << name
                             << "' has a malformed tensor: " << tensorAttr);
      SmallVector<std::string> dimNames;
      for (Attribute dim : dims)
        dimNames.push_back(cast<StringAttr>(dim).str());
      signature.tensors.push_back({tensorName.str(), ranked,
                                   std::move(dimNames), output.getValue(),
                                   tensor.contains("boolean")});
    }
    auto checks = kernel.getAs<ArrayAttr>("checks");
    for (Attribute attr : checks ? checks.getValue() : ArrayRef<Attribute>()) {
      std::optional<KernelCheck> check = readCheck(attr);
      if (!check)
        return LogicalResult(module.emitError()
                             << "'" << kKernelsAttrName << "' of kernel '"
                             << name << "' has a malformed check: " << attr);
      signature.checks.push_back(*check);
    }
    return signature;
  }
  return module.emitError() << "'" << kKernelsAttrName
                            << "' does not describe kernel '" << name
                            << "'; run attn-describe-kernel before the cascades"
                               " are lowered",
         failure();
}

FailureOr<KernelSignature>
KernelSignature::getForLowering(func::FuncOp function) {
  if (!function->hasAttr(kPhaseAttrName))
    return getFromModule(function->getParentOfType<ModuleOp>(),
                         function.getName());
  KernelSignature signature;
  signature.name = function.getName().str();
  signature.isPhase = true;
  auto add = [&](TypeRange types, bool isOutput) {
    for (Type type : types)
      signature.tensors.push_back(
          {"", cast<RankedTensorType>(type), {}, isOutput});
  };
  add(function.getArgumentTypes(), /*isOutput=*/false);
  add(function.getResultTypes(), /*isOutput=*/true);
  return signature;
}

unsigned KernelSignature::getNumInputs() const {
  return llvm::count_if(
      tensors, [](const KernelTensor &tensor) { return !tensor.isOutput; });
}

void KernelSignature::setBoolean(unsigned index) {
  KernelTensor &tensor = tensors[index];
  tensor.type =
      tensor.type.clone(IntegerType::get(tensor.type.getContext(), 8));
  tensor.isBoolean = true;
}

//===----------------------------------------------------------------------===//
// Functions of the kernel
//===----------------------------------------------------------------------===//

MemRefType KernelSignature::getMemRefType(unsigned index) const {
  RankedTensorType type = tensors[index].type;
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  if (!strides.empty())
    strides.back() = 1;
  auto layout =
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(type.getShape(), type.getElementType(), layout);
}

SmallVector<Type> KernelSignature::getMemRefTypes() const {
  SmallVector<Type> types;
  for (unsigned index = 0; index < tensors.size(); ++index)
    types.push_back(getMemRefType(index));
  return types;
}

std::string KernelSignature::getItemsName(int64_t phase) const {
  return name + "_items" + std::to_string(phase);
}

std::string KernelSignature::getRunName(int64_t phase) const {
  return name + "_run" + std::to_string(phase);
}

std::string KernelSignature::getSharedName() const { return name + "_shared"; }

std::string KernelSignature::getWorkerName() const { return name + "_worker"; }

func::FuncOp KernelSignature::create(OpBuilder &builder, Location loc,
                                     StringRef symbol, ArrayRef<Type> extra,
                                     TypeRange results) const {
  SmallVector<Type> arguments = getMemRefTypes();
  llvm::append_range(arguments, extra);
  auto function = func::FuncOp::create(
      builder, loc, symbol, builder.getFunctionType(arguments, results));
  if (isPhase)
    function.setPrivate();
  else
    function->setAttr("llvm.emit_c_interface", builder.getUnitAttr());
  function.addEntryBlock();
  return function;
}

func::FuncOp KernelSignature::createItems(OpBuilder &builder, Location loc,
                                          int64_t phase) {
  return create(builder, loc, getItemsName(phase), {}, builder.getI64Type());
}

func::FuncOp KernelSignature::createRun(OpBuilder &builder, Location loc,
                                        int64_t phase) {
  Type integer = builder.getI64Type();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  return create(builder, loc, getRunName(phase),
                {integer, integer, pointer, pointer}, {});
}

func::FuncOp KernelSignature::createShared(OpBuilder &builder, Location loc) {
  return create(builder, loc, getSharedName(), {}, builder.getI64Type());
}

func::FuncOp KernelSignature::createWorker(OpBuilder &builder, Location loc) {
  return create(builder, loc, getWorkerName(), {}, builder.getI64Type());
}

KernelSignature::Run KernelSignature::getRunArguments(func::FuncOp run) {
  Block::BlockArgListType arguments = run.getArguments();
  size_t numTensors = arguments.size() - 4;
  return {ValueRange(arguments.take_front(numTensors)), arguments[numTensors],
          arguments[numTensors + 1], arguments[numTensors + 2],
          arguments[numTensors + 3]};
}

Value attn::createMemRef(OpBuilder &builder, Location loc, MemRefType type,
                         Value pointer, ValueRange sizes, ValueRange strides) {
  // A memref descriptor by hand: the pointer twice, offset 0, sizes, strides.
  // The cast disappears when the memref is lowered to the same descriptor.
  MLIRContext *context = builder.getContext();
  Type i64 = builder.getI64Type();
  SmallVector<Type> fields{pointer.getType(), pointer.getType(), i64};
  if (!sizes.empty())
    fields.append(2, LLVM::LLVMArrayType::get(i64, sizes.size()));
  auto descriptorType = LLVM::LLVMStructType::getLiteral(context, fields);
  Value descriptor = LLVM::PoisonOp::create(builder, loc, descriptorType);
  auto insert = [&](Value value, ArrayRef<int64_t> position) {
    descriptor =
        LLVM::InsertValueOp::create(builder, loc, descriptor, value, position);
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(LLVM::ConstantOp::create(builder, loc, i64, 0), {2});
  for (auto [dim, size] : llvm::enumerate(sizes))
    insert(size, {3, static_cast<int64_t>(dim)});
  for (auto [dim, stride] : llvm::enumerate(strides))
    insert(stride, {4, static_cast<int64_t>(dim)});
  return UnrealizedConversionCastOp::create(builder, loc, type, descriptor)
      .getResult(0);
}

Value attn::createWorkspaceBuffer(OpBuilder &builder, Location loc,
                                  Value pointer, Value bytes) {
  Type i64 = builder.getI64Type();
  Value size = arith::IndexCastOp::create(builder, loc, i64, bytes);
  Value stride = LLVM::ConstantOp::create(builder, loc, i64, 1);
  auto type = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  return createMemRef(builder, loc, type, pointer, size, stride);
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

DictionaryAttr KernelSignature::getAttr(MLIRContext *context, int64_t phases,
                                        int64_t workerWorkspace) const {
  Builder builder(context);
  SmallVector<Attribute> tensorAttrs;
  for (const KernelTensor &tensor : tensors) {
    SmallVector<Attribute> dims;
    for (StringRef dim : tensor.dims)
      dims.push_back(builder.getStringAttr(dim));
    SmallVector<NamedAttribute> entries{
        builder.getNamedAttr("name", builder.getStringAttr(tensor.name)),
        builder.getNamedAttr("type", TypeAttr::get(tensor.type)),
        builder.getNamedAttr("dims", builder.getArrayAttr(dims)),
        builder.getNamedAttr("output", builder.getBoolAttr(tensor.isOutput))};
    if (tensor.isBoolean)
      entries.push_back(builder.getNamedAttr("boolean", builder.getUnitAttr()));
    tensorAttrs.push_back(builder.getDictionaryAttr(entries));
  }
  SmallVector<NamedAttribute> entries{
      builder.getNamedAttr("name", builder.getStringAttr(name)),
      builder.getNamedAttr("tensors", builder.getArrayAttr(tensorAttrs)),
      builder.getNamedAttr("phases", builder.getI64IntegerAttr(phases)),
      builder.getNamedAttr("worker_workspace",
                           builder.getI64IntegerAttr(workerWorkspace))};
  SmallVector<Attribute> checkAttrs;
  for (const KernelCheck &check : checks)
    checkAttrs.push_back(writeCheck(builder, check));
  if (!checkAttrs.empty())
    entries.push_back(
        builder.getNamedAttr("checks", builder.getArrayAttr(checkAttrs)));
  return builder.getDictionaryAttr(entries);
}

void KernelSignature::attachTo(ModuleOp module, int64_t phases,
                               int64_t workerWorkspace) const {
  SmallVector<Attribute> kernels;
  if (auto present = module->getAttrOfType<ArrayAttr>(kKernelsAttrName))
    for (Attribute attr : present)
      if (auto kernel = dyn_cast<DictionaryAttr>(attr))
        if (kernel.getAs<StringAttr>("name") != name)
          kernels.push_back(kernel);
  kernels.push_back(getAttr(module.getContext(), phases, workerWorkspace));
  module->setAttr(kKernelsAttrName, Builder(module).getArrayAttr(kernels));
}

FailureOr<SmallVector<func::FuncOp>> attn::getPhaseFunctions(ModuleOp module) {
  SmallVector<func::FuncOp> phases;
  bool isSplit = false;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (function->hasAttr(kPhaseAttrName))
      phases.push_back(function);
    function.walk(
        [&](func::CallOp call) { isSplit |= call->hasAttr(kExtentsAttrName); });
  }
  if (isSplit)
    return phases;
  func::FuncOp kernel = getKernelFunction(module);
  if (!kernel)
    return failure();
  return SmallVector<func::FuncOp>{kernel};
}

void attn::eraseLowered(func::FuncOp function) {
  if (!function->removeAttr(kPhaseAttrName))
    return function.erase();
  function.eraseBody();
}

func::FuncOp attn::getKernelFunction(ModuleOp module) {
  func::FuncOp kernel;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    if (kernel) {
      InFlightDiagnostic error =
          function.emitError()
          << "a kernel module has one public function; this is the second";
      error.attachNote(kernel.getLoc()) << "the first is here";
      return nullptr;
    }
    kernel = function;
  }
  if (!kernel)
    module.emitError("the module has no public function to compile");
  return kernel;
}
