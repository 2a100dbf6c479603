//===- EntryPoints.cpp - The public functions of a kernel -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything emitted here mirrors a struct or a signature of attn-c/kernel.h or
// lib/Runtime/Kernel/KernelAbi.h; test/unit/Target reads the tables back
// through the C declarations.
//
//===----------------------------------------------------------------------===//

#include "EntryPoints.h"

#include "attn-c/kernel.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

class EntryPointBuilder {
public:
  EntryPointBuilder(llvm::Module &module, const CompiledKernel &kernel,
                    const CompileOptions &options,
                    function_ref<InFlightDiagnostic()> emitError)
      : module(module), context(module.getContext()), kernel(kernel),
        options(options), emitError(emitError), builder(context),
        ptr(builder.getPtrTy()), i32(builder.getInt32Ty()),
        i64(builder.getInt64Ty()), voidType(builder.getVoidTy()) {}

  LogicalResult build();

private:
  // Constants.
  llvm::Constant *addGlobal(llvm::Constant *value, const Twine &name);
  llvm::Constant *addString(StringRef text);
  llvm::Constant *addArray(llvm::Type *type, ArrayRef<llvm::Constant *> values,
                           const Twine &name);
  llvm::Constant *get32(int64_t value) { return builder.getInt32(value); }
  llvm::Constant *get64(uint64_t value) { return builder.getInt64(value); }
  llvm::Constant *getNull() { return llvm::ConstantPointerNull::get(ptr); }
  llvm::Constant *addTensors();
  llvm::Constant *addInfo();
  llvm::Constant *addFeatures(int64_t &count);

  // Functions of the kernel module.
  FailureOr<llvm::Function *> lookUp(const Twine &suffix, llvm::Type *result,
                                     unsigned minExtra,
                                     ArrayRef<llvm::Type *> extra);
  llvm::Function *addAdapter(llvm::Function *callee, const Twine &name,
                             ArrayRef<llvm::Type *> extra);
  void markDisjoint(StringRef symbol);
  FailureOr<llvm::Constant *> addCode(llvm::Constant *info);

  // Public functions.
  void addPublic(StringRef suffix, llvm::Type *result,
                 ArrayRef<llvm::Type *> arguments, llvm::Constant *code);

  llvm::Module &module;
  llvm::LLVMContext &context;
  const CompiledKernel &kernel;
  const CompileOptions &options;
  function_ref<InFlightDiagnostic()> emitError;
  llvm::IRBuilder<> builder;
  llvm::PointerType *ptr;
  llvm::Type *i32, *i64, *voidType;
};

} // namespace

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

llvm::Constant *EntryPointBuilder::addGlobal(llvm::Constant *value,
                                             const Twine &name) {
  auto *global = new llvm::GlobalVariable(
      module, value->getType(), /*isConstant=*/true,
      llvm::GlobalValue::PrivateLinkage, value, kernel.name + "." + name);
  return global;
}

llvm::Constant *EntryPointBuilder::addString(StringRef text) {
  auto *global = cast<llvm::GlobalVariable>(
      addGlobal(llvm::ConstantDataArray::getString(context, text), "string"));
  global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  return global;
}

llvm::Constant *EntryPointBuilder::addArray(llvm::Type *type,
                                            ArrayRef<llvm::Constant *> values,
                                            const Twine &name) {
  if (values.empty())
    return getNull();
  auto *arrayType = llvm::ArrayType::get(type, values.size());
  return addGlobal(llvm::ConstantArray::get(arrayType, values), name);
}

