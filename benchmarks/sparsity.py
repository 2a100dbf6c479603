# ===- sparsity.py - The cost of a live pair -------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares sparse f32 kernels with the unmasked one, per live pair.

One thread, pinned; the kernels take turns, and the least times are compared. A
ratio of 1 means that the time follows the work that is left.

    .venv/bin/python benchmarks/sparsity.py [--rounds N] [--tokens N] [WHERE ...]

A neighborhood on a grid, alone, is measured on the tokens of its grid:
`"neighborhood([13, 13], grid [128, 128])"`.
"""

import argparse
import math
import os
import re
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from floor import compile_kernel, seconds

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
from attn import sparsity

ATOMS = {
    "causal": sparsity.Causal,
    "window": sparsity.Window,
    "prefix": sparsity.Prefix,
    "dilated": sparsity.Dilated,
}
DEFAULT = ["causal", "causal and window(255, 0)", "window(128, 127)"]


def grid_of(where):
    """The kernel and the grid of a neighborhood whose windows are all whole, or None."""
    found = re.fullmatch(
        r"neighborhood\(\[([\d, ]+)\], grid \[([\d, ]+)\](, stride \[[\d, ]+\])?\)", where
    )
    if not found:
        return None
    return [[int(number) for number in found[part].split(",")] for part in (1, 2)]


def live_pairs(where, tokens):
    """Live (query, key) pairs of `tokens` queries and keys, by definition."""
    if grid := grid_of(where):
        return tokens * math.prod(grid[0])
    m = np.arange(tokens)[:, None]
    total = 0
    for first in range(0, tokens, 512):
        rows = m[first : first + 512]
        n = np.arange(tokens)[None, :]
        live = np.ones((len(rows), tokens), bool)
        for term in where.split(" and "):
            name, _, arguments = term.strip().partition("(")
            numbers = [int(text) for text in arguments.rstrip(")").split(",") if text]
            if name not in ATOMS:
                raise SystemExit(f"{name}: known are {', '.join(ATOMS)} and neighborhood")
            live &= ATOMS[name](*numbers)(rows, n)
        total += int(live.sum())
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("where", nargs="*", default=DEFAULT, help="sparsities to measure")
    parser.add_argument("--rounds", type=int, default=7, help="alternating rounds (default 7)")
    parser.add_argument("--tokens", type=int, default=8192, help="queries and keys (default 8192)")
    parser.add_argument("--features", type=int, default=64, help="head size (default 64)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        kernels = [
            compile_kernel(Path(name), options.features, where, heads=1)
            for where in ["", *options.where]
        ]
        grids = [grid_of(where) for where in ["", *options.where]]
        tokens = [math.prod(grid[1]) if grid else options.tokens for grid in grids]

        def draw(count):
            shape = (1, 1, count, options.features)
            arrays = [rng.standard_normal(shape, dtype=np.float32) for _ in range(3)]
            return [*arrays, np.empty(shape, np.float32)]

        arrays = {count: draw(count) for count in set(tokens)}
        times = [[] for _ in kernels]
        for _ in range(options.rounds):
            for kernel, count, samples in zip(kernels, tokens, times, strict=True):
                samples.append(seconds(kernel, arrays[count]))
    dense = min(times[0]) / options.tokens**2
    print("| sparsity | live | ms (least, median) | time of a live pair |")
    print("|---|---|---|---|")
    names = ["none", *options.where]
    for where, count, samples in zip(names, tokens, times, strict=True):
        pairs = count**2
        live = pairs if where == "none" else live_pairs(where, count)
        print(
            f"| {where} | {live / pairs:.4f} | {min(samples) * 1e3:.2f}, "
            f"{statistics.median(samples) * 1e3:.2f} | {min(samples) / live / dense:.3f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
