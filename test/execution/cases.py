# ===- cases.py - What the grid consists of ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Configurations: an operator, lengths, a memory layout and a kind of values."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import numpy as np
from attn.reference import accumulation_type
from cover import pairs_design, values_design
from memory import LAYOUTS
from operators import DTYPES, Operands, Spec, operands
from regions import REGIONS

LENGTHS = [1, 2, 47, 48, 49, 63, 64, 65, 113, 239, 799, 1023, 1024, 4096]
HEAD_SIZES = [1, 8, 32, 40, 59, 64, 80, 96, 111, 128, 160, 192, 224, 256]
WHERES = [
    (),
    (("causal",),),
    (("window", 255, 0),),
    (("window", 31, 17),),
    (("window", 0, 0),),
    (("causal",), ("window", 100, 100)),
    (("prefix", 70),),
    (("causal",), ("prefix", 500)),
    (("or", ("causal",), ("prefix", 70)),),
    (("causal",), ("or", ("window", 100, 0), ("prefix", 4))),
    (("not", ("window", 40, 9)),),
    (("or", ("block_diagonal", 100), ("leading", 5)),),
    (("causal",), ("or", ("dilated", 200, 3), ("strided", 7, 2, 16))),
    (("neighborhood", (5, 9), (("grid", (40, 30)), ("stride", (2, 3)))),),
]
BIASES = [None] + [
    "".join(ranks) for count in range(1, 5) for ranks in itertools.combinations("bhmn", count)
]
HEADS = [(1, 1), (2, 1), (2, 2), (4, 2), (3, 1), (6, 2)]
VALUES = ["normal", "peaked", "rising", "planted"]

FACTORS = {
    "queries": LENGTHS,
    "keys": LENGTHS,
    "e": HEAD_SIZES,
    "f": HEAD_SIZES,
    "dtype": list(DTYPES),
    "where": WHERES,
    "align": ["bottom_right", "top_left"],
    "bias": BIASES,
    "region": [None, *REGIONS],
    "softcap": [None, 20.0],
    "scale": [None, 0.25],
    "lengths": ["", "k", "m", "km"],
    "statistics": ["", "s", "l", "sl"],
    "heads": HEADS,
    "batch": [1, 2, 3],
    "layout": list(LAYOUTS),
    "guard": ["end", "begin"],
    "values": VALUES,
}

# Scores of one case; more would only make the reference slow.
_MOST_SCORES = 12 << 20


@dataclass(frozen=True)
class Case:
    spec: Spec
    batch: int
    queries: int
    keys: int
    layout: str
    guard: str
    values: str
    seed: int

    def describe(self) -> str:
        return (
            f"{self.spec.describe()} | b={self.batch} m={self.queries} n={self.keys} "
            f"{self.layout} {self.guard} {self.values} seed={self.seed}"
        )

    @property
    def id(self) -> str:
        spec = self.spec
        return (
            f"{spec.key}-b{self.batch}m{self.queries}n{self.keys}-{self.layout}-{self.guard}"
            f"-{self.values}"
        )


def _unequal(row) -> bool:
    return not ("queries" in row and "keys" in row and row["queries"] == row["keys"])


def make_spec(row) -> Spec:
    heads, key_heads = row["heads"]
    return Spec(
        e=row["e"],
        f=row["f"],
        heads=heads,
        key_heads=key_heads,
        dtype=row["dtype"],
        scale=row["scale"],
        softcap=row["softcap"],
        bias=row["bias"],
        region=row["region"],
        where=row["where"],
        align=row["align"],
        key_lengths="k" in row["lengths"],
        query_lengths="m" in row["lengths"],
        sinks="s" in row["statistics"],
        lse="l" in row["statistics"],
    )


def make_case(row, seed: int) -> Case:
    spec = make_spec(row)
    batch = row["batch"]
    while batch > 1 and batch * spec.heads * row["queries"] * row["keys"] > _MOST_SCORES:
        batch -= 1
    return Case(
        spec, batch, row["queries"], row["keys"], row["layout"], row["guard"], row["values"], seed
    )


# What a row may change without another kernel.
_OF_A_CALL = ("queries", "keys", "batch", "layout", "guard", "values")


