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


# Each head's rows and keys, and those of the head behind it: an item reads two tiles of
# each tensor.
TWO_HEADS = """
func.func @attention(%q: tensor<3x?x16xTYPE>, %k: tensor<3x?x16xTYPE>, %v: tensor<3x?x24xTYPE>)
    -> tensor<3x?x24xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v)
      : (tensor<3x?x16xTYPE>, tensor<3x?x16xTYPE>, tensor<3x?x24xTYPE>) -> tensor<3x?x24xf32> {
    %r = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e)
        : (tensor<3x?x16xTYPE>, tensor<3x?x16xTYPE>) -> tensor<3x?x?xf32>
    %s = attn.einsum [h,m,n] = mul(%Q[(h + 1) mod 3,m,e], %K[(h + 1) mod 3,n,e]) reduce add(e)
        : (tensor<3x?x16xTYPE>, tensor<3x?x16xTYPE>) -> tensor<3x?x?xf32>
    %p = attn.einsum [h,m,n] = map(%r[h,m,n], %s[h,m,n]) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.constant 0.3 : f32
      %t = arith.mulf %b, %c : f32
      %d = arith.subf %a, %t : f32
      %w = math.tanh %d : f32
      attn.yield %w : f32
    } : (tensor<3x?x?xf32>, tensor<3x?x?xf32>) -> tensor<3x?x?xf32>
    %o = attn.einsum [h,m,f] = mul(%p[h,m,n], %V[h,n,f]) reduce add(n)
        : (tensor<3x?x?xf32>, tensor<3x?x24xTYPE>) -> tensor<3x?x24xf32>
    attn.yield %o : tensor<3x?x24xf32>
  }
  return %o : tensor<3x?x24xf32>
}
"""


def test_an_item_reads_two_heads(kernels, seed):
    rng = np.random.default_rng([seed, 23])
    # Weights may be rounded to the type of the values (NU-2).
    for dtype, rounding in (("f32", 2**-18), ("bf16", 2**-8)):
        kernel = kernels.compile(TWO_HEADS.replace("TYPE", dtype), f"two_heads_{dtype}")
        for queries, keys in SHAPES:
            inputs = [
                rng.standard_normal((3, count, size)).astype(DTYPES[dtype])
                for count, size in ((queries, 16), (keys, 16), (keys, 24))
            ]
            q, k, v = (x.astype(float) for x in inputs)
            scores = np.einsum("hme,hne->hmn", q, k)
            weights = np.tanh(scores - 0.3 * np.roll(scores, -1, axis=0))
            out = call(kernel, inputs, (3, queries, 24), np.float32)
            bound = rounding * (np.abs(weights) @ np.abs(v)) + 1e-4
            assert (np.abs(out - weights @ v) <= bound).all()
