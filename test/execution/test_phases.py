# ===- test_phases.py - Kernels of several phases -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Functions that hold several operators: phases, and what they hand on."""

import mmap
import re

import numpy as np
import pytest
from attn.compiler import CompileError
from attn.kernel import KernelError
from runner import Counter, shuffled


def attend(q, k, v, live):
    """Attention over [b, h, m, e] in float64; key heads are repeated."""
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], axis=1) for x in (k, v))
    scores = np.einsum("bhme,bhne->bhmn", q, k) / np.sqrt(q.shape[-1])
    scores = np.where(live, scores, -np.inf)
    top = np.maximum(scores.max(axis=-1, keepdims=True, initial=-np.inf), -1e300)
    weights = np.exp(scores - top)
    total = weights.sum(axis=-1, keepdims=True)
    out = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0) @ v
    with np.errstate(divide="ignore"):
        return out, (top + np.log(total))[..., 0]


def positions(m, n):
    return np.arange(m)[:, None] + n - m, np.arange(n)[None, :]


def causal(m, n):
    row, key = positions(m, n)
    return key <= row


def near(m, n):
    row, key = positions(m, n)
    return (key <= row) | (np.abs(key - row) <= 3)


def run(kernel, inputs, shapes, parallel=None):
    outputs = [np.full(shape, np.nan, "f") for shape in shapes]
    Counter.executions += 1
    kernel.run([*inputs, *outputs], parallel)
    return outputs


def close(out, reference, bound=2e-5):
    assert out.shape == reference.shape
    assert np.isfinite(out).tolist() == np.isfinite(reference).tolist()
    finite = np.isfinite(reference)
    assert np.abs(out[finite] - reference[finite]).max(initial=0) < bound


SIZES = [
    (1, 1, 1, 1),
    (2, 49, 65, 30),
    (1, 113, 64, 239),
    (3, 5, 300, 1),
    (1, 7, 9, 0),
    (2, 0, 5, 6),
]

CHAIN = """
func.func @attention(%q: tensor<?x8x?x40xf32>, %k: tensor<?x2x?x40xf32>,
                     %v: tensor<?x2x?x24xf32>, %k2: tensor<?x4x?x24xf32>,
                     %v2: tensor<?x4x?x32xf32>) -> tensor<?x8x?x32xf32> {
  %a = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x40xf32>, tensor<?x2x?x40xf32>, tensor<?x2x?x24xf32>) -> tensor<?x8x?x24xf32>
  %b = attn.attention(%a, %k2, %v2)
      : (tensor<?x8x?x24xf32>, tensor<?x4x?x24xf32>, tensor<?x4x?x32xf32>) -> tensor<?x8x?x32xf32>
  return %b : tensor<?x8x?x32xf32>
}
"""


def test_one_attention_reads_another(kernels):
    """Two fused phases; the heads between them are grouped in two ways."""
    kernel = kernels.compile(CHAIN, "chain")
    rng = np.random.default_rng(1)
    for batch, m, n, n2 in SIZES:
        shapes = [(batch, 8, m, 40), (batch, 2, n, 40), (batch, 2, n, 24),
                  (batch, 4, n2, 24), (batch, 4, n2, 32)]  # fmt: skip
        q, k, v, k2, v2 = (rng.standard_normal(shape).astype("f") for shape in shapes)
        first, _ = attend(q.astype(float), k, v, causal(m, n))
        expected, _ = attend(first, k2, v2, np.ones((m, n2), bool))
        inputs = [q, k, v, k2, v2]
        (out,) = run(kernel, inputs, [expected.shape])
        close(out, expected)
        (again,) = run(kernel, inputs, [expected.shape], shuffled(batch + m))
        assert out.tobytes() == again.tobytes()


