# ===- contract.py - The accuracy contract -------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Judging a result: max|out - ref| <= 2 max|naive - ref| + tiny.

tiny = 8 eps(accumulation) max|V live| + eps(output) max|ref|. Non-finite values
are compared by position.
"""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from . import reference
from .reference import Operator, Result, accumulation_type


class AccuracyError(AssertionError):
    """A result that breaks the accuracy contract."""


@dataclass
class Report:
    error: float
    allowed: float
    naive_error: float

    def __str__(self):
        return (
            f"max error {self.error:.3e}, allowed {self.allowed:.3e} "
            f"(naive error {self.naive_error:.3e})"
        )


def eps(dtype) -> float:
    return float(ml_dtypes.finfo(dtype).eps)


def max_error(actual, expected) -> float:
    """max |actual - expected| where both are finite."""
    actual = np.asarray(actual).astype(expected.dtype)
    finite = np.isfinite(actual) & np.isfinite(expected)
    return float(np.abs(actual[finite] - expected[finite]).max(initial=0.0))


def finite_max(values) -> float:
    values = np.asarray(values)
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def same_positions(actual, expected, what: str):
    """Fails unless the same elements of both are finite, and infinities have one sign."""
    wide = np.asarray(actual).astype(expected.dtype)
    wrong = np.isfinite(wide) != np.isfinite(expected)
    opposite = np.isinf(wide) & np.isinf(expected) & (wide != expected)
    if opposite.any():
        first = tuple(int(i) for i in np.argwhere(opposite)[0])
        raise AccuracyError(
            f"{what}: {int(opposite.sum())} infinities have the other sign; the first is "
            f"{first}: kernel {actual[first]}, reference {expected[first]}"
        )
    if wrong.any():
        where = np.argwhere(wrong)
        first = tuple(int(i) for i in where[0])
        raise AccuracyError(
            f"{what}: {len(where)} elements are non-finite in one of kernel and reference "
            f"only; the first is {first}: kernel {actual[first]}, reference {expected[first]}"
        )


def check(actual, expected, naive_value, tiny: float, what: str = "out") -> Report:
    """Compares `actual` with `expected`, both as long as `naive_value` or longer."""
    actual = np.asarray(actual)
    if actual.shape != expected.shape:
        raise AccuracyError(f"{what}: shape {actual.shape} where {expected.shape} is expected")
    same_positions(actual, expected, what)
    error = max_error(actual, expected)
    report = Report(error, 2 * naive_value + tiny, naive_value)
    # Written so that a NaN error fails.
    if not report.error <= report.allowed:
        difference = np.abs(actual.astype(expected.dtype) - expected)
        difference = np.where(np.isfinite(difference), difference, -1)
        at = tuple(int(i) for i in np.unravel_index(np.argmax(difference), difference.shape))
        raise AccuracyError(
            f"{what}: {report}; worst at {at}: kernel {actual[at]}, reference {expected[at]}"
        )
    return report


def tiny_out(ref: Result, in_dtype, out_dtype) -> float:
    acc = eps(accumulation_type(in_dtype))
    return 8 * acc * ref.live_value_max + eps(out_dtype) * finite_max(ref.out)


def tiny_lse(ref: Result, in_dtype) -> float:
    """The log-sum-exp has no values to scale with: its own size, at least 1."""
    return 8 * eps(accumulation_type(in_dtype)) * max(1.0, finite_max(ref.lse))


def sample_rows(num_queries: int, cost_per_row: float, budget: float, rng) -> np.ndarray:
    """Rows for the naive program: all where affordable, else the ends and a sample."""
    count = int(max(16, budget // max(1.0, cost_per_row)))
    if count >= num_queries:
        return np.arange(num_queries)
    ends = np.concatenate([np.arange(4), np.arange(num_queries - 4, num_queries)])
    middle = rng.choice(num_queries, size=count - 8, replace=False)
    return np.unique(np.concatenate([ends, middle]))


def check_attention(
    q, k, v, operator: Operator, out, lse=None, budget: float = 1e8, rng=None
) -> Report:
    """Checks a kernel's results on every row.

    The naive program is slow, so where all rows would cost more than `budget`
    multiplications it runs on a sample of rows first. Its error over a sample is
    at most its error over all rows, so what passes then passes; what does not is
    judged again by the naive program on all rows. Of few rows its error may be
    small by chance, where scores are large and two keys share a row's weight; so it
    runs in other orders of the features then, which are as sequential.
    """
    ref = reference.attention(q, k, v, operator)
    per_row = q.shape[0] * q.shape[1] * k.shape[2] * (q.shape[3] + v.shape[3])
    rows = sample_rows(q.shape[2], per_row, budget, rng or np.random.default_rng(0))

    def judge(rows, orders=(slice(None),)):
        errors = []
        for order in orders:
            simple = reference.naive(
                q[..., order], k[..., order], v, operator, rows=rows, out_dtype=out.dtype
            )
            lse_error = 0.0 if lse is None else max_error(simple.lse, ref.lse[:, :, rows])
            errors.append((max_error(simple.out, ref.out[:, :, rows]), lse_error))
        naive_out, naive_lse = np.max(errors, axis=0)
        if lse is not None:
            check(lse, ref.lse, naive_lse, tiny_lse(ref, q.dtype), "lse")
            if not (np.isneginf(np.asarray(lse)) == np.isneginf(ref.lse)).all():
                raise AccuracyError("lse: -inf at other rows than the reference")
        return check(out, ref.out, naive_out, tiny_out(ref, q.dtype, out.dtype), "out")

    same_positions(out, ref.out, "out")
    try:
        return judge(rows)
    except AccuracyError:
        everything = np.arange(q.shape[2])
        if len(rows) < len(everything):
            return judge(everything)
        features = np.arange(q.shape[3])
        turned = [np.roll(features, q.shape[3] * i // 4) for i in range(4)]
        return judge(everything, [*turned, *(order[::-1] for order in turned)])
