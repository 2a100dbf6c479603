//===- AttnSparsityAttributes.td - Which points are live ---*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNSPARSITYATTRIBUTES_TD
#define ATTN_DIALECT_ATTN_IR_ATTNSPARSITYATTRIBUTES_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"

def Attn_CausalAttr : Attn_Attr<"Causal", "causal"> {
  let summary = "live where pos(n) <= pos(m)";
  let description = [{
    The mask of autoregressive attention (Vaswani et al., arXiv 1706.03762,
    section 3.2.3): a query sees the keys up to its own position. Positions are
    token numbers; what lines query 0 up with the keys is the alignment of the
    operator (SP-1, PO-1 to PO-3 of `docs/spec.md`).

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal>} {}
    ```
  }];
}

def Attn_WindowAttr : Attn_Attr<"Window", "window"> {
  let summary = "live where pos(m) - left <= pos(n) <= pos(m) + right";
  let description = [{
    A sliding window of left + 1 + right keys (Longformer, arXiv 2004.05150).
    `left` and `right` are numbers of keys, 0 or more; anything else is refused
    (SP-2). `window(255, 0)` is the causal window of 256 keys.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<window(255, 0)>} {}
    ```
  }];
  let parameters = (ins "int64_t":$left, "int64_t":$right);
  let assemblyFormat = "`<` $left `,` $right `>`";
  let genVerifyDecl = 1;
}

def Attn_PrefixAttr : Attn_Attr<"Prefix", "prefix"> {
  let summary = "live where pos(n) < length";
  let description = [{
    The first `length` keys, 0 or more (SP-3). Together with `causal` it is the
    mask of a prefix language model (T5, arXiv 1910.10683, section 3.2.1).

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal or prefix(128)>} {}
    ```
  }];
  let parameters = (ins "int64_t":$length);
  let assemblyFormat = "`<` $length `>`";
  let genVerifyDecl = 1;
}

def Attn_LeadingAttr : Attn_Attr<"Leading", "leading"> {
  let summary = "live at the first keys";
  let description = [{
    The first `count` keys, 0 or more (SP-11): the attention sinks of StreamingLLM
    (arXiv 2309.17453), or the global tokens of Longformer (arXiv 2004.05150) as
    keys. The same points as `prefix(count)`, whose length says how much of a
    sequence is a prompt.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal and (window(255, 0) or leading(4))>} {}
    ```
  }];
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
  let genVerifyDecl = 1;
}

def Attn_BlockDiagonalAttr : Attn_Attr<"BlockDiagonal", "block_diagonal"> {
  let summary = "live where query and key lie in the same block";
  let description = [{
    pos(m) floordiv size = pos(n) floordiv size (SP-12): chunked attention, blocks
    of `size` tokens that do not see each other.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<block_diagonal(256) and causal>} {}
    ```
  }];
  let parameters = (ins "int64_t":$size);
  let assemblyFormat = "`<` $size `>`";
  let genVerifyDecl = 1;
}

def Attn_DilatedAttr : Attn_Attr<"Dilated", "dilated"> {
  let summary = "live at every step-th key around the query";
  let description = [{
    abs(pos(m) - pos(n)) <= window and pos(m) - pos(n) a multiple of `step` (SP-13):
    the dilated sliding window of Longformer (arXiv 2004.05150, section 3.1), with
    `window` in tokens; with a window as long as the sequence, the strided pattern
    of Sparse Transformers (arXiv 1904.10509).

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<dilated(1020, 4) and causal>} {}
    ```
  }];
  let parameters = (ins "int64_t":$window, "int64_t":$step);
  let assemblyFormat = "`<` $window `,` $step `>`";
  let genVerifyDecl = 1;
}

