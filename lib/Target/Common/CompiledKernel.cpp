//===- CompiledKernel.cpp - Kernels of a kernel module --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Common/CompiledKernel.h"
#include "attn/Target/Common/LibraryFunctions.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

#include <dlpack/dlpack.h>

using namespace mlir;
using namespace mlir::attn;

namespace {

constexpr StringLiteral kKernels = "attn.kernels";
/// DLPack gained a code for booleans after the version that Debian ships.
constexpr uint8_t kBool = 6;

constexpr StringLiteral kPublicSuffixes[] = {
    "",       "_check",     "_workspace_size", "_phases",
    "_items", "_run_items", "_info",           "_supported"};
/// What a launcher for GPUs declares beside some of these.
constexpr StringLiteral kLauncherSuffixes[] = {"_load", "_unload", "_status"};

} // namespace

/// Whether `name` is a type or a macro of the headers of C and DLPack that
/// generated code includes, or a function of dlfcn.h.
static bool isOfHeaders(StringRef name) {
  static const llvm::StringSet<> names = {
      "NULL",   "offsetof", "size_t",  "ptrdiff_t", "max_align_t",
      "errno",  "stdin",    "stdout",  "stderr",    "va_list",
      "dlopen", "dlclose",  "dlerror", "dlsym",     "dladdr"};
  if (names.contains(name) || name.starts_with("DL") ||
      name.starts_with("kDL") || name.starts_with("RTLD_") ||
      name.starts_with("ATTN_") || name.starts_with("EXIT_"))
    return true;
  // Those of stdint.h are made of these.
  StringRef rest = name;
  bool isType = rest.consume_back("_t");
  bool isMacro =
      !isType && (rest.consume_back("_MAX") || rest.consume_back("_MIN") ||
                  rest.consume_back("_C"));
  if (!isType && !isMacro)
    return false;
  std::string lower = rest.lower();
  rest = lower;
  if (rest == "size" || rest == "ptrdiff" || rest == "wchar" ||
      rest == "sig_atomic")
    return true;
  rest.consume_front("u");
  if (!rest.consume_front("int"))
    return false;
  if (!rest.consume_front("_least"))
    rest.consume_front("_fast");
  return rest == "max" || rest == "ptr" || rest == "8" || rest == "16" ||
         rest == "32" || rest == "64";
}

/// Names a header could not declare, or that would take the place of a type of
/// attn-c/kernel.h.
static bool isReserved(StringRef name) {
  static const llvm::StringSet<> reserved = {
      "alignas",
      "alignof",
      "and",
      "and_eq",
      "asm",
      "auto",
      "bitand",
      "bitor",
      "bool",
      "break",
      "case",
      "catch",
      "char",
      "class",
      "compl",
      "concept",
      "const",
      "consteval",
      "constexpr",
      "constinit",
      "const_cast",
      "continue",
      "co_await",
      "co_return",
      "co_yield",
      "decltype",
      "default",
      "delete",
      "do",
      "double",
      "dynamic_cast",
      "else",
      "enum",
      "explicit",
      "export",
      "extern",
      "false",
      "float",
      "for",
      "friend",
      "goto",
      "if",
      "inline",
      "int",
      "long",
      "main",
      "mutable",
      "namespace",
      "new",
      "noexcept",
      "not",
      "not_eq",
      "nullptr",
      "operator",
      "or",
      "or_eq",
      "private",
      "protected",
      "public",
      "register",
      "requires",
      "restrict",
      "return",
      "short",
      "signed",
      "sizeof",
      "static",
      "static_cast",
      "struct",
      "switch",
      "template",
      "this",
      "thread_local",
      "throw",
      "true",
      "try",
      "typedef",
      "typeid",
      "typename",
      "union",
      "unsigned",
      "using",
      "virtual",
      "void",
      "volatile",
      "wchar_t",
      "while",
      "xor",
      "xor_eq",
      "reinterpret_cast",
      "static_assert",
      "attn_status",
      "attn_status_name",
      "attn_task",
      "attn_dim",
      "attn_parallel_for",
      "attn_tensor",
      "attn_kernel",
      "attn_cpu_tensor",
      "attn_abi",
      "attn_dim_info",
      "attn_tensor_info",
      "attn_kernel_info",
      "attn_gpu_module",
      "attn_gpu_tensor",
  };
  return reserved.contains(name) || isOfHeaders(name) ||
         name.starts_with("attn_abi_") || name.starts_with("attn_driver") ||
         name.starts_with("attn_launch") ||
         (name.starts_with("attn_kernel_") && name.ends_with("_fn"));
}

static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

