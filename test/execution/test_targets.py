# ===- test_targets.py - Other CPUs and the unfused form ------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Every target CPU and the unfused form keep the same contract."""

import numpy as np
import pytest
from attn.kernel import STATUS, KernelError
from operators import Operands, Spec, operands
from runner import judge, run, run_guarded

SPECS = {
    "plain": Spec(59, 40, heads=2, key_heads=1, lse=True),
    "bf16": Spec(64, 64, heads=2, key_heads=2, dtype="bf16", where=(("causal",),)),
    "f16": Spec(59, 48, heads=2, key_heads=1, dtype="f16", where=(("causal",),), lse=True),
    "f64": Spec(
        40, 72, heads=2, key_heads=1, dtype="f64", softcap=20.0, bias="hmn",
        where=(("causal",), ("window", 31, 17)), key_lengths=True, sinks=True, lse=True,
    ),
    "features": Spec(
        40, 96, heads=2, key_heads=1, softcap=20.0, bias="hmn", region="alibi",
        where=(("causal",), ("window", 31, 17)), key_lengths=True, query_lengths=True, lse=True,
    ),
    "regions": Spec(8, 8, heads=3, key_heads=1, region="every_third", bias="bn", lse=True),
}  # fmt: skip
CPUS = ["x86-64", "x86-64-v3", "x86-64-v4", "znver4"]
FORMS = {"f32": ["--form=unfused"], "f64": ["--form=unfused", "--precision=f64"]}


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    levels = {
        "name": ["features"] if quick else list(SPECS),
        "cpu": ["x86-64-v3"] if quick else CPUS,
        "precision": ["f64"] if quick else list(FORMS),
    }
    for fixture, values in levels.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, values)


def load(kernels, name, *flags):
    kernel = kernels.get(SPECS[name], *flags)
    try:
        kernel.supported()
    except KernelError as error:
        assert error.status == STATUS["TARGET"]
        pytest.skip("no AVX-512 CPU")
    return kernel


def test_cpu(kernels, name, cpu):
    kernel = load(kernels, name, f"--cpu={cpu}")
    assert kernel.cpu == cpu
    for queries, keys in [(113, 239), (65, 47), (1, 300)]:
        case = operands(SPECS[name], 2, queries, keys, np.random.default_rng(keys))
        judge(case, run_guarded(kernel, case, "padded", "end", keys))


def test_unfused(kernels, name, precision):
    """The form that --verify trusts is itself right, and in f64 far better."""
    kernel = load(kernels, name, *FORMS[precision])
    case = operands(SPECS[name], 2, 65, 113, np.random.default_rng(7))
    if precision == "f32":
        judge(case, run(kernel, case))
        return
    wide = {
        key: value if value.dtype.kind == "i" else value.astype(np.float64)
        for key, value in case.arrays.items()
    }
    spec = SPECS[name]
    case = Operands(Spec(**{**spec.__dict__, "dtype": "f64"}), wide)
    judge(case, run(kernel, case))
