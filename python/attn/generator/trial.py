# ===- trial.py - One cascade, run and judged ----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Runs a compiled cascade on random operands and compares it with the interpreter.

Extents and values depend on the seed, on rank names and on the places of the
inputs, so that a cascade which is reduced keeps what makes it fail.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from ..kernel import Kernel
from .bounds import NUMPY, Bounded
from .builder import DYNAMIC
from .interpreter import Interpreter
from .ir import Cascade, is_float

# Points of the largest iteration space that a trial may have.
_MOST_POINTS = 150_000


class WrongResultError(AssertionError):
    """A kernel's result is outside of the bounds of the reference."""


# ===----------------------------------------------------------------------===//
# Operands
# ===----------------------------------------------------------------------===//


def spaces(cascade: Cascade) -> list[set[str]]:
    found = [set(t.ranks) for t in cascade.tensors().values()]
    for x in cascade.einsums():
        found.append({*x.ranks, *(x.reduction[1] if x.reduction else ())})
    return found


def find_twins(cascade: Cascade) -> dict[str, str]:
    """For a rank that reads a dimension of another one, that other: they have one
    extent."""
    twins: dict[str, str] = {}

    def find(r: str) -> str:
        return find(twins[r]) if r in twins else r

    tensors = cascade.tensors()
    for x in cascade.einsums():
        for a in x.accesses:
            for r, e in zip(tensors[a.tensor].ranks, a.exprs, strict=True):
                one, other = find(r), find(e.value) if e.plain else find(r)
                if one != other:
                    twins[other] = one
    return {r: find(r) for r in twins}


def draw_extents(cascade: Cascade, seed: str) -> dict[str, int]:
    """An extent for every rank that is no step or point of a partition."""
    partitions = {r for i in cascade.iterations() for r in (i.step, i.point)}
    parents = {i.point: i.parent for i in cascade.iterations()}
    all_spaces = spaces(cascade)
    ranks = sorted(set().union(*all_spaces) | set(parents.values()))
    twins = find_twins(cascade)
    extents = dict(cascade.extents)
    for r in ranks:
        if r in extents or r in partitions or r in twins:
            continue
        rng = random.Random(f"{seed}:{r}")
        small = r in cascade.small
        extents[r] = rng.choice((0, 1, 1, 1, 2, 2, 2, 3, 3)) if small else rng.choice(DYNAMIC)

    def points(space):
        # A step has at most as many points as its parent.
        space = [twins.get(r, r) for r in space]
        known = [extents.get(r) or extents.get(parents.get(r, ""), 1) for r in space]
        return int(np.prod([max(1, x) for x in known], dtype=np.int64))

    while max(map(points, all_spaces)) > _MOST_POINTS:
        largest = {twins.get(r, r) for r in max(all_spaces, key=points)}
        free = [r for r in largest if r not in cascade.extents and r in extents]
        free += [parents[r] for r in largest if r in parents]
        free = [r for r in free if r not in cascade.extents and extents[r] > 1]
        if not free:
            break
        r = max(free, key=lambda r: (extents[r], r))
        extents[r] = extents[r] * 2 // 3
    return extents | {r: extents[of] for r, of in twins.items()}


def draw_values(cascade: Cascade, extents, seed: str) -> dict[str, np.ndarray]:
    arrays = {}
    for place, t in enumerate(cascade.inputs):
        rng = np.random.default_rng([*seed.encode(), place])
        shape = [extents[r] for r in t.ranks]
        if t.role.startswith("length "):
            limit = extents[t.role.split()[1]]
            value = rng.integers(-1, limit + 3, shape)
        elif t.role.startswith("index "):
            limit = extents[t.role.split()[1]]
            bits = NUMPY[t.dtype].itemsize * 8 - 1
            value = rng.integers(-2, limit + 2, shape)
            wild = rng.integers(-(2**bits), 2**bits, shape, dtype=NUMPY[t.dtype])
            value = np.where(rng.random(shape) < 0.05, wild, value)
        elif t.dtype == "i1":
            value = rng.random(shape) < 0.5
        elif not is_float(t.dtype):
            bits = NUMPY[t.dtype].itemsize * 8 - 1
            value = rng.integers(-(2**bits), 2**bits, shape, dtype=NUMPY[t.dtype])
            value = np.where(rng.random(shape) < 0.5, value, rng.integers(-9, 10, shape))
        elif t.role == "positive":
            value = rng.uniform(0.3, 1.3, shape)
        else:
            value = rng.standard_normal(shape) * 0.7
        arrays[t.name] = np.asarray(value).astype(NUMPY[t.dtype])
    return arrays


def place(value: np.ndarray, rng: random.Random, poison: int = 0xFF) -> tuple[np.ndarray, Memory]:
    """The value in memory of random strides, among poisoned bytes."""
    memory = Memory(value.shape, value.dtype, rng, poison)
    memory.array[...] = value
    return memory.array, memory