namespace {

/// Reads one kernel; reports at the module's location.
class Reader {
public:
  explicit Reader(ModuleOp module) : module(module) {}

  FailureOr<CompiledKernel> read(Attribute attribute, StringRef rename);

private:
  InFlightDiagnostic error() {
    return module.emitError() << "'" << kKernels << "': ";
  }
  LogicalResult checkName(StringRef name);
  LogicalResult readTensor(Attribute attribute, CompiledKernel &kernel);
  LogicalResult readCheck(Attribute attribute, CompiledKernel &kernel);
  FailureOr<int32_t> readCheckedInput(DictionaryAttr check, StringRef name,
                                      int64_t minRank,
                                      const CompiledKernel &kernel);
  FailureOr<CompiledExtent> readCheckedExtent(DictionaryAttr check,
                                              StringRef name,
                                              const CompiledKernel &kernel);
  LogicalResult readDim(StringRef dim, int64_t extent, CompiledKernel &kernel,
                        CompiledTensor &tensor);

  ModuleOp module;
};

} // namespace

LogicalResult Reader::checkName(StringRef name) {
  if (!isIdentifier(name))
    return error() << "the kernel name '" << name
                   << "' must be a C identifier: letters, digits and '_', not "
                      "starting with a digit";
  for (ArrayRef<StringLiteral> suffixes :
       {ArrayRef(kPublicSuffixes), ArrayRef(kLauncherSuffixes)})
    for (StringRef suffix : suffixes)
      if (std::string whole = (name + suffix).str(); isReserved(whole))
        return error() << "the kernel name '" << name << "' is reserved in C"
                       << " or in attn-c/kernel.h"
                       << (suffix.empty()
                               ? ""
                               : ", with '" + suffix + "' behind it");
  if (isLibraryFunction(name))
    return error() << "the kernel name '" << name
                   << "' is that of a function of the C library";
  return success();
}

LogicalResult Reader::readDim(StringRef dim, int64_t extent,
                              CompiledKernel &kernel, CompiledTensor &tensor) {
  CompiledDim result;
  result.name = dim.str();
  int64_t number;
  if (!dim.getAsInteger(10, number)) {
    // A dimension that the type leaves open may be that of a static one.
    if (number < 0 || (number != extent && !ShapedType::isDynamic(extent)))
      return error() << "tensor '" << tensor.name << "' has dimension '" << dim
                     << "' where its type has "
                     << (ShapedType::isDynamic(extent)
                             ? "'?'"
                             : std::to_string(extent));
    result.extent = number;
  } else {
    if (!isIdentifier(dim))
      return error() << "tensor '" << tensor.name << "' has dimension '" << dim
                     << "', which is neither a number nor an identifier";
    auto *found = llvm::find(kernel.symbols, dim);
    result.symbol = static_cast<int32_t>(found - kernel.symbols.begin());
    if (found == kernel.symbols.end())
      kernel.symbols.push_back(dim.str());
  }
  tensor.dims.push_back(std::move(result));
  return success();
}

LogicalResult Reader::readTensor(Attribute attribute, CompiledKernel &kernel) {
  auto dictionary = dyn_cast<DictionaryAttr>(attribute);
  if (!dictionary)
    return error() << "a tensor must be a dictionary";
  auto name = dictionary.getAs<StringAttr>("name");
  auto typeAttr = dictionary.getAs<TypeAttr>("type");
  auto dims = dictionary.getAs<ArrayAttr>("dims");
  auto output = dictionary.getAs<BoolAttr>("output");
  if (!name || !typeAttr || !dims || !output)
    return error() << "a tensor must have 'name' (string), 'type' (type), "
                      "'dims' (array of strings) and 'output' (bool)";
  auto type = dyn_cast<RankedTensorType>(typeAttr.getValue());
  if (!type || type.getRank() != static_cast<int64_t>(dims.size()))
    return error() << "tensor '" << name.getValue()
                   << "' must have a ranked tensor type with one of 'dims' per "
                      "dimension";
  // Booleans that the kernel reads as bytes are booleans to its caller.
  Type elementType = type.getElementType();
  if (elementType.isInteger(8) && dictionary.contains("boolean"))
    elementType = IntegerType::get(type.getContext(), 1);
  std::optional<ElementCode> element = ElementCode::get(elementType);
  if (!element)
    return error() << "tensor '" << name.getValue() << "' has element type "
                   << type.getElementType()
                   << "; the C ABI takes f64, f32, f16, bf16, i1 and integers "
                      "of 8, 16, 32 and 64 bits";
  if (!output.getValue() && !kernel.tensors.empty() &&
      kernel.tensors.back().isOutput)
    return error() << "input '" << name.getValue()
                   << "' comes after an output; inputs must come first";

  CompiledTensor tensor{name.str(), *element, {}, output.getValue()};
  for (auto [dim, extent] : llvm::zip_equal(dims, type.getShape())) {
    auto text = dyn_cast<StringAttr>(dim);
    if (!text)
      return error() << "'dims' of tensor '" << tensor.name
                     << "' must be strings";
    if (failed(readDim(text, extent, kernel, tensor)))
      return failure();
  }
  kernel.inputCount += !tensor.isOutput;
  kernel.tensors.push_back(std::move(tensor));
  return success();
}

