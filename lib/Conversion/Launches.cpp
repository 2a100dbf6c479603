//===- Launches.cpp - How a host runs a device module ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Launches.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::attn;

using Kind = LaunchParameter::Kind;

static std::string writeParameter(const LaunchParameter &parameter) {
  switch (parameter.kind) {
  case Kind::Pointer:
    return "pointer " + std::to_string(*parameter.tensor);
  case Kind::Stride:
    return "stride " + std::to_string(*parameter.tensor) + " " +
           std::to_string(parameter.dim);
  case Kind::Extent:
    return "extent " + parameter.symbol;
  case Kind::Workspace:
    return "workspace";
  case Kind::Check:
    return "check";
  }
  llvm_unreachable("every kind is covered");
}

static std::optional<LaunchParameter> readParameter(StringRef text) {
  SmallVector<StringRef> words;
  text.split(words, ' ');
  unsigned tensor;
  int64_t dim;
  if (words[0] == "workspace" && words.size() == 1)
    return LaunchParameter::getWorkspace();
  if (words[0] == "check" && words.size() == 1)
    return LaunchParameter::getCheck();
  if (words[0] == "extent" && words.size() == 2)
    return LaunchParameter::getExtent(words[1]);
  if (words.size() < 2 || words[1].getAsInteger(10, tensor))
    return std::nullopt;
  if (words[0] == "pointer" && words.size() == 2)
    return LaunchParameter::getPointer(tensor);
  if (words[0] == "stride" && words.size() == 3 &&
      !words[2].getAsInteger(10, dim))
    return LaunchParameter::getStride(tensor, dim);
  return std::nullopt;
}

void LaunchPlan::attachTo(Operation *device) const {
  Builder builder(device->getContext());
  SmallVector<Attribute> texts, steps;
  for (const LaunchParameter &parameter : parameters)
    texts.push_back(builder.getStringAttr(writeParameter(parameter)));
  for (const Launch &launch : launches) {
    NamedAttrList entries;
    entries.append("kernel", builder.getStringAttr(launch.kernel));
    if (!launch.items.empty())
      entries.append("items", builder.getStringAttr(launch.items));
    entries.append("blocks", builder.getStringAttr(launch.blocks));
    entries.append("threads", builder.getI64IntegerAttr(launch.threads));
    entries.append("shared", builder.getI64IntegerAttr(launch.sharedBytes));
    steps.push_back(entries.getDictionary(builder.getContext()));
  }
  device->setAttr(
      kLaunchesAttrName,
      builder.getDictionaryAttr(
          {builder.getNamedAttr("parameters", builder.getArrayAttr(texts)),
           builder.getNamedAttr("launches", builder.getArrayAttr(steps)),
           builder.getNamedAttr("workspace", builder.getStringAttr(workspace)),
           builder.getNamedAttr("check", builder.getStringAttr(check))}));
}

FailureOr<LaunchPlan> LaunchPlan::get(Operation *device) {
  auto refuse = [&]() -> FailureOr<LaunchPlan> {
    return LogicalResult(device->emitError()
                         << "'" << kLaunchesAttrName
                         << "' is missing or malformed; attn-map-to-blocks "
                            "writes it");
  };
  auto attribute = device->getAttrOfType<DictionaryAttr>(kLaunchesAttrName);
  auto texts = attribute ? attribute.getAs<ArrayAttr>("parameters") : nullptr;
  auto steps = attribute ? attribute.getAs<ArrayAttr>("launches") : nullptr;
  auto workspace =
      attribute ? attribute.getAs<StringAttr>("workspace") : nullptr;
  auto check = attribute ? attribute.getAs<StringAttr>("check") : nullptr;
  if (!texts || !steps || !workspace || !check)
    return refuse();
  LaunchPlan plan;
  plan.workspace = workspace.str();
  plan.check = check.str();
  for (Attribute text : texts) {
    auto string = dyn_cast<StringAttr>(text);
    std::optional<LaunchParameter> parameter =
        string ? readParameter(string) : std::nullopt;
    if (!parameter)
      return refuse();
    plan.parameters.push_back(*parameter);
  }
  for (Attribute step : steps) {
    auto entries = dyn_cast<DictionaryAttr>(step);
    auto kernel = entries ? entries.getAs<StringAttr>("kernel") : nullptr;
    auto items = entries ? entries.getAs<StringAttr>("items") : nullptr;
    auto blocks = entries ? entries.getAs<StringAttr>("blocks") : nullptr;
    auto threads = entries ? entries.getAs<IntegerAttr>("threads") : nullptr;
    auto shared = entries ? entries.getAs<IntegerAttr>("shared") : nullptr;
    if (!kernel || !blocks || !threads || !shared)
      return refuse();
    plan.launches.push_back({kernel.str(), items ? items.str() : std::string(),
                             blocks.str(), threads.getInt(), shared.getInt()});
  }
  return plan;
}
