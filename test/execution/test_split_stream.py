# ===- test_split_stream.py - Runs of the stream as items ------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Keys cut into runs, each carried through by an item of its own, and merged: whatever
the laws derive, whatever restricts the plane, and as many runs as the keys need."""

from dataclasses import replace

import cascade_examples as examples
import numpy as np
import pytest
from operators import Spec, operands, text
from runner import decisions, judge, run, run_guarded, shuffled
from test_cascade_examples import FOLDER, call, check

BASE = Spec(24, 40, heads=6, key_heads=2, lse=True)
FORMS = {
    "plain": BASE,
    "one_query": replace(BASE, queries=1, key_heads=1),
    "causal": replace(BASE, where=(("causal",),)),
    "few_queries": replace(BASE, queries=3, where=(("causal",),), key_lengths=True),
    "window": replace(BASE, where=(("window", 60, 3),), align="top_left"),
    "lengths": replace(BASE, where=(("causal",),), key_lengths=True, query_lengths=True),
    "or": replace(BASE, where=(("or", ("causal",), ("prefix", 70)),), align="top_left"),
    "sinks": replace(BASE, queries=2, sinks=True, where=(("window", 90, 9),)),
    "bias_and_region": replace(BASE, bias="hmn", region="alibi", softcap=20.0),
    "origins": replace(
        BASE, where=(("causal",),), align="offset", offset="row",
        origins=(("m", "index"), ("n", "row")),
    ),
    "gates": replace(
        BASE, where=(("causal",),),
        gates=(("value", "sigmoid", "bkn", False), ("output", "sigmoid", "bhmf", False)),
    ),
    # Runs of keys, between whose ends the numbers of periodic ones lie.
    "periodic": replace(BASE, where=(("causal",), ("or", ("window", 30, 0), ("strided", 5, 2)))),
    "dilated": replace(BASE, where=(("or", ("window", 9, 3), ("dilated", 200, 4)),)),
    "periodic_origins": replace(
        BASE, queries=2, where=(("affine_set", ("5 - (n + 3) mod 16",)),), align="offset",
        offset="row", origins=(("m", "index"), ("n", "row")),
    ),
    "mask": replace(BASE, where=(("causal",), ("mask", "bmn"))),
    "predicate": replace(
        BASE, where=(("causal",), ("or", ("window", 30, 0), ("predicate", "documents"))),
    ),
    "bf16": replace(BASE, dtype="bf16", where=(("causal",),)),
    "f16": replace(BASE, dtype="f16", queries=2),
    "f64": replace(BASE, dtype="f64", where=(("window", 77, 0),)),
}  # fmt: skip


def shapes(spec):
    return [(spec.queries or m, n) for m, n in ((7, 300), (50, 64), (1, 65), (33, 1), (5, 0))]


@pytest.mark.parametrize("name", FORMS)
def test_operator(kernels, name, seed):
    spec = FORMS[name]
    kernel = kernels.get(spec, "--split=64")
    # Gated values are computed first.
    assert kernel.phases() == (3 if name == "gates" else 2)
    for index, (m, n) in enumerate(shapes(spec)):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


# A reduction by a region has no operation by which runs could be recognised.
WHOLE = {"region-statistics"}


@pytest.mark.parametrize("name", sorted(set(examples.STREAMING) - WHOLE))
def test_whatever_laws_derive(kernels, name, seed):
    """The same examples as those of the streaming form, each in runs of 32 keys."""
    reference, draw = examples.STREAMING[name]
    source = (FOLDER / f"{name}.mlir").read_text()
    rng = np.random.default_rng([seed, *name.encode()])
    kernel = kernels.compile(source, name, "--form=fused", "--split=32")
    assert kernel.phases() >= 2
    for queries, keys in [(37, 91), (50, 161), (91, 32), (1, 33), (3, 0)]:
        given = draw(rng, queries, keys)
        expected = reference(given.live, *(x.astype(np.float64) for x in given.arrays))
        plain = reference(given.live, *given.arrays)
        outputs = call(kernel, given.arrays, expected)
        check(name, "split", given.arrays, outputs, expected, plain)


@pytest.mark.parametrize("name", ["one_query", "few_queries", "bf16", "lengths"])
def test_bits_do_not_depend_on_the_schedule(kernels, name, seed):
    """Nor on the batch: runs have a fixed number of keys."""
    spec = FORMS[name]
    kernel = kernels.get(spec, "--split=64")
    data = operands(spec, 3, spec.queries or 20, 500, np.random.default_rng(seed))
    plain = run(kernel, data)
    for again in range(3):
        for a, b in zip(plain, run(kernel, data, shuffled(seed + again)), strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("name", ["one_query", "lengths", "bf16"])
def test_at_page_borders(kernels, guard, name, seed):
    spec = FORMS[name]
    kernel = kernels.get(spec, "--split=64")
    for n in (63, 64, 129):
        data = operands(spec, 2, spec.queries or 9, n, np.random.default_rng([seed, n]))
        judge(data, run_guarded(kernel, data, "bhmd", guard, n), seed)


def test_the_model_splits_where_items_are_few(seed):
    def says(key_heads, queries):
        spec = replace(BASE, heads=8, key_heads=key_heads, queries=queries)
        return decisions(text(spec), "split")

    assert "items of 2048 points" in says(1, 1)
    assert "items of" not in says(8, 1)
    assert "items of" not in says(1, None)
