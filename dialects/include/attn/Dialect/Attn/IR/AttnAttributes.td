//===- AttnAttributes.td - Attributes of the attn dialect ----------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNATTRIBUTES_TD
#define ATTN_DIALECT_ATTN_IR_ATTNATTRIBUTES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnEnums.td"

class Attn_Attr<string name, string attrMnemonic> : AttrDef<Attn_Dialect, name> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Sparsity
//===----------------------------------------------------------------------===//

def Attn_CausalAttr : Attn_Attr<"Causal", "causal"> {
  let summary = "live where pos(n) <= pos(m)";
}

def Attn_WindowAttr : Attn_Attr<"Window", "window"> {
  let summary = "live where pos(m) - left <= pos(n) <= pos(m) + right";
  let parameters = (ins "int64_t":$left, "int64_t":$right);
  let assemblyFormat = "`<` $left `,` $right `>`";
  let genVerifyDecl = 1;
}

def Attn_PrefixAttr : Attn_Attr<"Prefix", "prefix"> {
  let summary = "live where pos(n) < length";
  let parameters = (ins "int64_t":$length);
  let assemblyFormat = "`<` $length `>`";
  let genVerifyDecl = 1;
}

def Attn_AndAttr : Attn_Attr<"And", "and"> {
  let summary = "live where every term is live";
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$terms);
  let assemblyFormat = "`<` $terms `>`";
  let genVerifyDecl = 1;
}

def Attn_OrAttr : Attn_Attr<"Or", "or"> {
  let summary = "live where some term is live";
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$terms);
  let assemblyFormat = "`<` $terms `>`";
  let genVerifyDecl = 1;
}

def Attn_NotAttr : Attn_Attr<"Not", "not"> {
  let summary = "live where the term is not";
  let parameters = (ins "::mlir::Attribute":$term);
  let assemblyFormat = "`<` $term `>`";
  let genVerifyDecl = 1;
}

def Attn_SparsityAttr : Attn_Attr<"Sparsity", "sparsity"> {
  let summary = "a boolean expression over positional atoms";
  let description = [{
    Which points (m, n) of the score plane exist. The atoms are affine in
    positions; `and`, `or`, `not` and parentheses compose them, `not` binding
    tightest and `or` loosest:

    ```mlir
    #attn.sparsity<causal and window(255, 0)>
    ```

    Sparsity removes points from the iteration space; it adds nothing to the
    score. Outside it an einsum contributes its reduction's identity.
  }];
  let parameters = (ins "::mlir::Attribute":$expression);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Parses the expression without the surrounding brackets, as it stands in
    /// a `where` clause.
    static ::mlir::FailureOr<::mlir::Attribute>
    parseExpression(::mlir::AsmParser &parser);
    static void printExpression(::mlir::AsmPrinter &printer,
                                ::mlir::Attribute expression);
    /// Whether `attribute` may stand in a sparsity expression.
    static bool isTerm(::mlir::Attribute attribute);
  }];
}

//===----------------------------------------------------------------------===//
// Score modifiers
//===----------------------------------------------------------------------===//

def Attn_ScaleAttr : Attn_Attr<"Scale", "scale"> {
  let summary = "multiplies the score by a constant";
  let parameters = (ins "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $value `>`";
  let genVerifyDecl = 1;
}

def Attn_SoftCapAttr : Attn_Attr<"SoftCap", "softcap"> {
  let summary = "replaces the score s by c * tanh(s / c)";
  let parameters = (ins "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $value `>`";
  let genVerifyDecl = 1;
}

def Attn_BiasAttr : Attn_Attr<"Bias", "bias"> {
  let summary = "adds an operand, broadcast over the ranks it lacks";
  let parameters = (ins "int64_t":$slot,
                        ArrayRefParameter<"::mlir::StringAttr">:$ranks);
  let assemblyFormat = "`<` $slot `,` custom<Names>($ranks) `>`";
}

def Attn_ScoreMapAttr : Attn_Attr<"ScoreMap", "score_map"> {
  let summary = "maps the score through one of the op's regions";
  let description = [{
    The region receives the score, one value for each operand listed, and the
    indices b, h, m, n. `slots` are positions among the op's extra operands;
    `ranks` holds the ranks that index each of them.
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
// Cascades
//===----------------------------------------------------------------------===//

def Attn_AccessAttr : Attn_Attr<"Access", "access"> {
  let summary = "an input of a cascade and the ranks that index it";
  let parameters = (ins "int64_t":$input,
                        ArrayRefParameter<"::mlir::StringAttr">:$ranks);
  let assemblyFormat = "`<` $input `,` custom<Names>($ranks) `>`";
}

def Attn_OriginAttr : Attn_Attr<"Origin", "origin"> {
  let summary = "where a rank of a cascade begins: an access that gives one integer";
  let parameters = (ins "::mlir::StringAttr":$rank,
                        "::mlir::attn::AccessAttr":$access);
  let assemblyFormat = "`<` custom<Name>($rank) `,` $access `>`";
}
def Attn_OriginArrayAttr : TypedArrayAttrBase<Attn_OriginAttr,
                                              "origins of ranks">;

def Attn_PlanAttr : Attn_Attr<"Plan", "plan"> {
  let summary = "the key ranges that a tile of queries visits";
  let description = [{
    The result of planning a sparsity for one iterative rank: closed forms over
    a tile of query rows. The live points are the union of the `pieces`, which
    may overlap. The dimensions of a piece's four maps are the first and the
    last row of the tile, 0 <= first <= last < M; `symbols` names their symbols:
    `M` and `N`, the extents of the query and the key rank, then, where there are
    such, `KL` and `QL`, this batch row's numbers of keys and queries among them,
    `D`, the key that the position of row 0 falls on, and `ON`, the origin of the
    key rank. In each piece

    - keys in [max of `liveLower`, min of `liveUpper`) may be live for some row;
      no key outside is live in this piece,
    - keys in [max of `fullLower`, min of `fullUpper`) are live for every row
      and need no test,
    - `constraints`, inequalities over (row, key), are the element test for all
      others; what 0 <= row < M and 0 <= key < N already say is left out. The
      assembly lists the functions that must be nonnegative. A point is live
      where the test of some piece holds.

    A range is empty where its end is not past its begin, by however much. A
    condition c >= 0 on the tile alone, such as first < QL, stands among the
    upper bounds as N * (c + 1).
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$symbols,
                        ArrayRefParameter<"::mlir::attn::PlanPiece">:$pieces);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
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
    to the fastest; without it the lane tiles are the fastest.

    Where each intermediate lives is written on its einsum (`in cache`).
  }];
  let parameters = (ins "::mlir::StringAttr":$lanes,
                        ArrayRefParameter<"int64_t">:$laneTiles,
                        "int64_t":$streamTile, "int64_t":$rowTile,
                        ArrayRefParameter<"::mlir::StringAttr">:$parallel,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$order);
  let assemblyFormat = [{
    `<` `lanes` `=` custom<Name>($lanes) `by` custom<Integers>($laneTiles) `,`
    `stream` `=` $streamTile `,` `rows` `=` $rowTile `,`
    `parallel` `=` custom<Items>($parallel, $order) `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// `order`, or the parallel ranks and then the lanes.
    ::llvm::SmallVector<::mlir::StringAttr> getItemOrder() const;
  }];
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNATTRIBUTES_TD
