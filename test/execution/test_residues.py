# ===- test_residues.py - Planes of one remainder -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Dilated keys, whose rows and keys are walked one remainder after the other."""

from dataclasses import replace

import numpy as np
import pytest
from operators import Spec, operands, text
from runner import decisions, judge, run, run_guarded

BASE = Spec(24, 40, heads=2, key_heads=1, lse=True)
FORMS = {
    "dilated": replace(BASE, where=(("dilated", 60, 4),)),
    "causal": replace(BASE, where=(("causal",), ("dilated", 200, 3))),
    "top_left": replace(BASE, where=(("dilated", 41, 5), ("window", 33, 90)), align="top_left"),
    "longer_steps": replace(
        BASE, where=(("dilated", 300, 2), ("or", ("window", 9, 9), ("dilated", 300, 6)))
    ),
    "not_near": replace(BASE, where=(("dilated", 150, 7), ("not", ("window", 20, 20)))),
    "origins": replace(
        BASE, where=(("causal",), ("dilated", 90, 4)), offset="row", align="offset",
        origins=(("m", "index"), ("n", "row")),
    ),
    "region": replace(BASE, where=(("dilated", 50, 3),), region="alibi", bias="hmn"),
    "bf16": replace(BASE, where=(("dilated", 64, 4),), dtype="bf16"),
    "f64": replace(BASE, where=(("causal",), ("dilated", 64, 16)), dtype="f64"),
    # The keys of a plane are as many as have its remainder.
    "neighborhood": replace(BASE, where=(("neighborhood", (9,), (("dilation", (4,)),)),)),
    "neighborhood_strides": replace(
        BASE, where=(("neighborhood", (12,), (("dilation", (5,)), ("stride", (4,)))),),
        align="top_left",
    ),
    "neighborhood_causal": replace(
        BASE,
        where=(("neighborhood", (7,), (("dilation", (3,)), ("causal", (1,)))), ("window", 90, 0)),
    ),
    "neighborhood_grid": replace(
        BASE, where=(("neighborhood", (11,), (("grid", (180,)), ("dilation", (12,)))), ("causal",)),
    ),
    "neighborhood_clipped": replace(
        BASE,
        where=(
            ("neighborhood", (30,), (("grid", (180,)), ("dilation", (6,)), ("clipped", True))),
        ),
        offset="row", align="offset",
    ),
    "neighborhood_longer_steps": replace(
        BASE, where=(("dilated", 150, 3), ("neighborhood", (9,), (("dilation", (3,)),)),
                     ("dilated", 300, 3)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_residues(kernels, name, seed):
    spec = FORMS[name]
    assert "residues = " in decisions(text(spec), "plan")
    kernel = kernels.get(spec)
    shapes = [(113, 239), (239, 113), (1, 300), (300, 1), (2, 3), (0, 5), (5, 0), (401, 401)]
    for index, (m, n) in enumerate(shapes):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


@pytest.mark.parametrize("guard", ["begin", "end"])
@pytest.mark.parametrize("layout", ["bhmd", "reversed"])
def test_at_page_borders(kernels, guard, layout, seed):
    spec = FORMS["causal"]
    data = operands(spec, 1, 150, 170, np.random.default_rng(seed))
    judge(data, run_guarded(kernels.get(spec), data, layout, guard, seed), seed)


def test_what_a_plane_does_not_know():
    for spec in (
        replace(FORMS["dilated"], key_lengths=True),
        replace(BASE, where=(("dilated", 60, 4), ("prefix", 30))),
        replace(BASE, where=(("dilated", 60, 4), ("dilated", 60, 6))),
        replace(BASE, where=(("or", ("causal",), ("dilated", 60, 4)),)),
        # A grid of which remainders have another number of coordinates, or that
        # begins anywhere; windows are not divided.
        replace(BASE, where=(("neighborhood", (9,), (("grid", (181,)), ("dilation", (6,)))),)),
        replace(
            BASE,
            where=(("neighborhood", (9,), (("grid", (180,)), ("dilation", (6,)))),),
            origins=(("n", "row"),),
            offset="row",
            align="offset",
        ),
        replace(BASE, where=(("neighborhood", (9,)), ("dilated", 60, 4))),
    ):
        assert "residues = " not in decisions(text(spec), "plan")