# A sink for each head, applied behind the attention: with the log-sum-exp l of a
# row, the sink s takes the part 1 - sigmoid(l - s) of its weights.
SINK_BEHIND = """
func.func @attention(%q: tensor<?x8x?x40xf32>, %k: tensor<?x2x?x40xf32>, %v: tensor<?x2x?x24xf32>,
                     %s: tensor<8xf32>) -> (tensor<?x8x?x24xf32>, tensor<?x8x?xf32>) {
  %a, %l = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x40xf32>, tensor<?x2x?x40xf32>, tensor<?x2x?x24xf32>)
      -> (tensor<?x8x?x24xf32>, tensor<?x8x?xf32>)
  %o = attn.cascade (%A = %a, %L = %l, %S = %s)
      : (tensor<?x8x?x24xf32>, tensor<?x8x?xf32>, tensor<8xf32>) -> tensor<?x8x?x24xf32> {
    %r = attn.einsum [b,h,m,f] = map(%A[b,h,m,f], %L[b,h,m], %S[h]) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %one = arith.constant 1.0 : f32
      %d = arith.subf %z, %y : f32
      %e = math.exp %d : f32
      %t = arith.addf %one, %e : f32
      %w = arith.divf %x, %t : f32
      attn.yield %w : f32
    } : (tensor<?x8x?x24xf32>, tensor<?x8x?xf32>, tensor<8xf32>) -> tensor<?x8x?x24xf32>
    attn.yield %r : tensor<?x8x?x24xf32>
  }
  return %o, %l : tensor<?x8x?x24xf32>, tensor<?x8x?xf32>
}
"""


def test_what_follows_reads_both_results(kernels):
    """It joins the attention's own loop, which keeps the result that others read."""
    kernel = kernels.compile(SINK_BEHIND, "sink_behind")
    assert kernel.phases() <= 1
    rng = np.random.default_rng(6)
    for batch, m, n, _ in SIZES:
        q = rng.standard_normal((batch, 8, m, 40)).astype("f")
        k = rng.standard_normal((batch, 2, n, 40)).astype("f")
        v = rng.standard_normal((batch, 2, n, 24)).astype("f")
        s = rng.standard_normal(8).astype("f")
        first, lse = attend(q.astype(float), k, v, causal(m, n))
        with np.errstate(over="ignore"):
            expected = first / (1 + np.exp(s[:, None, None] - lse[..., None]))
        out, rows = run(kernel, [q, k, v, s], [expected.shape, lse.shape])
        close(out, expected)
        close(rows, lse)


MIXED = """
func.func @attention(%q: tensor<?x4x?x32xf32>, %k: tensor<?x2x?x32xf32>,
                     %v: tensor<?x2x?x32xf32>)
    -> (tensor<?x4x?x32xf32>, tensor<?x4x?xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) {
  %a, %lse = attn.attention(%q, %k, %v) where causal
      : (tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
      -> (tensor<?x4x?x32xf32>, tensor<?x4x?xf32>)
  %s = math.sin %a : tensor<?x4x?x32xf32>
  %t = arith.addf %s, %q : tensor<?x4x?x32xf32>
  %b = attn.attention(%t, %k, %v) where not (not causal and not window(3, 3))
      : (tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>) -> tensor<?x4x?x32xf32>
  return %b, %lse, %a, %q
      : tensor<?x4x?x32xf32>, tensor<?x4x?xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>
}
"""


def test_fused_and_unfused_phases_mix(kernels):
    """A fused phase whose result is returned and read, operations of another
    dialect, a cascade that is not planned, and an argument that is returned."""
    kernel = kernels.compile(MIXED, "mixed", "--form=auto")
    rng = np.random.default_rng(2)
    for batch, m, n, _ in SIZES:
        q = rng.standard_normal((batch, 4, m, 32)).astype("f")
        k, v = (rng.standard_normal((batch, 2, n, 32)).astype("f") for _ in range(2))
        first, lse = attend(q.astype(float), k, v, causal(m, n))
        second, _ = attend(np.sin(first) + q, k, v, near(m, n))
        shapes = [second.shape, lse.shape, first.shape, q.shape]
        outputs = run(kernel, [q, k, v], shapes)
        for out, expected in zip(outputs, (second, lse, first), strict=False):
            close(out, expected)
        assert outputs[3].tobytes() == q.tobytes()
        again = run(kernel, [q, k, v], shapes, shuffled(batch * 7 + m))
        assert [x.tobytes() for x in again] == [x.tobytes() for x in outputs]


