# ===- test_walked_points.py - Data at points of other walks ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Masks and predicates where tokens are packed, permuted or listed: operands and
indices are those of the tokens, wherever the walk finds them."""

from dataclasses import replace

import pytest
from operators import Spec
from runner import check_counts, check_page_borders, check_shapes

BASE = Spec(24, 40, heads=4, key_heads=2, lse=True)
PACKED = replace(BASE, segments=(("both", ""),))
SLOTS = ("permuted", ("window", 20, 9))
PERMUTED = replace(BASE, permute=(("both", "h"),))
APART = replace(BASE, permute=(("query", ""), ("key", "b")))
BLOCKS = ("blocks", 32, 16, "h")
TOKENS = ("indices", 16, "h")
MASK = ("mask", "bhmn")
DOCUMENTS = ("predicate", "documents")
THIRD = ("predicate", "every_third")
FORMS = {
    "packed_mask": replace(PACKED, where=(MASK, ("causal",))),
    "packed_predicate": replace(PACKED, where=(DOCUMENTS,), segments=(("both", "b"),)),
    "packed_indices": replace(
        PACKED, where=(THIRD, ("window", 30, 9)), segments=(("query", ""), ("key", "b"))
    ),
    # Positions beside data are those of the segment, indices those of all tokens.
    "packed_or": replace(
        PACKED, where=(("or", ("window", 5, 2), ("and", THIRD, ("mask", "bn"))), ("causal",))
    ),
    "packed_top_left": replace(
        PACKED, where=(("or", ("prefix", 7), ("not", MASK)),), align="top_left",
        segments=(("query", ""), ("key", "")),
    ),
    "packed_lengths": replace(
        PACKED, where=(("or", ("window", 20, 3), DOCUMENTS),), key_lengths=True,
        query_lengths=True, segments=(("both", "b"),), sinks=True,
    ),
    "packed_counts_keys": replace(
        PACKED, where=(("or", ("neighborhood", (9,)), ("mask", "hm")),)
    ),
    "packed_offset": replace(
        PACKED, where=(("or", ("window", 12, 0), ("mask", "bm")),), align="offset", offset="row"
    ),
    "packed_bf16": replace(PACKED, where=(THIRD, ("causal",)), dtype="bf16", bias="mn"),
    "permuted_mask": replace(PERMUTED, where=(SLOTS, MASK)),
    "permuted_keys": replace(BASE, permute=(("key", "h"),), where=(SLOTS, ("mask", "bn"))),
    "permuted_predicate": replace(PERMUTED, where=(SLOTS, THIRD, ("causal",))),
    "permuted_operands": replace(APART, where=(SLOTS, DOCUMENTS, ("predicate", "distance"))),
    # Slots, tokens and data in one term, which has no plan.
    "permuted_or": replace(PERMUTED, where=(("or", SLOTS, MASK), ("causal",))),
    "permuted_all": replace(APART, where=(("or", SLOTS, ("and", ("causal",), THIRD)),)),
    "permuted_both": replace(
        APART, where=(SLOTS, ("or", ("window", 40, 10), DOCUMENTS)), key_lengths=True,
    ),
    "permuted_bf16": replace(PERMUTED, where=(SLOTS, MASK, THIRD), dtype="bf16"),
    "blocks_mask": replace(BASE, where=(BLOCKS, ("mask", "mn"))),
    "blocks_predicate": replace(BASE, where=(("causal",), BLOCKS, DOCUMENTS, THIRD)),
    "blocks_or": replace(
        BASE, where=(BLOCKS, ("or", ("window", 30, 5), ("mask", "bmn"))), key_lengths=True,
    ),
    "tokens_mask": replace(BASE, where=(TOKENS, MASK)),
    "tokens_keys": replace(BASE, where=(TOKENS, ("mask", "bn"), ("causal",))),
    "tokens_predicate": replace(BASE, where=(TOKENS, THIRD, DOCUMENTS), sinks=True),
    "tokens_or": replace(
        BASE, where=(TOKENS, ("or", ("window", 30, 5), THIRD)), query_lengths=True,
    ),
    "tokens_counts_keys": replace(
        BASE, where=(TOKENS, ("or", ("neighborhood", (9,)), ("mask", "bn")))
    ),
    "tokens_f64": replace(BASE, where=(TOKENS, ("predicate", "double")), dtype="f64"),
}  # fmt: skip
SHAPES = [(113, 239), (239, 113), (1, 64), (64, 1), (49, 16)]
EQUAL = [(113, 113), (1, 1), (48, 48), (257, 257)]


def shapes(spec):
    return EQUAL if spec.permute and spec.permute[0][0] == "both" else SHAPES


@pytest.mark.parametrize("name", FORMS)
def test_fused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "fused", shapes(FORMS[name]), seed)


@pytest.mark.parametrize("name", [name for name in FORMS if not name.endswith("_bf16")])
def test_unfused(kernels, name, seed):
    check_shapes(kernels, FORMS[name], "unfused", shapes(FORMS[name])[:1], seed)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["packed_or", "permuted_mask", "tokens_mask", "blocks_or"])
def test_at_page_borders(kernels, name, guard, seed):
    check_page_borders(kernels, FORMS[name], guard, seed)


@pytest.mark.parametrize("name", ["packed_indices", "permuted_predicate", "tokens_keys"])
def test_counts(kernels, name, seed):
    check_counts(kernels, FORMS[name], 40, 40, seed)
