# ===- test_mix.py - Sums of branches --------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn.mix against the sum of its branches in float64."""

import numpy as np
from attn import contract, reference
from attn.reference import And, Causal, Gate, Operator, Prefix, Window
from operators import DTYPES
from runner import Counter, shuffled

SHAPES = [(2, 65, 130), (1, 113, 113), (1, 200, 48), (3, 1, 7), (2, 5, 0), (2, 0, 9)]
HEADS, KEY_HEADS, E, F = 4, 2, 40, 24


def attention(name, dtype, clauses, q="q", k="k", v="v", result=None):
    types = [
        f"tensor<?x{HEADS}x?x{E}x{dtype}>",
        f"tensor<?x{KEY_HEADS}x?x{E}x{dtype}>",
        f"tensor<?x{KEY_HEADS}x?x{F}x{dtype}>",
    ]
    out = f"tensor<?x{HEADS}x?x{F}x{result or dtype}>"
    return (
        f"  %{name} = attn.attention(%{q}, %{k}, %{v}) {clauses}\n"
        f"      : ({', '.join(types)}) -> {out}\n"
    )


def program(dtype, extra, body, returned, results=1):
    out = f"tensor<?x{HEADS}x?x{F}x{dtype}>"
    outs = ", ".join([out] * results)
    arguments = ", ".join(
        [
            f"%q: tensor<?x{HEADS}x?x{E}x{dtype}>",
            f"%k: tensor<?x{KEY_HEADS}x?x{E}x{dtype}>",
            f"%v: tensor<?x{KEY_HEADS}x?x{F}x{dtype}>",
            *extra,
        ]
    )
    end = f"  return {returned} : {outs}\n}}\n"
    return f"func.func @attention({arguments}) -> ({outs}) {{\n{body}{end}"


def mix(name, dtype, *branches):
    out = f"tensor<?x{HEADS}x?x{F}x{dtype}>"
    listed = ", ".join(f"%{branch}" for branch in branches)
    return f"  %{name} = attn.mix {listed} : ({', '.join([out] * len(branches))}) -> {out}\n"


def draw(rng, dtype, b, m, n, *extra):
    shapes = [(b, HEADS, m, E), (b, KEY_HEADS, n, E), (b, KEY_HEADS, n, F), *extra]
    return [rng.standard_normal(shape).astype(np.float32).astype(DTYPES[dtype]) for shape in shapes]


def run(kernel, inputs, shape, dtype, results=1, parallel=None):
    outs = []
    for _ in range(results):
        out = np.empty(shape, DTYPES[dtype])
        out.view(np.uint8)[...] = 0xFF
        outs.append(out)
    Counter.executions += 1
    kernel.run([*inputs, *outs], parallel)
    return outs


def check(out, q, k, v, operators, added=None, what="mix"):
    """The sum of the operators, and of a tensor that is no attention's result."""
    exact = [reference.attention(q, k, v, one) for one in operators]
    plain = [reference.naive(q, k, v, one, out_dtype=np.float32).out for one in operators]
    expected = sum(one.out for one in exact)
    rounded = sum(plain)
    if added is not None:
        expected, rounded = expected + added.astype(float), rounded + added.astype(np.float32)
    naive = contract.max_error(rounded.astype(out.dtype), expected)
    largest = sum(one.live_value_max for one in exact)
    tiny = 8 * contract.eps(np.float32) * largest
    tiny += contract.eps(out.dtype) * contract.finite_max(expected)
    contract.check(out, expected, naive, tiny, what)


def test_branches_are_rounded_once(kernels):
    """What is left of two branches that nearly cancel has the bits of its own size."""
    gate = "gate output none(%c[h] : tensor<4xf32>)"
    body = attention("a", "bf16", "where causal")
    body += attention("b", "bf16", f"where causal {gate}")
    body += mix("o", "bf16", "a", "b")
    kernel = kernels.compile(program("bf16", ["%c: tensor<4xf32>"], body, "%o"), "mix_cancel")
    c = np.array([-0.99, -0.98, -0.995, -1.01], np.float32)
    for b, m, n in SHAPES:
        q, k, v = draw(np.random.default_rng([1, b, m, n]), "bf16", b, m, n)
        (out,) = run(kernel, [q, k, v, c], (b, HEADS, m, F), "bf16")
        gates = [Gate("output", "none", c, "h")]
        check(out, q, k, v, [Operator(where=Causal()), Operator(where=Causal(), gates=gates)])


