# ===- test_named_operators.py - Operators by their names ------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Files of examples that carry the name of a paper's operator, against its definition.

Each definition takes the inputs of the file and how to evaluate attention, so that one
text is the float64 reference and the program that rounds."""

from pathlib import Path

import numpy as np
import pytest
from attn import contract, reference
from attn.reference import And, Causal, Gate, Map, Operator, Prefix, Window
from runner import Counter

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SHAPES = [(2, 65, 130), (1, 200, 200), (1, 130, 33), (2, 3, 1)]


def wide(x, like):
    return x.astype(like)


def energy_gated_attention(attend, kind, q, k, v, x, w, bias, slope, threshold):
    e = np.einsum("bnc,hc->bhn", wide(x, kind), wide(w, kind)) + wide(bias, kind)[:, None]
    mean = e.mean(-1, keepdims=True)
    deviation = np.maximum(np.sqrt(((e - mean) ** 2).mean(-1, keepdims=True)), kind(1e-8))
    z = wide(slope, kind)[:, None] * ((e - mean) / deviation - wide(threshold, kind)[:, None])
    # The definition multiplies weights and divides by their sum.
    gates = [Gate("weight", "sigmoid", z, "bhn", renormalised=True)]
    return attend(q, k, v, Operator(where=Causal(), gates=gates))


def gated_attention_headwise(attend, kind, q, k, v, x, w):
    gate = np.einsum("bmc,hc->bhm", wide(x, kind), wide(w, kind))
    gates = [Gate("output", "sigmoid", gate, "bhm")]
    return attend(q, k, v, Operator(where=Causal(), gates=gates))


def gated_attention_elementwise(attend, kind, q, k, v, x, w):
    gate = np.einsum("bmc,hfc->bhmf", wide(x, kind), wide(w, kind))
    gates = [Gate("output", "sigmoid", gate, "bhmf")]
    return attend(q, k, v, Operator(where=Causal(), gates=gates))


def gated_attention(attend, kind, q, k, v, energy, g):
    gates = [Gate("weight", "sigmoid", energy, "bn", True), Gate("output", "sigmoid", g, "bhmf")]
    return attend(q, k, v, Operator(where=Causal(), gates=gates))


def affine_scaled_attention(attend, kind, q, k, v, alpha, mean, one_over_n):
    def edit(p, b, h, m, n):
        a, top = alpha[b, h, m].astype(p.dtype), mean[h].astype(p.dtype)
        return a * p + (top - a) * one_over_n.astype(p.dtype)

    return attend(q, k, v, Operator(where=Causal(), weight_map=Map(edit)))


def differential_attention(attend, kind, q1, q2, k1, k2, v, minus_lambda):
    second = attend(q2, k2, v, Operator(where=Causal()))
    return attend(q1, k1, v, Operator(where=Causal())) + wide(minus_lambda, kind)[
        :, None, None
    ] * second  # fmt: skip


def gated_branches(attend, kind, q, k, v, local, far):
    first = Operator(
        where=And((Causal(), Window(127, 0))), gates=[Gate("output", "sigmoid", local, "bhm")]
    )
    second = Operator(
        where=And((Causal(), Prefix(64))), gates=[Gate("output", "sigmoid", far, "bhm")]
    )
    return attend(q, k, v, first) + attend(q, k, v, second)


def qkv(b, m, n, heads, key_heads, e, f):
    return [(b, heads, m, e), (b, key_heads, n, e), (b, key_heads, n, f)]


# For each file the definition, the shapes of the inputs, and the flags it is compiled with.
OPERATORS = {
    "energy-gated-attention": (
        energy_gated_attention,
        lambda b, m, n: [*qkv(b, m, n, 8, 8, 64, 64), (b, n, 128), (8, 128), (8,), (8,), (8,)],
    ),
    "gated-attention-headwise": (
        gated_attention_headwise,
        lambda b, m, n: [*qkv(b, m, n, 8, 2, 64, 64), (b, m, 128), (8, 128)],
    ),
    "gated-attention-elementwise": (
        gated_attention_elementwise,
        lambda b, m, n: [*qkv(b, m, n, 8, 2, 32, 32), (b, m, 64), (8, 32, 64)],
    ),
    "gated-attention": (
        gated_attention,
        lambda b, m, n: [*qkv(b, m, n, 8, 2, 64, 64), (b, n), (b, 8, m, 64)],
    ),
    "affine-scaled-attention": (
        affine_scaled_attention,
        lambda b, m, n: [*qkv(b, m, n, 8, 2, 64, 64), (b, 8, m), (8,), ()],
    ),
    "differential-attention": (
        differential_attention,
        lambda b, m, n: [(b, 4, m, 32)] * 2 + [(b, 4, n, 32)] * 2 + [(b, 4, n, 64), (4,)],
    ),
    "gated-branches": (
        gated_branches,
        lambda b, m, n: [*qkv(b, m, n, 8, 2, 64, 64), (b, 8, m), (b, 8, m)],
    ),
}
BFLOAT16 = {"gated-branches"}


def evaluate(definition, inputs):
    """The results of the reference and of the textbook program, and max |V|."""
    seen = [1.0]

    def exact(*arguments):
        result = reference.attention(*arguments)
        seen.append(result.live_value_max)
        return result.out

    def rounded(*arguments):
        return reference.naive(*arguments, out_dtype=np.float32).out

    return (
        definition(exact, np.float64, *inputs),
        definition(rounded, np.float32, *inputs),
        max(seen),
    )


def draw(name, shapes, n, rng):
    dtype = reference.BFLOAT16 if name in BFLOAT16 else np.float32
    inputs = [np.asarray(rng.standard_normal(shape), np.float32).astype(dtype) for shape in shapes]
    if name == "affine-scaled-attention":
        inputs[-1] = np.asarray(1 / max(n, 1), np.float32)
    return inputs


@pytest.mark.parametrize("name", list(OPERATORS))
def test_named_operators(kernels, name):
    definition, shapes = OPERATORS[name]
    kernel = kernels.compile((FOLDER / f"{name}.mlir").read_text(), name, "--form=auto")
    for b, m, n in SHAPES:
        if "gated-attention-" in name or "energy" in name:
            n = n if "energy" in name else m  # The tokens are those of X.
        rng = np.random.default_rng([3, b, m, n, *name.encode()])
        inputs = draw(name, shapes(b, m, n), n, rng)
        expected, plain, largest = evaluate(definition, inputs)
        out = np.empty(expected.shape, inputs[0].dtype)
        out.view(np.uint8)[...] = 0xFF
        Counter.executions += 1
        kernel.run([*inputs, out])
        naive = contract.max_error(plain.astype(out.dtype), expected)
        tiny = 8 * contract.eps(np.float32) * largest
        tiny += contract.eps(out.dtype) * contract.finite_max(expected)
        contract.check(out, expected, naive, tiny, name)
