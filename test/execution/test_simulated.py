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
from gpu_cases import SPECS, UNFUSED
from operators import operands
from runner import judge, run

LENGTHS = [(37, 53), (1, 70), (70, 1), (33, 0)]


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    names = {
        "name": ["features", "permuted"] if quick else list(SPECS),
        "unfused": ["odd"] if quick else UNFUSED,
    }
    for fixture, values in names.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, values)


def lengths(spec):
    if spec.queries is not None:
        return [(spec.queries, keys) for keys in (53, 1, 0)]
    if spec.permute and spec.permute[0][0] == "both":
        return [(37, 37), (1, 1), (70, 70)]
    return LENGTHS


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
    size = (21, 21) if SPECS[unfused].permute else (21, 34)
    case = operands(SPECS[unfused], 2, *size, rng)
    judge(case, run(kernel, case))


def change_order(token):
    """Another token in a slot of the second head."""

    def change(arrays):
        order = arrays["order_both"]
        order[1, np.argmax(order[1] != 3)] = token

    return change


def change_lists(offsets, entries):
    def change(arrays):
        arrays["list0_offsets"] = np.tile(np.array(offsets, np.int32), (2, 1))
        arrays["list0_entries"] = np.tile(np.array(entries, np.int64), (2, 1))

    return change


def change_tokens(values):
    def change(arrays):
        arrays["list0"][1, 1] = -1
        arrays["list0"][1, 1][: len(values)] = values

    return change


def change_segments(offsets):
    def change(arrays):
        arrays["segments_both"] = np.tile(np.array(offsets, np.int32), (2, 1))

    return change


WRONG = [
    ("permuted", change_order(-1), "order_both holds -1 in slot .*: out of range"),
    ("permuted", change_order(29), "order_both holds 29 in slot .*: out of range"),
    ("permuted", change_order(3), "order_both holds 3 in slot .*: another slot holds it, too"),
    ("segments", change_segments([0, 9, 8, 29]), "holds 8 in slot .*: it cannot follow"),
    ("segments", change_segments([0, 9, 30]), "holds 30 in slot .*: out of range"),
    ("segments", change_segments([-1, 29]), "holds -1 in slot .*: out of range"),
    ("segments", change_segments([]), "has 0 rows or offsets where the call needs 1"),
    (
        "blocks",
        change_lists([0, 2, 3], [0, 1, 2]),
        "list0_offsets has 3 rows or offsets where .* 2",
    ),
    ("blocks", change_lists([0, 4], [0, 1, 2]), "list0_offsets holds 4 in slot .*: out of range"),
    ("blocks", change_lists([2, 1], [0, 1, 2]), "list0_offsets holds 1 in .*: it cannot follow"),
    ("blocks", change_lists([0, 2], [1, 1, 2]), "list0_entries holds 1 in .*: it cannot follow"),
    ("blocks", change_lists([0, 2], [0, 5]), "list0_entries holds 5 in slot .*: out of range"),
    ("tokens", change_tokens([4, 9, 9]), "list0 holds 9 in slot .*: it cannot follow"),
    ("tokens", change_tokens([3, -1, 5]), "list0 holds 5 in slot .*: it cannot follow"),
    ("tokens", change_tokens([4, 29]), "list0 holds 29 in slot .*: out of range"),
    ("tokens", change_tokens([-2]), "list0 holds -2 in slot .*: out of range"),
]


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