def test_items_of_an_unfused_cascade(kernels):
    """Batch and heads are items, and the workspace holds one point a worker."""
    source = """
func.func @attention(%s: tensor<?x3x?x?xf32>, %l: tensor<?xi32>) -> tensor<?x3x?x?xf32> {
  %o = attn.cascade (%S = %s, %L = %l) where causal over (m, n) align bottom_right
      lengths key(%L[b]) : (tensor<?x3x?x?xf32>, tensor<?xi32>) -> tensor<?x3x?x?xf32> {
    %x = attn.einsum [b,h,m] = %S[b,h,m,n] reduce max(n)
        : (tensor<?x3x?x?xf32>) -> tensor<?x3x?xf32>
    %p = attn.einsum [b,h,m,n] = map(%S[b,h,m,n], %x[b,h,m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x3x?x?xf32>, tensor<?x3x?xf32>) -> tensor<?x3x?x?xf32>
    %t = attn.einsum [b,h,m] = %p[b,h,m,n] reduce add(n)
        : (tensor<?x3x?x?xf32>) -> tensor<?x3x?xf32>
    %w = attn.einsum [b,h,m,n] = div(%p[b,h,m,n], %t[b,h,m])
        : (tensor<?x3x?x?xf32>, tensor<?x3x?xf32>) -> tensor<?x3x?x?xf32>
    attn.yield %w : tensor<?x3x?x?xf32>
  }
  return %o : tensor<?x3x?x?xf32>
}
"""
    kernel = kernels.compile(source, "items", "--form=unfused")
    rng = np.random.default_rng(3)
    for batch, m, n in ((1, 1, 1), (4, 33, 70), (2, 5, 0), (0, 3, 4)):
        s = rng.standard_normal((batch, 3, m, n)).astype("f")
        lengths = rng.integers(0, n + 1, batch).astype(np.int32)
        expected = np.zeros(s.shape)
        for b in range(batch):
            row, key = np.arange(m)[:, None] + lengths[b] - m, np.arange(n)[None, :]
            live = (key <= row) & (key < lengths[b])
            e = np.where(live, np.exp(s[b].astype(float)), 0)
            total = e.sum(axis=-1, keepdims=True)
            expected[b] = np.divide(e, total, out=np.zeros_like(e), where=total > 0)
        inputs = [s, lengths]
        (out,) = run(kernel, inputs, [s.shape])
        close(out, expected, 2e-6)
        (again,) = run(kernel, inputs, [s.shape], shuffled(batch))
        assert out.tobytes() == again.tobytes()
    s, lengths = np.zeros((4, 3, 64, 64), "f"), np.zeros(4, np.int32)
    arrays = [s, lengths, np.empty_like(s)]
    one, three = kernel.workspace_size(arrays, 1), kernel.workspace_size(arrays, 3)
    assert three == 3 * one
    assert one < s.nbytes


HUGE = """
func.func @attention(%x: tensor<SIZE>, %y: tensor<SIZE>) -> tensor<SIZE> {
  %o = attn.cascade (%X = %x, %Y = %y) : (tensor<SIZE>, tensor<SIZE>) -> tensor<SIZE> {
    %t = attn.einsum [i,j] = mul(%X[i], %Y[j]) : (tensor<SIZE>, tensor<SIZE>) -> tensor<PLANE>
    %u = attn.einsum [j] = %t[i,j] reduce max(i) : (tensor<PLANE>) -> tensor<SIZE>
    %r = attn.einsum [i] = mul(%t[i,j], %u[j]) reduce add(j)
        : (tensor<PLANE>, tensor<SIZE>) -> tensor<SIZE>
    attn.yield %r : tensor<SIZE>
  }
  return %o : tensor<SIZE>
}
"""


def huge(size, plane):
    return HUGE.replace("SIZE", size).replace("PLANE", plane)


def test_a_footprint_known_to_the_compiler_is_refused(kernels):
    source = huge("1000xf32", "1000x1000xf32")
    with pytest.raises(CompileError) as refusal:
        kernels.compile(source, "huge", "--form=unfused", "--max-footprint=3999999")
    message = str(refusal.value)
    assert re.search(r":4:\d+: error: the intermediate results need \d+ bytes", message), message
    assert "this one 4000000; allowed are 3999999 (max-footprint)" in message
    kernels.compile(source, "huge", "--form=unfused", "--max-footprint=16000000")


