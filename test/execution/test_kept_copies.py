# ===- test_kept_copies.py - Copies that outlive their item ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Rows in pairs that a worker keeps for later items: many items to a head and many
tiles of keys, against the float64 definition, and with a workspace that another call
left. Loops in the place of the instructions run on every CPU."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from attn.kernel import aligned_workspace
from operators import Spec, operands
from runner import Counter, judge, run, run_guarded, shuffled
from test_pairs import BASE, MISSING, builder, fit, has_instructions, how  # noqa: F401
from test_semantics import planted_everywhere_dead

PLAIN = replace(BASE, lse=False)
SPECS = {
    "plain": PLAIN,
    "causal": replace(PLAIN, where=(("causal",),), lse=True),
    # Steps begin and end within tiles, and not all of them at whole pairs.
    "window": replace(PLAIN, where=(("window", 90, 35),)),
    "blocks": replace(PLAIN, where=(("blocks", 20, 33, "h"), ("causal",))),
    "documents": replace(PLAIN, where=(("causal",),), segments=(("both", ""),)),
    "lengths": replace(PLAIN, key_lengths=True, query_lengths=True, where=(("causal",),)),
    # Two heads of queries to each of keys, and other extents.
    "more_heads": replace(PLAIN, heads=6, key_heads=3, e=32, f=16),
}
SHAPES = [(700, 701), (257, 130), (513, 1030)]


def spec_of(name: str, how: str) -> Spec:  # noqa: F811
    return fit(SPECS[name], how.split()[0])


def shapes(spec: Spec):
    return [(n, n) for _, n in SHAPES] if spec.segments else SHAPES


@pytest.mark.parametrize("name", SPECS)
def test_items_find_what_others_copied(kernels, how, name, seed):  # noqa: F811
    spec = spec_of(name, how)
    kernel = builder(kernels, how)(spec)
    for queries, keys in shapes(spec):
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries, keys]))
        judge(case, run_guarded(kernel, case, "padded", "end", keys))
        once = run(kernel, case)
        # Whoever computes an item, and after which others, it has the same bits.
        for order in range(3):
            parallel = shuffled(seed + order)
            assert [a.tobytes() for a in run(kernel, case, parallel)] == [a.tobytes() for a in once]
            parallel.finish()


@pytest.mark.parametrize("name", ["causal", "blocks"])
def test_rows_beside_a_step_reach_nobody(kernels, how, name, seed):  # noqa: F811
    """Whole tiles are copied, and steps read parts of them."""
    spec = spec_of(name, how)
    kernel = builder(kernels, how)(spec)
    case = operands(spec, 1, 260, 701, np.random.default_rng([seed, 3]))
    clean = run(kernel, case)
    for bad in (np.inf, np.nan):
        noisy = run(kernel, planted_everywhere_dead(case, bad))
        assert [a.tobytes() for a in noisy] == [a.tobytes() for a in clean]


def test_a_workspace_of_another_call(kernels, how, seed):  # noqa: F811
    """What lies in the workspace is nothing to a call: it may be another call's rows."""
    spec = spec_of("plain", how)
    kernel = builder(kernels, how)(spec)
    rng = np.random.default_rng([seed, 4])
    first, second = (operands(spec, 2, 300, 333, rng) for _ in range(2))
    workspace = None
    for case in (first, second, first):
        outputs = [np.full(shape, np.nan, dtype) for shape, dtype in case.output_shapes()]
        arrays = [*case.inputs(), *outputs]
        if workspace is None:
            workspace = aligned_workspace(kernel.workspace_size(arrays))
        Counter.executions += 1
        kernel.run(arrays, workspace=workspace)
        judge(case, outputs)
        # An item at a time, backwards, by the caller's own loop.
        again = [np.full(shape, np.nan, dtype) for shape, dtype in case.output_shapes()]
        arrays = [*case.inputs(), *again]
        for item in reversed(range(kernel.items(arrays, 0))):
            kernel.run_items(arrays, 0, item, item + 1, 0, workspace)
        assert [a.tobytes() for a in again] == [a.tobytes() for a in outputs]


# Two rows of values for each key in one step, of two heads.
TWO_HEADS = """
func.func @attention(%qs: tensor<2x?x64xbf16>, %ks: tensor<2x?x64xbf16>, %vs: tensor<4x?x32xbf16>)
    -> (tensor<2x?x32xf32>, tensor<2x?x32xf32>) {
  %a, %b = attn.cascade (%Q = %qs, %K = %ks, %V = %vs)
      : (tensor<2x?x64xbf16>, tensor<2x?x64xbf16>, tensor<4x?x32xbf16>)
      -> (tensor<2x?x32xf32>, tensor<2x?x32xf32>) {
    %s = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e)
        : (tensor<2x?x64xbf16>, tensor<2x?x64xbf16>) -> tensor<2x?x?xf32>
    %x = attn.einsum [h,m] = %s[h,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    %w = attn.einsum [h,m,n] = map(%s[h,m,n], %x[h,m]) {
    ^bb0(%score: f32, %most: f32):
      %d = arith.subf %score, %most : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>
    %d = attn.einsum [h,m] = %w[h,m,n] reduce add(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    %p = attn.einsum [h,m,n] = div(%w[h,m,n], %d[h,m])
        : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>
    %z = attn.einsum [h,m,f] = mul(%p[h,m,n], %V[h*2,n,f]) reduce add(n)
        : (tensor<2x?x?xf32>, tensor<4x?x32xbf16>) -> tensor<2x?x32xf32>
    %y = attn.einsum [h,m,f] = mul(%p[h,m,n], %V[h*2+1,n,f]) reduce add(n)
        : (tensor<2x?x?xf32>, tensor<4x?x32xbf16>) -> tensor<2x?x32xf32>
    attn.yield %z, %y : tensor<2x?x32xf32>, tensor<2x?x32xf32>
  }
  return %a, %b : tensor<2x?x32xf32>, tensor<2x?x32xf32>
}
"""


@pytest.mark.parametrize("products", ["pairs", "tiles"])
def test_two_heads_in_a_step(kernels, products, seed):
    if not has_instructions(products):
        pytest.skip(MISSING[products])
    kernel = kernels.compile(TWO_HEADS, f"two_heads_{products}", f"--bf16-products={products}")
    rng = np.random.default_rng([seed, 5])
    q, k, v = (
        (rng.standard_normal(shape) / 4).astype(ml_dtypes.bfloat16)
        for shape in [(2, 400, 64), (2, 701, 64), (4, 701, 32)]
    )
    Counter.executions += 1
    outputs = kernel(q, k, v)
    scores = np.einsum("hme,hne->hmn", q.astype(np.float64), k.astype(np.float64))
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    for which, output in enumerate(outputs):
        expected = np.einsum("hmn,hnf->hmf", weights, v[which::2].astype(np.float64))
        # Weights are rounded to 8 bits (NU-2), of values below 2 whose weights sum to 1.
        np.testing.assert_allclose(output, expected, rtol=0, atol=2.0**-9 * np.abs(v).max())
