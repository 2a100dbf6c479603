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
from itertools import product

import numpy as np
import programs
from operators import Spec, operands
from operators import text as operator_text
from runner import Counter, judge, run

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


# Pieces of a plan that no range joins: a step reaches into several of them.
UNIONS = {
    "prefix(5) or window(7, 2)": ("or", ("prefix", 5), ("window", 7, 2)),
    "causal and (prefix(17) or window(20, 0) and not window(9, 0))": (
        "and", ("causal",),
        ("or", ("prefix", 17), ("and", ("window", 20, 0), ("not", ("window", 9, 0)))),
    ),
}  # fmt: skip


def test_one_step_has_several_pieces_of_a_plan(kernels, seed, passes):
    """What is not repaired has to be in one step, whatever lies between the pieces."""
    for (text, term), keys in product(UNIONS.items(), (64, 96)):
        spec = replace(SPEC, where=(term,))
        program = programs.softmax(HEADS, E, F, spec.scale, text)
        program.extents["n"] = keys
        kernel = kernels.compile(program.text(), "softmax", f"--passes={passes}")
        for queries in (1, 5, 50, 113):
            case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries]))
            judge(case, run(kernel, case), seed)


def test_lists_name_the_keys_of_a_static_number(kernels, seed):
    for term in (("blocks", 32, 16, "h"), ("or", ("causal",), ("indices", 16, "h"))):
        spec = Spec(E, F, heads=HEADS, key_heads=1, where=(term,))
        text = operator_text(spec).replace("tensor<?x1x?x", "tensor<?x1x64x")
        kernel = kernels.compile(text, "attention")
        for queries in (1, 50):
            case = operands(spec, 2, queries, 64, np.random.default_rng([seed, queries]))
            judge(case, run(kernel, case), seed)


# The squares of the sums of steps: their points are those that the tensors state.
SQUARES = """
func.func @attention(%s: tensor<?xNxf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where TERM over (m, n) align bottom_right
      : (tensor<?xNxf32>) -> tensor<?xf32> {
    %i = attn.einsum [m] = map() {
      %zero = arith.constant 0.0 : f32
      attn.yield %zero : f32
    } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%c: tensor<?xf32>):
      %t = attn.einsum [m,n0] = map(%S[m,n1*N0+n0]) {
      ^bb0(%a: f32):
        attn.yield %a : f32
      } : (tensor<?xNxf32>) -> tensor<?xPxf32>
      %x = attn.einsum [m] = %t[m,n0] reduce add(n0) : (tensor<?xPxf32>) -> tensor<?xf32>
      %y = attn.einsum [m] = map(%x[m], %c[m]) {
      ^bb0(%a: f32, %b: f32):
        %q = arith.mulf %a, %a : f32
        %d = arith.addf %q, %b : f32
        attn.yield %d : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %y : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
"""


def test_steps_of_stated_points_stay_whole(kernels, seed):
    for (keys, points), form in product(((64, 64), (64, 32), (120, 40)), ("auto", "unfused")):
        text = SQUARES.replace("xN", f"x{keys}").replace("xP", f"x{points}")
        text = text.replace("TERM", "prefix(4) or (window(27, 2) and not window(15, 0))")
        kernel = kernels.compile(text, "squares", f"--form={form}")
        for queries in (1, 9, 50):
            rng = np.random.default_rng([seed, queries])
            scores = rng.standard_normal((queries, keys)).astype("f")
            row, key = np.arange(queries)[:, None] + keys - queries, np.arange(keys)
            near, nearest = ((row - n <= key) & (key <= row + m) for n, m in ((27, 2), (15, 0)))
            live = (key < 4) | (near & ~nearest)
            sums = np.where(live, scores, 0).astype(float).reshape(queries, -1, points).sum(-1)
            out = np.full(queries, np.nan, "f")
            Counter.executions += 1
            kernel.run([scores, out])
            assert np.abs(out - (sums * sums).sum(-1)).max() < 1e-4


def test_forms_agree_with_the_reference(kernels, seed, passes, keys, where, dtype):
    spec = replace(CAUSAL if where else SPEC, dtype=dtype)
    program = programs.softmax(HEADS, E, F, spec.scale, where, dtype)
    program.extents["n"] = keys
    kernel = kernels.compile(program.text(), "softmax", f"--passes={passes}")
    for queries in (1, 50, 113):
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries]))
        judge(case, run(kernel, case), seed)