llvm::Constant *EntryPointBuilder::addTensors() {
  auto *dimType = llvm::StructType::get(context, {ptr, i64, i32});
  auto *typeType =
      llvm::StructType::get(context, {builder.getInt8Ty(), builder.getInt8Ty(),
                                      builder.getInt16Ty()});
  auto *tensorType =
      llvm::StructType::get(context, {ptr, ptr, i32, i32, typeType});
  SmallVector<llvm::Constant *> tensors;
  for (const CompiledTensor &tensor : kernel.tensors) {
    SmallVector<llvm::Constant *> dims;
    for (const CompiledDim &dim : tensor.dims)
      dims.push_back(llvm::ConstantStruct::get(
          dimType,
          {addString(dim.name), get64(dim.extent), get32(dim.symbol)}));
    llvm::Constant *type = llvm::ConstantStruct::get(
        typeType, {builder.getInt8(tensor.element.code),
                   builder.getInt8(tensor.element.bits), builder.getInt16(1)});
    tensors.push_back(llvm::ConstantStruct::get(
        tensorType, {addString(tensor.name), addArray(dimType, dims, "dims"),
                     get32(tensor.dims.size()), get32(tensor.isOutput), type}));
  }
  return addArray(tensorType, tensors, "tensors");
}

llvm::Constant *EntryPointBuilder::addInfo() {
  SmallVector<llvm::Constant *> symbols;
  for (StringRef symbol : kernel.symbols)
    symbols.push_back(addString(symbol));
  llvm::Constant *fields[] = {get32(ATTN_ABI_VERSION),
                              get32(kernel.tensors.size()),
                              get32(kernel.inputCount),
                              get32(kernel.symbols.size()),
                              get32(kernel.phaseCount),
                              get32(0),
                              addString(kernel.name),
                              addTensors(),
                              addArray(ptr, symbols, "symbols"),
                              addString(options.target.getTriple()),
                              addString(options.target.getCPU()),
                              addString(stringifySanitizer(options.sanitizer)),
                              get64(kernel.workerWorkspace)};
  return addGlobal(llvm::ConstantStruct::getAnon(fields), "info");
}

bool mlir::attn::usesMatrixUnit(const llvm::Module &module) {
  return llvm::any_of(module, [](const llvm::Function &function) {
    return function.getName().starts_with("llvm.x86.tile") ||
           function.getName().starts_with("llvm.x86.tdp");
  });
}

llvm::Constant *EntryPointBuilder::addFeatures(int64_t &count) {
  auto *type = llvm::StructType::get(context, {ptr, i32, i32, i32, i32});
  SmallVector<llvm::Constant *> features;
  for (const CPUFeature &feature :
       options.target.getRequiredFeatures(usesMatrixUnit(module)))
    features.push_back(llvm::ConstantStruct::get(
        type,
        {addString(feature.name), get32(feature.leaf), get32(feature.subleaf),
         get32(feature.reg), get32(feature.bit)}));
  count = features.size();
  return addArray(type, features, "features");
}

//===----------------------------------------------------------------------===//
// Adapters to the kernel module's functions
//===----------------------------------------------------------------------===//

/// Finds `_mlir_ciface_<symbol><suffix>`, which takes a descriptor per tensor
/// and then at least `minExtra` of the arguments `extra`.
FailureOr<llvm::Function *>
EntryPointBuilder::lookUp(const Twine &suffix, llvm::Type *result,
                          unsigned minExtra, ArrayRef<llvm::Type *> extra) {
  std::string name = ("_mlir_ciface_" + kernel.symbol + suffix).str();
  llvm::Function *function = module.getFunction(name);
  if (!function || function->isDeclaration()) {
    emitError() << "kernel '" << kernel.symbol << "' lacks the function '"
                << name << "'";
    return failure();
  }
  SmallVector<llvm::Type *> expected(kernel.tensors.size(), ptr);
  llvm::append_range(expected, extra);
  ArrayRef<llvm::Type *> actual = function->getFunctionType()->params();
  bool matches = function->getReturnType() == result &&
                 actual.size() >= kernel.tensors.size() + minExtra &&
                 actual.size() <= expected.size() &&
                 actual == ArrayRef(expected).take_front(actual.size());
  if (!matches) {
    std::string type;
    llvm::raw_string_ostream(type) << *function->getFunctionType();
    emitError() << "function '" << name << "' has type " << type
                << ", which is not that of a kernel with "
                << kernel.tensors.size() << " tensors";
    return failure();
  }
  return function;
}

