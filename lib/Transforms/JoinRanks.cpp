//===- JoinRanks.cpp - Ranks reduced together become one ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CascadeUtils.h"
#include "attn/Analysis/Streaming.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Transforms/Passes.h"
#include "attn/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ATTNJOINRANKS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Makes one rank of several that follow each other, the first outermost.
class RankJoiner {
public:
  /// All `parts` but the first have known `extents`.
  RankJoiner(CascadeOp cascade, ArrayRef<StringAttr> parts,
             const llvm::MapVector<StringAttr, int64_t> &extents)
      : cascade(cascade), builder(cascade), parts(parts) {
    strides.assign(parts.size(), 1);
    for (size_t i = parts.size() - 1; i > 0; --i)
      strides[i - 1] = multiplyExtents(strides[i], extents.lookup(parts[i]));
    int64_t first = getExtent(extents, parts.front());
    isKnown = !ShapedType::isDynamic(first);
    if (isKnown)
      points = multiplyExtents(first, strides.front());
  }

  /// Whether they can be joined.
  bool check();
  void run();

private:
  bool isPart(StringAttr rank) const { return llvm::is_contained(parts, rank); }
  bool uses(const EinsumAccess &access, AffineExpr expr) const;
  bool checkEinsum(EinsumOp einsum);
  bool checkInput(const EinsumAccess &access);
  bool keepsExtent(const EinsumAccess &access, AffineExpr expr,
                   int64_t size) const;
  bool checkIntermediate(const EinsumAccess &access);
  std::optional<unsigned> findParts(ArrayRef<StringAttr> ranks) const;
  int64_t getSize(unsigned part) const {
    return strides[part - 1] / strides[part];
  }
  SmallVector<StringAttr> joinNames(ArrayRef<StringAttr> names) const;
  AffineExpr countPoints(ArrayRef<StringAttr> ranks, AffineExpr expr,
                         AffineExpr whole) const;
  EinsumAccess joinAccess(EinsumAccess access) const;
  void rewrite(EinsumOp einsum, IRMapping &tensors);

  CascadeOp cascade;
  OpBuilder builder;
  SmallVector<StringAttr> parts;
  /// Points of the joined rank from one point of each part to the next.
  SmallVector<int64_t> strides;
  StringAttr joined;
  /// Points of the joined rank, if they are known.
  int64_t points = ShapedType::kDynamic;
  /// Whether the extent of the first part is known, or that of a dimension.
  bool isKnown;
  bool isReduced = false;
};
} // namespace

bool RankJoiner::uses(const EinsumAccess &access, AffineExpr expr) const {
  for (auto [position, rank] : llvm::enumerate(access.ranks))
    if (isPart(rank) && expr.isFunctionOfDim(position))
      return true;
  return false;
}

/// Where they follow each other.
std::optional<unsigned>
RankJoiner::findParts(ArrayRef<StringAttr> ranks) const {
  for (unsigned i = 0; i + parts.size() <= ranks.size(); ++i)
    if (ranks.slice(i, parts.size()) == ArrayRef(parts))
      return i;
  return std::nullopt;
}

/// Whether an index of a dimension of `size` elements leaves the extent of the
/// joined rank what it is. A sum that counts the points becomes that rank,
/// whose extent it would state, and so would a quotient of it (CL-12); the
/// dimension may have fewer elements, or more.
bool RankJoiner::keepsExtent(const EinsumAccess &access, AffineExpr expr,
                             int64_t size) const {
  AffineExpr whole = getAffineDimExpr(access.ranks.size(), expr.getContext());
  auto [coordinate, divisor] =
      getQuotient(countPoints(access.ranks, expr, whole));
  if (coordinate != whole)
    return true;
  return !ShapedType::isDynamic(points) && (divisor != 1 || size == points);
}

