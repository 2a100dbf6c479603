# ===- test_pass_forms.py - One pass, or several over a tile --*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""With a static number of keys a cascade can make its passes over the tile of
one step; the results are those of the single pass."""

from dataclasses import replace

import numpy as np
import programs
from operators import Spec, operands
from runner import judge, run

HEADS, E, F = 2, 32, 24
SPEC = Spec(E, F, heads=HEADS, key_heads=HEADS, scale=0.25, where=())
CAUSAL = replace(SPEC, where=(("causal",),))


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    levels = {
        "passes": ["single", "several", "auto"],
        "keys": [96] if quick else [1, 7, 96, 200],
        "where": [None, "causal"],
        "dtype": ["f32"] if quick else ["f32", "bf16"],
    }
    for name, values in levels.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values)


def test_forms_agree_with_the_reference(kernels, seed, passes, keys, where, dtype):
    spec = replace(CAUSAL if where else SPEC, dtype=dtype)
    program = programs.softmax(HEADS, E, F, spec.scale, where, dtype)
    program.extents["n"] = keys
    kernel = kernels.compile(program.text(), "softmax", f"--passes={passes}")
    for queries in (1, 50, 113):
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries]))
        judge(case, run(kernel, case), seed)
