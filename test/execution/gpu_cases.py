# ===- gpu_cases.py - Operators for the tests of GPUs ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operators whose kernels are assembled and simulated."""

from operators import Spec

CHIPS = ["sm_80", "sm_89", "sm_90a", "sm_120"]
WINDOW = ("permuted", ("window", 20, 9))

SPECS = {
    "plain": Spec(32, 32, heads=2, key_heads=1, lse=True),
    "causal": Spec(40, 24, heads=4, key_heads=2, where=(("causal",),)),
    "odd": Spec(7, 5, heads=3, key_heads=3, where=(("window", 9, 3),), lse=True),
    "bf16": Spec(64, 64, heads=2, key_heads=1, dtype="bf16", where=(("causal",),), lse=True),
    "f16": Spec(48, 16, dtype="f16", where=(("window", 31, 0),)),
    "f64": Spec(
        24, 40, heads=2, key_heads=1, dtype="f64", softcap=20.0, bias="hmn",
        where=(("causal",), ("window", 31, 17)), key_lengths=True, sinks=True, lse=True,
    ),
    "features": Spec(
        40, 48, heads=2, key_heads=1, softcap=20.0, bias="hmn", region="alibi",
        where=(("causal",), ("window", 31, 17)), key_lengths=True, query_lengths=True, lse=True,
    ),
    "regions": Spec(8, 8, heads=3, key_heads=1, region="every_third", bias="bn", lse=True),
    "union": Spec(16, 16, where=(("or", ("window", 6, 2), ("prefix", 9)), ("causal",)), lse=True),
    "permuted": Spec(
        24, 16, heads=4, key_heads=2, where=(WINDOW, ("causal",)), lse=True,
        permute=(("both", "h"),),
    ),
    "apart": Spec(
        24, 16, heads=2, key_heads=2, where=(WINDOW,), dtype="bf16",
        permute=(("query", ""), ("key", "")),
    ),
    "gates": Spec(
        16, 24, heads=2, key_heads=1, region="every_third",
        gates=(("query", "tanh", "bhme", False), ("key", "silu", "bhn", False),
               ("value", "sigmoid", "bkn", False), ("weight", "sigmoid", "bmn", True),
               ("output", "sigmoid", "bhmf", False)),
    ),
    "segments": Spec(
        24, 16, heads=2, key_heads=1, where=(("causal",),), lse=True, segments=(("both", "b"),),
    ),
    "blocks": Spec(
        16, 24, heads=2, key_heads=2, where=(("causal",), ("blocks", 32, 16, "h")), lse=True,
    ),
    "tokens": Spec(16, 16, heads=2, key_heads=1, dtype="bf16", where=(("indices", 16, "h"),)),
    "sigmoid": Spec(16, 16, normaliser="sigmoid", where=(("causal",),)),
    "wide": Spec(256, 256, dtype="f16"),
    "few": Spec(
        16, 24, heads=8, key_heads=2, queries=2, where=(("window", 30, 5),), key_lengths=True,
        lse=True,
    ),
}  # fmt: skip

# Compiled einsum by einsum.
UNFUSED = ["plain", "odd", "bf16", "features", "permuted", "gates", "segments", "tokens"]