def test_a_footprint_known_to_the_call_is_refused(kernels):
    kernel = kernels.compile(
        huge("?xf32", "?x?xf32"), "huge", "--form=unfused", "--max-footprint=1000000"
    )
    rng = np.random.default_rng(4)
    x, y = (rng.standard_normal(200).astype("f") for _ in range(2))
    plane = np.outer(x, y).astype(float)
    (out,) = run(kernel, [x, y], [x.shape])
    close(out, plane @ plane.max(axis=0), 1e-4)
    x, y = (rng.standard_normal(1000).astype("f") for _ in range(2))
    out = np.full(1000, np.nan, "f")
    with pytest.raises(KernelError) as refusal:
        kernel.run([x, y, out])
    assert re.search(r"needs 40\d{5} bytes of workspace.*at most 1000000", str(refusal.value))
    assert np.isnan(out).all()


def test_a_size_beyond_64_bits_is_refused(kernels):
    """The product of extents wraps: no memory is asked for, none is touched."""
    source = """
func.func @attention(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<f32> {
  %o = attn.cascade (%X = %x, %Y = %y) : (tensor<?xf32>, tensor<?xf32>) -> tensor<f32> {
    %t = attn.einsum [i,j] = mul(%X[i], %Y[j]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %u = attn.einsum [] = %t[i,j] reduce max(i,j) : (tensor<?x?xf32>) -> tensor<f32>
    attn.yield %u : tensor<f32>
  }
  return %o : tensor<f32>
}
"""
    kernel = kernels.compile(source, "wraps", "--form=unfused", "--max-footprint=0")
    # Addresses of its own, and no memory behind them: MAP_NORESERVE of Linux.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000
    x = np.frombuffer(mmap.mmap(-1, 1 << 35, flags=flags, prot=mmap.PROT_READ), "f")
    out = np.full((), np.nan, "f")
    with pytest.raises(KernelError, match="bytes"):
        kernel.run([x, x, out])
    assert np.isnan(out)
    assert kernel.workspace_size([x, x, out], 1) >= 1 << 58


QKV = "tensor<2x?x16xf32>, tensor<2x?x16xf32>, tensor<2x?x24xf32>"
SCORES = """
    %s = attn.einsum [h,m,n] = mul(%Q[h,m,e], %K[h,n,e]) reduce add(e)
        : (tensor<2x?x16xf32>, tensor<2x?x16xf32>) -> tensor<2x?x?xf32>
    %x = attn.einsum [h,m] = %s[h,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
"""
OUT = """
    %o = attn.einsum [h,m,f] = mul(%w[h,m,n], %V[h,n,f]) reduce add(n)
        : (tensor<2x?x?xf32>, tensor<2x?x24xf32>) -> tensor<2x?x24xf32>
    attn.yield %o : tensor<2x?x24xf32>
  }
  return %r : tensor<2x?x24xf32>
}
"""
ARGUMENTS = "%q: tensor<2x?x16xf32>, %k: tensor<2x?x16xf32>, %v: tensor<2x?x24xf32>"

# A map of the maximum that no law repairs: two passes.
TWO_PASSES = f"""
func.func @attention({ARGUMENTS}, %l: tensor<2xi32>) -> tensor<2x?x24xf32> {{
  %r = attn.cascade (%Q = %q, %K = %k, %V = %v, %L = %l) where causal over (m, n)
      align bottom_right lengths key(%L[h]) : ({QKV}, tensor<2xi32>) -> tensor<2x?x24xf32> {{
    {SCORES}
    %w = attn.einsum [h,m,n] = map(%s[h,m,n], %x[h,m]) {{
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.tanh %d : f32
      attn.yield %t : f32
    }} : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>
    {OUT}"""


def test_two_passes_that_no_law_joins(kernels):
    kernel = kernels.compile(TWO_PASSES, "two_passes")
    assert kernel.phases() == 2
    rng = np.random.default_rng(5)
    for m, n in ((1, 1), (49, 65), (113, 300), (9, 0), (70, 30)):
        q, k = (rng.standard_normal((2, x, 16)).astype("f") for x in (m, n))
        v = rng.standard_normal((2, n, 24)).astype("f")
        lengths = rng.integers(0, n + 1, 2).astype(np.int32)
        expected = np.zeros((2, m, 24))
        for h in range(2):
            row, key = np.arange(m)[:, None] + lengths[h] - m, np.arange(n)[None, :]
            live = (key <= row) & (key < lengths[h])
            s = q[h].astype(float) @ k[h].T.astype(float)
            x = np.where(live, s, -np.inf).max(axis=-1, keepdims=True, initial=-np.inf)
            with np.errstate(invalid="ignore"):
                expected[h] = np.where(live, np.tanh(s - x), 0) @ v[h]
        (out,) = run(kernel, [q, k, v, lengths], [expected.shape])
        close(out, expected, 1e-4)


