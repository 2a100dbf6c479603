//===- SparsityAttributes.cpp - Sparsity expressions from text ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How expressions are read. How they are written is in SparsityPrinter.cpp,
// what their terms accept in SparsityVerifier.cpp, what an atom means in
// SparsityAtoms.cpp, what they name in SparsityTerms.cpp.
//
//===----------------------------------------------------------------------===//

#include "IndexExpression.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Sparsity expressions
//===----------------------------------------------------------------------===//

// spec: SP-4
LogicalResult SparsityAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Attribute expression) {
  if (!isTerm(expression))
    return emitError() << "expected a sparsity expression; got " << expression;
  return success();
}

/// Expressions are trees that functions walk by calling themselves.
static constexpr unsigned kMostNestedTerms = 256;

/// What may stand where a term is expected, for messages.
static constexpr StringLiteral kKnownAtoms =
    "causal, window(left, right), prefix(length), leading(count), "
    "block_diagonal(size), dilated(window, step), strided(step, offset), "
    "neighborhood(kernel), power_of_two(block), radial(frames, tokens, decay, "
    "block), affine_set(map), blocks(rows, keys, offsets, indices), "
    "indices(group, indices), mask(operand), predicate(operands)";

namespace {

/// Reads an expression, the loosest connective first.
class ExpressionParser {
public:
  ExpressionParser(AsmParser &parser,
                   function_ref<FailureOr<AccessAttr>()> parseOperand,
                   function_ref<FailureOr<int64_t>()> parseRegion)
      : parser(parser), context(parser.getContext()),
        parseOperand(parseOperand), parseRegion(parseRegion) {}

  FailureOr<Attribute> parseDisjunction(unsigned depth);

private:
  FailureOr<Attribute> parseConjunction(unsigned depth);
  /// A term, maybe with `in permuted`.
  FailureOr<Attribute> parseTerm(unsigned depth);
  FailureOr<Attribute> parsePlainTerm(unsigned depth);
  /// The parameters of the atom `keyword`; null if there is no such atom.
  FailureOr<Attribute> parseAtom(StringRef keyword, SMLoc location);
  FailureOr<Attribute> parseNeighborhood(SMLoc location);
  FailureOr<Attribute> parseStrided(SMLoc location);
  FailureOr<Attribute> parseRadial(SMLoc location);
  FailureOr<Attribute> parseBlocks(SMLoc location);
  FailureOr<Attribute> parseIndices(SMLoc location);
  FailureOr<Attribute> parsePredicate(SMLoc location);
  /// An operand that an atom names, behind a comma.
  FailureOr<AccessAttr> parseListOperand();
  FailureOr<AccessAttr> parseAnyOperand();
  /// What counts heads, behind an atom that differs by head.
  FailureOr<Attribute> parsePerHead(SMLoc location, ArrayRef<Attribute> atoms);

