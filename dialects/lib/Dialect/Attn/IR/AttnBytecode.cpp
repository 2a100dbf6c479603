//===- AttnBytecode.cpp - The dialect in bytecode -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An attribute is a code and its parameters. Codes and the order of parameters
// are those of the version that the file names; `docs/bytecode.md` lists them.
// What is read is checked as if it had been written by hand: a damaged file
// gets a message, not an assertion.
//
//===----------------------------------------------------------------------===//

#include "AttnBytecode.h"
#include "mlir/Bytecode/BytecodeImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// The version of the dialect. It is raised by any change to what an operation
/// or an attribute of the dialect is made of; files of every older version stay
/// readable.
struct AttnVersion : public DialectVersion {
  static constexpr uint64_t kCurrent = 1;

  explicit AttnVersion(uint64_t number) : number(number) {}
  uint64_t number;
};

/// Writes one attribute.
class AttributeWriter {
public:
  explicit AttributeWriter(DialectBytecodeWriter &writer) : writer(writer) {}

  LogicalResult write(Attribute attribute);

private:
  void code(AttributeCode code) {
    writer.writeVarInt(static_cast<uint64_t>(code));
  }
  void integers(ArrayRef<int64_t> values) { writer.writeSignedVarInts(values); }

  DialectBytecodeWriter &writer;
};

