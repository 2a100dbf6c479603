# ===- test_cascades.py - Programs written as einsums ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Cascades other than the attention op take the same route: the spelled-out
softmax gives the op's own bits, and other programs agree with NumPy."""

from dataclasses import replace

import numpy as np
import programs
from attn import cascades, contract
from attn.reference import accumulation_type, reference_type
from operators import DTYPES, Spec, operands
from runner import Counter, run

HEADS, E, F = 2, 64, 48
SCALE = 0.125
SHAPES = [(113, 239), (239, 113), (1, 64)]
CAUSAL = Spec(E, F, heads=HEADS, key_heads=HEADS, scale=SCALE, where=(("causal",),))
PLAIN = replace(CAUSAL, where=())

# The same cascade under other names of ranks and tensors.
RANKS = {"b": "z", "h": "head", "m": "row", "n": "col", "e": "dk", "f": "dv"}
TENSORS = {
    "Q": "left", "K": "right", "V": "right2", "qk": "t0", "ss": "t1", "gm": "t2", "sn": "t3",
    "sd": "t4", "a": "t5", "av": "t6", "rq": "u0", "rk": "u1",
}  # fmt: skip


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    levels = {
        "where": ["causal"] if quick else [None, "causal"],
        "name": ["relu"] if quick else ["relu", "linear", "sigmoid"],
        "dtype": ["f32"] if quick else list(DTYPES),
    }
    for name, values in levels.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values)


def call(kernel, inputs, shape, dtype):
    out = np.empty(shape, dtype)
    out.view(np.uint8)[...] = 0xFF
    Counter.executions += 1
    kernel.run([*inputs, out])
    return out


def test_the_spelled_out_cascade_gives_the_bits_of_the_op(kernels, where, dtype):
    spec = replace(CAUSAL if where else PLAIN, dtype=dtype)
    program = programs.softmax(HEADS, E, F, SCALE, where, dtype)
    kernel = kernels.get(spec)
    forms = {
        "spelled out": program.text(),
        "renamed": program.text(rank_names=RANKS, tensor_names=TENSORS),
    }
    spelled = {form: kernels.compile(text, "softmax") for form, text in forms.items()}
    for queries, keys in SHAPES:
        case = operands(spec, 2, queries, keys, np.random.default_rng(keys))
        (expected,) = run(kernel, case)
        for form, other in spelled.items():
            out = call(other, case.inputs(), expected.shape, expected.dtype)
            assert out.tobytes() == expected.tobytes(), form


def test_the_order_of_independent_einsums_changes_no_bit(kernels):
    program = programs.rotary_softmax(HEADS, E, F, SCALE, "causal")
    swapped = [1, 0, *range(2, len(program.einsums))]
    texts = [
        program.text(),
        program.text(order=swapped),
        program.text(order=swapped, rank_names=RANKS, tensor_names=TENSORS),
    ]
    assert len(set(texts)) == 3
    answers = set()
    for text in texts:
        inputs, _ = rotary_inputs(113, 239)
        kernel = kernels.compile(text, "rotary")
        answers.add(call(kernel, inputs, (2, HEADS, 113, F), np.float32).tobytes())
    assert len(answers) == 1


def live_points(queries, keys, where):
    if where is None:
        return None
    m, n = np.arange(queries)[:, None], np.arange(keys)[None, :]
    return np.broadcast_to(n <= m + keys - queries, (2, HEADS, queries, keys))


def judge(out, function, arrays, values):
    """The contract, with the function in working precision as the naive program."""
    wide, working = reference_type(values.dtype), accumulation_type(values.dtype)
    exact = function(*(np.asarray(a).astype(wide) for a in arrays))
    plain = function(*(np.asarray(a).astype(working) for a in arrays)).astype(out.dtype)
    tiny = 8 * contract.eps(working) * contract.finite_max(values.astype(wide))
    tiny += contract.eps(out.dtype) * contract.finite_max(exact)
    # BLAS sums in blocks and errs less than the sequential sums of the contract.
    contract.check(out, exact, 4 * contract.max_error(plain, exact), tiny)


