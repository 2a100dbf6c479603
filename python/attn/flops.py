# ===- flops.py - Counting the work of an operator -----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""How many floating-point operations an attention operator needs.

The two contractions over live points count: 2 b h (e + f) per live (m, n).
Softmax, modifiers and work on dead points do not.
"""

from __future__ import annotations

import re

import numpy as np

_ATOM = re.compile(r"(causal|window|prefix)(?:\s*\(([^)]*)\))?")


def live_points(atoms: list[tuple], align: str, queries: int, keys: int) -> int:
    """Live (m, n) points, row by row in closed form."""
    pos = np.arange(queries, dtype=np.int64) + (keys - queries if align == "bottom_right" else 0)
    low, high = np.zeros_like(pos), np.full_like(pos, keys)
    for name, *arguments in atoms:
        if name == "causal":
            high = np.minimum(high, pos + 1)
        elif name == "window":
            low = np.maximum(low, pos - arguments[0])
            high = np.minimum(high, pos + arguments[1] + 1)
        elif name == "prefix":
            high = np.minimum(high, arguments[0])
        else:
            raise ValueError(f"no closed form for {name}")
    return int(np.maximum(0, np.minimum(high, keys) - low).sum())


def attention_flops(source: str, kernel, extents) -> float | None:
    """The count for a program that is one attn.attention, or None.

    None where the work depends on data (lengths, segments) or the program does more.
    """
    text = re.sub(r"//[^\n]*", "", source)
    if len(re.findall(r"\battn\.attention\b", text)) != 1 or re.search(
        r"\battn\.(cascade|einsum|merge)\b|\b(lengths|segments)\b", text
    ):
        return None
    shapes = [t.shape(extents) for t in kernel.inputs[:3]]
    if [len(s) for s in shapes] != [4, 4, 4] or shapes[0][3] != shapes[1][3]:
        return None
    (batch, heads, queries, e), (_, _, keys, _), (_, _, _, f) = shapes
    atoms, align = [], "bottom_right"
    where = re.search(r"\bwhere\b(.*?)(?=\balign\b|\bsinks\b|\n\s*:)", text, re.S)
    if where:
        if re.search(r"\b(or|not)\b", where[1]):
            return None
        for name, arguments in _ATOM.findall(where[1]):
            try:
                atoms.append((name, *(int(a) for a in arguments.split(",") if a.strip())))
            except ValueError:
                return None
        rest = re.sub(r"\band\b|[()\s]", "", _ATOM.sub("", where[1]))
        if rest:
            return None
        found = re.search(r"\balign\s+(\w+)", text)
        align = found[1] if found else align
    return 2.0 * batch * heads * (e + f) * live_points(atoms, align, queries, keys)