class Memory:
    """An array with dimensions in some order, some reversed, with gaps between
    rows and around it. The last dimension is contiguous, as kernels want it."""

    def __init__(self, shape, dtype, rng: random.Random, poison: int):
        rank, size = len(shape), np.dtype(dtype).itemsize
        order = list(range(max(0, rank - 1)))
        if rng.random() < 0.4:
            rng.shuffle(order)
        order += [rank - 1] if rank else []
        gap = rng.choice((0, 0, 1, 3))
        strides, step = [0] * rank, 1
        for at, d in enumerate(reversed(order)):
            strides[d] = step
            step = step * max(1, shape[d]) + (gap if at < rank - 1 else 0)
        reverse = [d for d in range(rank - 1) if rng.random() < 0.15]
        around = 64 // size
        self.bytes = np.full((step + 2 * around) * size, poison, np.uint8)
        self.poison = poison
        first = around + sum((shape[d] - 1) * strides[d] for d in reverse if shape[d] > 1)
        for d in reverse:
            strides[d] = -strides[d]
        self.array = np.ndarray(shape, dtype, self.bytes, first * size, [s * size for s in strides])
        marks = np.zeros(self.bytes.shape, np.uint8)
        owned = np.ndarray(
            (*shape, size), np.uint8, marks, first * size, [*(s * size for s in strides), 1]
        )
        owned[...] = 1
        self.free = marks == 0

    def check(self):
        if not (self.bytes[self.free] == self.poison).all():
            raise WrongResultError("the kernel wrote between or beside the elements of an output")


# ===----------------------------------------------------------------------===//
# Trials
# ===----------------------------------------------------------------------===//


@dataclass
class Trial:
    """Extents, inputs and what they must give."""

    cascade: Cascade
    seed: str
    extents: dict[str, int] = field(init=False)
    inputs: dict[str, np.ndarray] = field(init=False)
    expected: dict[str, Bounded] = field(init=False)
    planted: bool = False

    def __post_init__(self):
        self.extents = draw_extents(self.cascade, self.seed)
        self.inputs = draw_values(self.cascade, self.extents, self.seed)
        self.expected = self.interpret(self.inputs)
        if random.Random(self.seed).random() < 0.4:
            self.plant()

    def interpret(self, inputs) -> dict[str, Bounded]:
        steps = random.Random(self.seed).choice((1, 3, 5, 16))
        extents = dict(self.extents)
        for loop in self.cascade.iterations():
            if loop.point not in extents:
                extents[loop.point] = steps
        return Interpreter(self.cascade, inputs, extents).run()

    def plant(self):
        """NaN where the reference does not depend on it (NF-3)."""
        plane = self.cascade.plane
        if plane is None:
            return
        rng = random.Random(f"{self.seed}:plant")
        places = []
        for t in self.cascade.inputs:
            if not is_float(t.dtype):
                continue
            for dim, r in enumerate(t.ranks):
                size = self.extents[r]
                if r in (plane.query, plane.key) and size:
                    places.append((t.name, dim, rng.choice((0, size - 1, rng.randrange(size)))))
        if not places:
            return
        name, dim, at = rng.choice(places)
        spoiled = self.inputs[name].copy()
        spoiled[(slice(None),) * dim + (at,)] = rng.choice((np.nan, np.inf, -np.inf))
        inputs = self.inputs | {name: spoiled}
        changed = self.interpret(inputs)
        for result, was in self.expected.items():
            now = changed[result]
            same = np.array_equal(now.value, was.value) and np.array_equal(now.error, was.error)
            if not same:
                return
        self.inputs, self.planted = inputs, True

    def run(self, kernel: Kernel, rng: random.Random) -> list[np.ndarray]:
        tensors = self.cascade.tensors()
        outputs = []
        for name in self.cascade.results:
            t = tensors[name]
            shape = [self.extents[r] for r in t.ranks]
            outputs.append(Memory(shape, NUMPY[t.dtype], rng, rng.choice((0xFF, 0xAA))))
        inputs = [place(self.inputs[t.name], rng) for t in self.cascade.inputs]
        kernel.run([*(array for array, _ in inputs), *(o.array for o in outputs)])
        for t, (array, memory) in zip(self.cascade.inputs, inputs, strict=True):
            memory.check()
            if array.tobytes() != self.inputs[t.name].tobytes():
                raise WrongResultError(f"the kernel wrote to input '{t.name}'")
        for memory in outputs:
            memory.check()
        return [memory.array for memory in outputs]

    def judge(self, outputs) -> tuple[int, int]:
        """Raises where a result is out of bounds; returns how many elements were
        judged sharply, and how many there are."""
        sharp = total = 0
        for name, actual in zip(self.cascade.results, outputs, strict=True):
            expected = self.expected[name]
            value = np.broadcast_to(expected.value, actual.shape)
            error = np.broadcast_to(expected.error, actual.shape)
            if actual.dtype == bool:
                actual = actual.view(np.uint8)
                value = value.astype(np.int64)
            wide = actual.astype(value.dtype)
            with np.errstate(invalid="ignore"):
                off = np.abs(wide - value)
                fine = (wide == value) | (off <= 2 * error) | np.isinf(error)
            if not fine.all():
                at = tuple(int(i) for i in np.argwhere(~fine)[0])
                count = int((~fine).sum())
                raise WrongResultError(
                    f"result '{name}': {count} of {fine.size} elements are out of bounds; at "
                    f"{list(at)} the kernel has {wide[at]}, the reference {value[at]} "
                    f"within {2 * error[at]:.3g}; extents {self.extents}"
                )
            sharp += int((error <= 1e-2 * np.maximum(1, np.abs(value))).sum())
            total += actual.size
        return sharp, total
