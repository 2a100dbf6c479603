# ===- cover.py - Covering designs ---------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Few configurations in which every value, or every pair of values, occurs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

Row = dict[str, object]


def _always(row: Row) -> bool:
    return True


def values_design(factors: dict[str, list], allowed: Callable[[Row], bool] = _always, seed=0):
    """Rows in which every value of every factor occurs: as many as the longest
    factor has values, more where `allowed` gets in the way."""
    rng = random.Random(seed)
    decks = {name: rng.sample(levels, len(levels)) for name, levels in factors.items()}
    missing = {name: set(map(repr, levels)) for name, levels in factors.items()}
    rows: list[Row] = []
    while any(missing.values()):
        for _ in range(1000):
            row = {}
            for name, levels in decks.items():
                wanted = [x for x in levels if repr(x) in missing[name]]
                row[name] = rng.choice(wanted or levels)
            if allowed(row):
                break
        else:
            # The last missing values exclude each other: give one of them up.
            name = rng.choice([n for n in missing if missing[n]])
            row = _complete(rng, decks, {name: next(
                x for x in decks[name] if repr(x) in missing[name])}, allowed)  # fmt: skip
        for name, value in row.items():
            missing[name].discard(repr(value))
        rows.append(row)
    return rows


def _complete(rng, factors, fixed: Row, allowed) -> Row:
    for _ in range(10000):
        row = {name: rng.choice(levels) for name, levels in factors.items()}
        row.update(fixed)
        if allowed(row):
            return row
    raise ValueError(f"no row with {fixed} is allowed")


def pairs_of(factors: dict[str, list], allowed: Callable[[Row], bool] = _always):
    """Every pair of values of two factors that some allowed row can hold.

    `allowed` is asked about partial rows and must accept what it cannot judge.
    """
    pairs = set()
    for a, b in itertools.combinations(factors, 2):
        for i, x in enumerate(factors[a]):
            for j, y in enumerate(factors[b]):
                if allowed({a: x, b: y}):
                    pairs.add((a, i, b, j))
    return pairs


def pairs_design(
    factors: dict[str, list],
    allowed: Callable[[Row], bool] = _always,
    seed: int = 0,
    tries: int = 6,
) -> list[Row]:
    """Rows in which every allowed pair of values of any two factors occurs.

    Greedy: each row starts from a pair still missing and takes, factor by
    factor, the level that adds most missing pairs; the best of a few such rows
    stays.
    """
    rng = random.Random(seed)
    names = list(factors)
    order = {name: i for i, name in enumerate(names)}
    missing = pairs_of(factors, allowed)
    # missing_with[(a, i)][b] = levels of b still missing together with level i of a.
    missing_with: dict[tuple[str, int], dict[str, set[int]]] = {
        (a, i): {b: set() for b in names if b != a} for a in names for i in range(len(factors[a]))
    }
    for a, i, b, j in missing:
        missing_with[a, i][b].add(j)
        missing_with[b, j][a].add(i)
    queue = sorted(missing)
    rng.shuffle(queue)
    rows = []
    while queue:
        while queue and queue[-1] not in missing:
            queue.pop()
        if not queue:
            break
        best, best_new = None, []
        for _ in range(tries):
            levels = _build_row(rng, factors, names, queue[-1], missing_with, allowed)
            if levels is None:
                continue
            new = [
                pair
                for pair in (
                    (a, levels[a], b, levels[b])
                    for a, b in itertools.combinations(names, 2)
                )
                if pair in missing
            ]  # fmt: skip
            if len(new) > len(best_new):
                best, best_new = levels, new
        if best is None:
            raise ValueError(f"no allowed row holds {queue[-1]}")
        for a, i, b, j in best_new:
            missing.discard((a, i, b, j))
            missing_with[a, i][b].discard(j)
            missing_with[b, j][a].discard(i)
        rows.append({name: factors[name][best[name]] for name in sorted(best, key=order.get)})
    return rows


def _build_row(rng, factors, names, start, missing_with, allowed):
    a, i, b, j = start
    levels = {a: i, b: j}
    rest = [name for name in names if name not in levels]
    rng.shuffle(rest)
    # Factors with many levels are the bottleneck: they choose first.
    rest.sort(key=lambda name: -len(factors[name]))
    for name in rest:
        gains = []
        for level in range(len(factors[name])):
            row = {n: factors[n][k] for n, k in levels.items()}
            row[name] = factors[name][level]
            if not allowed(row):
                continue
            partners = missing_with[name, level]
            gain = sum(1 for n, k in levels.items() if k in partners[n])
            gains.append((gain, rng.random(), level))
        if not gains:
            return None
        levels[name] = max(gains)[2]
    return levels
