# ===- sparsity.py - Which points are live -------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Sparsity from its definitions: predicates over positions, every one of which
removes points, and the orders in which tokens may be permuted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Causal:
    def __call__(self, pos_m, pos_n):
        return pos_n <= pos_m


@dataclass(frozen=True)
class Window:
    left: int
    right: int

    def __call__(self, pos_m, pos_n):
        return (pos_m - self.left <= pos_n) & (pos_n <= pos_m + self.right)


@dataclass(frozen=True)
class Prefix:
    length: int

    def __call__(self, pos_m, pos_n):
        return np.broadcast_to(pos_n < self.length, np.broadcast(pos_m, pos_n).shape)


def _both(pos_m, pos_n):
    """The positions over the whole plane."""
    return np.broadcast_arrays(np.asarray(pos_m, np.int64), np.asarray(pos_n, np.int64))


@dataclass(frozen=True)
class Leading:
    count: int

    def __call__(self, pos_m, pos_n):
        return _both(pos_m, pos_n)[1] < self.count


@dataclass(frozen=True)
class BlockDiagonal:
    size: int

    def __call__(self, pos_m, pos_n):
        return pos_m // self.size == pos_n // self.size


@dataclass(frozen=True)
class Dilated:
    window: int
    step: int

    def __call__(self, pos_m, pos_n):
        distance = np.abs(pos_m - pos_n)
        return (distance <= self.window) & (distance % self.step == 0)