# Sinkhorn: columns and rows of the weights are normalised in turns.
def sinkhorn(rounds):
    text, last = "", "%p"
    for i in range(rounds):
        text += f"""
    %c{i} = attn.einsum [h,n] = {last}[h,m,n] reduce add(m) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    %v{i} = attn.einsum [h,m,n] = div({last}[h,m,n], %c{i}[h,n])
        : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>
    %d{i} = attn.einsum [h,m] = %v{i}[h,m,n] reduce add(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    %{"w" if i == rounds - 1 else f"w{i}"} = attn.einsum [h,m,n] = div(%v{i}[h,m,n], %d{i}[h,m])
        : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>"""
        last = f"%w{i}"
    return f"""
func.func @attention({ARGUMENTS}) -> tensor<2x?x24xf32> {{
  %r = attn.cascade (%Q = %q, %K = %k, %V = %v) : ({QKV}) -> tensor<2x?x24xf32> {{
    {SCORES}
    %p = attn.einsum [h,m,n] = map(%s[h,m,n], %x[h,m]) {{
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %t = math.exp %d : f32
      attn.yield %t : f32
    }} : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>
    {text}
    {OUT}"""


@pytest.mark.parametrize("rounds", [1, 2])
def test_statistics_of_columns(kernels, rounds):
    """Passes over the keys and over the queries in turns, all of them fused: no
    buffer has both extents."""
    kernel = kernels.compile(sinkhorn(rounds), f"sinkhorn{rounds}")
    rng = np.random.default_rng(6)
    for m, n in ((1, 1), (49, 65), (300, 113), (5, 300)):
        q, k = (0.5 * rng.standard_normal((2, x, 16)).astype("f") for x in (m, n))
        v = rng.standard_normal((2, n, 24)).astype("f")
        s = np.einsum("hme,hne->hmn", q.astype(float), k)
        w = np.exp(s - s.max(axis=-1, keepdims=True))
        for _ in range(rounds):
            w /= w.sum(axis=1, keepdims=True)
            w /= w.sum(axis=2, keepdims=True)
        (out,) = run(kernel, [q, k, v], [(2, m, 24)])
        close(out, w @ v, 2e-5)
        (again,) = run(kernel, [q, k, v], [(2, m, 24)], shuffled(m))
        assert out.tobytes() == again.tobytes()
    arrays = [np.zeros((2, 512, 16), "f"), np.zeros((2, 512, 16), "f"),
              np.zeros((2, 512, 24), "f"), np.zeros((2, 512, 24), "f")]  # fmt: skip
    assert kernel.workspace_size(arrays, 1) < 512 * 512 * 4 / 2


SLICES = """
func.func @attention(%qkv: tensor<?x3x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %b = tensor.dim %qkv, %c0 : tensor<?x3x2x?x8xf32>
  %n = tensor.dim %qkv, %c3 : tensor<?x3x2x?x8xf32>
  %q = tensor.extract_slice %qkv[0, 0, 0, 0, 0] [%b, 1, 2, %n, 8] [1, 1, 1, 1, 1]
      : tensor<?x3x2x?x8xf32> to tensor<?x2x?x8xf32>
  %k = tensor.extract_slice %qkv[0, 1, 0, 0, 0] [%b, 1, 2, %n, 8] [1, 1, 1, 1, 1]
      : tensor<?x3x2x?x8xf32> to tensor<?x2x?x8xf32>
  %v = tensor.extract_slice %qkv[0, 2, 0, 0, 0] [%b, 1, 2, %n, 8] [1, 1, 1, 1, 1]
      : tensor<?x3x2x?x8xf32> to tensor<?x2x?x8xf32>
  %sinks = arith.constant dense<[0.5, -1.5]> : tensor<2xf32>
  %a = attn.attention(%q, %k, %v) where causal SINKS
      : (tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32>
  return %a : tensor<?x2x?x8xf32>
}
"""


