//===- Launcher.cpp - A C file that launches kernels ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A launcher is the text of lib/Runtime, which every launcher shares, then the
// tables of one kernel, and its public functions. All else is static, so that a
// program may hold any number of launchers.
//
//===----------------------------------------------------------------------===//

#include "FormulaInC.h"
#include "attn/Target/Common/HeaderText.h"
#include "attn/Target/NVVM/CompileDevice.h"

#include "attn-c/kernel.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

/// What a launcher begins with, in order.
constexpr unsigned char kTensors[] = {
#include "KernelTensors.h.inc"
};
constexpr unsigned char kCheck[] = {
#include "KernelCheck.c.inc"
};
constexpr unsigned char kOverlap[] = {
#include "KernelOverlap.c.inc"
};
constexpr unsigned char kLauncherHeader[] = {
#include "Launcher.h.inc"
};
constexpr unsigned char kDriver[] = {
#include "LauncherDriver.c.inc"
};
constexpr unsigned char kLauncher[] = {
#include "Launcher.c.inc"
};

/// The declarations of one kernel; NAME stands for its name.
constexpr StringLiteral kDeclarations =
    R"(/* Loads the kernels into the CUDA context that is current in this thread.
 * `image` may be NULL: it is the one that the launcher holds. Returns an
 * attn_status. */
int32_t NAME_load(attn_gpu_module **module, const void *image,
    char *message, size_t message_size);

/* Gives back what NAME_load made. */
void NAME_unload(attn_gpu_module *module);

/* Checks the tensors, then launches the kernels in `stream`. `workspace` may
 * be NULL: what is needed is allocated and freed in order of the stream. */
int32_t NAME(const attn_gpu_module *module, const DLTensor *const *tensors,
    int32_t count, void *stream, void *workspace, size_t workspace_size,
    char *message, size_t message_size);

/* Checks the tensors alone, but for values, which lie on the device. */
int32_t NAME_check(const DLTensor *const *tensors, int32_t count,
    char *message, size_t message_size);

/* Bytes of workspace on the device that NAME needs. */
size_t NAME_workspace_size(const DLTensor *const *tensors, int32_t count);

/* Waits for `stream`; whether the last call with this workspace found the
 * values of its operands right. */
int32_t NAME_status(const attn_gpu_module *module, const void *workspace,
    void *stream, char *message, size_t message_size);

/* The kernel's tensors and target. */
const attn_kernel_info *NAME_info(void);
)";

constexpr StringLiteral kDefinitions =
    R"(int32_t NAME_load(attn_gpu_module **module, const void *image,
    char *message, size_t message_size) {
  return attn_launch_load(&attn_launch_table, module, image, message,
      message_size);
}

void NAME_unload(attn_gpu_module *module) { attn_launch_unload(module); }

int32_t NAME(const attn_gpu_module *module, const DLTensor *const *tensors,
    int32_t count, void *stream, void *workspace, size_t workspace_size,
    char *message, size_t message_size) {
  return attn_launch_call(&attn_launch_table, module, tensors, count, stream,
      workspace, workspace_size, message, message_size);
}

int32_t NAME_check(const DLTensor *const *tensors, int32_t count,
    char *message, size_t message_size) {
  return attn_launch_check(&attn_launch_table, tensors, count, message,
      message_size);
}

size_t NAME_workspace_size(const DLTensor *const *tensors, int32_t count) {
  return attn_launch_workspace_size(&attn_launch_table, tensors, count);
}

int32_t NAME_status(const attn_gpu_module *module, const void *workspace,
    void *stream, char *message, size_t message_size) {
  return attn_launch_get_status(&attn_launch_table, module, workspace, stream,
      message, message_size);
}

const attn_kernel_info *NAME_info(void) { return &attn_launch_info; }
)";

/// Writes the tables of a kernel.
class TableWriter {
public:
  TableWriter(const CompiledKernel &kernel, const LaunchPlan &plan,
              const DeviceOptions &options, raw_ostream &os)
      : kernel(kernel), plan(plan), options(options), os(os) {}

  void write(StringRef image);
  /// A formula that could not be written.
  std::optional<std::string> getWrongFormula() const { return wrong; }

private:
  std::string writeArray(StringRef type, StringRef name,
                         ArrayRef<std::string> entries);
  std::string writeFormula(StringRef formula, StringRef name);
  std::string writeTensors();
  std::string writeExtents();
  std::string writeParameters();
  std::string writeSteps();
  void writeImage(StringRef image);

  const CompiledKernel &kernel;
  const LaunchPlan &plan;
  const DeviceOptions &options;
  raw_ostream &os;
  std::optional<std::string> wrong;
};

} // namespace

