//===- PassRemoval.cpp - Which law removes which pass ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExplainImpl.h"
#include "attn/Analysis/Streaming.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether some pass of `count` is forced by the pair of `cause`.
static bool isStillForced(const PassCount &count,
                          const PassCount::Cause &cause) {
  // Both cascades stem from one text: the same line, the same name in it.
  auto isSame = [](Operation *a, Operation *b) {
    auto getNameIn = [](Operation *op) {
      auto named = op->getLoc()->findInstanceOf<NameLoc>();
      return named ? named.getName() : StringAttr();
    };
    return getNameIn(a) == getNameIn(b) &&
           getLocationText(a->getLoc()) == getLocationText(b->getLoc());
  };
  for (int64_t pass = 2; pass <= count.getCount(); ++pass) {
    PassCount::Cause other = count.getCause(pass);
    if (isSame(other.reader, cause.reader) &&
        isSame(other.traversal, cause.traversal))
      return true;
  }
  return false;
}

/// The laws by which values move with the running reductions, each once.
static SmallVector<const Law *> getLaws(const Change &change) {
  SmallVector<const Law *> laws;
  for (const CorrectionPower &power : change.powers)
    if (!llvm::is_contained(laws, power.correction.law))
      laws.push_back(power.correction.law);
  return laws;
}

void attn::explainPassRemoval(raw_ostream &os, CascadeOp written,
                              CascadeOp deferred) {
  CascadeText writtenText(written), text(deferred);
  StringAttr streaming = StreamingAnalysis::findRank(deferred);
  std::optional<StreamingAnalysis> analysis;
  if (streaming)
    analysis.emplace(deferred, streaming);

  bool any = false;
  for (const PassCount &count : PassCount::getAll(written)) {
    if (count.getStepOf())
      continue;
    PassCount after(deferred, count.getRank());
    for (int64_t pass = 2; pass <= count.getCount(); ++pass) {
      any = true;
      PassCount::Cause cause = count.getCause(pass);
      os << "  pass " << pass << " over " << count.getRank().getValue() << ": "
         << writtenText.getShort(cause.reader) << " needs the whole of "
         << writtenText.getShort(cause.traversal) << "\n";
      if (after.getCount() < pass && !isStillForced(after, cause)) {
        os << "    removed by deferral: what does not depend on "
           << count.getRank().getValue()
           << " moves past the sum, sum x*r = r * sum x\n";
        continue;
      }
      if (count.getRank() != streaming || !analysis) {
        os << "    stays: one pass is derived over one rank, here "
           << (streaming ? streaming.getValue() : StringRef("none")) << "\n";
        continue;
      }
      if (const auto &obstacle = analysis->getObstacle()) {
        os << "    stays: ";
        if (isa<EinsumOp>(obstacle->where))
          os << text.getShort(obstacle->where) << " ";
        os << "(" << getLocationText(obstacle->where->getLoc()) << ") "
           << obstacle->reason << "\n";
        continue;
      }
      // The laws at work on the values that the reader of this pass makes, else
      // on those of any einsum over the rank.
      SmallVector<const Law *> laws;
      deferred.getBody().walk([&](EinsumOp einsum) {
        using Role = StreamingAnalysis::Role;
        Role role = analysis->getRole(einsum);
        if (role != Role::Tile && role != Role::Reduction)
          return;
        for (const Law *law : getLaws(analysis->getChange(einsum)))
          if (!llvm::is_contained(laws, law))
            laws.push_back(law);
      });
      for (const Law *law : laws)
        os << "    removed by the law '" << law->getName()
           << "': " << law->getStatement() << "\n";
      if (laws.empty())
        os << "    removed: the running value is needed only after the loop\n";
    }
  }
  if (!any)
    os << "  none: no rank takes a second pass\n";
  if (!analysis || analysis->getObstacle())
    return;
  // What the loop repairs.
  deferred.getBody().walk([&](EinsumOp einsum) {
    if (analysis->getRole(einsum) != StreamingAnalysis::Role::Reduction)
      return;
    const Change &change = analysis->getChange(einsum);
    os << "  running " << text.getShort(einsum) << ": ";
    if (change.isFixed()) {
      os << "needs no repair\n";
      return;
    }
    SmallVector<Value> running = change.getRunningTensors();
    os << (change.isAdditive() ? "shifted" : "multiplied by a correction")
       << " whenever ";
    llvm::interleave(
        running, os, [&](Value value) { os << text.getName(value); }, ", ");
    os << (running.size() == 1 ? " moves\n" : " move\n");
  });
}
