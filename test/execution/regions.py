# ===- regions.py - Scalar regions of operators ----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Regions of scores, weights and predicates, the same function as MLIR and as NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Region:
    """`ranks` are those of the operand, empty where the region takes none."""

    ranks: str
    body: str
    function: Callable  # (scores, operand or None, b, h, m, n) -> scores


def _pick(operand, ranks, dtype, **indices):
    picked = operand[tuple(indices[rank] for rank in ranks)]
    return picked.astype(dtype)


def _alibi(s, x, b, h, m, n):
    return s + _pick(x, "h", s.dtype, h=h) * (n - m).astype(s.dtype)


def _silu(s, x, b, h, m, n):
    return s / (s.dtype.type(1) + np.exp(-s))


def _weigh(s, x, b, h, m, n):
    return s * _pick(x, "bn", s.dtype, b=b, n=n)


def _every_third(s, x, b, h, m, n):
    lowered = s - s.dtype.type(1.5)
    return np.where((m + n + h + b) % 3 == 0, lowered, s)


REGIONS = {
    "alibi": Region(
        "h",
        """
          %mi = arith.index_cast %m : index to i32
          %ni = arith.index_cast %n : index to i32
          %d = arith.subi %ni, %mi : i32
          %df = arith.sitofp %d : i32 to f32
          %t = arith.mulf %x, %df : f32
          %r = arith.addf %s, %t : f32
          attn.yield %r : f32""",
        _alibi,
    ),
    "silu": Region(
        "",
        """
          %one = arith.constant 1.0 : f32
          %neg = arith.negf %s : f32
          %exp = math.exp %neg : f32
          %den = arith.addf %one, %exp : f32
          %r = arith.divf %s, %den : f32
          attn.yield %r : f32""",
        _silu,
    ),
    "weigh": Region(
        "bn",
        """
          %r = arith.mulf %s, %x : f32
          attn.yield %r : f32""",
        _weigh,
    ),
    "every_third": Region(
        "",
        """
          %c3 = arith.constant 3 : index
          %c0 = arith.constant 0 : index
          %less = arith.constant 1.5 : f32
          %mn = arith.addi %m, %n : index
          %mnh = arith.addi %mn, %h : index
          %sum = arith.addi %mnh, %b : index
          %rem = arith.remui %sum, %c3 : index
          %is = arith.cmpi eq, %rem, %c0 : index
          %low = arith.subf %s, %less : f32
          %r = arith.select %is, %low, %s : f32
          attn.yield %r : f32""",
        _every_third,
    ),
}


# Maps of weights; values are positive where an operand stands for a share.
WEIGHT_REGIONS = {
    "affine": Region(
        "bhm",
        """
          %c = arith.constant 0.01 : f32
          %t = arith.mulf %x, %s : f32
          %r = arith.addf %t, %c : f32
          attn.yield %r : f32""",
        lambda w, x, b, h, m, n: (
            _pick(x, "bhm", w.dtype, b=b, h=h, m=m) * w + w.dtype.type(np.float32(0.01))
        ),
    ),
    "every_second": Region(
        "",
        """
          %c2 = arith.constant 2 : index
          %c0 = arith.constant 0 : index
          %zero = arith.constant 0.0 : f32
          %sum = arith.addi %m, %n : index
          %rem = arith.remui %sum, %c2 : index
          %is = arith.cmpi eq, %rem, %c0 : index
          %r = arith.select %is, %s, %zero : f32
          attn.yield %r : f32""",
        lambda w, x, b, h, m, n: np.where((m + n) % 2 == 0, w, w.dtype.type(0)),
    ),
}


@dataclass(frozen=True)
class PredicateRegion:
    """`operands` are pairs of ranks and an element type."""

    operands: tuple
    body: str
    function: Callable  # (*elements, b, h, m, n) -> whether the point is live
    reads_head: bool = False


PREDICATES = {
    "documents": PredicateRegion(
        (("bm", "i32"), ("bn", "i32")),
        """
          %r = arith.cmpi eq, %x0, %x1 : i32
          attn.yield %r : i1""",
        lambda x, y, b, h, m, n: x == y,
    ),
    "every_third": PredicateRegion(
        (),
        """
          %c3 = arith.constant 3 : index
          %c0 = arith.constant 0 : index
          %mn = arith.addi %m, %n : index
          %mnh = arith.addi %mn, %h : index
          %sum = arith.addi %mnh, %b : index
          %rem = arith.remui %sum, %c3 : index
          %r = arith.cmpi ne, %rem, %c0 : index
          attn.yield %r : i1""",
        lambda b, h, m, n: (m + n + h + b) % 3 != 0,
        reads_head=True,
    ),
    # Nearer tokens in the first heads.
    "reach": PredicateRegion(
        (),
        """
          %c9 = arith.constant 9 : index
          %c1 = arith.constant 1 : index
          %next = arith.addi %h, %c1 : index
          %reach = arith.muli %next, %c9 : index
          %end = arith.addi %n, %reach : index
          %r = arith.cmpi slt, %m, %end : index
          attn.yield %r : i1""",
        lambda b, h, m, n: m < n + (h + 1) * 9,
        reads_head=True,
    ),
    "rows": PredicateRegion(
        (("bm", "i8"),),
        """
          %c0 = arith.constant 0 : i8
          %r = arith.cmpi sge, %x0, %c0 : i8
          attn.yield %r : i1""",
        lambda x, b, h, m, n: x >= 0,
    ),
    "keys": PredicateRegion(
        (("n", "f32"),),
        """
          %c = arith.constant 0.25 : f32
          %r = arith.cmpf olt, %x0, %c : f32
          attn.yield %r : i1""",
        lambda x, b, h, m, n: x < np.float32(0.25),
    ),
    # Some heads have no live point.
    "heads": PredicateRegion(
        (("h", "i64"),),
        """
          %c = arith.constant 1 : i64
          %r = arith.cmpi ne, %x0, %c : i64
          attn.yield %r : i1""",
        lambda x, b, h, m, n: x != 1,
        reads_head=True,
    ),
    "distance": PredicateRegion(
        (("hm", "f32"), ("nb", "bf16"), ("bhmn", "f16")),
        """
          %c = arith.constant 1.0 : f32
          %z = arith.constant -2.0 : f32
          %d = arith.subf %x0, %x1 : f32
          %a = math.absf %d : f32
          %near = arith.cmpf olt, %a, %c : f32
          %some = arith.cmpf ogt, %x2, %z : f32
          %r = arith.andi %near, %some : i1
          attn.yield %r : i1""",
        lambda x, y, z, b, h, m, n: (
            (np.abs(x - y.astype(np.float32)) < 1) & (z.astype(np.float32) > -2)
        ),
        reads_head=True,
    ),
    # A quotient by 0 is 0.
    "quotient": PredicateRegion(
        (("m", "i8"), ("bn", "f32")),
        """
          %c = arith.constant -0.5 : f32
          %f = arith.sitofp %x0 : i8 to f32
          %s = arith.divf %x1, %f : f32
          %r = arith.cmpf ogt, %s, %c : f32
          attn.yield %r : i1""",
        lambda x, y, b, h, m, n: (
            np.where(x == 0, np.float32(0), y / np.where(x == 0, 1, x).astype(np.float32)) > -0.5
        ),
    ),
    "double": PredicateRegion(
        (("n", "f64"), ("m", "f32")),
        """
          %e = arith.extf %x1 : f32 to f64
          %r = arith.cmpf ogt, %x0, %e : f64
          attn.yield %r : i1""",
        lambda x, y, b, h, m, n: x > y.astype(np.float64),
    ),
}