/// An input is read at indices of which a step computes the rows: from the
/// parts alone, or from data at them.
bool RankJoiner::checkInput(const EinsumAccess &access) {
  auto shape = cast<RankedTensorType>(access.tensor.getType()).getShape();
  for (auto [expr, size] : llvm::zip_equal(access.map.getResults(), shape)) {
    bool readsPart = uses(access, expr), readsOther = false;
    if (readsPart && !keepsExtent(access, expr, size))
      return false;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    isKnown |= dim && access.ranks[dim.getPosition()] == parts.front();
    for (auto [position, rank] : llvm::enumerate(access.ranks))
      readsOther |= !isPart(rank) && expr.isFunctionOfDim(position);
    // Data beside a rank that a tile holds whole is looked up, not computed.
    for (unsigned position = 0; position < access.extents.size(); ++position)
      if (const DataIndex *data = access.getData(position);
          data && expr.isFunctionOfSymbol(position))
        readsPart |= llvm::any_of(data->map.getResults(), [&](AffineExpr at) {
          return uses(access, at);
        });
    if (readsPart && readsOther)
      return false;
  }
  return true;
}

/// What an einsum has made is read at all of them together, as it was made.
bool RankJoiner::checkIntermediate(const EinsumAccess &access) {
  SmallVector<StringAttr> made =
      access.tensor.getDefiningOp<EinsumOp>().getOutputRanks();
  std::optional<unsigned> first = findParts(made);
  for (auto [position, expr] : llvm::enumerate(access.map.getResults())) {
    bool isMade =
        first && position >= *first && position < *first + parts.size();
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (isMade && !(dim && access.ranks[dim.getPosition()] == made[position]))
      return false;
    if (!isMade && uses(access, expr))
      return false;
  }
  return true;
}

bool RankJoiner::checkEinsum(EinsumOp einsum) {
  if (llvm::any_of(einsum.getExtentNames(),
                   [&](StringAttr name) { return isPart(name); }))
    return false;
  SmallVector<StringAttr> ranks = einsum.getOutputRanks(),
                          reduced = llvm::to_vector(einsum.getReduced());
  bool hasParts = llvm::any_of(
      parts, [&](StringAttr part) { return einsum.hasRank(part); });
  if (hasParts && !findParts(ranks) && !findParts(reduced))
    return false;
  isReduced |= findParts(reduced).has_value();
  for (const EinsumAccess &access : einsum.getAccesses())
    if (isa<BlockArgument>(access.tensor)         ? !checkInput(access)
        : access.tensor.getDefiningOp<EinsumOp>() ? !checkIntermediate(access)
                                                  : hasParts)
      return false;
  return true;
}

bool RankJoiner::check() {
  // Products of extents are numbers of 64 bits, and no tensor is so large.
  constexpr int64_t kMostPoints = int64_t(1) << 56;
  if (strides.front() > kMostPoints || points > kMostPoints)
    return false;
  CascadeSpace space = cascade.getSpace();
  auto isNamed = [&](StringAttr rank) { return rank && isPart(rank); };
  if (cascade.getMappingAttr() || isNamed(cascade.getQueryRankAttr()) ||
      isNamed(cascade.getKeyRankAttr()) ||
      llvm::any_of(space.getIndexedRanks(), isNamed))
    return false;
  for (AccessAttr access : space.getAccesses())
    if (llvm::any_of(access.getRanks(), isNamed))
      return false;
  if (PerHeadAttr heads = space.getPerHead())
    if (llvm::any_of(heads.getRanks(), isNamed))
      return false;
  // Indices of the parts are computed from that of the joined rank, which has
  // no origin.
  if (llvm::any_of(space.origins, [&](OriginAttr origin) {
        return isNamed(origin.getRank());
      }))
    return false;
  StringAttr stream = StreamingAnalysis::findRank(cascade);
  if (!stream || !isPart(stream))
    return false;
  for (Operation &op : cascade.getBody().front().without_terminator()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (isa<IterateOp>(op) || (einsum && !checkEinsum(einsum)))
      return false;
  }
  for (Value value : cascade.getYielded()) {
    auto einsum = value.getDefiningOp<EinsumOp>();
    if (!einsum || llvm::any_of(einsum.getOutputRanks(), isNamed))
      return false;
  }
  return isReduced && isKnown;
}

