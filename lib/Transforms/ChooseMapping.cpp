//===- ChooseMapping.cpp - Attach mappings to cascades --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/CostModel.h"
#include "attn/Analysis/Residency.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Support/Debug.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNCHOOSEMAPPING
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct ChooseMappingPass
    : attn::impl::AttnChooseMappingBase<ChooseMappingPass> {
  using AttnChooseMappingBase::AttnChooseMappingBase;

  void runOnOperation() override {
    if (failed(readOptions()))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](CascadeOp cascade) {
      return failed(map(cascade)) ? WalkResult::interrupt()
                                  : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  LogicalResult readOptions();
  LogicalResult map(CascadeOp cascade);

  MachineModel machine;
  MappingOverrides overrides;
};
} // namespace

LogicalResult ChooseMappingPass::readOptions() {
  std::pair<StringRef, int64_t> positive[] = {
      {"vector-registers", vectorRegisters},
      {"vector-bits", vectorBits},
      {"l1-bytes", l1Bytes},
      {"l2-bytes", l2Bytes},
      {"vector-multiplies", vectorMultiplies}};
  for (auto [name, value] : positive)
    if (value < 1)
      return emitError(getOperation()->getLoc())
             << "option '" << name << "' must be positive; got " << value;
  std::pair<StringRef, int64_t> optional[] = {{"stream-tile", streamTile},
                                              {"row-tile", rowTile}};
  for (auto [name, value] : optional)
    if (value < 0)
      return emitError(getOperation()->getLoc())
             << "option '" << name
             << "' must be positive, or 0 for the model's choice; got "
             << value;
  if (sharedBytes < 0)
    return emitError(getOperation()->getLoc())
           << "option 'shared-bytes' must be positive, or 0 for a CPU; got "
           << static_cast<int64_t>(sharedBytes);
  if (residency != "register" && residency != "cache")
    return emitError(getOperation()->getLoc())
           << "option 'residency' must be register or cache; got '" << residency
           << "'";
  if (bf16Products != "f32" && bf16Products != "pairs" &&
      bf16Products != "tiles")
    return emitError(getOperation()->getLoc())
           << "option 'bf16-products' must be f32, pairs or tiles; got '"
           << bf16Products << "'";
  machine.vectorRegisters = vectorRegisters;
  machine.vectorBits = vectorBits;
  machine.l1Bytes = l1Bytes;
  machine.l2Bytes = l2Bytes;
  machine.hasMatrixUnit = bf16Products == "tiles";
  machine.hasPairs = bf16Products == "pairs";
  machine.vectorMultiplies = vectorMultiplies;
  machine.sharedBytes = sharedBytes;
  overrides.laneTiles.assign(laneTiles.begin(), laneTiles.end());
  if (streamTile > 0)
    overrides.streamTile = streamTile;
  if (rowTile > 0)
    overrides.rowTile = rowTile;
  overrides.order.assign(order.begin(), order.end());
  overrides.gridTile.assign(gridTile.begin(), gridTile.end());
  return success();
}

LogicalResult ChooseMappingPass::map(CascadeOp cascade) {
  if (cascade.getMapping() || wantsUnfused(cascade))
    return success();
  FailureOr<MappingAttr> mapping =
      chooseMapping(cascade, machine, overrides,
                    [&] { return cascade.emitOpError("cannot be mapped: "); });
  if (failed(mapping))
    return failure();
  if (!*mapping) {
    cascade.emitRemark("is not mapped: no rank of every result is free of "
                       "reductions and of iteration");
    return success();
  }
  ATTN_DEBUG("mapping") << *mapping << "\n";
  if (failed(setMapping(cascade, *mapping)))
    return failure();
  if (residency == "cache")
    cascade.getBody().walk([](EinsumOp einsum) {
      if (getResidency(einsum) == Residency::Register)
        einsum.setResidency(Residency::Cache);
    });
  return success();
}

LogicalResult attn::setMapping(CascadeOp cascade, MappingAttr mapping) {
  cascade.setMappingAttr(mapping);
  // Rows in boxes of a grid see other ranges of keys than rows as they lie.
  if (!mapping.getGridTile().empty())
    return attachPlanOfMapping(cascade);
  remarkRowsOfGrid(cascade);
  return success();
}

LogicalResult attn::removeMapping(CascadeOp cascade) {
  MappingAttr mapping = cascade.getMappingAttr();
  cascade.removeMappingAttr();
  bool hasBoxes = mapping && !mapping.getGridTile().empty();
  return hasBoxes ? attachPlanOfMapping(cascade) : success();
}
