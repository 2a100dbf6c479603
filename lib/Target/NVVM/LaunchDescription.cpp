//===- LaunchDescription.cpp - What a host needs to launch, as JSON -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVVM/CompileDevice.h"

#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::attn;

/// Grows when a host would have to read the description differently.
static constexpr int64_t kDescriptionVersion = 1;

static void writeTensor(llvm::json::OStream &json,
                        const CompiledTensor &tensor) {
  json.object([&] {
    json.attribute("name", tensor.name);
    json.attribute("dtype", tensor.element.getName());
    json.attributeArray("dims", [&] {
      for (const CompiledDim &dim : tensor.dims)
        if (dim.symbol < 0)
          json.value(dim.extent);
        else
          json.value(dim.name);
    });
    json.attribute("output", tensor.isOutput);
  });
}

static void writeParameter(llvm::json::OStream &json,
                           const LaunchParameter &parameter,
                           const CompiledKernel &kernel) {
  using Kind = LaunchParameter::Kind;
  json.object([&] {
    switch (parameter.kind) {
    case Kind::Pointer:
      json.attribute("pointer", kernel.tensors[*parameter.tensor].name);
      break;
    case Kind::Stride:
      json.attribute("stride", kernel.tensors[*parameter.tensor].name);
      json.attribute("dim", parameter.dim);
      break;
    case Kind::Extent:
      json.attribute("extent", parameter.symbol);
      break;
    case Kind::Workspace:
      json.attribute("workspace", true);
      break;
    case Kind::Check:
      json.attribute("check", true);
      break;
    }
  });
}

std::string mlir::attn::getLaunchDescription(
    const CompiledKernel &kernel, const LaunchPlan &plan,
    const DeviceOptions &options, ArrayRef<KernelResources> resources) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/2);
  json.object([&] {
    json.attribute("version", kDescriptionVersion);
    json.attribute("name", kernel.name);
    json.attribute("chip", options.target.getChip());
    json.attributeArray("tensors", [&] {
      for (const CompiledTensor &tensor : kernel.tensors)
        writeTensor(json, tensor);
    });
    json.attributeArray("parameters", [&] {
      for (const LaunchParameter &parameter : plan.parameters)
        writeParameter(json, parameter, kernel);
    });
    json.attribute("workspace", plan.workspace);
    if (!plan.check.empty())
      json.attribute("check", plan.check);
    json.attributeArray("launches", [&] {
      for (const Launch &launch : plan.launches)
        json.object([&] {
          json.attribute("kernel", launch.kernel);
          if (!launch.items.empty())
            json.attribute("items", launch.items);
          json.attribute("blocks", launch.blocks);
          json.attribute("threads", launch.threads);
          json.attribute("shared", launch.sharedBytes);
          for (const KernelResources &used : resources) {
            if (used.kernel != launch.kernel)
              continue;
            json.attribute("registers", used.registers);
            json.attribute("local", used.localBytes);
            json.attribute("spilled", used.spilledBytes);
          }
        });
    });
  });
  return text + "\n";
}