  /// A parameter: a number, or an array over heads.
  struct Parameter {
    SmallVector<int64_t> numbers;
    bool isArray = false;
  };
  ParseResult parseParameter(Parameter &parameter) {
    if (succeeded(parser.parseOptionalLSquare())) {
      parameter.isArray = true;
      do {
        if (parser.parseInteger(parameter.numbers.emplace_back()))
          return failure();
      } while (succeeded(parser.parseOptionalComma()));
      return parser.parseRSquare();
    }
    return parser.parseInteger(parameter.numbers.emplace_back());
  }
  /// Reads so many parameters in parentheses.
  ParseResult parseParameters(MutableArrayRef<Parameter> parameters) {
    if (parser.parseLParen())
      return failure();
    for (auto [index, parameter] : llvm::enumerate(parameters))
      if ((index > 0 && parser.parseComma()) || parseParameter(parameter))
        return failure();
    return parser.parseRParen();
  }
  /// The atom that has these parameters, or one for each head.
  FailureOr<Attribute>
  build(SMLoc location, ArrayRef<Parameter> parameters,
        function_ref<FailureOr<Attribute>(ArrayRef<int64_t>)> getAtom) {
    // spec: SP-19
    std::optional<size_t> heads;
    for (const Parameter &parameter : parameters) {
      if (!parameter.isArray)
        continue;
      if (heads && *heads != parameter.numbers.size())
        return parser.emitError(location)
                   << "arrays over heads in one atom are equally long; got "
                   << *heads << " and " << parameter.numbers.size(),
               failure();
      heads = parameter.numbers.size();
    }
    SmallVector<Attribute> atoms;
    for (size_t head = 0; head < heads.value_or(1); ++head) {
      FailureOr<Attribute> atom = getAtom(
          llvm::map_to_vector(parameters, [&](const Parameter &parameter) {
            return parameter.numbers[parameter.isArray ? head : 0];
          }));
      if (failed(atom))
        return failure();
      atoms.push_back(*atom);
    }
    if (heads)
      return parsePerHead(location, atoms);
    return atoms.front();
  }
  ParseResult parseList(SmallVectorImpl<int64_t> &integers) {
    integers.clear();
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
      return parser.parseInteger(integers.emplace_back());
    });
  }

  template <typename AttrT, typename... Args>
  FailureOr<Attribute> get(SMLoc location, Args &&...args) {
    Attribute attribute =
        AttrT::getChecked([&] { return parser.emitError(location); }, context,
                          std::forward<Args>(args)...);
    if (!attribute)
      return failure();
    return attribute;
  }
  template <typename AttrT>
  FailureOr<Attribute> parseNumber(SMLoc location) {
    Parameter parameter;
    if (parseParameters(parameter))
      return failure();
    return build(location, parameter, [&](ArrayRef<int64_t> numbers) {
      return get<AttrT>(location, numbers[0]);
    });
  }
  template <typename AttrT>
  FailureOr<Attribute> parseNumbers(SMLoc location) {
    Parameter parameters[2];
    if (parseParameters(parameters))
      return failure();
    return build(location, parameters, [&](ArrayRef<int64_t> numbers) {
      return get<AttrT>(location, numbers[0], numbers[1]);
    });
  }

  AsmParser &parser;
  MLIRContext *context;
  function_ref<FailureOr<AccessAttr>()> parseOperand;
  function_ref<FailureOr<int64_t>()> parseRegion;
};

} // namespace

FailureOr<AccessAttr> ExpressionParser::parseListOperand() {
  if (parser.parseComma())
    return failure();
  return parseAnyOperand();
}

FailureOr<AccessAttr> ExpressionParser::parseAnyOperand() {
  if (parseOperand)
    return parseOperand();
  int64_t number;
  SmallVector<StringAttr> ranks;
  if (parser.parseInteger(number) || parseRankList(parser, ranks))
    return failure();
  return AccessAttr::get(context, number, ranks);
}

/// Operands, then ranks whose indices the region receives, then the region. In
/// an attribute its number stands in front.
FailureOr<Attribute> ExpressionParser::parsePredicate(SMLoc location) {
  int64_t number = 0;
  bool isFirst = true;
  if (parser.parseLParen())
    return failure();
  if (!parseRegion) {
    if (parser.parseInteger(number))
      return failure();
    isFirst = false;
  }
  SmallVector<AccessAttr> operands;
  SmallVector<StringAttr> indices;
  while (failed(parser.parseOptionalRParen())) {
    if (!isFirst && parser.parseComma())
      return failure();
    isFirst = false;
    StringRef rank;
    SMLoc place = parser.getCurrentLocation();
    if (succeeded(parser.parseOptionalKeyword(&rank))) {
      if (!llvm::isLower(rank.front()))
        return parser.emitError(place)
                   << "rank names start with a lower-case letter; got '" << rank
                   << "'",
               failure();
      indices.push_back(StringAttr::get(context, rank));
      continue;
    }
    if (!indices.empty())
      return parser.emitError(place, "a predicate lists its operands in front "
                                     "of the ranks whose indices it reads"),
             failure();
    FailureOr<AccessAttr> operand = parseAnyOperand();
    if (failed(operand))
      return failure();
    operands.push_back(*operand);
  }
  if (parseRegion) {
    FailureOr<int64_t> region = parseRegion();
    if (failed(region))
      return failure();
    number = *region;
  }
  return get<PredicateAttr>(location, number, ArrayRef<AccessAttr>(operands),
                            ArrayRef<StringAttr>(indices));
}

FailureOr<Attribute> ExpressionParser::parseBlocks(SMLoc location) {
  int64_t rows, keys;
  if (parser.parseLParen() || parser.parseInteger(rows) ||
      parser.parseComma() || parser.parseInteger(keys))
    return failure();
  FailureOr<AccessAttr> offsets = parseListOperand();
  if (failed(offsets))
    return failure();
  FailureOr<AccessAttr> indices = parseListOperand();
  if (failed(indices) || parser.parseRParen())
    return failure();
  return get<BlocksAttr>(location, rows, keys, *offsets, *indices);
}