@pytest.mark.parametrize("sinks", [False, True], ids=["plain", "sinks"])
def test_operands_that_are_slices_and_constants(kernels, sinks):
    """One packed tensor is read in place; a constant is a phase of its own."""
    clause = "sinks(%sinks : tensor<2xf32>)" if sinks else ""
    kernel = kernels.compile(SLICES.replace("SINKS", clause), f"slices{sinks}")
    assert kernel.phases() == (2 if sinks else 1)
    rng = np.random.default_rng(8)
    for batch, n in ((1, 1), (2, 65), (3, 113)):
        qkv = rng.standard_normal((batch, 3, 2, n, 8)).astype("f")
        q, k, v = (qkv[:, i].astype(float) for i in range(3))
        expected, lse = attend(q, k, v, causal(n, n))
        if sinks:
            expected *= 1 / (1 + np.exp(np.array([0.5, -1.5])[:, None] - lse))[..., None]
        (out,) = run(kernel, [qkv], [expected.shape])
        close(out, expected)


ELEMENTWISE = """
#id = affine_map<(b, h, n, e) -> (b, h, n, e)>
#row = affine_map<(b, h, n, e) -> (e)>
func.func @attention(%q: tensor<?x4x?x32xf32>, %k: tensor<?x4x?x32xf32>, %v: tensor<?x4x?x32xf32>,
                     %w: tensor<32xf32>, %g: tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x4x?x32xf32>
  %n = tensor.dim %q, %c2 : tensor<?x4x?x32xf32>
  %init = tensor.empty(%b, %n) : tensor<?x4x?x32xf32>
  %scaled = linalg.generic {indexing_maps = [#id, #row, #id],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%q, %w : tensor<?x4x?x32xf32>, tensor<32xf32>) outs(%init : tensor<?x4x?x32xf32>) {
  ^bb0(%x: f32, %y: f32, %old: f32):
    %d = arith.mulf %x, %y FLAGS : f32
    linalg.yield %d : f32
  } -> tensor<?x4x?x32xf32>
  %a = attn.attention(%scaled, %k, %v) where causal
      : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %t = math.tanh %g FLAGS : tensor<?x4x?x32xf32>
  %o = arith.mulf %a, %t FLAGS : tensor<?x4x?x32xf32>
  return %o : tensor<?x4x?x32xf32>
}
"""


@pytest.mark.parametrize("how", ["flags", "option", "neither"])
def test_elementwise_operations_join_where_they_may(kernels, how):
    """A weight on the queries and a gate on the output, in another dialect: part
    of the kernel's one phase, or phases of their own."""
    source = ELEMENTWISE.replace("FLAGS", "fastmath<fast>" if how == "flags" else "")
    extra = ["--fast-math"] if how == "option" else []
    kernel = kernels.compile(source, f"elementwise_{how}", "--form=auto", *extra)
    assert kernel.phases() == (3 if how == "neither" else 1)
    rng = np.random.default_rng(9)
    for batch, m, n in ((1, 1, 1), (2, 49, 65), (1, 113, 30)):
        q, g = (rng.standard_normal((batch, 4, m, 32)).astype("f") for _ in range(2))
        k, v = (rng.standard_normal((batch, 4, n, 32)).astype("f") for _ in range(2))
        w = rng.standard_normal(32).astype("f")
        expected, _ = attend(q.astype(float) * w, k, v, causal(m, n))
        expected *= np.tanh(g.astype(float))
        (out,) = run(kernel, [q, k, v, w, g], [expected.shape])
        close(out, expected)


# Queries and keys are the same tensor, and both are normalised: the norm of a token is
# read at the rank of the rows and at that of the keys.
SHARED = """
func.func @attention(%x: tensor<?x32xf32>, %v: tensor<?x24xf32>) -> tensor<?x24xf32> {
  %o = attn.cascade (%X = %x, %V = %v) : (tensor<?x32xf32>, tensor<?x24xf32>) -> tensor<?x24xf32> {
    %q = attn.einsum [n] = mul(%X[n,e], %X[n,e]) reduce add(e)
        : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?xf32>
    %r = attn.einsum [n] = map(%q[n]) {
    ^bb0(%a: f32):
      %y = math.rsqrt %a : f32
      attn.yield %y : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %h = attn.einsum [n,e] = mul(%X[n,e], %r[n])
        : (tensor<?x32xf32>, tensor<?xf32>) -> tensor<?x32xf32>
    %s = attn.einsum [m,n] = mul(%h[m,e], %h[n,e]) reduce add(e)
        : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x?xf32>
SOFTMAX
    attn.yield %o : tensor<?x24xf32>
  }
  return %o : tensor<?x24xf32>
}
"""

