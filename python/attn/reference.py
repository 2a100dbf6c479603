# ===- reference.py - Attention from its definition ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The textbook attention operator, straight from its definition.

Two evaluations share one description of the operator:

* ``attention`` computes in float64 (long double for float64 inputs). It is what
  kernels are judged against.
* ``naive`` computes with sequential sums in the accumulation type and rounds the
  weights to the input type. It is the yardstick of the accuracy contract: a
  kernel may be off by twice what this textbook program is off by.

Tensors have the layout [b, h, m, e], [b, k, n, e] and [b, k, n, f], where the
query head h belongs to the key head h // (H / K). Nothing here knows about
tiles, streaming or kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import ml_dtypes
import numpy as np

# Callers find all parts of an operator here.
from .sparsity import (  # noqa: F401
    AffineSet,
    AffineSetOfHead,
    And,
    BlockDiagonal,
    Blocks,
    Causal,
    Dilated,
    Indices,
    Leading,
    Mask,
    Neighborhood,
    Not,
    Or,
    Order,
    PerHead,
    Permuted,
    PowerOfTwo,
    Predicate,
    Prefix,
    Radial,
    Strided,
    Window,
    differs_by_head,
    with_head,
    with_lists,
    with_num_keys,
    with_slots,
)

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

# A block of scores this large fits in a few megabytes.
_BLOCK_ELEMENTS = 1 << 20


def accumulation_type(dtype) -> np.dtype:
    """The type sums and statistics of an operator on `dtype` are kept in."""
    return np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)


def reference_type(dtype) -> np.dtype:
    """The type of the reference: one step wider than the accumulation type."""
    return np.dtype(np.longdouble) if dtype == np.float64 else np.dtype(np.float64)


# ===----------------------------------------------------------------------===//
# Score modifiers: an ordered list, applied as written
# ===----------------------------------------------------------------------===//


@dataclass(frozen=True)
class Scale:
    factor: float

    def __call__(self, scores, b, h, m, n):
        return scores * scores.dtype.type(self.factor)


@dataclass(frozen=True)
class SoftCap:
    cap: float

    def __call__(self, scores, b, h, m, n):
        cap = scores.dtype.type(self.cap)
        return cap * np.tanh(scores / cap)


@dataclass(frozen=True)
class Bias:
    """Adds `values`, indexed by those of the ranks b, h, m, n named in `ranks`."""

    values: np.ndarray
    ranks: str

    def __call__(self, scores, b, h, m, n):
        index = {"b": b, "h": h, "m": m, "n": n}
        if self.ranks:
            picked = self.values[tuple(index[rank] for rank in self.ranks)]
        else:
            picked = self.values[()]
        return scores + np.asarray(picked).astype(scores.dtype)


@dataclass(frozen=True)
class Map:
    """Applies `function(scores, b, h, m, n)`.

    The indices are arrays that broadcast against the scores; the function must
    compute in the type of the scores it is given.
    """

    function: Callable

    def __call__(self, scores, b, h, m, n):
        return self.function(scores, b, h, m, n)


# ===----------------------------------------------------------------------===//
# Gates
# ===----------------------------------------------------------------------===//

ACTIVATIONS = {
    "none": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, x.dtype.type(0)),
    "exp": np.exp,
}


@dataclass(frozen=True)
class Gate:
    """Multiplies what `place` names (query, key, value, score, weight, output)
    by activation(values), which the ranks b, h, k, m, n, e, f in `ranks` index;
    a renormalised gate on the weights also joins the denominator."""

    place: str
    activation: str
    values: np.ndarray
    ranks: str
    renormalised: bool = False

    def factor(self, dtype, over: str, fixed: dict[str, int], rows):
        """The factor over the two ranks `over`; rows m are taken, others whole."""
        picked = self.values[tuple(fixed.get(rank, slice(None)) for rank in self.ranks)]
        free = [rank for rank in self.ranks if rank not in fixed]
        if "m" in free:
            picked = np.take(picked, rows, axis=free.index("m"))
        picked = picked.transpose([free.index(rank) for rank in over if rank in free])
        missing = tuple(axis for axis, rank in enumerate(over) if rank not in free)
        return ACTIVATIONS[self.activation](np.expand_dims(picked.astype(dtype), missing))


# ===----------------------------------------------------------------------===//
# The operator
# ===----------------------------------------------------------------------===//


