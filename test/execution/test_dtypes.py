# ===- test_dtypes.py - Element types ------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What is particular to an element type: results of another type than the
operands, rounding at the ends of f16's range, and f64 beyond what f32 holds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from attn import contract
from attn.reference import accumulation_type, reference_type
from operators import DTYPES, Spec, operands, text
from runner import Counter, judge, run, run_guarded

BASE = Spec(
    24, 40, heads=2, key_heads=1, softcap=20.0, bias="mn", where=(("causal",),),
    key_lengths=True, sinks=True, lse=True,
)  # fmt: skip
CPUS = ["x86-64", "x86-64-v3", "x86-64-v4"]
PAIRS = [pair for pair in itertools.product(DTYPES, DTYPES) if pair[0] != pair[1]]


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    if "pair" in metafunc.fixturenames:
        pairs = [("f64", "f16")] if quick else PAIRS
        metafunc.parametrize("pair", pairs, ids=["-to-".join(pair) for pair in pairs])
    levels = {"dtype": ["f64"] if quick else list(DTYPES), "cpu": ["x86-64"] if quick else CPUS}
    for fixture, values in levels.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, values)


@pytest.mark.parametrize("form", ["fused", "unfused"])
def test_results_of_another_type(kernels, pair, form):
    """Sums are in the compute type of the operands, rounded to the result's."""
    spec = replace(BASE, dtype=pair[0], out_dtype=pair[1])
    kernel = kernels.get(spec, f"--form={form}")
    for queries, keys in [(65, 113), (49, 7)]:
        case = operands(spec, 2, queries, keys, np.random.default_rng(keys))
        outputs = run_guarded(kernel, case, "padded", "end", keys)
        assert outputs[0].dtype == DTYPES[pair[1]]
        judge(case, outputs)


def test_operands_of_another_type(kernels, dtype):
    """A bias and a sink may have any float type; the maps convert it."""
    spec = Spec(16, 24, heads=2, key_heads=2, dtype="bf16", bias="hmn", sinks=True, lse=True)
    source = text(spec)
    for old in ("tensor<2x?x?xf32>", "tensor<2xf32>"):
        assert old in source
        source = source.replace(old, old.replace("f32", dtype))
    kernel = kernels.compile(source, f"bias_{dtype}")
    case = operands(spec, 1, 50, 70, np.random.default_rng(3))
    for name in ("bias", "sink"):
        case.arrays[name] = case.arrays[name].astype(DTYPES[dtype])
    outputs = run(kernel, case)
    for name in ("bias", "sink"):
        case.arrays[name] = case.arrays[name].astype(np.float32)
    judge(case, outputs)


def one_key(kernels, spec, values, cpu):
    """Values [b, f] of a single key, which the operator only copies and rounds."""
    kernel = kernels.get(spec, f"--cpu={cpu}")
    try:
        kernel.supported()
    except RuntimeError:
        pytest.skip("no AVX-512 CPU")
    case = operands(spec, len(values), 3, 1, np.random.default_rng(0))
    case.arrays["v"][:, 0, 0] = values
    (out,) = run(kernel, case)
    return out[:, 0]


def test_f16_rounds_at_the_ends_of_its_range(kernels, cpu):
    """Overflow gives infinity as a rounding does; subnormal numbers stay."""
    tiny, largest = 2.0**-24, 65504.0
    values = np.array(
        [largest, largest + 15.9, largest + 16, 1e6, -1e9, np.inf, 0.0, -0.0,
         tiny, tiny / 2, tiny * 0.51, tiny * 1.5, -tiny * 2.5, 1023 * tiny, 1023.5 * tiny,
         2.0**-14, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 / 3, np.nan],
    )  # fmt: skip
    for dtype in ("f32", "f64"):
        given = values.astype(DTYPES[dtype])
        spec = Spec(8, len(values), dtype=dtype, out_dtype="f16")
        out = one_key(kernels, spec, given[None], cpu)[0]
        with np.errstate(over="ignore"):
            # f64 results are rounded by way of f32.
            expected = given.astype(np.float32).astype(np.float16)
        for row in out:
            np.testing.assert_array_equal(row, expected)


def test_f16_values_pass_unchanged(kernels, cpu):
    """Every f16, subnormal numbers included, is loaded and stored exactly."""
    bits = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    spec = Spec(8, 64, dtype="f16")
    values = bits[np.isfinite(bits)].reshape(-1, 64)
    out = one_key(kernels, spec, values, cpu)
    # -0 is a sum that starts at +0.
    for row in range(3):
        np.testing.assert_array_equal(out[:, row], values)


def test_f64_exceeds_f32(kernels):
    """Scores and values that f32 cannot hold, in range and in digits."""
    spec = Spec(16, 24, heads=2, key_heads=1, dtype="f64", scale=1.5e-300, lse=True)
    kernel = kernels.get(spec)
    case = operands(spec, 1, 50, 130, np.random.default_rng(1))
    case.arrays["q"] *= 1e200
    case.arrays["k"] *= 1e100
    case.arrays["v"] *= 1e-200
    judge(case, run(kernel, case))


def test_merge(kernels, dtype):
    """attn.merge of partial results of every type."""
    kind, statistics = DTYPES[dtype], accumulation_type(DTYPES[dtype])
    element = "f64" if dtype == "f64" else "f32"
    out_type, lse_type = f"tensor<?x2x?x24x{dtype}>", f"tensor<?x2x?x{element}>"
    kernel = kernels.compile(
        f"""
func.func @attention(%a: {out_type}, %la: {lse_type}, %b: {out_type}, %lb: {lse_type})
    -> ({out_type}, {lse_type}) {{
  %o, %l = attn.merge(%a, %b) lse(%la, %lb)
      : ({out_type}, {out_type}, {lse_type}, {lse_type}) -> ({out_type}, {lse_type})
  return %o, %l : {out_type}, {lse_type}
}}
""",
        f"merge_{dtype}",
    )
    rng = np.random.default_rng(5)
    parts = [rng.standard_normal((2, 2, 49, 24)).astype(kind) for _ in range(2)]
    lses = [3 * rng.standard_normal((2, 2, 49)).astype(statistics) for _ in range(2)]
    wide = reference_type(kind)
    weights = [np.exp(lse.astype(wide)) for lse in lses]
    total = weights[0] + weights[1]
    expected = sum(
        w[..., None] * p.astype(wide) for w, p in zip(weights, parts, strict=True)
    )  # fmt: skip
    expected /= total[..., None]
    out, lse = np.full(parts[0].shape, np.nan, kind), np.full(lses[0].shape, np.nan, statistics)
    Counter.executions += 1
    kernel.run([parts[0], lses[0], parts[1], lses[1], out, lse])
    working, size = contract.eps(statistics), contract.finite_max(expected)
    contract.check(out, expected, 0.0, 8 * working * size + contract.eps(kind) * size)
    contract.check(lse, np.log(total), 0.0, 8 * working * contract.finite_max(np.log(total)))