@dataclass(frozen=True)
class Strided:
    step: int
    offset: int
    block: int = 1

    def __call__(self, pos_m, pos_n):
        n = _both(pos_m, pos_n)[1]
        return (n // self.block + self.offset) % self.step == 0


@dataclass(frozen=True)
class Neighborhood:
    """Generalized neighborhood attention, axis by axis as its authors define it.

    `grid` empty is one axis as long as there are keys; `num_keys` then is that
    number, which `Operator` fills in.
    """

    kernel: tuple
    grid: tuple = ()
    stride: tuple = ()
    dilation: tuple = ()
    causal: tuple = ()
    clipped: bool = False
    num_keys: int | None = None

    def __call__(self, pos_m, pos_n):
        m, n = _both(pos_m, pos_n)
        axes = self._axes()
        live = n < np.prod([length for length, *_ in axes], dtype=np.int64)
        inner = np.int64(1)
        for axis in reversed(range(len(axes))):
            length = axes[axis][0]
            i, j = m // inner, n // inner
            if axis > 0:
                i, j = i % length, j % length
            inner = inner * length
            live = live & self._axis(i, j, *axes[axis])
        return live

    def count_pairs(self):
        """Live pairs of all tokens of `grid`, as queries and as keys.

        A pair is live where it is along each axis, so the axes' counts multiply:
        no mask of all pairs is needed, which would not fit memory on large grids.
        """
        count = 1
        for axis in self._axes():
            tokens = np.arange(axis[0])
            count *= int(self._axis(tokens[:, None], tokens[None, :], *axis).sum())
        return count

    def _axes(self):
        """Length, window, stride, dilation and causality of each axis."""
        axes = len(self.kernel)
        return list(
            zip(
                self.grid or (self.num_keys,),
                self.kernel,
                self.stride or (1,) * axes,
                self.dilation or (1,) * axes,
                self.causal or (0,) * axes,
                strict=True,
            )
        )

    def _axis(self, i, j, length, window, stride, dilation, causal):
        same = i % dilation == j % dilation
        # Tokens with the remainder of i.
        length = (length - i % dilation + dilation - 1) // dilation
        i, j = i // dilation, j // dilation
        left = window // 2
        right = window // 2 + window % 2 - 1
        if self.clipped:
            begin = i // stride * stride
            begin = begin + stride - window if causal else begin + stride // 2 - left
            return same & (begin <= j) & (j <= i if causal else j < begin + window)
        # Fewer tokens than the window: all of them are in it.
        short = length < window
        if causal:
            leader = np.minimum(i // stride * stride + stride - 1, length - 1)
            start = np.maximum(leader - left - right, 0)
            return same & (short | (j >= start)) & (j <= i)
        leader = np.minimum(i // stride * stride + stride // 2, length - 1)
        start = np.maximum(leader - left, 0)
        start = start + (leader + right >= length) * (length - right - leader - 1)
        inside = (j >= start) & (j < start + window)
        return same & (short | inside)


@dataclass(frozen=True)
class PowerOfTwo:
    block: int

    def __call__(self, pos_m, pos_n):
        distance = pos_m // self.block - pos_n // self.block
        powers = [1 << i for i in range(62)]
        return np.isin(distance, powers)


@dataclass(frozen=True)
class Radial:
    frames: int
    tokens: int
    decay: float
    block: int

    def __call__(self, pos_m, pos_n):
        m, n = _both(pos_m, pos_n)
        apart = np.abs(m // self.tokens - n // self.tokens)
        within = np.abs(m % self.tokens - n % self.tokens)
        live = apart <= 1
        for distance in range(2, self.frames):
            length = 2.0 ** self.tokens.bit_length() / 2.0 ** distance.bit_length() * self.decay
            if length < self.block and distance % int(self.block / length) != 0:
                continue
            live = live | ((apart == distance) & (within <= max(length, self.block)))
        return (live | (n < self.tokens)) & (n < self.frames * self.tokens)


@dataclass(frozen=True)
class AffineSet:
    """Live where each function of (m, n) is 0 or more."""

    functions: tuple

    def __call__(self, pos_m, pos_n):
        m, n = _both(pos_m, pos_n)
        live = np.ones(m.shape, bool)
        for function in self.functions:
            live = live & (function(m, n) >= 0)
        return live


@dataclass(frozen=True)
class PerHead:
    """The atom of each head; heads past the ends have that of the nearest one."""

    atoms: tuple

    def of(self, head: int):
        return self.atoms[min(max(head, 0), len(self.atoms) - 1)]

    def __call__(self, pos_m, pos_n):
        raise TypeError("the head of an atom is not known here")


@dataclass(frozen=True)
class AffineSetOfHead:
    """Live where each function of (m, n, head) is 0 or more."""

    functions: tuple

    def of(self, head: int):
        return AffineSet(
            tuple(lambda m, n, f=function: f(m, n, head) for function in self.functions)
        )

    def __call__(self, pos_m, pos_n):
        raise TypeError("the head of an atom is not known here")


def map_atoms(where, change):
    """A sparsity with `change` of each of its atoms."""
    if isinstance(where, And):
        return And(tuple(map_atoms(term, change) for term in where.atoms))
    if isinstance(where, Or):
        return Or(tuple(map_atoms(term, change) for term in where.terms))
    if isinstance(where, Not):
        return Not(map_atoms(where.term, change))
    if isinstance(where, Permuted):
        return Permuted(map_atoms(where.term, change))
    return change(where)


def with_head(where, head: int):
    """A sparsity whose atoms are those of one head."""
    return map_atoms(
        where,
        lambda atom: atom.of(head) if isinstance(atom, (PerHead, AffineSetOfHead)) else atom,
    )


def with_num_keys(where, num_keys: int):
    """A sparsity whose neighborhoods without a grid know how many keys there are."""

    def change(atom):
        if isinstance(atom, Neighborhood) and not atom.grid:
            return replace(atom, num_keys=num_keys)
        return atom

    return map_atoms(where, change)


@dataclass(frozen=True)
class And:
    atoms: tuple

    def __call__(self, pos_m, pos_n):
        live = np.ones(np.broadcast(pos_m, pos_n).shape, bool)
        for atom in self.atoms:
            live = live & atom(pos_m, pos_n)
        return live


@dataclass(frozen=True)
class Or:
    terms: tuple

    def __call__(self, pos_m, pos_n):
        live = np.zeros(np.broadcast(pos_m, pos_n).shape, bool)
        for term in self.terms:
            live = live | term(pos_m, pos_n)
        return live


@dataclass(frozen=True)
class Not:
    term: Callable

    def __call__(self, pos_m, pos_n):
        return ~self.term(pos_m, pos_n)


@dataclass(frozen=True)
class Permuted:
    """An atom that reads slots, which `Operator` knows."""

    term: Callable

    def __call__(self, pos_m, pos_n):
        raise TypeError("the slots of an atom 'in permuted' are not known here")


@dataclass(frozen=True, eq=False)
class Blocks:
    """Block m // rows of queries sees the blocks of `keys` keys that its list names:
    indices[offsets[i]:offsets[i + 1]], of each b and h in `ranks`; `indices` may be
    those of all."""

    rows: int
    keys: int
    offsets: np.ndarray
    indices: np.ndarray
    ranks: str = ""

    def names(self, b: int, h: int, m, n):
        """Whether the list of the row m names the key n."""
        at = tuple({"b": b, "h": h}[rank] for rank in self.ranks)
        offsets = self.offsets[at]
        indices = self.indices[at] if self.indices.ndim > 1 else self.indices
        live = np.zeros(np.broadcast(m, n).shape, bool)
        for i in range(len(offsets) - 1):
            listed = indices[offsets[i] : offsets[i + 1]]
            live |= (m // self.rows == i) & np.isin(n // self.keys, listed)
        return live

    def __call__(self, pos_m, pos_n):
        raise TypeError("the tokens that lists name are not known here")


@dataclass(frozen=True, eq=False)
class Indices:
    """Group m // group of queries sees the tokens of lists[..., m // group, :] up to
    the first -1, of each b and h in `ranks`."""

    group: int
    lists: np.ndarray
    ranks: str = ""

    def names(self, b: int, h: int, m, n):
        at = tuple({"b": b, "h": h}[rank] for rank in self.ranks)
        live = np.zeros(np.broadcast(m, n).shape, bool)
        for i, row in enumerate(self.lists[at]):
            live |= (m // self.group == i) & np.isin(n, row[row >= 0])
        return live

    def __call__(self, pos_m, pos_n):
        raise TypeError("the tokens that lists name are not known here")


@dataclass(frozen=True, eq=False)
class Mask:
    """Live where values[...] is not 0, indexed by those of b, h, m, n in `ranks`."""

    values: np.ndarray
    ranks: str = ""

    def names(self, b: int, h: int, m, n):
        m, n = np.broadcast_arrays(m, n)
        at = {"b": np.full(m.shape, b), "h": np.full(m.shape, h), "m": m, "n": n}
        return self.values[tuple(at[rank] for rank in self.ranks)] != 0

    def __call__(self, pos_m, pos_n):
        raise TypeError("the tokens of a mask are not known here")


@dataclass(frozen=True, eq=False)
class Predicate:
    """Live where function(*elements, b, h, m, n) is true: an element of each operand,
    indexed as that of a mask, and the indices, from the origins. `operands` are pairs
    of an array and its ranks."""

    function: Callable
    operands: tuple = ()
    # The head matters where a region reads its index, too.
    reads_head: bool = True

    def holds(self, at: tuple, indices: tuple):
        where = dict(zip("bhmn", np.broadcast_arrays(*at), strict=True))
        elements = (values[tuple(where[r] for r in ranks)] for values, ranks in self.operands)
        return np.asarray(self.function(*elements, *np.broadcast_arrays(*indices)), bool)

    def __call__(self, pos_m, pos_n):
        raise TypeError("the tokens of a predicate are not known here")


def with_lists(where, at: tuple, indices: tuple):
    """A sparsity whose lists, masks and predicates are those of `at`: b, h, m and n as
    operands have them. `indices` are the same, from their origins."""
    if isinstance(where, And):
        return And(tuple(with_lists(term, at, indices) for term in where.atoms))
    if isinstance(where, Or):
        return Or(tuple(with_lists(term, at, indices) for term in where.terms))
    if isinstance(where, Not):
        return Not(with_lists(where.term, at, indices))
    if isinstance(where, Predicate):
        return lambda pos_m, pos_n: where.holds(at, indices)
    if isinstance(where, (Blocks, Indices, Mask)):
        return lambda pos_m, pos_n: where.names(*at)
    return where


def differs_by_head(where) -> bool:
    """Whether some atom, or some list, is that of a head."""
    if isinstance(where, (And, Or)):
        terms = where.atoms if isinstance(where, And) else where.terms
        return any(map(differs_by_head, terms))
    if isinstance(where, (Not, Permuted)):
        return differs_by_head(where.term)
    if isinstance(where, (PerHead, AffineSetOfHead)):
        return True
    if isinstance(where, Predicate):
        return where.reads_head
    return isinstance(where, (Blocks, Indices, Mask)) and "h" in where.ranks


@dataclass(frozen=True)
class Order:
    """`tokens[..., slot]` is a token, indexed by the ranks b and h in `ranks`."""

    tokens: np.ndarray
    ranks: str = ""

    def slots(self, b: int, h: int) -> np.ndarray:
        """The slot of each token."""
        index = {"b": b, "h": h}
        tokens = self.tokens[tuple(index[rank] for rank in self.ranks)]
        slots = np.empty(len(tokens), np.int64)
        slots[tokens] = np.arange(len(tokens))
        return slots


def with_slots(where, slot_m, slot_n):
    """A sparsity in which atoms `in permuted` hold at the given slots."""
    if isinstance(where, And):
        return And(tuple(with_slots(term, slot_m, slot_n) for term in where.atoms))
    if isinstance(where, Or):
        return Or(tuple(with_slots(term, slot_m, slot_n) for term in where.terms))
    if isinstance(where, Not):
        return Not(with_slots(where.term, slot_m, slot_n))
    if isinstance(where, Permuted):
        return lambda pos_m, pos_n: where.term(slot_m, slot_n)
    return where