@dataclass
class Operator:
    """What is computed, apart from q, k and v themselves.

    `modifiers` None means the default scale 1/sqrt(e). `align` says where query
    position 0 lies: "top_left" at key 0, "bottom_right" so that the last query
    sits on the last key, where a given length of a row counts as its end, and
    "offset" at key `offset`, one number or one for each batch row.

    `origins` says where along b, h, m and n the operands begin, where they are
    a part of the whole, one number or one for each batch row: positions and the
    indices of modifiers' functions count from there, and lengths are numbers of
    tokens of the whole.
    """

    modifiers: Sequence[Callable] | None = None
    where: Callable | None = None
    align: str = "bottom_right"
    key_lengths: np.ndarray | None = None
    query_lengths: np.ndarray | None = None
    sinks: np.ndarray | None = None
    offset: np.ndarray | int | None = None
    origins: dict[str, np.ndarray | int] = field(default_factory=dict)
    gates: Sequence[Gate] = ()
    # softmax, softmax_plus_one, sigmoid, none, sum, l1 or l2.
    normaliser: str = "softmax"
    # Edits the weights of live points, before the gates on them.
    weight_map: Map | None = None
    query_order: Order | None = None
    key_order: Order | None = None
    # Where segments of packed tokens begin and the last one ends, for all batch
    # rows or for each.
    query_segments: np.ndarray | None = None
    key_segments: np.ndarray | None = None

    def origin(self, rank: str, b: int) -> int:
        return _of_row(self.origins.get(rank, 0), b)

    def length(self, rank: str, b: int, extent: int) -> int:
        """The number of tokens of the whole that batch entry `b` has."""
        lengths = self.query_lengths if rank == "m" else self.key_lengths
        if lengths is None:
            return extent
        length = max(int(lengths[b]), 0)
        # The extent of a part says nothing about the whole.
        return length if rank in self.origins else min(length, extent)

    def largest_factor(self, dtype) -> float:
        """How much the gates after the sum of values may enlarge it."""
        largest = 1.0
        for gate in self.gates:
            if gate.place == "output":
                factors = np.abs(ACTIVATIONS[gate.activation](gate.values.astype(dtype)))
                finite = factors[np.isfinite(factors)]
                largest *= max(1.0, float(finite.max(initial=0.0)))
        return largest

    def score_modifiers(self, features: int) -> Sequence[Callable]:
        if self.modifiers is None:
            return [Scale(1.0 / np.sqrt(features))]
        return self.modifiers

    def differs_by_head(self) -> bool:
        """Whether heads have points of their own."""
        orders = (self.query_order, self.key_order)
        return differs_by_head(self.where) or any(
            order is not None and "h" in order.ranks for order in orders
        )

    def live(
        self, b: int, rows: np.ndarray, num_queries: int, num_keys: int, h: int = 0,
        first: tuple = (0, 0),
    ):  # fmt: skip
        """Which (row, key) points of batch entry `b` and head `h` exist. `first` are the
        row and the key of the operands that the plane begins at."""
        if self.query_segments is not None:
            return self._live_in_segments(b, rows, num_queries, num_keys, h)
        len_m = self.length("m", b, num_queries)
        len_n = self.length("n", b, num_keys)
        if self.align not in ("top_left", "bottom_right", "offset"):
            raise ValueError(f"unknown alignment {self.align!r}")
        offset = 0
        if self.align == "bottom_right":
            offset = len_n - len_m
        elif self.align == "offset":
            offset = _of_row(self.offset, b)
        m = np.asarray(rows, np.int64)[:, None] + self.origin("m", b)
        n = np.arange(num_keys, dtype=np.int64)[None, :] + self.origin("n", b)
        live = np.ones((len(rows), num_keys), bool)
        if self.query_lengths is not None:
            live = live & (m < len_m)
        if self.key_lengths is not None:
            live = live & (n < len_n)
        where = with_head(self.where, h + self.origin("h", b))
        # Operands have the tokens of the part, and of all segments.
        at = (b, h, np.asarray(rows)[:, None] + first[0], np.arange(num_keys)[None, :] + first[1])
        indices = (b + self.origin("b", b), h + self.origin("h", b), m + first[0], n + first[1])
        where = with_lists(with_num_keys(where, len_n), at, indices)
        if where is not None and (self.query_order or self.key_order):
            slot_m, slot_n = m, n
            if self.query_order is not None:
                slot_m = self.query_order.slots(b, h)[rows][:, None]
            if self.key_order is not None:
                slot_n = self.key_order.slots(b, h)[None, :]
            where = with_slots(where, slot_m + offset, slot_n)
        if where is not None:
            live = live & where(m + offset, n)
        return live

    def _live_in_segments(self, b, rows, num_queries, num_keys, h):
        """Every segment, as far as lengths leave it, is an operator of its own."""
        live = np.zeros((len(rows), num_keys), bool)
        bounds = [
            np.minimum(_row(segments, b), self.length(rank, b, extent))
            for segments, rank, extent in (
                (self.query_segments, "m", num_queries), (self.key_segments, "n", num_keys),
            )
        ]  # fmt: skip
        alone = replace(
            self, query_segments=None, key_segments=None, query_lengths=None, key_lengths=None
        )
        for (m0, m1), (n0, n1) in zip(*(np.stack([x[:-1], x[1:]], 1) for x in bounds), strict=True):
            inside = (m0 <= rows) & (rows < m1)
            live[inside, n0:n1] = alone.live(
                b, rows[inside] - m0, m1 - m0, n1 - n0, h, first=(m0, n0)
            )
        return live