struct AttnBytecodeInterface : public BytecodeDialectInterface {
  explicit AttnBytecodeInterface(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  Attribute readAttribute(DialectBytecodeReader &reader) const override {
    return attn::readAttribute(reader);
  }

  LogicalResult writeAttribute(Attribute attribute,
                               DialectBytecodeWriter &writer) const override {
    return AttributeWriter(writer).write(attribute);
  }

  void writeVersion(DialectBytecodeWriter &writer) const override {
    writer.writeVarInt(AttnVersion::kCurrent);
  }

  std::unique_ptr<DialectVersion>
  readVersion(DialectBytecodeReader &reader) const override {
    uint64_t number;
    if (failed(reader.readVarInt(number)))
      return nullptr;
    if (number == 0 || number > AttnVersion::kCurrent) {
      reader.emitError() << "the file holds version " << number
                         << " of the attn dialect; this program reads versions "
                            "1 to "
                         << AttnVersion::kCurrent;
      return nullptr;
    }
    return std::make_unique<AttnVersion>(number);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

LogicalResult AttributeWriter::write(Attribute attribute) {
  return llvm::TypeSwitch<Attribute, LogicalResult>(attribute)
      .Case([&](CausalAttr) {
        code(AttributeCode::Causal);
        return success();
      })
      .Case([&](WindowAttr window) {
        code(AttributeCode::Window);
        writer.writeSignedVarInt(window.getLeft());
        writer.writeSignedVarInt(window.getRight());
        return success();
      })
      .Case([&](PrefixAttr prefix) {
        code(AttributeCode::Prefix);
        writer.writeSignedVarInt(prefix.getLength());
        return success();
      })
      .Case([&](LeadingAttr leading) {
        code(AttributeCode::Leading);
        writer.writeSignedVarInt(leading.getCount());
        return success();
      })
      .Case([&](BlockDiagonalAttr blocks) {
        code(AttributeCode::BlockDiagonal);
        writer.writeSignedVarInt(blocks.getSize());
        return success();
      })
      .Case([&](DilatedAttr dilated) {
        code(AttributeCode::Dilated);
        writer.writeSignedVarInt(dilated.getWindow());
        writer.writeSignedVarInt(dilated.getStep());
        return success();
      })
      .Case([&](StridedAttr strided) {
        code(AttributeCode::Strided);
        writer.writeSignedVarInt(strided.getStep());
        writer.writeSignedVarInt(strided.getOffset());
        writer.writeSignedVarInt(strided.getBlock());
        return success();
      })
      .Case([&](NeighborhoodAttr neighborhood) {
        code(AttributeCode::Neighborhood);
        integers(neighborhood.getKernel());
        integers(neighborhood.getGrid());
        integers(neighborhood.getStride());
        integers(neighborhood.getDilation());
        integers(neighborhood.getCausal());
        writer.writeVarInt(neighborhood.getClipped());
        return success();
      })
      .Case([&](PowerOfTwoAttr powers) {
        code(AttributeCode::PowerOfTwo);
        writer.writeSignedVarInt(powers.getBlock());
        return success();
      })
      .Case([&](RadialAttr radial) {
        code(AttributeCode::Radial);
        writer.writeSignedVarInt(radial.getFrames());
        writer.writeSignedVarInt(radial.getTokens());
        writer.writeAPFloatWithKnownSemantics(radial.getDecay().getValue());
        writer.writeSignedVarInt(radial.getBlock());
        return success();
      })
      .Case([&](AffineSetAttr set) {
        code(AttributeCode::AffineSet);
        writer.writeAttribute(set.getFunctions());
        return success();
      })
      .Case([&](MaskAttr mask) {
        code(AttributeCode::Mask);
        writer.writeAttribute(mask.getOperand());
        return success();
      })
      .Case([&](PredicateAttr predicate) {
        code(AttributeCode::Predicate);
        writer.writeSignedVarInt(predicate.getNumber());
        writer.writeAttributes(predicate.getOperands());
        writer.writeAttributes(predicate.getIndices());
        return success();
      })
      .Case([&](PerHeadAttr perHead) {
        code(AttributeCode::PerHead);
        writer.writeAttributes(perHead.getAtoms());
        writer.writeAttributes(perHead.getRanks());
        integers(perHead.getStrides());
        return success();
      })
      .Case([&](AndAttr conjunction) {
        code(AttributeCode::And);
        writer.writeAttributes(conjunction.getTerms());
        return success();
      })
      .Case([&](OrAttr disjunction) {
        code(AttributeCode::Or);
        writer.writeAttributes(disjunction.getTerms());
        return success();
      })
      .Case([&](NotAttr negation) {
        code(AttributeCode::Not);
        writer.writeAttribute(negation.getTerm());
        return success();
      })
      .Case([&](SparsityAttr sparsity) {
        code(AttributeCode::Sparsity);
        writer.writeAttribute(sparsity.getExpression());
        return success();
      })
      .Case([&](ScaleAttr scale) {
        code(AttributeCode::Scale);
        writer.writeAPFloatWithKnownSemantics(scale.getValue().getValue());
        return success();
      })
      .Case([&](SoftCapAttr cap) {
        code(AttributeCode::SoftCap);
        writer.writeAPFloatWithKnownSemantics(cap.getValue().getValue());
        return success();
      })
      .Case([&](BiasAttr bias) {
        code(AttributeCode::Bias);
        writer.writeSignedVarInt(bias.getSlot());
        writer.writeAttributes(bias.getRanks());
        return success();
      })
      .Case([&](ScoreMapAttr map) {
        code(AttributeCode::ScoreMap);
        writer.writeSignedVarInt(map.getRegion());
        integers(map.getSlots());
        writer.writeAttribute(map.getRanks());
        return success();
      })
      .Case([&](AccessAttr access) {
        code(AttributeCode::Access);
        writer.writeSignedVarInt(access.getInput());
        writer.writeAttributes(access.getRanks());
        return success();
      })
      .Case([&](OriginAttr origin) {
        code(AttributeCode::Origin);
        writer.writeAttribute(origin.getRank());
        writer.writeAttribute(origin.getAccess());
        return success();
      })
      .Case([&](BlocksAttr blocks) {
        code(AttributeCode::Blocks);
        integers({blocks.getRows(), blocks.getKeys()});
        writer.writeAttribute(blocks.getOffsets());
        writer.writeAttribute(blocks.getIndices());
        return success();
      })
      .Case([&](IndicesAttr indices) {
        code(AttributeCode::Indices);
        writer.writeSignedVarInt(indices.getGroup());
        writer.writeAttribute(indices.getIndices());
        return success();
      })
      .Case([&](PermutedAttr permuted) {
        code(AttributeCode::Permuted);
        writer.writeAttribute(permuted.getTerm());
        return success();
      })
      .Case([&](PermutationAttr permutation) {
        code(AttributeCode::Permutation);
        writer.writeAttribute(permutation.getRank());
        writer.writeAttribute(permutation.getAccess());
        return success();
      })
      .Case([&](PlanAttr plan) {
        code(AttributeCode::Plan);
        writer.writeAttributes(plan.getSymbols());
        writer.writeList(plan.getPieces(), [&](const PlanPiece &piece) {
          for (AffineMap map : {piece.liveLower, piece.liveUpper,
                                piece.fullLower, piece.fullUpper})
            writer.writeAttribute(AffineMapAttr::get(map));
          writer.writeAttribute(IntegerSetAttr::get(piece.constraints));
        });
        writer.writeList(plan.getValues(), [&](const PointValue &value) {
          writer.writeVarInt(static_cast<uint64_t>(value.kind));
          writer.writeAttribute(AffineMapAttr::get(value.map));
        });
        writer.writeAttributes(plan.getTables());
        writer.writeSignedVarInt(plan.getResidues());
        return success();
      })
      .Case([&](MappingAttr mapping) {
        code(AttributeCode::Mapping);
        writer.writeAttribute(mapping.getLanes());
        integers(mapping.getLaneTiles());
        writer.writeSignedVarInt(mapping.getStreamTile());
        writer.writeSignedVarInt(mapping.getRowTile());
        writer.writeAttributes(mapping.getParallel());
        writer.writeAttributes(mapping.getOrder());
        integers(mapping.getGridTile());
        writer.writeVarInt(mapping.getInnerLanes());
        return success();
      })
      .Case([&](ReductionKindAttr reduction) {
        code(AttributeCode::ReductionKind);
        writer.writeVarInt(static_cast<uint32_t>(reduction.getValue()));
        return success();
      })
      .Case([&](AlignmentAttr alignment) {
        code(AttributeCode::Alignment);
        writer.writeVarInt(static_cast<uint32_t>(alignment.getValue()));
        return success();
      })
      .Case([&](NormaliserAttr normaliser) {
        code(AttributeCode::Normaliser);
        writer.writeVarInt(static_cast<uint32_t>(normaliser.getValue()));
        return success();
      })
      .Case([&](ResidencyAttr residency) {
        code(AttributeCode::Residency);
        writer.writeVarInt(static_cast<uint32_t>(residency.getValue()));
        return success();
      })
      .Case([&](GateAttr gate) {
        code(AttributeCode::Gate);
        writer.writeVarInt(static_cast<uint32_t>(gate.getPlace()));
        writer.writeVarInt(static_cast<uint32_t>(gate.getActivation()));
        writer.writeVarInt(gate.getRenormalised());
        writer.writeSignedVarInt(gate.getSlot());
        writer.writeAttributes(gate.getRanks());
        return success();
      })
      .Default([](Attribute) { return failure(); });
}

void AttnDialect::registerBytecode() { addInterfaces<AttnBytecodeInterface>(); }