/// Adds an internal function (ptr descriptors, extra...) that passes one
/// descriptor per tensor, and as many of the extra arguments as there are.
llvm::Function *EntryPointBuilder::addAdapter(llvm::Function *callee,
                                              const Twine &name,
                                              ArrayRef<llvm::Type *> extra) {
  SmallVector<llvm::Type *> types{ptr};
  llvm::append_range(types, extra);
  auto *adapter = llvm::Function::Create(
      llvm::FunctionType::get(callee->getReturnType(), types, false),
      llvm::GlobalValue::InternalLinkage, kernel.name + "." + name, module);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", adapter));
  SmallVector<llvm::Value *> arguments;
  for (size_t i = 0; i < kernel.tensors.size(); ++i)
    arguments.push_back(builder.CreateLoad(
        ptr, builder.CreateConstInBoundsGEP1_64(ptr, adapter->getArg(0), i)));
  for (unsigned i = 1; arguments.size() < callee->arg_size(); ++i)
    arguments.push_back(adapter->getArg(i));
  llvm::CallInst *call = builder.CreateCall(callee, arguments);
  if (callee->getReturnType()->isVoidTy())
    builder.CreateRetVoid();
  else
    builder.CreateRet(call);
  return adapter;
}

/// Tells LLVM what the checks guarantee: outputs share no memory with anything
/// else, inputs are not written, and workspaces are private. `symbol` takes its
/// memrefs as separate arguments: allocated and aligned pointer, offset, sizes
/// and strides.
void EntryPointBuilder::markDisjoint(StringRef symbol) {
  llvm::Function *function = module.getFunction(symbol);
  if (!function || function->isDeclaration())
    return;
  size_t expected = 0;
  for (const CompiledTensor &tensor : kernel.tensors)
    expected += 3 + 2 * tensor.dims.size();
  if (function->arg_size() < expected + 3)
    return;
  unsigned position = 0;
  for (const CompiledTensor &tensor : kernel.tensors) {
    llvm::Argument *aligned = function->getArg(position + 1);
    position += 3 + 2 * tensor.dims.size();
    if (!aligned->getType()->isPointerTy())
      return;
    aligned->addAttr(llvm::Attribute::NoAlias);
  }
  // Bounds of the items come next.
  for (position += 2; position < function->arg_size(); ++position) {
    llvm::Argument *workspace = function->getArg(position);
    workspace->addAttr(llvm::Attribute::NoAlias);
    workspace->addAttr(llvm::Attribute::getWithAlignment(
        context, llvm::Align(ATTN_WORKSPACE_ALIGNMENT)));
  }
}

FailureOr<llvm::Constant *> EntryPointBuilder::addCode(llvm::Constant *info) {
  auto *phaseType = llvm::StructType::get(context, {ptr, ptr});
  llvm::Type *runExtra[] = {i64, i64, ptr, ptr};
  SmallVector<llvm::Constant *> phases;
  for (int32_t phase = 0; phase < kernel.phaseCount; ++phase) {
    std::string number = std::to_string(phase);
    FailureOr<llvm::Function *> items = lookUp("_items" + number, i64, 0, {});
    if (failed(items))
      return failure();
    FailureOr<llvm::Function *> run =
        lookUp("_run" + number, voidType, 3, runExtra);
    if (failed(run))
      return failure();
    markDisjoint(kernel.symbol + "_run" + number);
    phases.push_back(llvm::ConstantStruct::get(
        phaseType, {addAdapter(*items, "items" + number, {}),
                    addAdapter(*run, "run" + number, runExtra)}));
  }
  SmallVector<llvm::Constant *> sizes;
  for (StringRef name : {"shared", "worker"}) {
    std::string suffix = ("_" + name).str();
    sizes.push_back(getNull());
    if (!module.getFunction("_mlir_ciface_" + kernel.symbol + suffix))
      continue;
    FailureOr<llvm::Function *> function = lookUp(suffix, i64, 0, {});
    if (failed(function))
      return failure();
    sizes.back() = addAdapter(*function, name, {});
  }
  int64_t featureCount;
  llvm::Constant *features = addFeatures(featureCount);
  auto *extentType = llvm::StructType::get(context, {i32, i32});
  auto *checkType = llvm::StructType::get(
      context, {i32, i32, extentType, extentType, i64, i64, i32});
  auto getExtent = [&](const CompiledExtent &extent) {
    return llvm::ConstantStruct::get(extentType,
                                     {get32(extent.tensor), get32(extent.dim)});
  };
  SmallVector<llvm::Constant *> checks;
  if (options.checkValues)
    for (const CompiledCheck &check : kernel.checks)
      checks.push_back(llvm::ConstantStruct::get(
          checkType,
          {get32(check.kind), get32(check.tensor), getExtent(check.tokens),
           getExtent(check.rows), get64(check.rowsOfList),
           get64(check.tokensOfBlock), get32(check.entries)}));
  return addGlobal(
      llvm::ConstantStruct::getAnon(
          {info, addArray(phaseType, phases, "phases"), sizes[0], sizes[1],
           get64(options.maxWorkspace), features, get64(featureCount),
           get64(options.target.getRequiredState(usesMatrixUnit(module))),
           addArray(checkType, checks, "checks"), get64(checks.size())}),
      "code");
}

