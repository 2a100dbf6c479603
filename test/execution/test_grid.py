# ===- test_grid.py - Every length and head size -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Kernels against the float64 reference over a covering grid of configurations
and over fresh random ones.

In the quick tier every value of a factor occurs, in the default tier every pair of
values of any two factors; the full tier runs each of those kernels on further lengths,
layouts and values. Inputs are read-only, outputs are poisoned, and every operand begins
or ends at an inaccessible page.
"""

import pytest
from cases import FACTORS, _unequal, grid_cases, random_cases
from cover import pairs_of
from runner import check_case

RANDOM_CASES = {"quick": 4, "default": 200, "full": 200}


def pytest_generate_tests(metafunc):
    tier = metafunc.config.getoption("--tier")
    if "grid_case" in metafunc.fixturenames:
        cases = grid_cases(tier)
        metafunc.parametrize("grid_case", [_param(case) for case in cases])
    if "random_case" in metafunc.fixturenames:
        cases = random_cases(metafunc.config.option.seed, RANDOM_CASES[tier])
        # Worker processes must agree on names, so none holds the seed.
        named = [_param(case, f"random{i}") for i, case in enumerate(cases)]
        metafunc.parametrize("random_case", named)


def _param(case, name=None):
    # One group is one worker process: its kernel is compiled and loaded once.
    group = pytest.mark.xdist_group(case.spec.key)
    return pytest.param(case, id=name or f"{case.seed}-{case.id}", marks=group)


def test_grid(kernels, grid_case):
    check_case(kernels, grid_case)


def test_random(kernels, random_case):
    check_case(kernels, random_case)


def test_the_grid_covers(tier):
    cases = grid_cases(tier)
    factors = {name: FACTORS[name] for name in ("queries", "keys", "e", "f")}
    rows = [
        {"queries": c.queries, "keys": c.keys, "e": c.spec.e, "f": c.spec.f} for c in cases
    ]  # fmt: skip
    if tier == "quick":
        for name, levels in factors.items():
            assert {row[name] for row in rows} == set(levels)
        return
    missing = {
        (a, factors[a][i], b, factors[b][j]) for a, i, b, j in pairs_of(factors, _unequal)
    }  # fmt: skip
    for row in rows:
        missing -= {(a, row[a], b, row[b]) for a in row for b in row}
    assert not missing