SmallVector<StringAttr>
RankJoiner::joinNames(ArrayRef<StringAttr> names) const {
  SmallVector<StringAttr> result;
  for (StringAttr name : names)
    if (!isPart(name) || name == parts.front())
      result.push_back(name == parts.front() ? joined : name);
  return result;
}

/// `expr`, which is over `ranks`, with a multiple of `whole` for sums of all
/// parts that count their points. Where MLIR simplified them, it would no
/// longer see how far what remains can be.
AffineExpr RankJoiner::countPoints(ArrayRef<StringAttr> ranks, AffineExpr expr,
                                   AffineExpr whole) const {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return expr;
  if (binary.getKind() != AffineExprKind::Add) {
    AffineExpr left = countPoints(ranks, binary.getLHS(), whole);
    return getAffineBinaryOpExpr(binary.getKind(), left, binary.getRHS());
  }
  SmallVector<int64_t> factors(parts.size(), 0);
  AffineExpr rest = getAffineConstantExpr(0, expr.getContext());
  SmallVector<AffineExpr> terms{expr};
  while (!terms.empty()) {
    AffineExpr term = terms.pop_back_val();
    auto inner = dyn_cast<AffineBinaryOpExpr>(term);
    if (inner && inner.getKind() == AffineExprKind::Add) {
      terms.append({inner.getRHS(), inner.getLHS()});
      continue;
    }
    AffineConstantExpr factor;
    if (inner && inner.getKind() == AffineExprKind::Mul)
      factor = dyn_cast<AffineConstantExpr>(inner.getRHS());
    auto dim = dyn_cast<AffineDimExpr>(factor ? inner.getLHS() : term);
    auto *found =
        dim ? llvm::find(parts, ranks[dim.getPosition()]) : parts.end();
    if (found == parts.end())
      rest = rest + countPoints(ranks, term, whole);
    else
      factors[found - parts.begin()] += factor ? factor.getValue() : 1;
  }
  for (auto [factor, stride] : llvm::zip_equal(factors, strides))
    if (factor != factors.back() * stride)
      return expr;
  return rest + whole * factors.back();
}

/// The coordinate of a part is the joined one, divided by its stride, within
/// its extent; together they index one dimension where there were several.
EinsumAccess RankJoiner::joinAccess(EinsumAccess access) const {
  MLIRContext *context = access.map.getContext();
  AffineExpr whole = getAffineDimExpr(access.ranks.size(), context);
  auto rewriteMap = [&](AffineMap map) {
    SmallVector<AffineExpr> exprs;
    for (AffineExpr expr : map.getResults())
      exprs.push_back(countPoints(access.ranks, expr, whole));
    return AffineMap::get(map.getNumDims() + 1, map.getNumSymbols(), exprs,
                          context);
  };
  access.map = rewriteMap(access.map);
  for (DataIndex &data : access.data)
    data.map = rewriteMap(data.map);
  access.ranks.push_back(joined);
  if (auto producer = access.tensor.getDefiningOp<EinsumOp>())
    if (std::optional<unsigned> first = findParts(producer.getOutputRanks())) {
      SmallVector<AffineExpr> exprs(access.map.getResults());
      exprs[*first] = whole;
      exprs.erase(exprs.begin() + *first + 1,
                  exprs.begin() + *first + parts.size());
      access.map = AffineMap::get(access.map.getNumDims(),
                                  access.map.getNumSymbols(), exprs, context);
    }
  llvm::MapVector<StringAttr, RankExpression> with;
  for (auto [i, part] : llvm::enumerate(parts)) {
    AffineExpr expr = getAffineDimExpr(0, context).floorDiv(strides[i]);
    with[part] =
        RankExpression{i == 0 ? expr : expr % getSize(i), {joined}, {}};
  }
  return substituteRanks(access, with);
}