def Attn_StridedAttr : Attn_Attr<"Strided", "strided"> {
  let summary = "live at every step-th block of keys";
  let description = [{
    (pos(n) floordiv block + offset) mod step = 0 (SP-14), whatever the query: the
    fixed columns of Sparse Transformers (arXiv 1904.10509) and the strided shards
    of S2-Attention (arXiv 2407.17678). `block` is 1 where it is left out.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal and (window(63, 0) or strided(8, 3, block 16))>} {}
    ```
  }];
  let parameters = (ins "int64_t":$step, "int64_t":$offset, "int64_t":$block);
  let assemblyFormat = "`<` $step `,` $offset `,` $block `>`";
  let genVerifyDecl = 1;
}

def Attn_NeighborhoodAttr : Attn_Attr<"Neighborhood", "neighborhood"> {
  let summary = "live where the key is in the window of the query on a token grid";
  let description = [{
    Generalized neighborhood attention (arXiv 2504.16922) on a grid of 1, 2 or 3
    axes, the last one fastest (SP-15). On every axis a query sees `kernel`
    tokens around itself, or around the leader of its group of `stride` tokens;
    at a border the window moves inward and keeps its size, unless it is
    `clipped`. `dilation` splits an axis by remainders; on a `causal` axis (1) the
    window ends at the query. Stride and dilation are 1 and axes are not causal
    where nothing is said.

    `grid` holds the extents. One axis may go without: its extent is the number of
    keys.

    ```mlir test
    module attributes {attn.mask = [
        #attn.sparsity<neighborhood([7])>,
        #attn.sparsity<neighborhood([13, 13], grid [128, 128])>,
        #attn.sparsity<neighborhood([2, 8, 8], grid [30, 48, 80], stride [1, 8, 8], dilation [1, 2, 2], causal [1, 0, 0])>,
        #attn.sparsity<neighborhood([14, 14], grid [32, 32], stride [8, 8], clipped)>]} {}
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$kernel,
                        OptionalArrayRefParameter<"int64_t">:$grid,
                        ArrayRefParameter<"int64_t">:$stride,
                        ArrayRefParameter<"int64_t">:$dilation,
                        ArrayRefParameter<"int64_t">:$causal, "bool":$clipped);
  let assemblyFormat = [{
    `<` custom<Integers>($kernel) `,` custom<Integers>($grid) `,`
    custom<Integers>($stride) `,` custom<Integers>($dilation) `,`
    custom<Integers>($causal) `,` $clipped `>`
  }];
  let genVerifyDecl = 1;
}

def Attn_PowerOfTwoAttr : Attn_Attr<"PowerOfTwo", "power_of_two"> {
  let summary = "live where the key lies a power of two of blocks before the query";
  let description = [{
    pos(m) floordiv block - pos(n) floordiv block is 1, 2, 4, 8 and so on (SP-16):
    the distances of PowerAttention (arXiv 2503.03588), whose mask is

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal and (window(127, 0) or leading(64) or power_of_two(64))>} {}
    ```
  }];
  let parameters = (ins "int64_t":$block);
  let assemblyFormat = "`<` $block `>`";
  let genVerifyDecl = 1;
}

def Attn_RadialAttr : Attn_Attr<"Radial", "radial"> {
  let summary = "live in bands that narrow with the distance between frames";
  let description = [{
    Radial Attention (arXiv 2506.19852) over `frames` frames of `tokens` tokens,
    without its density rule (SP-17). Frames next to each other see each other
    whole; at a distance of 2^(i-1) to 2^i - 1 frames the band within a frame is
    2^bits(tokens) / 2^i * decay wide to each side, at least `block`; where it
    would be narrower, only every (block / width)-th distance is kept. The keys of
    frame 0 are live for every query.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<radial(33, 3600, 1.0, 128)>} {}
    ```
  }];
  let parameters = (ins "int64_t":$frames, "int64_t":$tokens,
                        "::mlir::FloatAttr":$decay, "int64_t":$block);
  let assemblyFormat = "`<` $frames `,` $tokens `,` $decay `,` $block `>`";
  let genVerifyDecl = 1;
}

def Attn_AffineSetAttr : Attn_Attr<"AffineSet", "affine_set"> {
  let summary = "live where affine functions of the positions are 0 or more";
  let description = [{
    Every result of the map, over pos(m) and pos(n), is 0 or more (SP-18). With
    `floordiv`, `ceildiv` and `mod` by positive constants this says most static
    patterns that have no atom of their own.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<
        affine_set(affine_map<(m, n) -> (m - n, 1 - (m + n) mod 3)>)>} {}
    ```

    A symbol of the map is the number of the head; `per_head` holds such a set
    (SP-19).
  }];
  let parameters = (ins "::mlir::AffineMapAttr":$functions);
  let assemblyFormat = "`<` $functions `>`";
  let genVerifyDecl = 1;
}

def Attn_PerHeadAttr : Attn_Attr<"PerHead", "per_head"> {
  let summary = "an atom with parameters of its own in every head";
  let description = [{
    The atom that head i has is `atoms`[i]; all are of one kind, `window`,
    `prefix`, `leading`, `block_diagonal`, `dilated` or `strided` (SP-19). In the
    text an array over heads stands in the place of a parameter that differs:
    S2-Attention (arXiv 2407.17678) gives every head a stride and an offset of
    its own, other models windows of different lengths. Or `atoms` holds one
    `affine_set` whose map has a symbol, the number of the head.

    The number of the head is the sum of `ranks` times `strides`, each rank from
    its origin. In `attn.attention` it is h, which the text leaves out; in a
    cascade, whose heads are split, it stands behind the atom, `by 4 * k + g`.

    ```mlir test
    module attributes {attn.mask = [
        #attn.sparsity<causal and window([63, 127, 255, 511], 0)>,
        #attn.sparsity<causal and (window(63, 0) or strided(4, [0, 1, 2, 3], block 16))>,
        #attn.sparsity<strided([4, 8], [0, 3]) by 2 * k + g>,
        #attn.sparsity<affine_set(affine_map<(m, n)[h] -> (m - n - 16 * h)>)>]} {}
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$atoms,
                        ArrayRefParameter<"::mlir::StringAttr">:$ranks,
                        ArrayRefParameter<"int64_t">:$strides);
  let assemblyFormat = [{
    `<` `[` $atoms `]` `,` custom<Names>($ranks) `,`
    custom<Integers>($strides) `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The numbers of one of the atoms, in the order of the text; none of a set
    /// that reads the number of the head.
    static ::llvm::SmallVector<int64_t> getNumbers(::mlir::Attribute atom);
    /// How many heads the array is made for; 0 where it has no end.
    int64_t getNumHeads() const;
    /// The number of the head is at most this, given the extents of the ranks,
    /// which are known.
    int64_t getLastHead(
        ::llvm::function_ref<int64_t(::mlir::StringAttr)> getExtent) const;
  }];
}

def Attn_BlocksAttr : Attn_Attr<"Blocks", "blocks"> {
  let summary = "live in the blocks of keys that a list of the call names";
  let description = [{
    Block-sparse attention by lists, as MoBA (arXiv 2502.13189) or MInference
    (arXiv 2407.02490) select blocks: the queries i * `rows` to
    (i + 1) * `rows` - 1 see the keys of the blocks of `keys` tokens that their
    list names. The lists stand one behind the other in `indices`, that of block
    i from `offsets`[i] up to `offsets`[i + 1]; both may have dimensions in
    front, which the accesses' ranks index (LI-1, LI-2). Lists are ascending
    (LI-4). Tokens are counted as they lie in the operands, whatever the
    alignment.

    In the text the operands stand in the atom; in an attribute alone their
    numbers do, among the extra operands of an operator or the inputs of a
    cascade:

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal and blocks(64, 64, 0[b, h], 1[b, h])>} {}
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$keys,
                        "::mlir::attn::AccessAttr":$offsets,
                        "::mlir::attn::AccessAttr":$indices);
  let assemblyFormat = "`<` $rows `,` $keys `,` $offsets `,` $indices `>`";
  let genVerifyDecl = 1;
}

def Attn_IndicesAttr : Attn_Attr<"Indices", "indices"> {
  let summary = "live at the keys that a list of the call names";
  let description = [{
    Lists of tokens, one for each `group` of neighbouring queries, as BiFormer
    (arXiv 2303.08810) gathers the tokens of routed regions or Routing
    Transformers (arXiv 2003.05997) those of a cluster. Behind the ranks that the
    access lists, the operand has the groups and their lists, ascending; -1 fills
    up the shorter ones (LI-3, LI-4).

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<indices(16, 0[b, h])>} {}
    ```
  }];
  let parameters = (ins "int64_t":$group, "::mlir::attn::AccessAttr":$indices);
  let assemblyFormat = "`<` $group `,` $indices `>`";
  let genVerifyDecl = 1;
}

def Attn_MaskAttr : Attn_Attr<"Mask", "mask"> {
  let summary = "live where an operand is not 0";
  let description = [{
    A dense mask, i8 elements for each point or broadcast over the ranks of b, h,
    m and n that do not index them (SP-21): what is no list and has no closed
    form, as the mask of an image or of an edited prompt. Every point that the
    other terms leave is tested (SP-22); so say with them what is known, `causal
    and mask(%m[b, n])`.

    In the text the operand stands in the atom; in an attribute alone its number
    does, as for `blocks`:

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal and mask(0[b, m, n])>} {}
    ```
  }];
  let parameters = (ins "::mlir::attn::AccessAttr":$operand);
  let assemblyFormat = "`<` $operand `>`";
  let genVerifyDecl = 1;
}

def Attn_PredicateAttr : Attn_Attr<"Predicate", "predicate"> {
  let summary = "live where a region says so";
  let description = [{
    Region number `number` of the operation receives an element of each operand,
    indexed as that of a mask is, and indices; it yields an i1, whether the point
    is live (SP-23, SP-24). FlexAttention (arXiv 2412.05496) calls it a mask_mod:
    documents, chunks and whatever else compares numbers that tokens have. Every
    point that the other terms leave is tested, as with a mask.

    `indices` are the ranks whose indices the region receives behind the elements. In
    a cascade the text lists them behind the operands: `predicate(%A[m], %B[n], m, n)`.
    An operator lists none, and its regions receive b, h, m and n. In an attribute
    alone the number stands in front:

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<causal and predicate(0, 0[b, m], 1[b, n])>} {}
    ```
  }];
  let parameters = (ins "int64_t":$number,
                        ArrayRefParameter<"::mlir::attn::AccessAttr">:$operands,
                        ArrayRefParameter<"::mlir::StringAttr">:$indices);
  let assemblyFormat = [{
    `<` $number `,` custom<Accesses>($operands) `,` custom<Names>($indices) `>`
  }];
  let genVerifyDecl = 1;
}

def Attn_AndAttr : Attn_Attr<"And", "and"> {
  let summary = "live where every term is live";
  let description = [{
    The intersection of two or more terms: atoms, or terms made of `and`, `or`
    and `not`. Anything else is refused (SP-4). In the text the terms stand
    between the connectives; see `#attn.sparsity`.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$terms);
  let assemblyFormat = "`<` $terms `>`";
  let genVerifyDecl = 1;
}

def Attn_OrAttr : Attn_Attr<"Or", "or"> {
  let summary = "live where some term is live";
  let description = [{
    The union of two or more terms, as for `and` (SP-4). A plan holds up to sixteen
    conjunctions (PL-5); terms with which an expression needs more are asked at
    every step, or tested at every point.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$terms);
  let assemblyFormat = "`<` $terms `>`";
  let genVerifyDecl = 1;
}

def Attn_NotAttr : Attn_Attr<"Not", "not"> {
  let summary = "live where the term is not";
  let description = [{
    The complement of one term (SP-4), within the lengths. That of a conjunction is
    a union, as `or` makes it.
  }];
  let parameters = (ins "::mlir::Attribute":$term);
  let assemblyFormat = "`<` $term `>`";
  let genVerifyDecl = 1;
}

def Attn_PermutedAttr : Attn_Attr<"Permuted", "permuted"> {
  let summary = "an atom over slots in place of tokens";
  let description = [{
    The atom holds where it would if the tokens stood in the order of their slots:
    of a permuted rank it reads the slot, of any other the token (PE-4). In the
    text it is `window(128, 128) in permuted`. The term is an atom; connectives
    join permuted and other atoms (PE-3). These alone give ranges of slots to
    walk; the other atoms are tested point by point.

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<window(128, 128) in permuted and causal>} {}
    ```
  }];
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

    ```mlir test
    module attributes {attn.mask = #attn.sparsity<(causal and window(255, 0)) or not prefix(4)>} {}
    ```

    Sparsity removes points from the iteration space; it adds nothing to the
    score. Outside it an einsum contributes its reduction's identity (SP-5), and a
    row without a live key gives 0 (SP-6).
  }];
  let parameters = (ins "::mlir::Attribute":$expression);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Parses the expression without the surrounding brackets, as it stands in
    /// a `where` clause. `parseList` reads an operand that an atom names, and
    /// `printList` writes it; `parseRegion` reads the region of a predicate and
    /// gives its number, and `printRegion` writes it. Without them the text has
    /// numbers.
    static ::mlir::FailureOr<::mlir::Attribute> parseExpression(
        ::mlir::AsmParser &parser,
        ::llvm::function_ref<
            ::mlir::FailureOr<::mlir::attn::AccessAttr>()> parseList = {},
        ::llvm::function_ref<::mlir::FailureOr<int64_t>()> parseRegion = {});
    static void printExpression(
        ::mlir::AsmPrinter &printer, ::mlir::Attribute expression,
        ::llvm::function_ref<void(::mlir::attn::AccessAttr)> printList = {},
        ::llvm::function_ref<void(int64_t)> printRegion = {});
    /// Whether `attribute` may stand in a sparsity expression.
    static bool isTerm(::mlir::Attribute attribute);
    /// Whether some atom reads slots of permuted ranks.
    bool readsSlots() const;
    /// The atoms whose points lists of the call name, in the order of the text,
    /// each once.
    ::llvm::SmallVector<::mlir::Attribute> getListAtoms() const;
    /// The operands that they name, likewise.
    ::llvm::SmallVector<::mlir::attn::AccessAttr> getLists() const;
    /// The atoms that name operands, of lists, masks or predicates, and the
    /// operands.
    ::llvm::SmallVector<::mlir::Attribute> getOperandAtoms() const;
    ::llvm::SmallVector<::mlir::attn::AccessAttr> getOperands() const;
    /// The atoms that are data at each point, masks and predicates, and the
    /// operands that they name.
    ::llvm::SmallVector<::mlir::Attribute> getPointAtoms() const;
    ::llvm::SmallVector<::mlir::attn::AccessAttr> getPointOperands() const;
    /// The operands that an atom names.
    static ::llvm::SmallVector<::mlir::attn::AccessAttr> getOperandsOf(
        ::mlir::Attribute atom);
    /// The atoms whose points regions say, in the order of the text.
    ::llvm::SmallVector<::mlir::attn::PredicateAttr> getPredicates() const;
    /// This sparsity with other predicates.
    SparsityAttr mapPredicates(
        ::llvm::function_ref<::mlir::attn::PredicateAttr(
            ::mlir::attn::PredicateAttr)> map) const;
    /// The atoms that differ by head, in the order of the text.
    ::llvm::SmallVector<::mlir::attn::PerHeadAttr> getPerHeadAtoms() const;
    /// This sparsity with other numbers for its heads.
    SparsityAttr mapPerHead(
        ::llvm::function_ref<::mlir::attn::PerHeadAttr(
            ::mlir::attn::PerHeadAttr)> map) const;
    /// This sparsity over other operands.
    SparsityAttr mapLists(
        ::llvm::function_ref<::mlir::attn::AccessAttr(
            ::mlir::attn::AccessAttr)> map) const;
  }];
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNSPARSITYATTRIBUTES_TD
