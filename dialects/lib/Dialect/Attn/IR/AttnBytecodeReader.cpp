//===- AttnBytecodeReader.cpp - Attributes from bytecode ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttnBytecode.h"
#include "mlir/Bytecode/BytecodeImplementation.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Reads one attribute; null and a message where it is damaged.
class AttributeReader {
public:
  explicit AttributeReader(DialectBytecodeReader &reader) : reader(reader) {}

  Attribute read();

private:
  template <typename AttrT, typename... Args>
  Attribute get(Args &&...args) {
    return AttrT::getChecked([&] { return reader.emitError(); },
                             reader.getContext(), std::forward<Args>(args)...);
  }

  template <typename AttrT>
  Attribute readTerms() {
    SmallVector<Attribute> terms;
    if (failed(reader.readAttributes(terms)))
      return {};
    return get<AttrT>(ArrayRef<Attribute>(terms));
  }

  template <typename AttrT, typename TermT = Attribute>
  Attribute readTerm() {
    TermT term;
    if (failed(reader.readAttribute(term)))
      return {};
    return get<AttrT>(term);
  }

  template <typename AttrT>
  Attribute readFloat() {
    FailureOr<APFloat> value =
        reader.readAPFloatWithKnownSemantics(APFloat::IEEEdouble());
    if (failed(value))
      return {};
    return get<AttrT>(
        FloatAttr::get(Float64Type::get(reader.getContext()), *value));
  }

  /// An index and the ranks that belong to it.
  template <typename AttrT>
  Attribute readIndexed() {
    int64_t index;
    SmallVector<StringAttr> ranks;
    if (failed(reader.readSignedVarInt(index)) ||
        failed(reader.readAttributes(ranks)))
      return {};
    return AttrT::get(reader.getContext(), index, ranks);
  }

  /// A rank and the access that belongs to it.
  template <typename AttrT>
  Attribute readOfRank() {
    StringAttr rank;
    AccessAttr access;
    if (failed(reader.readAttribute(rank)) ||
        failed(reader.readAttribute(access)))
      return {};
    return AttrT::get(reader.getContext(), rank, access);
  }

  template <typename AttrT, typename EnumT>
  Attribute readEnum(std::optional<EnumT> (*symbolize)(uint32_t),
                     StringRef what) {
    uint64_t number;
    if (failed(reader.readVarInt(number)))
      return {};
    std::optional<EnumT> value;
    if (number <= std::numeric_limits<uint32_t>::max())
      value = symbolize(static_cast<uint32_t>(number));
    if (!value)
      return reader.emitError() << "unknown " << what << " " << number,
             Attribute();
    return AttrT::get(reader.getContext(), *value);
  }

  /// So many integers, one after the other.
  template <typename AttrT, size_t... index>
  Attribute readNumbers(std::index_sequence<index...>) {
    int64_t numbers[sizeof...(index)];
    for (int64_t &number : numbers)
      if (failed(reader.readSignedVarInt(number)))
        return {};
    return get<AttrT>(numbers[index]...);
  }
  template <typename AttrT, size_t count>
  Attribute readNumbers() {
    return readNumbers<AttrT>(std::make_index_sequence<count>());
  }

  Attribute readNeighborhood();
  Attribute readRadial();
  Attribute readPerHead();
  Attribute readBlocks();
  Attribute readIndices();
  Attribute readPredicate();
  Attribute readScoreMap();
  Attribute readPlan();
  Attribute readGate();
  Attribute readMapping();

  DialectBytecodeReader &reader;
};
} // namespace

Attribute AttributeReader::readNeighborhood() {
  SmallVector<int64_t> lists[5];
  uint64_t clipped;
  for (SmallVector<int64_t> &list : lists)
    if (failed(reader.readSignedVarInts(list)))
      return {};
  if (failed(reader.readVarInt(clipped)))
    return {};
  if (clipped > 1)
    return reader.emitError() << "unknown border " << clipped, Attribute();
  return get<NeighborhoodAttr>(
      ArrayRef<int64_t>(lists[0]), ArrayRef<int64_t>(lists[1]),
      ArrayRef<int64_t>(lists[2]), ArrayRef<int64_t>(lists[3]),
      ArrayRef<int64_t>(lists[4]), clipped == 1);
}

Attribute AttributeReader::readBlocks() {
  SmallVector<int64_t> sizes;
  AccessAttr offsets, indices;
  if (failed(reader.readSignedVarInts(sizes)))
    return {};
  if (sizes.size() != 2)
    return reader.emitError() << "blocks of " << sizes.size() << " sizes",
           Attribute();
  if (failed(reader.readAttribute(offsets)) ||
      failed(reader.readAttribute(indices)))
    return {};
  return get<BlocksAttr>(sizes[0], sizes[1], offsets, indices);
}

Attribute AttributeReader::readIndices() {
  int64_t group;
  AccessAttr indices;
  if (failed(reader.readSignedVarInt(group)) ||
      failed(reader.readAttribute(indices)))
    return {};
  return get<IndicesAttr>(group, indices);
}

Attribute AttributeReader::readPredicate() {
  int64_t number;
  SmallVector<AccessAttr> operands;
  SmallVector<StringAttr> indices;
  if (failed(reader.readSignedVarInt(number)) ||
      failed(reader.readAttributes(operands)) ||
      failed(reader.readAttributes(indices)))
    return {};
  return get<PredicateAttr>(number, ArrayRef<AccessAttr>(operands),
                            ArrayRef<StringAttr>(indices));
}

Attribute AttributeReader::readRadial() {
  int64_t frames, tokens, block;
  if (failed(reader.readSignedVarInt(frames)) ||
      failed(reader.readSignedVarInt(tokens)))
    return {};
  FailureOr<APFloat> decay =
      reader.readAPFloatWithKnownSemantics(APFloat::IEEEdouble());
  if (failed(decay) || failed(reader.readSignedVarInt(block)))
    return {};
  return get<RadialAttr>(
      frames, tokens,
      FloatAttr::get(Float64Type::get(reader.getContext()), *decay), block);
}

Attribute AttributeReader::readScoreMap() {
  int64_t region;
  SmallVector<int64_t> slots;
  ArrayAttr ranks;
  if (failed(reader.readSignedVarInt(region)) ||
      failed(reader.readSignedVarInts(slots)) ||
      failed(reader.readAttribute(ranks)))
    return {};
  return get<ScoreMapAttr>(region, ArrayRef<int64_t>(slots), ranks);
}

Attribute AttributeReader::readPerHead() {
  SmallVector<Attribute> atoms;
  SmallVector<StringAttr> ranks;
  SmallVector<int64_t> strides;
  if (failed(reader.readAttributes(atoms)) ||
      failed(reader.readAttributes(ranks)) ||
      failed(reader.readSignedVarInts(strides)))
    return {};
  return get<PerHeadAttr>(ArrayRef<Attribute>(atoms),
                          ArrayRef<StringAttr>(ranks),
                          ArrayRef<int64_t>(strides));
}

Attribute AttributeReader::readPlan() {
  SmallVector<StringAttr> symbols;
  SmallVector<PlanPiece> pieces;
  auto readPiece = [&](PlanPiece &piece) -> LogicalResult {
    for (AffineMap *map : {&piece.liveLower, &piece.liveUpper, &piece.fullLower,
                           &piece.fullUpper}) {
      AffineMapAttr attribute;
      if (failed(reader.readAttribute(attribute)))
        return failure();
      *map = attribute.getValue();
    }
    IntegerSetAttr constraints;
    if (failed(reader.readAttribute(constraints)))
      return failure();
    piece.constraints = constraints.getValue();
    return success();
  };
  SmallVector<PointValue> values;
  auto readValue = [&](PointValue &value) -> LogicalResult {
    uint64_t kind;
    AffineMapAttr map;
    if (failed(reader.readVarInt(kind)) || failed(reader.readAttribute(map)))
      return failure();
    if (kind > static_cast<uint64_t>(PointValueKind::PowerOfTwo))
      return reader.emitError() << "unknown value " << kind;
    value = {static_cast<PointValueKind>(kind), map.getValue()};
    return success();
  };
  SmallVector<DenseI64ArrayAttr> tables;
  int64_t residues;
  if (failed(reader.readAttributes(symbols)) ||
      failed(reader.readList(pieces, readPiece)) ||
      failed(reader.readList(values, readValue)) ||
      failed(reader.readAttributes(tables)) ||
      failed(reader.readSignedVarInt(residues)))
    return {};
  return get<PlanAttr>(ArrayRef<StringAttr>(symbols),
                       ArrayRef<PlanPiece>(pieces),
                       ArrayRef<PointValue>(values),
                       ArrayRef<DenseI64ArrayAttr>(tables), residues);
}

Attribute AttributeReader::readGate() {
  uint64_t place, activation, renormalised;
  int64_t slot;
  SmallVector<StringAttr> ranks;
  if (failed(reader.readVarInt(place)) ||
      failed(reader.readVarInt(activation)) ||
      failed(reader.readVarInt(renormalised)) ||
      failed(reader.readSignedVarInt(slot)) ||
      failed(reader.readAttributes(ranks)))
    return {};
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
  std::optional<GatePlace> knownPlace;
  std::optional<Activation> knownActivation;
  if (place <= kMost)
    knownPlace = symbolizeGatePlace(static_cast<uint32_t>(place));
  if (activation <= kMost)
    knownActivation = symbolizeActivation(static_cast<uint32_t>(activation));
  if (!knownPlace || !knownActivation || renormalised > 1)
    return reader.emitError() << "unknown gate " << place << ", " << activation
                              << ", " << renormalised,
           Attribute();
  return get<GateAttr>(*knownPlace, *knownActivation, renormalised == 1, slot,
                       ArrayRef<StringAttr>(ranks));
}