def test_other_normalisers(kernels, name, where, dtype):
    program = getattr(programs, name)(HEADS, E, F, SCALE, where, dtype)
    kernel = kernels.compile(program.text(), name)
    reference = getattr(cascades, f"{name}_attention")
    for queries, keys in SHAPES:
        case = operands(replace(PLAIN, dtype=dtype), 2, queries, keys, np.random.default_rng(keys))
        live = live_points(queries, keys, where)
        q, k, v = case.inputs()
        out = call(kernel, [q, k, v], (2, HEADS, queries, F), DTYPES[dtype])
        judge(out, lambda q, k, v, live=live: reference(q, k, v, SCALE, live), [q, k, v], v)


def test_relu_rows_without_weight(kernels):
    """Where no score is positive the quotient's divisor is 0, and so is the row."""
    program = programs.relu(HEADS, E, F, SCALE)
    kernel = kernels.compile(program.text(), "relu")
    rng = np.random.default_rng(0)
    q = np.abs(rng.standard_normal((1, HEADS, 20, E))).astype(np.float32)
    k = np.abs(rng.standard_normal((1, HEADS, 70, E))).astype(np.float32)
    v = rng.standard_normal((1, HEADS, 70, F)).astype(np.float32)
    q[:, :, ::3] *= -1
    out = call(kernel, [q, k, v], (1, HEADS, 20, F), np.float32)
    assert (out[:, :, ::3] == 0).all() and np.abs(out[:, :, 1::3]).min() > 0


def softmax(s, live, v):
    masked = s if live is None else np.where(live, s, -np.inf)
    top = masked.max(-1, keepdims=True)
    p = np.exp(masked - np.where(np.isneginf(top), 0, top))
    weights = cascades.quotient(p, p.sum(-1, keepdims=True))
    return np.einsum("bhmn,bhnf->bhmf", weights, v)


def rotary_inputs(queries, keys, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((2, HEADS, queries, E)).astype(np.float32)
    k = rng.standard_normal((2, HEADS, keys, E)).astype(np.float32)
    v = rng.standard_normal((2, HEADS, keys, F)).astype(np.float32)
    tables = [
        table.astype(np.float32)
        for positions in (np.arange(queries) + keys - queries, rng.permutation(keys))
        for table in cascades.rotary_tables(positions, E)
    ]
    return [q, k, v, *tables], (q, k, v, tables)


def test_rotary_embedding_on_load(kernels, where):
    kernel = kernels.compile(programs.rotary_softmax(HEADS, E, F, SCALE, where).text(), "rotary")
    for queries, keys in SHAPES:
        inputs, (_, _, v, _) = rotary_inputs(queries, keys, keys)
        live = live_points(queries, keys, where)

        def function(q, k, v, cm, sm, cn, sn, live=live):
            q, k = cascades.rotary(q, cm, sm), cascades.rotary(k, cn, sn)
            return softmax(cascades.scores(q, k, SCALE), live, v)

        out = call(kernel, inputs, (2, HEADS, queries, F), np.float32)
        judge(out, function, inputs, v)


def test_qk_norm_on_load(kernels, where):
    kernel = kernels.compile(programs.norm_softmax(HEADS, E, F, SCALE, where).text(), "norm")
    for queries, keys in SHAPES:
        _, (q, k, v, _) = rotary_inputs(queries, keys, keys)
        q, k = q * np.float32(7), k * np.float32(0.01)
        weight = np.linspace(0.5, 1.5, E, dtype=np.float32)
        factors = [cascades.rms_scale(x)[..., 0] for x in (q, k)]
        inputs = [q, k, v, *factors, weight]
        live = live_points(queries, keys, where)

        def function(q, k, v, fq, fk, w, live=live):
            q = cascades.qk_norm(q, w, fq[..., None])
            k = cascades.qk_norm(k, w, fk[..., None])
            return softmax(cascades.scores(q, k, SCALE), live, v)

        out = call(kernel, inputs, (2, HEADS, queries, F), np.float32)
        judge(out, function, inputs, v)