def grid_cases(tier: str) -> list[Case]:
    """The covering grid: fixed, so the same cases in every run.

    In the quick and in the full tier every kernel runs on other lengths, layouts and
    values too, which costs no compilation.
    """
    if tier == "quick":
        rows = values_design(FACTORS, _unequal, seed=5)
    else:
        rows = pairs_design(FACTORS, _unequal, seed=0, tries=3)
    rng = random.Random(11)
    cases = []
    for row in rows:
        cases.append(make_case(row, len(cases)))
        for _ in range({"quick": 2 if len(cases) < 36 else 1, "default": 0, "full": 2}[tier]):
            other = row | {name: rng.choice(FACTORS[name]) for name in _OF_A_CALL}
            if _unequal(other):
                cases.append(make_case(other, len(cases)))
    return cases


def random_atom(rng: random.Random) -> tuple:
    """One of the atoms that are more than a window."""

    def size(most: float) -> int:
        return int(2 ** rng.uniform(0, most))

    name = rng.choice([
        "leading", "block_diagonal", "dilated", "strided", "power_of_two", "radial",
        "neighborhood", "neighborhood", "affine_set",
    ])  # fmt: skip
    if name == "dilated":
        # From 48 steps on, keys of one remainder are walked beside ranges.
        return (name, size(11) - 1, size(4))
    if name == "strided":
        step = size(4)
        return (name, step, rng.randrange(step), size(6))
    if name == "radial":
        return (name, size(5), size(8), rng.choice([1.0, 0.6]), size(5))
    if name == "affine_set":
        return (name, (rng.choice([
            "(m + n) mod 5 - 2", "m floordiv 3 - n floordiv 7", "2 * m - 3 * n + 90",
            "n mod 48 - 40", "5 - (n + 3) mod 16",
        ]),))  # fmt: skip
    if name != "neighborhood":
        return (name, size(7))
    axes = rng.randint(1, 3)
    grid = tuple(size(9 / axes) + 1 for _ in range(axes))
    kernel = tuple(rng.randint(1, extent) for extent in grid)
    options = [
        ("stride", tuple(rng.randint(1, k) for k in kernel)),
        ("dilation", tuple(rng.randint(1, g // k) for g, k in zip(grid, kernel, strict=True))),
        ("causal", tuple(rng.randint(0, 1) for _ in grid)),
    ]
    chosen = [option for option in options if rng.random() < 0.5]
    if rng.random() < 0.3:
        chosen.append(("clipped", True))
    if axes > 1 or rng.random() < 0.5:
        chosen.append(("grid", grid))
    return (name, kernel, tuple(chosen))


def random_term(rng: random.Random, depth: int = 2) -> tuple:
    """A sparsity with `or` and `not` of few enough parts to be planned."""
    if depth == 0 or rng.random() < 0.2:
        left, right = int(2 ** rng.uniform(0, 8)) - 1, int(2 ** rng.uniform(0, 6)) - 1
        prefix = int(2 ** rng.uniform(0, 9)) - 1
        atoms = [("causal",), ("window", left, right), ("prefix", prefix)]
        return rng.choice([*atoms, random_atom(rng)])
    if rng.random() < 0.25:
        return ("not", random_term(rng, depth - 1))
    name = rng.choice(["or", "or", "and"])
    return (name, random_term(rng, depth - 1), random_term(rng, depth - 1))


def random_per_head(rng: random.Random, heads: int) -> tuple:
    """An atom with numbers of its own in every head."""

    def numbers(least: int, most: float) -> list[int]:
        some = [int(2 ** rng.uniform(0, most)) - 1 + least for _ in range(3)]
        return [rng.choice(some) for _ in range(heads)]

    name = rng.choice(["window", "prefix", "dilated", "strided"])
    columns = {
        "window": [numbers(0, 9), numbers(0, 5)],
        "dilated": [numbers(0, 11), numbers(1, 3)],
        "strided": [numbers(3, 3), numbers(0, 1.5), numbers(1, 5)],
        "prefix": [numbers(0, 9)],
    }[name]
    return ("per_head", *((name, *numbers) for numbers in zip(*columns, strict=True)))


def random_cases(seed: int, count: int) -> list[Case]:
    """Fresh configurations, four lengths for every kernel."""
    rng = random.Random(seed)

    def length():
        if rng.random() < 0.3:
            return rng.choice(LENGTHS)
        return int(2 ** rng.uniform(0, 10.2))

    cases = []
    while len(cases) < count:
        row = {name: rng.choice(levels) for name, levels in FACTORS.items()}
        for name in ("e", "f"):
            if rng.random() < 0.5:
                row[name] = rng.randint(1, 256)
        key_heads, group = rng.randint(1, 3), rng.randint(1, 4)
        row["heads"] = (key_heads * group, key_heads)
        if rng.random() < 0.5:
            left, right = int(2 ** rng.uniform(0, 9)) - 1, int(2 ** rng.uniform(0, 8)) - 1
            row["where"] = (*rng.choice([(), (("causal",),)]), ("window", left, right))
        if rng.random() < 0.25:
            row["where"] = (random_term(rng),)
        if rng.random() < 0.15:
            row["where"] = (*row["where"], random_per_head(rng, row["heads"][0]))
        if rng.random() < 0.1:
            row["where"] = (*row["where"], ("mask", rng.choice(["bhmn", "mn", "bn", "nh"])))
        if rng.random() < 0.1:
            known = ["documents", "every_third", "reach", "distance", "quotient"]
            row["where"] = (*row["where"], ("predicate", rng.choice(known)))
        if rng.random() < 0.1:
            data = rng.choice([("mask", "bn"), ("predicate", "documents"), ("not", ("mask", "hm"))])
            row["where"] = (*row["where"], ("or", random_term(rng), data))
        for _ in range(4):
            row["queries"], row["keys"] = length(), length()
            for name in ("batch", "layout", "guard", "values"):
                row[name] = rng.choice(FACTORS[name])
            cases.append(make_case(row, rng.randrange(1 << 30)))
    return cases[:count]


# ===----------------------------------------------------------------------===//
# Values
# ===----------------------------------------------------------------------===//


def case_operands(case: Case) -> Operands:
    """The operands of a case before they are laid out in memory."""
    rng = np.random.default_rng(case.seed)
    result = operands(case.spec, case.batch, case.queries, case.keys, rng)
    arrays = result.arrays
    dtype = DTYPES[case.spec.dtype]
    wide = accumulation_type(dtype)
    if case.values == "peaked":
        # Nearly all weight on a few keys, and scores of both signs far from 0.
        arrays["q"] = (arrays["q"].astype(wide) * 6).astype(dtype)
    elif case.values == "rising":
        # Later keys score higher, so a running maximum moves in every block.
        ramp = np.linspace(0, 3, case.keys, dtype=wide)[None, None, :, None]
        arrays["k"] = (np.abs(arrays["k"].astype(wide)) * ramp).astype(dtype)
        arrays["q"] = np.abs(arrays["q"].astype(wide)).astype(dtype)
    elif case.values == "planted":
        plant(result, rng)
    return result


def plant(result: Operands, rng):
    """NaN and Inf in K and V: everywhere it is dead, and at some live places."""
    arrays, spec = result.arrays, result.spec
    bad = [np.nan, np.inf, -np.inf]
    k, v = arrays["k"], arrays["v"]
    batch, key_heads, keys, _ = k.shape
    queries = arrays["q"].shape[2]
    operator = result.operator()
    for b in range(batch):
        live = operator.live(b, np.arange(queries), queries, keys)
        dead = np.flatnonzero(~live.any(axis=0))
        for tensor in (k, v):
            tensor[b, :, dead] = rng.choice(bad, (len(dead), 1, 1))
        seen = np.flatnonzero(live.any(axis=0))
        if not len(seen):
            continue
        for h in range(key_heads):
            # Values: at the end of what the last row sees (the diagonal, where
            # there is one), at the start, and somewhere inside.
            for n in {seen[-1], seen[0], rng.choice(seen)}:
                v[b, h, n, rng.integers(spec.f)] = rng.choice(bad)
            # A key poisons whole rows, so mostly late ones, which few rows see.
            if rng.random() < 0.7:
                late = seen[-1 - min(len(seen) - 1, int(rng.integers(0, 3)))]
                k[b, h, late, rng.integers(spec.e)] = rng.choice(bad)
    for name in ("bias", "table"):
        # Bias is read at live points only: what no row sees may hold anything.
        if name == "bias" and spec.bias is not None and spec.bias.endswith("n"):
            dead = np.ones(keys, bool)
            for b in range(batch):
                dead &= ~operator.live(b, np.arange(queries), queries, keys).any(axis=0)
            arrays[name][..., dead] = np.nan