template <size_t N>
static StringRef getText(const unsigned char (&bytes)[N]) {
  return StringRef(reinterpret_cast<const char *>(bytes), N);
}

/// The shared text. Its parts include each other, which one file need not.
static std::string getSharedText() {
  std::string text;
  StringRef parts[] = {getText(kTensors), getText(kCheck),
                       getText(kOverlap), getText(kLauncherHeader),
                       getText(kDriver),  getText(kLauncher)};
  for (StringRef part : parts)
    for (StringRef line : llvm::split(part.rtrim(), '\n'))
      if (!line.starts_with("#include \""))
        text += (line + "\n").str();
  return text;
}

/// The functions of the shared text are not those of a kernel.
static bool isDefined(StringRef name, StringRef sharedText) {
  for (StringRef line : llvm::split(sharedText, '\n')) {
    if (line.empty() || !llvm::isAlpha(line.front()))
      continue;
    StringRef head = line.take_until([](char c) { return c == '('; });
    bool isFunction = head.size() < line.size();
    if (isFunction && head.drop_front(head.find_last_of(" *") + 1) == name)
      return true;
  }
  return false;
}

static std::string quote(StringRef text) { return ("\"" + text + "\"").str(); }

static std::string brace(ArrayRef<std::string> values) {
  return "{" + llvm::join(values, ", ") + "}";
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Returns what stands for the array: C has none without elements.
std::string TableWriter::writeArray(StringRef type, StringRef name,
                                    ArrayRef<std::string> entries) {
  if (entries.empty())
    return "NULL";
  os << "static const " << type << " " << name << "[] = {\n";
  for (const std::string &entry : entries)
    os << "    " << entry << ",\n";
  os << "};\n\n";
  return name.str();
}

std::string TableWriter::writeFormula(StringRef formula, StringRef name) {
  std::optional<std::string> text = getFormulaInC(formula, kernel.symbols);
  if (!text)
    wrong = formula.str();
  os << "/* " << formula << " */\n"
     << "static attn_launch_int " << name
     << "(const int64_t *extents, bool *wrong) {\n"
     << "  (void)extents, (void)wrong;\n"
     << "  return " << text.value_or("0") << ";\n}\n\n";
  return name.str();
}

std::string TableWriter::writeTensors() {
  SmallVector<std::string> tensors;
  for (auto [index, tensor] : llvm::enumerate(kernel.tensors)) {
    SmallVector<std::string> dims;
    for (const CompiledDim &dim : tensor.dims)
      dims.push_back(brace({quote(dim.name), std::to_string(dim.extent),
                            std::to_string(dim.symbol)}));
    std::string type = brace({std::to_string(tensor.element.code),
                              std::to_string(tensor.element.bits), "1"});
    std::string name = "attn_launch_dims" + std::to_string(index);
    tensors.push_back(
        brace({quote(tensor.name), writeArray("attn_dim_info", name, dims),
               std::to_string(tensor.dims.size()),
               std::to_string(tensor.isOutput), type}));
  }
  return writeArray("attn_tensor_info", "attn_launch_tensors", tensors);
}

/// Where the extent of each symbol is found first.
std::string TableWriter::writeExtents() {
  SmallVector<std::string> extents(kernel.symbols.size());
  for (auto [index, tensor] : llvm::enumerate(kernel.tensors))
    for (auto [position, dim] : llvm::enumerate(tensor.dims))
      if (dim.symbol >= 0 && extents[dim.symbol].empty())
        extents[dim.symbol] =
            brace({std::to_string(index), std::to_string(position)});
  return writeArray("attn_launch_extent", "attn_launch_extents", extents);
}

std::string TableWriter::writeParameters() {
  using Kind = LaunchParameter::Kind;
  SmallVector<std::string> parameters;
  for (const LaunchParameter &parameter : plan.parameters) {
    std::string index = std::to_string(parameter.tensor.value_or(0));
    switch (parameter.kind) {
    case Kind::Pointer:
      parameters.push_back(brace({"AttnLaunchPointer", index, "0"}));
      break;
    case Kind::Stride:
      parameters.push_back(
          brace({"AttnLaunchStride", index, std::to_string(parameter.dim)}));
      break;
    case Kind::Extent: {
      auto *symbol = llvm::find(kernel.symbols, parameter.symbol);
      if (symbol == kernel.symbols.end())
        wrong = parameter.symbol;
      parameters.push_back(
          brace({"AttnLaunchExtent",
                 std::to_string(symbol - kernel.symbols.begin()), "0"}));
      break;
    }
    case Kind::Workspace:
      parameters.push_back(brace({"AttnLaunchWorkspace", "0", "0"}));
      break;
    case Kind::Check:
      parameters.push_back(brace({"AttnLaunchCheck", "0", "0"}));
      break;
    }
  }
  return writeArray("attn_launch_parameter", "attn_launch_parameters",
                    parameters);
}

std::string TableWriter::writeSteps() {
  SmallVector<std::string> steps;
  for (auto [index, launch] : llvm::enumerate(plan.launches)) {
    std::string number = std::to_string(index), items = "NULL";
    if (!launch.items.empty())
      items = writeFormula(launch.items, "attn_launch_items" + number);
    std::string blocks =
        writeFormula(launch.blocks, "attn_launch_blocks" + number);
    steps.push_back(brace({quote(launch.kernel), items, blocks,
                           std::to_string(launch.threads),
                           std::to_string(launch.sharedBytes)}));
  }
  return writeArray("attn_launch_step", "attn_launch_kernels", steps);
}

/// The driver reads PTX up to a zero byte.
void TableWriter::writeImage(StringRef image) {
  constexpr size_t perLine = 24;
  os << "static const _Alignas(16) unsigned char attn_launch_image[] = {\n";
  for (; !image.empty(); image = image.drop_front(perLine)) {
    for (unsigned char byte : image.take_front(perLine))
      os << unsigned(byte) << ",";
    os << "\n";
    if (image.size() <= perLine)
      break;
  }
  os << "0};\n\n";
}

void TableWriter::write(StringRef image) {
  SmallVector<std::string> symbols;
  for (StringRef symbol : kernel.symbols)
    symbols.push_back(quote(symbol));
  std::string tensors = writeTensors();
  std::string names = writeArray("char *const", "attn_launch_symbols", symbols);
  std::string extents = writeExtents();
  std::string parameters = writeParameters();
  std::string steps = writeSteps();
  std::string workspace = writeFormula(plan.workspace, "attn_launch_workspace");
  std::string check = plan.check.empty()
                          ? "NULL"
                          : writeFormula(plan.check, "attn_launch_values");
  writeImage(image);
  os << "static const attn_kernel_info attn_launch_info = {\n    "
     << ATTN_ABI_VERSION << ", " << kernel.tensors.size() << ", "
     << kernel.inputCount << ", " << kernel.symbols.size() << ", "
     << kernel.phaseCount << ", 0,\n    " << quote(kernel.name) << ", "
     << tensors << ", " << names << ",\n    \"nvptx64-nvidia-cuda\", "
     << quote(options.target.getChip()) << ", \"none\", 0};\n\n"
     << "static const attn_launch_code attn_launch_table = {\n    "
     << "&attn_launch_info, " << extents << ", " << parameters << ", "
     << plan.parameters.size() << ",\n    " << plan.launches.size() << ", "
     << steps << ", " << workspace << ", " << check << ",\n    "
     << options.maxWorkspace << ", attn_launch_image};\n\n";
}

FailureOr<std::string> mlir::attn::getLauncher(const CompiledKernel &kernel,
                                               const LaunchPlan &plan,
                                               const DeviceOptions &options,
                                               StringRef image,
                                               EmitError emitError) {
  std::string shared = getSharedText();
  for (StringRef suffix : {"", "_load", "_unload", "_check", "_workspace_size",
                           "_status", "_info"}) {
    std::string name = kernel.name + suffix.str();
    if (isDefined(name, shared))
      return emitError() << "the launcher has a function '" << name
                         << "' of its own; give the kernel another name";
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "/* Generated by attn-compile for " << options.target.getChip()
     << "; do not edit. C11, with attn-c/launcher.h and dlpack.h. */\n\n"
     << "#include <attn-c/launcher.h>\n\n#define ATTN_ABI_LOCAL static\n\n"
     << shared << "\n";
  TableWriter writer(kernel, plan, options, os);
  writer.write(image);
  if (std::optional<std::string> wrong = writer.getWrongFormula())
    return emitError() << "'" << *wrong
                       << "' is no formula of the kernel's extents";
  os << insertKernelName(kDeclarations, kernel.name) << "\n"
     << insertKernelName(kDefinitions, kernel.name);
  return text;
}

std::string mlir::attn::getLauncherHeader(const CompiledKernel &kernel,
                                          const DeviceOptions &options,
                                          StringRef headerFileName) {
  return getHeaderText(kernel, headerFileName,
                       {options.target.getChip(), "attn-c/launcher.h",
                        "in memory of a GPU", kDeclarations});
}
