//===- AttnAttributes.td - Attributes of the attn dialect ----------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNATTRIBUTES_TD
#define ATTN_DIALECT_ATTN_IR_ATTNATTRIBUTES_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnEnums.td"

//===----------------------------------------------------------------------===//
// Operands that attributes name
//===----------------------------------------------------------------------===//

def Attn_AccessAttr : Attn_Attr<"Access", "access"> {
  let summary = "an input of a cascade and the ranks that index it";
  let description = [{
    `input` is the position among the cascade's inputs. The ranks are those of its
    dimensions, in order; none for a tensor of rank 0, which holds one number for
    the whole cascade. Lengths, offsets and origins are such accesses, of i32 or
    i64 elements (CA-5); in the text they stand as `%x[b]`. Segments have one more
    dimension behind the ranks, that of their offsets, and so have lists of
    keys.
  }];
  let parameters = (ins "int64_t":$input,
                        ArrayRefParameter<"::mlir::StringAttr">:$ranks);
  let assemblyFormat = "`<` $input `,` custom<Names>($ranks) `>`";
}

include "attn/Dialect/Attn/IR/AttnSparsityAttributes.td"

//===----------------------------------------------------------------------===//
// Score modifiers
//===----------------------------------------------------------------------===//

def Attn_ScaleAttr : Attn_Attr<"Scale", "scale"> {
  let summary = "multiplies the score by a constant";
  let description = [{
    A finite f64, applied in the compute type (MD-2). In the text of
    `attn.attention` it is `scale(c)`; where none is listed, 1/sqrt(e) is put in
    front, the scale of Vaswani et al. (arXiv 1706.03762, equation 1).
  }];
  let parameters = (ins "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $value `>`";
  let genVerifyDecl = 1;
}

def Attn_SoftCapAttr : Attn_Attr<"SoftCap", "softcap"> {
  let summary = "replaces the score s by c * tanh(s / c)";
  let description = [{
    Bounds scores to (-c, c), as Gemma 2 does (arXiv 2408.00118, section 2). c is
    a positive finite f64 in units of the score; anything else is refused (MD-3).
    A NaN stays NaN. In the text it is `softcap(c)`.
  }];
  let parameters = (ins "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $value `>`";
  let genVerifyDecl = 1;
}

def Attn_BiasAttr : Attn_Attr<"Bias", "bias"> {
  let summary = "adds an operand, broadcast over the ranks it lacks";
  let description = [{
    `slot` is the position among the operator's extra operands, `ranks` the ones
    of b, h, m, n that index its dimensions, in their order and each once (AT-7).
    In the text both are `bias(%t[h, m, n] : type)`. Extents are those of the
    ranks; elements are f64, f32, bf16 or f16, and are added in the compute type.
  }];
  let parameters = (ins "int64_t":$slot,
                        ArrayRefParameter<"::mlir::StringAttr">:$ranks);
  let assemblyFormat = "`<` $slot `,` custom<Names>($ranks) `>`";
}

def Attn_ScoreMapAttr : Attn_Attr<"ScoreMap", "score_map"> {
  let summary = "maps the score, or the weight, through one of the op's regions";
  let description = [{
    Region number `region` of the operator receives the score, or what the
    normaliser makes of it, and one value for each operand listed, floats in the compute type, and the indices b, h, m, n;
    it yields the new one. `slots` are positions among the op's extra operands;
    `ranks` holds a list of the ranks that index each of them, as many as there
    are slots (MD-6). The region is pure, and may be evaluated at dead points
    (MD-5). In the text it is `map(%t[ranks] : type, ...) { region }`;
    `docs/tutorials/score-region.md` writes one.
  }];
  let parameters = (ins "int64_t":$region,
                        ArrayRefParameter<"int64_t">:$slots,
                        "::mlir::ArrayAttr":$ranks);
  let assemblyFormat = [{
    `<` $region `,` custom<Integers>($slots) `,` $ranks `>`
  }];
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Gates
//===----------------------------------------------------------------------===//

def Attn_GateAttr : Attn_Attr<"Gate", "gate"> {
  let summary = "multiplies a tensor of the operator by an activated operand";
  let description = [{
    `place` says which: query, key or value features as they are loaded, the
    score after its modifiers, the weights P / D, or the output. With
    `renormalised`, for weights alone, the weights are P * g / sum_n P * g
    instead (Energy-Gated Attention, arXiv 2605.21842); a sum of 0 gives 0.
    `slot` is a position among the op's extra operands, `ranks` index it; it is
    broadcast over the ranks that it lacks.

    A renormalised gate whose activation is positive (sigmoid, softplus, exp) is
    the same as its logarithm added to the score, and is computed so.
  }];
  let parameters = (ins EnumParameter<Attn_GatePlace>:$place,
                        EnumParameter<Attn_Activation>:$activation,
                        "bool":$renormalised, "int64_t":$slot,
                        ArrayRefParameter<"::mlir::StringAttr">:$ranks);
  let assemblyFormat = [{
    `<` $place `,` $activation `,` $renormalised `,` $slot `,`
    custom<Names>($ranks) `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether the activation is positive everywhere.
    bool isPositive() const;
  }];
}
def Attn_GateArrayAttr : TypedArrayAttrBase<Attn_GateAttr, "gates">;

//===----------------------------------------------------------------------===//
// Cascades
//===----------------------------------------------------------------------===//

def Attn_OriginAttr : Attn_Attr<"Origin", "origin"> {
  let summary = "where a rank of a cascade begins: an access that gives one integer";
  let description = [{
    The coordinate in the whole of this tensor's first point along `rank`, counted
    in points of the rank (PO-1, PO-6). Positional atoms and `attn.index` add it;
    operands are indexed without it (PO-4).
  }];
  let parameters = (ins "::mlir::StringAttr":$rank,
                        "::mlir::attn::AccessAttr":$access);
  let assemblyFormat = "`<` custom<Name>($rank) `,` $access `>`";
}
def Attn_OriginArrayAttr : TypedArrayAttrBase<Attn_OriginAttr,
                                              "origins of ranks">;

def Attn_PermutationAttr : Attn_Attr<"Permutation", "permutation"> {
  let summary = "the order in which a rank of a cascade is walked";
  let description = [{
    `access` gives a coordinate of `rank` for each slot, a bijection: the slot is
    the last rank of the access, which has the same name; the others are ranks
    with an order each of their own (PE-5). Operands, results, lengths and indices
    keep the original order.
  }];
  let parameters = (ins "::mlir::StringAttr":$rank,
                        "::mlir::attn::AccessAttr":$access);
  let assemblyFormat = "`<` custom<Name>($rank) `,` $access `>`";
}
def Attn_PermutationArrayAttr : TypedArrayAttrBase<Attn_PermutationAttr,
                                                   "permutations of ranks">;

def Attn_PlanAttr : Attn_Attr<"Plan", "plan"> {
  let summary = "the key ranges that a tile of queries visits";
  let description = [{
    The result of planning a sparsity for one iterative rank: closed forms over
    a tile of query rows. The live points are the union of the `pieces`, which
    may overlap. The dimensions of a piece's four maps are the first and the
    last row of the tile, 0 <= first <= last < M; `symbols` names their symbols:
    `M` and `N`, the extents of the query and the key rank, or of a segment of
    them, then, where there are
    such, `KL` and `QL`, this batch row's numbers of keys and queries among them,
    `D`, the key that the position of row 0 falls on, `ON`, the origin of the
    key rank, and for each list that cuts the keys into parts `L0` and so on, 1
    in a part whose keys the list names and 0 in others. In each piece

    - keys in [max of `liveLower`, min of `liveUpper`) may be live for some row;
      no key outside is live in this piece,
    - keys in [max of `fullLower`, min of `fullUpper`) are live for every row
      and need no test,
    - `constraints`, inequalities over (row, key), are the element test for all
      others; what 0 <= row < M and 0 <= key < N already say is left out. The
      assembly lists the functions that must be nonnegative. A point is live
      where the test of some piece holds.

    What no affine function gives is a value: the largest or the smallest of some
    functions of the point, or a power of two. In a constraint the values are
    symbols behind the others; in a bound, whose rows are two, each is a pair of
    symbols, the value at the first and at the last row.

    What heads differ in is a symbol, too: `H` is the number of the head, `T0` the
    number that the first of the `tables` has for it, and so on.

    With `residues` s more than 1, only rows and keys whose positions leave one
    remainder by s see each other. The plan is then that of each of s planes, in
    which row and key i are the i-th of the remainder: M and N are how many there
    are, and D is where the position of the plane's row 0 falls among its keys.

    A range is empty where its end is not past its begin, by however much. A
    condition c >= 0 on the tile alone, such as first < QL, stands among the
    upper bounds as N * (c + 1).
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$symbols,
                        ArrayRefParameter<"::mlir::attn::PlanPiece">:$pieces,
                        OptionalArrayRefParameter<"::mlir::attn::PointValue">:$values,
                        OptionalArrayRefParameter<"::mlir::DenseI64ArrayAttr">:$tables,
                        DefaultValuedParameter<"int64_t", "1">:$residues);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The number of the list that a symbol is about, 3 for `L3`; nothing if it
    /// is about another thing.
    static ::std::optional<unsigned> getListNumber(::mlir::StringAttr symbol);
    /// The number of the table that a symbol reads, 3 for `T3`, likewise.
    static ::std::optional<unsigned> getTableNumber(::mlir::StringAttr symbol);
  }];
}

def Attn_MappingAttr : Attn_Attr<"Mapping", "mapping"> {
  let summary = "how a cascade is laid out on a machine";
  let description = [{
    Data, not code: every target reads it. `lanes` is the rank whose points lie
    side by side in registers and `laneTiles` the tile sizes generated for it,
    largest first; `streamTile` is the number of points of the iterative rank
    handled per step; `rowTile` the number of accumulator rows of a register
    tile; `parallel` the ranks whose points are independent work items. `order`
    lists these and the lanes' rank, which stands for its tiles, from the slowest
    to the fastest; without it the lane tiles are the fastest. `gridTile` cuts the
    token grid of a `neighborhood` into tiles of so many tokens on each axis, the
    rows of one lane tile; without it rows are cut as they lie.

    With `tile` in place of `lanes`, `innerLanes` here, items are still tiles of
    that rank, but its points do not lie side by side: each einsum on a tile takes
    as its lanes the rank that is contiguous in what it reads, a reduced one
    included, and tiles keep the order of dimensions that their tensors have.

    Where each intermediate lives is written on its einsum (`in cache`).
  }];
  let parameters = (ins "::mlir::StringAttr":$lanes,
                        ArrayRefParameter<"int64_t">:$laneTiles,
                        "int64_t":$streamTile, "int64_t":$rowTile,
                        ArrayRefParameter<"::mlir::StringAttr">:$parallel,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$order,
                        OptionalArrayRefParameter<"int64_t">:$gridTile,
                        "bool":$innerLanes);
  let assemblyFormat = [{
    `<` custom<Lanes>($lanes, $laneTiles, $innerLanes) `,`
    `stream` `=` $streamTile `,` `rows` `=` $rowTile `,`
    `parallel` `=` custom<Items>($parallel, $order, $gridTile) `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// `order`, or the parallel ranks and then the lanes.
    ::llvm::SmallVector<::mlir::StringAttr> getItemOrder() const;
  }];
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNATTRIBUTES_TD
