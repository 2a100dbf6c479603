# ===- test_merge.py - Partial results combined ---------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn.merge against the attention over all keys at once."""

import numpy as np
import pytest
from runner import Counter

HEADS, F = 4, 40
OUT, LSE = f"tensor<?x{HEADS}x?x{F}xf32>", f"tensor<?x{HEADS}x?xf32>"


def text(parts: int, sinks: bool) -> str:
    outputs = [f"%o{i}" for i in range(parts)]
    lses = [f"%l{i}" for i in range(parts)]
    arguments = [f"{out}: {OUT}, {lse}: {LSE}" for out, lse in zip(outputs, lses, strict=True)]
    types = [OUT] * parts + [LSE] * parts
    clause = ""
    if sinks:
        arguments.append(f"%s: tensor<{HEADS}xf32>")
        types.append(f"tensor<{HEADS}xf32>")
        clause = " sinks(%s)"
    return f"""
func.func @attention({", ".join(arguments)}) -> ({OUT}, {LSE}) {{
  %o, %l = attn.merge({", ".join(outputs)}) lse({", ".join(lses)}){clause}
      : ({", ".join(types)}) -> ({OUT}, {LSE})
  return %o, %l : {OUT}, {LSE}
}}
"""


def softmax(scores, values, sink=None):
    """Output and log-sum-exp over the last rank of `scores`, in float64."""
    top = scores.max(axis=-1, keepdims=True)
    pivot = top if sink is None else np.maximum(top, sink)
    weights = np.exp(scores - pivot)
    total = weights.sum(axis=-1, keepdims=True)
    if sink is not None:
        total = total + np.exp(sink - pivot)
    return weights / total @ values, (pivot + np.log(total))[..., 0]


@pytest.mark.parametrize("sinks", [False, True], ids=["plain", "sinks"])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_give_the_whole(kernels, parts, sinks):
    kernel = kernels.compile(text(parts, sinks), f"merge{parts}{sinks}")
    rng = np.random.default_rng(parts)
    for batch, queries, keys in ((1, 1, 7), (2, 49, 65), (1, 113, 30)):
        scores = 4 * rng.standard_normal((batch, HEADS, queries, keys))
        values = rng.standard_normal((batch, HEADS, keys, F))
        sink = rng.standard_normal(HEADS) if sinks else None
        column = None if sink is None else sink[:, None, None]
        cuts = np.array_split(np.arange(keys), parts)
        inputs = []
        for cut in cuts:
            out, lse = softmax(scores[..., cut], values[:, :, cut])
            inputs += [out.astype("f"), lse.astype("f")]
        if sinks:
            inputs.append(sink.astype("f"))
        out = np.full((batch, HEADS, queries, F), np.nan, "f")
        lse = np.full((batch, HEADS, queries), np.nan, "f")
        Counter.executions += 1
        kernel.run([*inputs, out, lse])
        expected, expected_lse = softmax(scores, values, column)
        assert np.abs(out - expected).max() < 4e-6
        assert np.abs(lse - expected_lse).max() < 4e-6


@pytest.mark.parametrize("sinks", [False, True], ids=["plain", "sinks"])
def test_rows_that_no_part_has_seen(kernels, sinks):
    """-inf in every log-sum-exp gives 0 and -inf; -inf in one changes nothing."""
    kernel = kernels.compile(text(2, sinks), f"merge2{sinks}")
    rng = np.random.default_rng(7)
    first, second = (rng.standard_normal((1, HEADS, 5, F)).astype("f") for _ in range(2))
    lses = np.zeros((2, 1, HEADS, 5), "f")
    lses[:, :, :, 0] = -np.inf
    lses[1, :, :, 1] = -np.inf
    extra = [np.full(HEADS, -np.inf, "f")] if sinks else []
    out, lse = np.full(first.shape, np.nan, "f"), np.full((1, HEADS, 5), np.nan, "f")
    Counter.executions += 1
    kernel.run([first, lses[0], second, lses[1], *extra, out, lse])
    assert (out[:, :, 0] == 0).all() and np.isneginf(lse[:, :, 0]).all()
    assert np.allclose(out[:, :, 1], first[:, :, 1]) and np.allclose(lse[:, :, 1], 0)
    assert np.allclose(out[:, :, 2:], (first + second)[:, :, 2:] / 2, atol=1e-6)