def _row(numbers: np.ndarray, b: int) -> np.ndarray:
    """The numbers of batch entry `b`, which may be those of all."""
    return np.asarray(numbers[b] if numbers.ndim == 2 else numbers, np.int64)


def _of_row(number, b: int) -> int:
    """A number, or the one of batch entry `b`."""
    number = np.asarray(number)
    return int(number[b]) if number.ndim else int(number)


@dataclass
class Result:
    out: np.ndarray
    lse: np.ndarray
    # Number of live keys of each row [b, h, m].
    counts: np.ndarray
    # max |V| over finite values that some computed row sees.
    live_value_max: float = 0.0
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def check_operands(q, k, v):
    if not (q.ndim == k.ndim == v.ndim == 4):
        raise ValueError("q, k and v must have rank 4")
    batch, heads, _, features = q.shape
    if k.shape[0] != batch or v.shape[0] != batch:
        raise ValueError("q, k and v must have the same batch extent")
    if k.shape[1] != v.shape[1] or k.shape[2] != v.shape[2]:
        raise ValueError("k and v must have the same heads and keys")
    if k.shape[3] != features:
        raise ValueError("q and k must have the same features")
    if k.shape[1] == 0 or heads % k.shape[1]:
        raise ValueError("the key heads must divide the query heads")


def normalise_rows(scores, live, normaliser="softmax", sink=None, factors=()):
    """Numerators over live points, the denominator and the log-sum-exp of each row.

    Numerators are multiplied by `factors` before they are summed. What has no
    denominator has 1, and what is no softmax has a log-sum-exp of -inf.
    """
    if normaliser in ("softmax", "softmax_plus_one"):
        sink = scores.dtype.type(0) if normaliser == "softmax_plus_one" else sink
        return softmax_rows(scores, live, sink, factors)
    dtype = scores.dtype
    if normaliser == "sigmoid":
        scores = ACTIVATIONS["sigmoid"](scores)
    for factor in factors:
        scores = scores * factor
    scores = np.where(live, scores, dtype.type(0))
    terms = {"sum": scores, "l1": np.abs(scores), "l2": scores * scores}.get(normaliser)
    total = np.ones(scores.shape[0], dtype)
    if terms is not None:
        total = np.zeros(scores.shape[0], dtype)
        if scores.shape[1]:
            total = np.add.accumulate(terms, axis=1)[:, -1]
        if normaliser == "l2":
            total = np.sqrt(total)
    return scores, total, np.full(scores.shape[0], -np.inf, dtype)


def softmax_rows(scores, live, sink=None, factors=()):
    """Weights, denominator and log-sum-exp of each row of `scores`.

    Weights are multiplied by `factors` before they are summed.
    Dead points weigh nothing. A row whose maximum score is -inf, so also one
    without a live point, has denominator 0 and log-sum-exp -inf; a sink is not a
    score and does not change that.
    """
    dtype = scores.dtype
    minus_inf = dtype.type(-np.inf)
    masked = np.where(live, scores, minus_inf)
    maximum = masked.max(axis=1, initial=minus_inf)
    empty = maximum == minus_inf
    # exp must see finite numbers where the row is empty or all -inf.
    pivot = np.where(empty, dtype.type(0), maximum)
    if sink is not None:
        pivot = np.maximum(pivot, dtype.type(sink))
    weights = np.exp(masked - pivot[:, None])
    for factor in factors:
        weights = weights * factor
    weights = np.where(live, weights, dtype.type(0))
    total = np.zeros(masked.shape[0], dtype)
    if masked.shape[1]:
        # accumulate adds one element after the other; sum would add in pairs.
        total = np.add.accumulate(weights, axis=1)[:, -1]
    if sink is not None:
        total = total + np.exp(dtype.type(sink) - pivot)
    total = np.where(empty, dtype.type(0), total)
    lse = np.where(empty, minus_inf, pivot + np.log(total))
    return weights, total, lse


def _slices(x, bits: int, count: int):
    """float64 arrays that add up to the finite `x`. Each holds, of every row,
    numbers of `bits` bits below the largest one."""
    slices = []
    for _ in range(count):
        top = np.abs(x).max(axis=1, keepdims=True, initial=0)
        _, exponent = np.frexp(np.where(top == 0, 1, top))
        unit = np.ldexp(x.dtype.type(1), exponent - bits)
        part = np.rint(x / unit) * unit
        slices.append(part.astype(np.float64))
        x = x - part
    return slices


def product(a, b):
    """a @ b.T of finite arrays, by BLAS also in long double.

    There each operand is cut into slices of so few bits that the products of two
    slices are exact in float64; what is left out is below 2^-66 of a row's
    largest product.
    """
    if a.dtype != np.longdouble:
        return a @ b.T
    # Rounding to the nearest leaves a sign and one bit less in each slice.
    bits = (53 - int(a.shape[1]).bit_length()) // 2
    count = -(-66 // bits)
    left, right = _slices(a, bits, count), _slices(b, bits, count)
    out = np.zeros((a.shape[0], b.shape[0]), a.dtype)
    for total in reversed(range(count)):
        for i in range(total + 1):
            out += left[i] @ right[total - i].T
    return out


def _scores_blas(query, key):
    if query.dtype != np.longdouble or (np.isfinite(query).all() and np.isfinite(key).all()):
        return product(query, key)
    rough = query.astype(np.float64) @ key.astype(np.float64).T
    clean = product(np.where(np.isfinite(query), query, 0), np.where(np.isfinite(key), key, 0))
    return np.where(np.isfinite(rough), clean, rough)


def _weighted_values_blas(weights, live, values):
    """sum_n weights * values where a dead point contributes nothing at all."""
    finite = np.isfinite(values).all(axis=1)
    known = np.isfinite(weights).all(axis=1)
    out = np.full((weights.shape[0], values.shape[1]), np.nan, weights.dtype)
    out[known] = product(weights[known], np.where(finite[:, None], values, 0).T)
    for n in np.flatnonzero(~finite & live.any(axis=0)):
        rows = np.flatnonzero(live[:, n])
        out[rows] += weights[rows, n, None] * values[n]
    return out


def _weighted_values_sequential(weights, live, values):
    out = np.zeros((weights.shape[0], values.shape[1]), weights.dtype)
    everything = live.all(axis=0)
    for n in np.flatnonzero(live.any(axis=0)):
        if everything[n]:
            out += weights[:, n, None] * values[n]
        else:
            rows = live[:, n]
            out[rows] += weights[rows, n, None] * values[n]
    return out


def _scores_sequential(q, k):
    scores = np.zeros((q.shape[0], k.shape[0]), q.dtype)
    for e in range(q.shape[1]):
        scores += q[:, e, None] * k[None, :, e]
    return scores


def _evaluate(q, k, v, operator, dtype, rows, scores_of, values_of, round_weights, out_dtype):
    check_operands(q, k, v)
    batch, heads, num_queries, features = q.shape
    num_keys, value_features = v.shape[2], v.shape[3]
    group = heads // k.shape[1]
    rows = np.arange(num_queries) if rows is None else np.asarray(rows, np.int64)
    out = np.zeros((batch, heads, len(rows), value_features), out_dtype)
    lse = np.full((batch, heads, len(rows)), -np.inf, dtype)
    counts = np.zeros((batch, heads, len(rows)), np.int64)
    live_value_max = 0.0
    step = max(1, _BLOCK_ELEMENTS // max(1, num_keys))
    n_index = np.arange(num_keys)[None, :]
    modifiers = operator.score_modifiers(features)
    for b in range(batch):
        seen = np.zeros(num_keys, bool)
        for begin in range(0, len(rows), step):
            block = rows[begin : begin + step]
            part = slice(begin, begin + len(block))
            for h in range(heads):
                if h == 0 or operator.differs_by_head():
                    live = operator.live(b, block, num_queries, num_keys, h)
                    seen |= live.any(axis=0)
                counts[b, h, part] = live.sum(axis=1)
                fixed = {"b": b, "h": h, "k": h // group}

                def gated(place, tensor, over, fixed=fixed, block=block, renormalised=False):
                    for gate in operator.gates:
                        if gate.place == place and gate.renormalised == renormalised:
                            tensor = tensor * gate.factor(dtype, over, fixed, block)
                    return tensor

                key = gated("key", k[b, h // group].astype(dtype), "ne")
                value = gated("value", v[b, h // group].astype(dtype), "nf")
                scores = scores_of(gated("query", q[b, h, block].astype(dtype), "me"), key)
                indices = [np.full((1, 1), b), np.full((1, 1), h), block[:, None], n_index]
                for modifier in modifiers:
                    picked = indices
                    if isinstance(modifier, Map):
                        # Operands keep their own indices, functions see the whole's.
                        picked = [
                            index + operator.origin(rank, b)
                            for rank, index in zip("bhmn", indices, strict=True)
                        ]
                    scores = modifier(scores, *picked)
                    if scores.dtype != dtype:
                        raise TypeError(f"{modifier} changed the type of the scores")
                sink = None if operator.sinks is None else operator.sinks[h]
                scores = gated("score", scores, "mn")
                factors = [
                    gate.factor(dtype, "mn", fixed, block)
                    for gate in operator.gates
                    if gate.renormalised
                ]
                weights, total, lse[b, h, part] = normalise_rows(
                    scores, live, operator.normaliser, sink, factors
                )
                if round_weights is not None:
                    weights = weights.astype(round_weights).astype(dtype)
                # A row without a single weight gives 0, whatever its values are.
                empty = total == 0
                normal = weights / np.where(empty, 1, total)[:, None]
                if operator.weight_map is not None:
                    whole = [
                        index + operator.origin(rank, b)
                        for rank, index in zip("bhmn", indices, strict=True)
                    ]
                    normal = operator.weight_map(normal, *whole)
                    empty = np.zeros_like(empty)
                empty = empty | ~live.any(axis=1)
                normal = np.where(live, gated("weight", normal, "mn"), dtype.type(0))
                product = gated("output", values_of(normal, live, value), "mf")
                product[empty] = 0
                out[b, h, part] = product.astype(out_dtype)
                visible = np.abs(value[seen].astype(np.float64))
                visible = visible[np.isfinite(visible)]
                # A softmax has weights that sum to 1, others may have larger ones.
                total_weight = np.abs(normal.astype(np.float64)).sum(axis=1)
                total_weight = total_weight[np.isfinite(total_weight)]
                largest = float(visible.max(initial=0.0)) * operator.largest_factor(dtype)
                largest *= max(1.0, float(total_weight.max(initial=0.0)))
                live_value_max = max(live_value_max, largest)
    return Result(out, lse, counts, live_value_max, rows)


def attention(q, k, v, operator: Operator | None = None, rows=None) -> Result:
    """The operator in the reference type of the inputs, on all rows or `rows`."""
    operator = operator or Operator()
    dtype = reference_type(q.dtype)
    with np.errstate(all="ignore"):
        return _evaluate(
            q, k, v, operator, dtype, rows,
            _scores_blas, _weighted_values_blas, None, dtype,
        )  # fmt: skip


def naive(q, k, v, operator: Operator | None = None, rows=None, out_dtype=None) -> Result:
    """The textbook program in the accumulation type, on all rows or `rows`."""
    operator = operator or Operator()
    dtype = accumulation_type(q.dtype)
    narrow = q.dtype if q.dtype.itemsize < dtype.itemsize else None
    with np.errstate(all="ignore"):
        return _evaluate(
            q, k, v, operator, dtype, rows,
            _scores_sequential, _weighted_values_sequential, narrow, out_dtype or q.dtype,
        )  # fmt: skip