void RankJoiner::rewrite(EinsumOp einsum, IRMapping &tensors) {
  SmallVector<EinsumAccess> accesses;
  for (unsigned index = 0; index < einsum.getInputs().size(); ++index) {
    EinsumAccess access = joinAccess(einsum.getAccess(index));
    access.tensor = tensors.lookupOrDefault(access.tensor);
    for (DataIndex &data : access.data)
      data.tensor = tensors.lookupOrDefault(data.tensor);
    accesses.push_back(access);
  }
  std::optional<EinsumReduction> reduction = einsum.getEinsumReduction();
  if (reduction)
    reduction->ranks = joinNames(reduction->ranks);
  auto type = cast<RankedTensorType>(einsum.getOutputType());
  SmallVector<StringAttr> ranks = einsum.getOutputRanks();
  if (std::optional<unsigned> first = findParts(ranks)) {
    SmallVector<int64_t> shape(type.getShape());
    if (!ShapedType::isDynamic(shape[*first]))
      shape[*first] *= strides.front();
    shape.erase(shape.begin() + *first + 1,
                shape.begin() + *first + parts.size());
    type = type.clone(shape);
  }
  auto created = EinsumOp::create(
      builder, einsum.getLoc(), type, joinNames(ranks), accesses, reduction,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        return cloneExpression(builder, einsum.getMapResult(), einsum.getMap(),
                               args);
      });
  for (IndexOp index :
       llvm::make_early_inc_range(created.getBody().getOps<IndexOp>())) {
    auto *found = llvm::find(parts, index.getRankAttr());
    if (found == parts.end())
      continue;
    unsigned number = found - parts.begin();
    OpBuilder inMap(index);
    Location loc = index.getLoc();
    auto getConstant = [&](int64_t value) {
      return arith::ConstantOp::create(
          inMap, loc, inMap.getIntegerAttr(index.getType(), value));
    };
    Value part = IndexOp::create(inMap, loc, index.getType(), joined);
    if (strides[number] != 1)
      part = arith::DivUIOp::create(inMap, loc, part,
                                    getConstant(strides[number]));
    if (number != 0)
      part = arith::RemUIOp::create(inMap, loc, part,
                                    getConstant(getSize(number)));
    index.getResult().replaceAllUsesWith(part);
    index.erase();
  }
  copyNotes(einsum, created);
  tensors.map(einsum.getResult(), created.getResult());
}

void RankJoiner::run() {
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  std::string name;
  for (StringAttr part : parts)
    name += part.getValue();
  while (extents.contains(builder.getStringAttr(name)))
    name += "_";
  joined = builder.getStringAttr(name);
  Block &body = cascade.getBody().front();
  IRMapping tensors;
  SmallVector<EinsumOp> old(body.getOps<EinsumOp>());
  for (EinsumOp einsum : old) {
    builder.setInsertionPoint(einsum);
    rewrite(einsum, tensors);
  }
  Operation *yield = body.getTerminator();
  for (OpOperand &value : yield->getOpOperands())
    value.set(tensors.lookupOrDefault(value.get()));
  for (EinsumOp einsum : llvm::reverse(old))
    einsum.erase();
}

/// Joins the ranks of some result, as many as can be. Returns whether there
/// were any.
static bool joinSome(CascadeOp cascade) {
  llvm::MapVector<StringAttr, int64_t> extents = cascade.getRankExtents();
  for (auto einsum : cascade.getBody().front().getOps<EinsumOp>()) {
    SmallVector<StringAttr> ranks = einsum.getOutputRanks();
    for (size_t begin = 0; begin < ranks.size(); ++begin) {
      size_t end = begin + 1;
      while (end < ranks.size() && getExtent(extents, ranks[end]) > 0)
        ++end;
      for (; end > begin + 1; --end) {
        RankJoiner joiner(cascade, ArrayRef(ranks).slice(begin, end - begin),
                          extents);
        if (!joiner.check())
          continue;
        joiner.run();
        return true;
      }
    }
  }
  return false;
}

unsigned attn::joinRanks(CascadeOp cascade) {
  unsigned count = 0;
  while (joinSome(cascade))
    ++count;
  return count;
}

namespace {
struct JoinRanksPass : public attn::impl::AttnJoinRanksBase<JoinRanksPass> {
  void runOnOperation() override {
    getOperation().walk(
        [&](CascadeOp cascade) { numJoined += joinRanks(cascade); });
  }
};
} // namespace