FailureOr<Attribute> ExpressionParser::parseIndices(SMLoc location) {
  int64_t group;
  if (parser.parseLParen() || parser.parseInteger(group))
    return failure();
  FailureOr<AccessAttr> indices = parseListOperand();
  if (failed(indices) || parser.parseRParen())
    return failure();
  return get<IndicesAttr>(location, group, *indices);
}

FailureOr<Attribute> ExpressionParser::parseNeighborhood(SMLoc location) {
  SmallVector<int64_t> kernel, grid, stride, dilation, causal;
  bool clipped = false;
  if (parser.parseLParen() || parseList(kernel))
    return failure();
  stride.assign(kernel.size(), 1);
  dilation.assign(kernel.size(), 1);
  causal.assign(kernel.size(), 0);
  llvm::StringSet<> seen;
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc optionLocation = parser.getCurrentLocation();
    StringRef option;
    if (parser.parseKeyword(&option))
      return failure();
    SmallVectorImpl<int64_t> *numbers =
        llvm::StringSwitch<SmallVectorImpl<int64_t> *>(option)
            .Case("grid", &grid)
            .Case("stride", &stride)
            .Case("dilation", &dilation)
            .Case("causal", &causal)
            .Default(nullptr);
    if ((!numbers && option != "clipped") || !seen.insert(option).second)
      return parser.emitError(optionLocation)
                 << "expected each of grid, stride, dilation, causal, clipped "
                    "at most once; got '"
                 << option << "'",
             failure();
    if (!numbers)
      clipped = true;
    else if (parseList(*numbers))
      return failure();
  }
  if (parser.parseRParen())
    return failure();
  using List = ArrayRef<int64_t>;
  return get<NeighborhoodAttr>(location, List(kernel), List(grid), List(stride),
                               List(dilation), List(causal), clipped);
}

FailureOr<Attribute> ExpressionParser::parseStrided(SMLoc location) {
  Parameter parameters[3];
  auto &[step, offset, block] = parameters;
  if (parser.parseLParen() || parseParameter(step) || parser.parseComma() ||
      parseParameter(offset))
    return failure();
  if (failed(parser.parseOptionalComma()))
    block.numbers = {1};
  else if (parser.parseKeyword("block") || parseParameter(block))
    return failure();
  if (parser.parseRParen())
    return failure();
  return build(location, parameters, [&](ArrayRef<int64_t> numbers) {
    return get<StridedAttr>(location, numbers[0], numbers[1], numbers[2]);
  });
}

FailureOr<Attribute> ExpressionParser::parsePerHead(SMLoc location,
                                                    ArrayRef<Attribute> atoms) {
  SmallVector<StringAttr> ranks;
  SmallVector<int64_t> strides;
  if (failed(parser.parseOptionalKeyword("by"))) {
    ranks.push_back(StringAttr::get(context, kHeadRank));
    strides.push_back(1);
  } else {
    do {
      int64_t &stride = strides.emplace_back(1);
      OptionalParseResult factor = parser.parseOptionalInteger(stride);
      if ((factor.has_value() && (*factor || parser.parseStar())) ||
          parseRankName(parser, ranks))
        return failure();
    } while (succeeded(parser.parseOptionalPlus()));
  }
  return get<PerHeadAttr>(location, atoms, ArrayRef<StringAttr>(ranks),
                          ArrayRef<int64_t>(strides));
}

FailureOr<Attribute> ExpressionParser::parseRadial(SMLoc location) {
  int64_t frames, tokens, block;
  double decay;
  if (parser.parseLParen() || parser.parseInteger(frames) ||
      parser.parseComma() || parser.parseInteger(tokens) ||
      parser.parseComma() || parser.parseFloat(decay) || parser.parseComma() ||
      parser.parseInteger(block) || parser.parseRParen())
    return failure();
  auto type = Float64Type::get(context);
  return get<RadialAttr>(location, frames, tokens, FloatAttr::get(type, decay),
                         block);
}