def test_many_branches(kernels):
    """Three sparsities, lengths, and a tensor that no attention makes."""
    extra = ["%l: tensor<?xi32>", f"%x: tensor<?x{HEADS}x?x{F}xf32>", "%g: tensor<?x4x?xf32>"]
    lengths = "lengths key(%l : tensor<?xi32>)"
    body = attention("a", "f32", f"where causal and window(20, 0) {lengths}")
    body += attention("b", "f32", f"where prefix(9) {lengths}")
    body += attention(
        "c", "f32", "where causal gate output sigmoid(%g[b, h, m] : tensor<?x4x?xf32>)"
    )
    body += mix("o", "f32", "a", "b", "x", "c")
    kernel = kernels.compile(program("f32", extra, body, "%o"), "mix_many")
    for b, m, n in SHAPES:
        rng = np.random.default_rng([2, b, m, n])
        q, k, v, x, g = draw(rng, "f32", b, m, n, (b, HEADS, m, F), (b, HEADS, m))
        kl = rng.integers(0, n + 1, b).astype(np.int32)
        operators = [
            Operator(where=And((Causal(), Window(20, 0))), key_lengths=kl),
            Operator(where=Prefix(9), key_lengths=kl),
            Operator(where=Causal(), gates=[Gate("output", "sigmoid", g, "bhm")]),
        ]
        inputs = [q, k, v, kl, x, g]
        (out,) = run(kernel, inputs, x.shape, "f32")
        check(out, q, k, v, operators, x)
        (again,) = run(kernel, inputs, x.shape, "f32", parallel=shuffled(b + m))
        assert out.tobytes() == again.tobytes()


def test_a_branch_with_another_reader(kernels):
    """It is rounded there, and not in the mix; a mix of mixes rounds at the end."""
    body = attention("a", "bf16", "where causal")
    body += attention("b", "bf16", "where prefix(30)")
    body += mix("ab", "bf16", "a", "b")
    body += mix("o", "bf16", "ab", "a")
    kernel = kernels.compile(
        program("bf16", [], body, "%o, %a", results=2), "mix_readers", "--form=auto"
    )
    for b, m, n in SHAPES:
        q, k, v = draw(np.random.default_rng([3, b, m, n]), "bf16", b, m, n)
        out, a = run(kernel, [q, k, v], (b, HEADS, m, F), "bf16", results=2)
        first, second = Operator(where=Causal()), Operator(where=Prefix(30))
        check(a, q, k, v, [first], what="branch")
        check(out, q, k, v, [first, second, first])


def test_branches_that_share_a_pass(kernels):
    """Two scores over one V, or two gates on one attention; one phase each."""
    extra = [
        f"%q2: tensor<?x{HEADS}x?x{E}xf32>",
        f"%k2: tensor<?x{KEY_HEADS}x?x{E}xf32>",
        "%g: tensor<?x?xf32>",
    ]
    where = "where causal and window(50, 0)"
    body = attention("a", "f32", where)
    body += attention("b", "f32", f"{where} gate weight sigmoid(%g[b, n] : tensor<?x?xf32>)")
    body += attention("c", "f32", where, q="q2", k="k2")
    body += mix("o", "f32", "a", "b", "c")
    kernel = kernels.compile(program("f32", extra, body, "%o"), "mix_shared")
    for b, m, n in SHAPES:
        rng = np.random.default_rng([4, b, m, n])
        shapes = (b, HEADS, m, E), (b, KEY_HEADS, n, E), (b, n)
        q, k, v, q2, k2, g = draw(rng, "f32", b, m, n, *shapes)
        (out,) = run(kernel, [q, k, v, q2, k2, g], (b, HEADS, m, F), "f32")
        both = And((Causal(), Window(50, 0)))
        operators = [
            Operator(where=both),
            Operator(where=both, gates=[Gate("weight", "sigmoid", g, "bn")]),
        ]
        third = reference.attention(q2, k2, v, Operator(where=both)).out
        check(out.astype(float) - third, q, k, v, operators)
