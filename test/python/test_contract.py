# ===- test_contract.py - The contract notices what it must --*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""A checker that accepts everything tests nothing, so faults are planted here."""

import numpy as np
import pytest
from attn import contract, reference
from attn.contract import AccuracyError
from attn.reference import Causal, Operator


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((1, 2, 40, 8)).astype(np.float32) for _ in range(3))
    operator = Operator(where=Causal())
    return q, k, v, operator, reference.naive(q, k, v, operator)


def test_accepts_the_naive_program(case):
    q, k, v, operator, simple = case
    report = contract.check_attention(q, k, v, operator, simple.out, simple.lse)
    assert 0 < report.error <= report.allowed


@pytest.mark.parametrize("row", [0, 17, 39])
def test_rejects_one_wrong_element(case, row):
    q, k, v, operator, simple = case
    simple.out[0, 1, row, 3] += 1e-4
    with pytest.raises(AccuracyError, match=rf"worst at \(0, 1, {row}, 3\)"):
        contract.check_attention(q, k, v, operator, simple.out)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rejects_non_finite_elements(case, bad):
    q, k, v, operator, simple = case
    simple.out[0, 0, 9, 0] = bad
    with pytest.raises(AccuracyError, match="non-finite"):
        contract.check_attention(q, k, v, operator, simple.out)


def test_rejects_a_missing_nan(case):
    q, k, v, operator, simple = case
    q[0, 0, 5, 0] = np.nan
    with pytest.raises(AccuracyError, match="non-finite"):
        contract.check_attention(q, k, v, operator, simple.out)


def test_rejects_an_infinity_of_the_other_sign():
    right = np.array([np.inf, np.nan, 1.0])
    contract.check(right, right, 0.0, 1e-9)
    with pytest.raises(AccuracyError, match="1 infinities have the other sign"):
        contract.check(np.array([-np.inf, np.nan, 1.0]), right, 0.0, 1e-9)


def test_rejects_another_alignment_and_a_wrong_lse(case):
    q, k, v, operator, simple = case
    with pytest.raises(AccuracyError):
        contract.check_attention(q[:, :, :30], k, v, operator, simple.out[:, :, :30])
    simple.lse[0, 0, 0] = -np.inf
    with pytest.raises(AccuracyError, match="lse"):
        contract.check_attention(q, k, v, operator, simple.out, simple.lse)


def test_rejects_a_wrong_shape(case):
    q, k, v, operator, simple = case
    with pytest.raises(AccuracyError, match="shape"):
        contract.check_attention(q, k, v, operator, simple.out[:, :1])


def test_rows_are_sampled_with_both_ends():
    rng = np.random.default_rng(1)
    assert contract.sample_rows(10, 1, 1e6, rng).tolist() == list(range(10))
    rows = contract.sample_rows(4096, 1e6, 3e7, rng)
    assert {0, 3, 4092, 4095} <= set(rows.tolist()) and len(rows) <= 30