Attribute AttributeReader::readMapping() {
  StringAttr lanes;
  SmallVector<int64_t> laneTiles;
  int64_t streamTile, rowTile;
  SmallVector<StringAttr> parallel, order;
  SmallVector<int64_t> gridTile;
  uint64_t innerLanes;
  if (failed(reader.readAttribute(lanes)) ||
      failed(reader.readSignedVarInts(laneTiles)) ||
      failed(reader.readSignedVarInt(streamTile)) ||
      failed(reader.readSignedVarInt(rowTile)) ||
      failed(reader.readAttributes(parallel)) ||
      failed(reader.readAttributes(order)) ||
      failed(reader.readSignedVarInts(gridTile)) ||
      failed(reader.readVarInt(innerLanes)))
    return {};
  if (innerLanes > 1)
    return reader.emitError() << "unknown form of lanes " << innerLanes,
           Attribute();
  return get<MappingAttr>(lanes, ArrayRef<int64_t>(laneTiles), streamTile,
                          rowTile, ArrayRef<StringAttr>(parallel),
                          ArrayRef<StringAttr>(order),
                          ArrayRef<int64_t>(gridTile), innerLanes == 1);
}

Attribute AttributeReader::read() {
  uint64_t code;
  if (failed(reader.readVarInt(code)))
    return {};
  switch (static_cast<AttributeCode>(code)) {
  case AttributeCode::Causal:
    return CausalAttr::get(reader.getContext());
  case AttributeCode::Window:
    return readNumbers<WindowAttr, 2>();
  case AttributeCode::Prefix:
    return readNumbers<PrefixAttr, 1>();
  case AttributeCode::Leading:
    return readNumbers<LeadingAttr, 1>();
  case AttributeCode::BlockDiagonal:
    return readNumbers<BlockDiagonalAttr, 1>();
  case AttributeCode::Dilated:
    return readNumbers<DilatedAttr, 2>();
  case AttributeCode::Strided:
    return readNumbers<StridedAttr, 3>();
  case AttributeCode::Neighborhood:
    return readNeighborhood();
  case AttributeCode::PowerOfTwo:
    return readNumbers<PowerOfTwoAttr, 1>();
  case AttributeCode::Radial:
    return readRadial();
  case AttributeCode::AffineSet:
    return readTerm<AffineSetAttr, AffineMapAttr>();
  case AttributeCode::Mask:
    return readTerm<MaskAttr, AccessAttr>();
  case AttributeCode::Predicate:
    return readPredicate();
  case AttributeCode::PerHead:
    return readPerHead();
  case AttributeCode::Blocks:
    return readBlocks();
  case AttributeCode::Indices:
    return readIndices();
  case AttributeCode::And:
    return readTerms<AndAttr>();
  case AttributeCode::Or:
    return readTerms<OrAttr>();
  case AttributeCode::Not:
    return readTerm<NotAttr>();
  case AttributeCode::Sparsity:
    return readTerm<SparsityAttr>();
  case AttributeCode::Scale:
    return readFloat<ScaleAttr>();
  case AttributeCode::SoftCap:
    return readFloat<SoftCapAttr>();
  case AttributeCode::Bias:
    return readIndexed<BiasAttr>();
  case AttributeCode::ScoreMap:
    return readScoreMap();
  case AttributeCode::Access:
    return readIndexed<AccessAttr>();
  case AttributeCode::Origin:
    return readOfRank<OriginAttr>();
  case AttributeCode::Permutation:
    return readOfRank<PermutationAttr>();
  case AttributeCode::Permuted:
    return readTerm<PermutedAttr>();
  case AttributeCode::Plan:
    return readPlan();
  case AttributeCode::Mapping:
    return readMapping();
  case AttributeCode::ReductionKind:
    return readEnum<ReductionKindAttr>(symbolizeReductionKind, "reduction");
  case AttributeCode::Alignment:
    return readEnum<AlignmentAttr>(symbolizeAlignment, "alignment");
  case AttributeCode::Gate:
    return readGate();
  case AttributeCode::Normaliser:
    return readEnum<NormaliserAttr>(symbolizeNormaliser, "normaliser");
  case AttributeCode::Residency:
    return readEnum<ResidencyAttr>(symbolizeResidency, "residency");
  }
  reader.emitError() << "unknown attribute " << code << " of the attn dialect";
  return {};
}

Attribute attn::readAttribute(DialectBytecodeReader &reader) {
  return AttributeReader(reader).read();
}
