# ===- bounds.py - Numbers with error bounds -----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Real arithmetic with a bound on what rounding may add.

A `Bounded` is a value in wide precision and a bound on how far any evaluation
within docs/spec.md, NU-6, may be from it. Each operation adds its own rounding to
what its operands bring along, as an error analysis on paper does. Where a
comparison may fall either way, or a result may overflow, the bound is infinite:
such an element is not judged, and those downstream of it are not either.
"""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

# Units in the last place that an elementary function may be off; the spec of
# attn-expand-math says 2, libm less.
_FUNCTION_ULP = 4


@dataclass
class Bounded:
    value: np.ndarray
    error: np.ndarray

    @staticmethod
    def exact(value) -> Bounded:
        value = np.asarray(value)
        return Bounded(value, np.zeros(value.shape))

    @property
    def shape(self):
        return np.broadcast_shapes(self.value.shape, self.error.shape)

    def broadcast(self, shape) -> Bounded:
        return Bounded(np.broadcast_to(self.value, shape), np.broadcast_to(self.error, shape))


NUMPY = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
    "i16": np.dtype(np.int16),
    "i8": np.dtype(np.int8),
    "i1": np.dtype(np.bool_),
}


def eps(dtype: str) -> float:
    return float(ml_dtypes.finfo(NUMPY[dtype]).eps)


def largest(dtype: str) -> float:
    return float(ml_dtypes.finfo(NUMPY[dtype]).max)


def rounded(value, error, dtype: str, ulps: float = 1.0) -> Bounded:
    """Rounds a result to `dtype`: the bound grows by the rounding, unless the
    result is exactly 0."""
    size = np.abs(value) + error
    touched = (value != 0) | (error != 0)
    smallest = float(ml_dtypes.finfo(NUMPY[dtype]).tiny)
    grown = error + np.where(touched, ulps * eps(dtype) * size + smallest, 0)
    finite = np.isfinite(value)
    # An infinity without an error behind it is the result; NaN is not judged.
    grown = np.where(finite, grown, np.where(np.isinf(value) & (error == 0), 0, np.inf))
    grown = np.where(finite & ~(size < largest(dtype)), np.inf, grown)
    return Bounded(value, grown)


def store(x: Bounded, dtype: str, computed: str) -> Bounded:
    """Conversion between float types; widening changes nothing."""
    if eps(dtype) <= eps(computed) and largest(dtype) >= largest(computed):
        return x
    return rounded(x.value, x.error, dtype)


def _product_error(a: Bounded, b: Bounded):
    with np.errstate(invalid="ignore", over="ignore"):
        error = (
            np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
        )  # fmt: skip
    # inf * 0: an exact infinity times an exact number, or an unbounded operand.
    unbounded = np.isinf(a.error) | np.isinf(b.error)
    return np.where(np.isnan(error), np.where(unbounded, np.inf, 0.0), error)


def _divide(a: Bounded, b: Bounded, dtype: str) -> Bounded:
    zero = (b.value == 0) & (b.error == 0)
    safe = np.where(b.value == 0, 1, b.value)
    value = a.value / safe
    room = np.abs(b.value) - b.error
    error = (a.error + np.abs(value) * b.error) / np.where(room > 0, room, 1)
    error = np.where((room > 0) & ~np.isnan(error), error, np.inf)
    result = rounded(value, error, dtype)
    # spec: MR-2
    return Bounded(
        np.where(zero, 0, result.value).astype(value.dtype), np.where(zero, 0.0, result.error)
    )


def _extremum(a: Bounded, b: Bounded, choose) -> Bounded:
    value = choose(a.value, b.value)
    high = choose(a.value + a.error, b.value + b.error)
    low = choose(a.value - a.error, b.value - b.error)
    above = np.where(high == value, 0, high - value)
    below = np.where(low == value, 0, value - low)
    error = np.maximum(above, below)
    return Bounded(value, np.where(np.isnan(error) | np.isnan(value), np.inf, error))


def binary(name: str, a: Bounded, b: Bounded, dtype: str) -> Bounded:
    with np.errstate(all="ignore"):
        if name in ("addf", "subf"):
            value = a.value + b.value if name == "addf" else a.value - b.value
            return rounded(value, a.error + b.error, dtype)
        if name == "mulf":
            return rounded(a.value * b.value, _product_error(a, b), dtype)
        if name == "divf":
            return _divide(a, b, dtype)
        if name == "maximumf":
            return _extremum(a, b, np.maximum)
        if name == "minimumf":
            return _extremum(a, b, np.minimum)
    raise ValueError(f"no float operation {name}")


def _erf(x):
    import math

    return np.vectorize(math.erf, otypes=[x.dtype])(x) if x.size else x


def unary(name: str, a: Bounded, dtype: str) -> Bounded:
    x, e = a.value, a.error
    with np.errstate(all="ignore"):
        if name == "negf":
            return Bounded(-x, e)
        if name == "absf":
            return Bounded(np.abs(x), e)
        if name in ("exp", "exp2"):
            scale = 1.0 if name == "exp" else np.log(2.0)
            value = np.exp(x) if name == "exp" else np.exp2(x)
            error = np.where(e == 0, 0, value * np.expm1(e * scale))
        elif name in ("log", "log2"):
            scale = 1.0 if name == "log" else 1 / np.log(2.0)
            value = np.log(x) * scale if name == "log2" else np.log(x)
            error = np.where(e == 0, 0, np.where(x > e, -np.log1p(-e / x) * scale, np.inf))
        elif name == "sqrt":
            value = np.sqrt(x)
            room = np.where(x > 0, e / np.where(value > 0, value, 1), np.inf)
            error = np.where(e == 0, 0, np.where(x >= e, np.minimum(np.sqrt(e), room), np.inf))
        elif name in ("tanh", "sin", "cos"):
            value, error = getattr(np, name)(x), e
        elif name == "erf":
            value, error = _erf(x), 1.13 * e
        else:
            raise ValueError(f"no function {name}")
        error = np.where(np.isnan(error), np.inf, error)
        result = rounded(value, error, dtype, _FUNCTION_ULP)
    return result


def compare(predicate: str, a: Bounded, b: Bounded) -> Bounded:
    """A boolean; its error is infinite where it may fall either way."""
    with np.errstate(invalid="ignore"):
        test = {
            "eq": np.equal,
            "ne": np.not_equal,
            "lt": np.less,
            "le": np.less_equal,
            "gt": np.greater,
            "ge": np.greater_equal,
        }[predicate]
        value = test(a.value, b.value)
        error = a.error + b.error
        unsure = (error > 0) & ~(np.abs(a.value - b.value) > error)
    return Bounded(value, np.where(unsure, np.inf, 0.0))


def select(condition: Bounded, a: Bounded, b: Bounded) -> Bounded:
    with np.errstate(invalid="ignore"):
        picked = np.where(condition.value, a.value, b.value)
        error = np.where(condition.value, a.error, b.error)
        either = np.abs(a.value.astype(float) - b.value.astype(float)) + np.maximum(
            a.error, b.error
        )
        either = np.where(np.isnan(either), np.inf, either)
    if picked.dtype == bool or picked.dtype.kind == "i":
        either = np.where((a.value == b.value) & (a.error + b.error == 0), 0, np.inf)
    return Bounded(picked, np.where(condition.error > 0, either, error))


# ===----------------------------------------------------------------------===//
# Reductions
# ===----------------------------------------------------------------------===//


def reduce(kind: str, x: Bounded, axes: tuple[int, ...], dtype: str) -> Bounded:
    """Combines along `axes` in any order, in steps that may be rescaled.

    A sum of n terms in any order errs by at most n roundings of the sum of
    magnitudes; a running form rescales its accumulator once a step on top, so
    the count is taken four times.
    """
    count = int(np.prod([x.value.shape[a] for a in axes], dtype=np.int64))
    ulps = 4 * (count + 8) * eps(dtype)
    with np.errstate(all="ignore"):
        if kind == "add":
            value = x.value.sum(axis=axes)
            size = (np.abs(x.value) + x.error).sum(axis=axes)
            return rounded(value, x.error.sum(axis=axes) + ulps * size, dtype)
        if kind == "mul":
            value = x.value.prod(axis=axes)
            size = (np.abs(x.value) + x.error).prod(axis=axes)
            error = size - np.abs(value) + np.where(size == 0, 0, ulps * size)
            return rounded(value, np.where(np.isnan(error), np.inf, error), dtype)
        choose, identity = (np.max, -np.inf) if kind == "max" else (np.min, np.inf)
        value = choose(x.value, axis=axes, initial=identity)
        high = choose(x.value + x.error, axis=axes, initial=identity)
        low = choose(x.value - x.error, axis=axes, initial=identity)
        error = np.maximum(
            np.where(high == value, 0, high - value), np.where(low == value, 0, value - low)
        )
        return Bounded(value, np.where(np.isnan(error) | np.isnan(value), np.inf, error))


def wrap(value, dtype: str):
    """An integer in the bits of its type."""
    if dtype == "i1":
        return value.astype(bool)
    if dtype in ("index", "i64"):
        return value.astype(np.int64)
    return value.astype(NUMPY[dtype]).astype(np.int64)


def reduce_integer(kind: str, x: Bounded, axes: tuple[int, ...], dtype: str) -> Bounded:
    if dtype == "i1":
        # Signed one-bit numbers: true is -1, so the maximum of both is false.
        value = x.value.astype(bool)
        functions = {"and": np.all, "or": np.any, "max": np.all, "min": np.any, "mul": np.all}
        if kind == "add":
            value = np.logical_xor.reduce(value, axis=axes)
        else:
            value = functions[kind](value, axis=axes)
    else:
        bits = {"i64": 64, "i32": 32, "i16": 16, "i8": 8}[dtype]
        with np.errstate(over="ignore"):
            value = {
                "add": lambda v: v.sum(axis=axes),
                "mul": lambda v: v.prod(axis=axes),
                "max": lambda v: v.max(axis=axes, initial=-(2 ** (bits - 1))),
                "min": lambda v: v.min(axis=axes, initial=2 ** (bits - 1) - 1),
                "and": lambda v: np.bitwise_and.reduce(v, axis=axes),
                "or": lambda v: np.bitwise_or.reduce(v, axis=axes),
            }[kind](x.value.astype(np.int64))
        value = wrap(np.asarray(value), dtype)
    return Bounded(np.asarray(value), x.error.max(axis=axes, initial=0.0))


def identity(kind: str, dtype: str):
    """spec: CL-5"""
    if dtype in ("f64", "f32", "bf16", "f16"):
        return {"add": 0.0, "mul": 1.0, "max": -np.inf, "min": np.inf}[kind]
    if dtype == "i1":
        return {"add": False, "mul": True, "max": True, "min": False, "and": True, "or": False}[
            kind
        ]
    bits = {"i64": 64, "i32": 32, "i16": 16, "i8": 8}[dtype]
    return {
        "add": 0,
        "mul": 1,
        "max": -(2 ** (bits - 1)),
        "min": 2 ** (bits - 1) - 1,
        "and": -1,
        "or": 0,
    }[kind]
