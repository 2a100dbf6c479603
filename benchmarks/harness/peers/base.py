# ===- base.py - What peers share ---------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What a peer is, and how it reads the description of a workload.

A peer has a `setting`, the way in which the library is called, which the table
prints; a `version()`; `refuses(described)`, the reason why it does not do a
workload, or None; `prepare(described, arrays, folder)`, which returns the call
to be timed; and `output()`, the last result in float32.
"""

from __future__ import annotations

import numpy as np

# The most pairs, a byte each, that are written as a mask for those who need one.
LARGEST_MASK = 2**30

# What edits scores, weights or results, beside the sparsity.
FEATURES = ("softcap", "bias", "region", "sinks", "gates", "normaliser", "weights", "permute")


def features(described) -> set[str]:
    """The features that a workload uses."""
    used = {name for name in FEATURES if described[name]}
    if described["window"]:
        used.add("window")
    if described["window"] is None:
        used.add("mask")
    return used


def beyond(described, known, dtypes, what: str) -> str | None:
    """Why a peer that knows these features and dtypes refuses, or None."""
    if described["dtype"] not in dtypes:
        return f"{what} computes {', '.join(dtypes)}"
    used = features(described)
    size = described["queries"] * described["keys"]
    if "mask" in used and size > LARGEST_MASK:
        return f"{what} needs a mask of all pairs, {size / 2**30:.0f} GiB"
    missing = used - set(known)
    return f"{what} has no {', '.join(sorted(missing))}" if missing else None


def to_float(array: np.ndarray, dtype: str) -> np.ndarray:
    """Float32 values of a stored array."""
    if dtype == "bf16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)


def split_batch(array: np.ndarray) -> np.ndarray:
    """[b, h, n, e] to [b, n, h * e], the layout of libraries that keep heads inside."""
    batch, heads, tokens, width = array.shape
    moved = array.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width)
    return np.ascontiguousarray(moved)


def join_batch(array: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of split_batch."""
    batch, tokens, width = array.shape
    return array.reshape(batch, tokens, heads, width // heads).transpose(0, 2, 1, 3)
