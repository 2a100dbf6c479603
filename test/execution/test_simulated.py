# ===- test_simulated.py - Kernels of GPUs on the simulator ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Kernels of GPUs keep the contract of those of CPUs. The simulator also finds
races, accesses out of bounds and what is read before it is written."""

import numpy as np
import pytest
from attn.kernel import STATUS, KernelError
from gpu_cases import SPECS, UNFUSED, WRONG, lengths, unfused_lengths
from operators import operands
from runner import judge, run


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    names = {
        "name": ["features", "permuted"] if quick else list(SPECS),
        "unfused": ["odd"] if quick else UNFUSED,
    }
    for fixture, values in names.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, values)


def test_fused(kernels, name, seed):
    kernel = kernels.device(SPECS[name])
    for number, (queries, keys) in enumerate(lengths(SPECS[name])):
        kernel.seed = number
        rng = np.random.default_rng([seed, queries, keys])
        case = operands(SPECS[name], 2, queries, keys, rng)
        judge(case, run(kernel, case))


def test_unfused(kernels, unfused, seed):
    kernel = kernels.device(SPECS[unfused], "--form=unfused")
    rng = np.random.default_rng([seed, 21])
    case = operands(SPECS[unfused], 2, *unfused_lengths(SPECS[unfused]), rng)
    judge(case, run(kernel, case))


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_values(kernels, number):
    """The call is refused on the device, and no output is written."""
    name, change, message = WRONG[number]
    kernel = kernels.device(SPECS[name])
    case = operands(SPECS[name], 2, 29, 29, np.random.default_rng(3))
    change(case.arrays)
    with pytest.raises(KernelError, match=message) as caught:
        run(kernel, case)
    assert caught.value.status == STATUS["VALUE"]