# Keys are normalised where four heads of queries share one of keys.
GROUPED = """
func.func @attention(%q: tensor<8x?x32xf32>, %k: tensor<2x?x32xf32>, %v: tensor<2x?x24xf32>)
    -> tensor<8x?x24xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align bottom_right
      : (tensor<8x?x32xf32>, tensor<2x?x32xf32>, tensor<2x?x24xf32>) -> tensor<8x?x24xf32> {
    %c = attn.einsum [g,n] = mul(%K[g,n,e], %K[g,n,e]) reduce add(e)
        : (tensor<2x?x32xf32>, tensor<2x?x32xf32>) -> tensor<2x?xf32>
    %r = attn.einsum [g,n] = map(%c[g,n]) {
    ^bb0(%a: f32):
      %y = math.rsqrt %a : f32
      attn.yield %y : f32
    } : (tensor<2x?xf32>) -> tensor<2x?xf32>
    %h = attn.einsum [g,n,e] = mul(%K[g,n,e], %r[g,n])
        : (tensor<2x?x32xf32>, tensor<2x?xf32>) -> tensor<2x?x32xf32>
    %s = attn.einsum [i,m,n] = mul(%Q[i,m,e], %h[i floordiv 4,n,e]) reduce add(e)
        : (tensor<8x?x32xf32>, tensor<2x?x32xf32>) -> tensor<8x?x?xf32>
SOFTMAX
    attn.yield %o : tensor<8x?x24xf32>
  }
  return %o : tensor<8x?x24xf32>
}
"""


def with_softmax(source, heads, group):
    """The weighted mean of the values behind the scores %s[heads m, n]."""
    size, key = ("8x", "2x") if heads else ("", "")
    matrix, row, out = f"tensor<{size}?x?xf32>", f"tensor<{size}?xf32>", f"tensor<{size}?x24xf32>"
    softmax = f"""
    %t = attn.einsum [{heads}m] = %s[{heads}m,n] reduce max(n) : ({matrix}) -> {row}
    %p = attn.einsum [{heads}m,n] = map(%s[{heads}m,n], %t[{heads}m]) {{
    ^bb0(%a: f32, %b: f32):
      %y = arith.subf %a, %b : f32
      %z = math.exp %y : f32
      attn.yield %z : f32
    }} : ({matrix}, {row}) -> {matrix}
    %d = attn.einsum [{heads}m] = %p[{heads}m,n] reduce add(n) : ({matrix}) -> {row}
    %w = attn.einsum [{heads}m,f] = mul(%p[{heads}m,n], %V[{group}n,f]) reduce add(n)
        : ({matrix}, tensor<{key}?x24xf32>) -> {out}
    %o = attn.einsum [{heads}m,f] = div(%w[{heads}m,f], %d[{heads}m]) : ({out}, {row}) -> {out}
"""
    return source.replace("SOFTMAX\n", softmax.lstrip("\n"))


def test_norms_that_are_read_at_other_ranks(kernels, seed):
    shared = kernels.compile(with_softmax(SHARED, "", ""), "shared", "--form=fused")
    grouped = kernels.compile(
        with_softmax(GROUPED, "i,", "i floordiv 4,"), "grouped", "--form=fused"
    )
    rng = np.random.default_rng([seed, 17])
    for m, n in ((1, 1), (17, 17), (50, 131), (200, 200)):
        x, v = rng.standard_normal((n, 32)).astype("f"), rng.standard_normal((n, 24)).astype("f")
        h = x / np.linalg.norm(x.astype(float), axis=1, keepdims=True)
        p = np.exp(h @ h.T)
        (out,) = run(shared, [x, v], [(n, 24)])
        close(out, p @ v / p.sum(axis=1, keepdims=True))

        q = rng.standard_normal((8, m, 32)).astype("f")
        k, v = (rng.standard_normal((2, n, size)).astype("f") for size in (32, 24))
        h = k / np.linalg.norm(k.astype(float), axis=2, keepdims=True)
        # attend divides the scores by the root of the head size.
        expected, _ = attend(q[None] * np.sqrt(32), h[None], v[None], causal(m, n))
        (out,) = run(grouped, [q, k, v], [(8, m, 24)])
        close(out, expected[0])
