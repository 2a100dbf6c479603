# ===- test_scalar_operations.py - What maps may compute ------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Operations of arith and math that few maps have: those with two results, and those
that no instruction or library function computes."""

import math

import numpy as np
import pytest
from runner import Counter

# Lines of a map over %x and %y, f32, and %i and %j, i32; they define %r, f32, or %n, i32.
FLOATS = {
    "sincos": ("%s, %c = math.sincos %x : f32\n%r = arith.subf %s, %c : f32",
               lambda x, y, i, j: np.sin(x) - np.cos(x)),
    "clampf": ("%z = arith.constant 0.5 : f32\n%r = math.clampf %x to [%y, %z] : f32",
               lambda x, y, i, j: np.minimum(np.maximum(x, y), 0.5)),
    "isinf": ("%b = math.isinf %x : f32\n%r = arith.uitofp %b : i1 to f32",
              lambda x, y, i, j: np.isinf(x)),
    "isnormal": ("%b = math.isnormal %x : f32\n%r = arith.uitofp %b : i1 to f32",
                 lambda x, y, i, j: np.isfinite(x) & (abs(x) >= 2.0**-126)),
    "fpowi": ("%r = math.fpowi %x, %i : f32, i32", lambda x, y, i, j: x ** i.astype(float)),
}  # fmt: skip
INTEGERS = {
    "mului_extended": ("%l, %n = arith.mului_extended %i, %j : i32",
                       lambda i, j: (i % 2**32) * (j % 2**32) >> 32),
    "mulsi_extended": ("%l, %n = arith.mulsi_extended %i, %j : i32", lambda i, j: i * j >> 32),
    "addui_extended": ("%l, %o = arith.addui_extended %i, %j : i32, i1\n"
                       "%n = arith.extui %o : i1 to i32",
                       lambda i, j: (i % 2**32) + (j % 2**32) >> 32),
    "ipowi": ("%n = math.ipowi %i, %j : i32",
              lambda i, j: pow(i, j, 2**32) if j >= 0 else i**-j if abs(i) == 1 else 0),
}  # fmt: skip
# Behind a whole number of vectors, and an odd rest.
COUNT = 67


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    if "form" in metafunc.fixturenames:
        metafunc.parametrize("form", ["fused"] if quick else ["fused", "unfused"])


def call(kernels, form, lines, result, element, arrays):
    text = f"""
func.func @attention(%X: tensor<?xf32>, %Y: tensor<?xf32>, %I: tensor<?xi32>, %J: tensor<?xi32>) -> tensor<?x{element}> {{
  %a = attn.cascade (%A = %X, %B = %Y, %C = %I, %D = %J)
      : (tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x{element}> {{
    %w = attn.einsum [m] = map(%A[m], %B[m], %C[m], %D[m]) {{
    ^bb0(%x: f32, %y: f32, %i: i32, %j: i32):
      {lines}
      attn.yield {result} : {element}
    }} : (tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x{element}>
    attn.yield %w : tensor<?x{element}>
  }}
  return %a : tensor<?x{element}>
}}
"""  # noqa: E501
    out = np.full(COUNT, 85, np.float32 if element == "f32" else np.int32)
    Counter.executions += 1
    kernels.compile(text, "attention", f"--form={form}").run([*arrays, out])
    return out


@pytest.mark.parametrize("name", list(FLOATS))
def test_floats(kernels, form, name, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal(COUNT).astype(np.float32) * 3 for _ in range(2))
    special = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-40, 3e38]
    if name != "sincos":
        x[:7] = special
    i = rng.integers(-9, 10, COUNT).astype(np.int32)
    lines, compute = FLOATS[name]
    got = call(kernels, form, lines, "%r", "f32", [x, y, i, i])
    with np.errstate(all="ignore"):
        want = np.asarray(compute(x.astype(float), y.astype(float), i, i), float)
        narrow = want.astype(np.float32)
    assert np.array_equal(np.isnan(got), np.isnan(want))
    # A power of a subnormal number may overflow in front of its inverse.
    sure = ~np.isnan(want) & ((np.abs(x) > 1e-30) | (x == 0))
    np.testing.assert_allclose(got[sure], narrow[sure], rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("name", list(INTEGERS))
def test_integers(kernels, form, name, seed):
    rng = np.random.default_rng(seed)
    i, j = (rng.integers(-(2**31), 2**31, COUNT).astype(np.int32) for _ in range(2))
    if name == "ipowi":
        i[:40], j[:40] = rng.integers(-3, 4, 40), rng.integers(-5, 12, 40)
        # 0 has no inverse.
        j[(i == 0) & (j < 0)] = 2
    x = np.zeros(COUNT, np.float32)
    lines, compute = INTEGERS[name]
    got = call(kernels, form, lines, "%n", "i32", [x, x, i, j])
    want = [compute(int(a), int(b)) for a, b in zip(i, j, strict=True)] if name != "ipowi" else [
        compute(int(a), int(b)) if b >= 0 else (1 if b % 2 == 0 or a == 1 else -1)
        if abs(int(a)) == 1 else 0
        for a, b in zip(i, j, strict=True)
    ]  # fmt: skip
    assert [int(n) % 2**32 for n in got] == [n % 2**32 for n in want]


@pytest.mark.parametrize("kind, empty", [("max", -math.inf), ("min", math.inf)])
@pytest.mark.parametrize("extent", [1, 3, "?"])
def test_extrema_as_results(kernels, form, kind, empty, extent):
    """Over infinities alone an extremum is one, as a result (MR-3), and in a map of its
    cascade the extreme finite number."""
    text = f"""
func.func @attention(%X: tensor<?x{extent}xf32>) -> (tensor<?xf32>, tensor<?xf32>) {{
  %a:2 = attn.cascade (%A = %X) : (tensor<?x{extent}xf32>) -> (tensor<?xf32>, tensor<?xf32>) {{
    %w = attn.einsum [m] = %A[m,n] reduce {kind}(n) : (tensor<?x{extent}xf32>) -> tensor<?xf32>
    %d = attn.einsum [m] = sub(%w[m], %w[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %w, %d : tensor<?xf32>, tensor<?xf32>
  }}
  return %a#0, %a#1 : tensor<?xf32>, tensor<?xf32>
}}
"""
    x = np.full((COUNT, 3 if extent == "?" else extent), empty, np.float32)
    x[5:, 0] = np.arange(5, COUNT)
    out, difference = (np.full(COUNT, 85, np.float32) for _ in range(2))
    Counter.executions += 1
    kernels.compile(text, "attention", f"--form={form}").run([x, out, difference])
    assert out.tolist() == [empty] * 5 + list(range(5, COUNT))
    assert difference.tolist() == [0.0] * COUNT