/// An input that a check names by the entry `name`.
FailureOr<int32_t> Reader::readCheckedInput(DictionaryAttr check,
                                            StringRef name, int64_t minRank,
                                            const CompiledKernel &kernel) {
  auto number = check.getAs<IntegerAttr>(name);
  if (!number || number.getInt() < 0 || number.getInt() >= kernel.inputCount)
    return error() << "the entry '" << name
                   << "' of a check must be the number of one of "
                   << kernel.inputCount << " inputs",
           failure();
  const CompiledTensor &tensor = kernel.tensors[number.getInt()];
  if (static_cast<int64_t>(tensor.dims.size()) < minRank ||
      tensor.element.code != kDLInt ||
      (tensor.element.bits != 32 && tensor.element.bits != 64))
    return error() << "tensor '" << tensor.name
                   << "' is checked, which an input of i32 or i64 of rank "
                   << minRank << " or more can be",
           failure();
  return static_cast<int32_t>(number.getInt());
}

/// A dimension whose extent the entry `name` of a check says.
FailureOr<CompiledExtent>
Reader::readCheckedExtent(DictionaryAttr check, StringRef name,
                          const CompiledKernel &kernel) {
  auto extent = check.getAs<StringAttr>(name);
  for (auto [index, tensor] : llvm::enumerate(kernel.tensors))
    for (auto [dim, known] : llvm::enumerate(tensor.dims))
      if (extent && known.name == extent.getValue())
        return CompiledExtent{static_cast<int32_t>(index),
                              static_cast<int32_t>(dim)};
  return error() << "the entry '" << name
                 << "' of a check must be an extent that a tensor has",
         failure();
}

LogicalResult Reader::readCheck(Attribute attribute, CompiledKernel &kernel) {
  using Kind = CompiledCheck::Kind;
  auto dictionary = dyn_cast<DictionaryAttr>(attribute);
  auto kind = dictionary ? dictionary.getAs<StringAttr>("kind") : StringAttr();
  auto code = llvm::StringSwitch<std::optional<Kind>>(kind ? kind.getValue()
                                                           : StringRef())
                  .Case("permutation", Kind::Permutation)
                  .Case("offsets", Kind::Offsets)
                  .Case("blocks", Kind::Blocks)
                  .Case("indices", Kind::Indices)
                  .Default(std::nullopt);
  if (!code)
    return error() << "a check must be a dictionary whose 'kind' is "
                      "permutation, offsets, blocks or indices";
  FailureOr<int32_t> tensor = readCheckedInput(
      dictionary, "tensor", code == Kind::Indices ? 2 : 1, kernel);
  if (failed(tensor))
    return failure();
  FailureOr<CompiledExtent> tokens =
      readCheckedExtent(dictionary, "extent", kernel);
  if (failed(tokens))
    return failure();
  CompiledCheck check{*code, *tensor, *tokens, {}};
  if (code == Kind::Blocks || code == Kind::Indices) {
    FailureOr<CompiledExtent> rows =
        readCheckedExtent(dictionary, "rows", kernel);
    if (failed(rows))
      return failure();
    check.rows = *rows;
    for (auto [name, size] :
         {std::pair("rows_of_list", &check.rowsOfList),
          std::pair("tokens_of_block", &check.tokensOfBlock)}) {
      auto number = dictionary.getAs<IntegerAttr>(name);
      if (!number || number.getInt() < 1)
        return error() << "the entry '" << name
                       << "' of a check must be an integer of at least 1";
      *size = number.getInt();
    }
  }
  if (code == Kind::Blocks) {
    FailureOr<int32_t> entries =
        readCheckedInput(dictionary, "entries", 1, kernel);
    if (failed(entries))
      return failure();
    size_t rank = kernel.tensors[*entries].dims.size();
    if (rank != 1 && rank != kernel.tensors[*tensor].dims.size())
      return error() << "the entries of blocks have rank 1 or that of their "
                        "offsets";
    check.entries = *entries;
  }
  kernel.checks.push_back(check);
  return success();
}