//===----------------------------------------------------------------------===//
// Public functions
//===----------------------------------------------------------------------===//

/// Adds NAME<suffix>, which passes the tables and its arguments on to the
/// function of lib/Runtime/Kernel of the same meaning.
void EntryPointBuilder::addPublic(StringRef suffix, llvm::Type *result,
                                  ArrayRef<llvm::Type *> arguments,
                                  llvm::Constant *code) {
  SmallVector<llvm::Type *> types{ptr};
  llvm::append_range(types, arguments);
  std::string target =
      suffix.empty() ? "attn_abi_call" : ("attn_abi" + suffix).str();
  llvm::FunctionCallee callee = module.getOrInsertFunction(
      target, llvm::FunctionType::get(result, types, false));
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(result, arguments, false),
      llvm::GlobalValue::ExternalLinkage, kernel.name + suffix, module);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
  SmallVector<llvm::Value *> values{code};
  for (llvm::Argument &argument : function->args())
    values.push_back(&argument);
  builder.CreateRet(builder.CreateCall(callee, values));
}

LogicalResult EntryPointBuilder::build() {
  // The module's own functions give way, as long as they are its own.
  for (const std::string &name : kernel.getPublicNames()) {
    llvm::GlobalValue *existing = module.getNamedValue(name);
    if (!existing)
      continue;
    if (existing->isDeclaration())
      return emitError() << "the kernel cannot define '" << name
                         << "', which it calls in the C library; give it "
                            "another name";
    existing->setName(name + ".body");
  }
  llvm::Constant *info = addInfo();
  FailureOr<llvm::Constant *> code = addCode(info);
  if (failed(code))
    return failure();

  addPublic("", i32, {ptr, i32, ptr, ptr, i64, ptr, i64}, *code);
  addPublic("_check", i32, {ptr, i32, ptr, i64}, *code);
  addPublic("_workspace_size", i64, {ptr, i32, i32}, *code);
  addPublic("_phases", i32, {}, *code);
  addPublic("_items", i64, {ptr, i32, i32}, *code);
  addPublic("_run_items", i32,
            {ptr, i32, i32, i64, i64, i32, ptr, i64, ptr, i64}, *code);
  addPublic("_supported", i32, {ptr, i64}, *code);
  auto *getInfo = llvm::Function::Create(llvm::FunctionType::get(ptr, false),
                                         llvm::GlobalValue::ExternalLinkage,
                                         kernel.name + "_info", module);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", getInfo));
  builder.CreateRet(info);
  return success();
}

LogicalResult
mlir::attn::addEntryPoints(llvm::Module &module, const CompiledKernel &kernel,
                           const CompileOptions &options,
                           function_ref<InFlightDiagnostic()> emitError) {
  return EntryPointBuilder(module, kernel, options, emitError).build();
}