FailureOr<Attribute> ExpressionParser::parseAtom(StringRef keyword,
                                                 SMLoc location) {
  if (keyword == "causal")
    return Attribute(CausalAttr::get(context));
  if (keyword == "window")
    return parseNumbers<WindowAttr>(location);
  if (keyword == "prefix")
    return parseNumber<PrefixAttr>(location);
  if (keyword == "leading")
    return parseNumber<LeadingAttr>(location);
  if (keyword == "block_diagonal")
    return parseNumber<BlockDiagonalAttr>(location);
  if (keyword == "dilated")
    return parseNumbers<DilatedAttr>(location);
  if (keyword == "strided")
    return parseStrided(location);
  if (keyword == "neighborhood")
    return parseNeighborhood(location);
  if (keyword == "power_of_two")
    return parseNumber<PowerOfTwoAttr>(location);
  if (keyword == "radial")
    return parseRadial(location);
  if (keyword == "blocks")
    return parseBlocks(location);
  if (keyword == "indices")
    return parseIndices(location);
  if (keyword == "mask") {
    if (parser.parseLParen())
      return failure();
    FailureOr<AccessAttr> mask = parseAnyOperand();
    if (failed(mask) || parser.parseRParen())
      return failure();
    return get<MaskAttr>(location, *mask);
  }
  if (keyword == "predicate")
    return parsePredicate(location);
  if (keyword == "affine_set") {
    AffineMapAttr functions;
    if (parser.parseLParen() || parser.parseAttribute(functions) ||
        parser.parseRParen())
      return failure();
    FailureOr<Attribute> set = get<AffineSetAttr>(location, functions);
    if (failed(set) || functions.getValue().getNumSymbols() == 0)
      return set;
    return parsePerHead(location, *set);
  }
  return Attribute();
}

FailureOr<Attribute> ExpressionParser::parseTerm(unsigned depth) {
  FailureOr<Attribute> term = parsePlainTerm(depth);
  SMLoc location = parser.getCurrentLocation();
  if (failed(term) || failed(parser.parseOptionalKeyword("in")))
    return term;
  if (parser.parseKeyword("permuted"))
    return failure();
  return get<PermutedAttr>(location, *term);
}

FailureOr<Attribute> ExpressionParser::parsePlainTerm(unsigned depth) {
  // spec: SP-4
  if (depth == kMostNestedTerms)
    return parser.emitError(parser.getCurrentLocation())
               << "sparsity expressions nest at most " << kMostNestedTerms
               << " parentheses and 'not's",
           failure();
  if (succeeded(parser.parseOptionalLParen())) {
    FailureOr<Attribute> inner = parseDisjunction(depth + 1);
    if (failed(inner) || parser.parseRParen())
      return failure();
    return inner;
  }

  SMLoc location = parser.getCurrentLocation();
  StringRef keyword;
  if (failed(parser.parseOptionalKeyword(&keyword)))
    return parser.emitError(location)
               << "expected a sparsity term: " << kKnownAtoms
               << ", not or a parenthesis",
           failure();
  if (keyword == "not") {
    FailureOr<Attribute> inner = parseTerm(depth + 1);
    if (failed(inner))
      return failure();
    return get<NotAttr>(location, *inner);
  }
  FailureOr<Attribute> atom = parseAtom(keyword, location);
  if (succeeded(atom) && !*atom)
    return parser.emitError(location)
               << "unknown sparsity term '" << keyword << "'; known are "
               << kKnownAtoms << ", and, or, not",
           failure();
  return atom;
}

FailureOr<Attribute> ExpressionParser::parseConjunction(unsigned depth) {
  SmallVector<Attribute> terms;
  do {
    FailureOr<Attribute> term = parseTerm(depth);
    if (failed(term))
      return failure();
    terms.push_back(*term);
  } while (succeeded(parser.parseOptionalKeyword("and")));
  if (terms.size() == 1)
    return terms.front();
  return Attribute(AndAttr::get(context, terms));
}

FailureOr<Attribute> ExpressionParser::parseDisjunction(unsigned depth) {
  SmallVector<Attribute> terms;
  do {
    FailureOr<Attribute> term = parseConjunction(depth);
    if (failed(term))
      return failure();
    terms.push_back(*term);
  } while (succeeded(parser.parseOptionalKeyword("or")));
  if (terms.size() == 1)
    return terms.front();
  return Attribute(OrAttr::get(context, terms));
}

FailureOr<Attribute>
SparsityAttr::parseExpression(AsmParser &parser,
                              function_ref<FailureOr<AccessAttr>()> parseList,
                              function_ref<FailureOr<int64_t>()> parseRegion) {
  return ExpressionParser(parser, parseList, parseRegion)
      .parseDisjunction(/*depth=*/0);
}

Attribute SparsityAttr::parse(AsmParser &parser, Type) {
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess())
    return {};
  FailureOr<Attribute> expression = parseExpression(parser);
  if (failed(expression) || parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), *expression);
}