FailureOr<CompiledKernel> Reader::read(Attribute attribute, StringRef rename) {
  auto dictionary = dyn_cast<DictionaryAttr>(attribute);
  if (!dictionary)
    return error() << "a kernel must be a dictionary";
  auto name = dictionary.getAs<StringAttr>("name");
  auto tensors = dictionary.getAs<ArrayAttr>("tensors");
  auto phases = dictionary.getAs<IntegerAttr>("phases");
  auto workspace = dictionary.getAs<IntegerAttr>("worker_workspace");
  if (!name || !tensors || !phases || !workspace)
    return error() << "a kernel must have 'name' (string), 'tensors' (array), "
                      "'phases' and 'worker_workspace' (integers)";
  if (phases.getInt() < 1 || phases.getInt() > 1024)
    return error() << "'phases' is " << phases.getInt()
                   << ", but must be between 1 and 1024";
  if (workspace.getInt() < 0)
    return error() << "'worker_workspace' is " << workspace.getInt()
                   << ", but cannot be negative";

  CompiledKernel kernel;
  kernel.symbol = name.str();
  kernel.name = rename.empty() ? name.str() : rename.str();
  kernel.inputCount = 0;
  kernel.phaseCount = static_cast<int32_t>(phases.getInt());
  kernel.workerWorkspace = workspace.getInt();
  if (failed(checkName(kernel.name)))
    return failure();
  for (Attribute tensor : tensors)
    if (failed(readTensor(tensor, kernel)))
      return failure();
  if (auto checks = dictionary.getAs<ArrayAttr>("checks"))
    for (Attribute check : checks)
      if (failed(readCheck(check, kernel)))
        return failure();
  return kernel;
}

std::optional<ElementCode> ElementCode::get(Type type) {
  if (type.isBF16())
    return ElementCode{kDLBfloat, 16};
  if (type.isF16() || type.isF32() || type.isF64())
    return ElementCode{kDLFloat,
                       static_cast<uint8_t>(type.getIntOrFloatBitWidth())};
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return std::nullopt;
  if (integer.getWidth() == 1)
    return ElementCode{kBool, 8};
  if (!llvm::is_contained({8u, 16u, 32u, 64u}, integer.getWidth()))
    return std::nullopt;
  return ElementCode{integer.isUnsigned() ? uint8_t(kDLUInt) : uint8_t(kDLInt),
                     static_cast<uint8_t>(integer.getWidth())};
}

std::string ElementCode::getName() const {
  StringRef base = code == kDLInt      ? "int"
                   : code == kDLUInt   ? "uint"
                   : code == kDLFloat  ? "float"
                   : code == kDLBfloat ? "bfloat"
                                       : "bool";
  return (base + Twine(static_cast<unsigned>(bits))).str();
}

std::string CompiledKernel::getSignature() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    if (static_cast<int64_t>(index) == inputCount)
      stream << (index ? " -> " : "-> ");
    else if (index)
      stream << ", ";
    stream << tensor.name << ": " << tensor.element.getName() << "[";
    llvm::interleaveComma(tensor.dims, stream,
                          [&](const CompiledDim &dim) { stream << dim.name; });
    stream << "]";
  }
  return text;
}

SmallVector<std::string> CompiledKernel::getPublicNames() const {
  SmallVector<std::string> names;
  for (StringRef suffix : kPublicSuffixes)
    names.push_back((name + suffix).str());
  return names;
}

bool mlir::attn::isKernelModule(ModuleOp module) {
  return module->hasAttr(kKernels);
}

FailureOr<SmallVector<CompiledKernel>>
mlir::attn::getCompiledKernels(ModuleOp module, StringRef name) {
  auto kernels = module->getAttrOfType<ArrayAttr>(kKernels);
  if (!kernels || kernels.empty())
    return module.emitError()
           << "the module has no kernel: it must carry the array attribute '"
           << kKernels << "' with at least one";
  if (!name.empty() && kernels.size() != 1)
    return module.emitError()
           << "the module has " << kernels.size()
           << " kernels; a name can be given where there is one";
  Reader reader(module);
  SmallVector<CompiledKernel> result;
  llvm::StringSet<> names;
  for (Attribute attribute : kernels) {
    FailureOr<CompiledKernel> kernel = reader.read(attribute, name);
    if (failed(kernel))
      return failure();
    for (const std::string &publicName : kernel->getPublicNames())
      if (!names.insert(publicName).second)
        return module.emitError() << "two kernels would both define '"
                                  << publicName << "'; rename one of them";
    result.push_back(std::move(*kernel));
  }
  return result;
}
