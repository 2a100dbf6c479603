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
import ast
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
    "leading": sparsity.Leading,
    "dilated": sparsity.Dilated,
    "strided": sparsity.Strided,
    "block_diagonal": sparsity.BlockDiagonal,
    "neighborhood": sparsity.Neighborhood,
    "power_of_two": sparsity.PowerOfTwo,
    "radial": sparsity.Radial,
}
DEFAULT = ["causal", "causal and window(255, 0)", "window(128, 127)"]


def parse(where):
    """The definition of a sparsity of atoms that the call does not give."""
    # The text is an expression of Python's but for named parts: `block 64`, `clipped`.
    named = re.sub(r"\b(grid|stride|dilation|causal|block) (?=[\[\d])", r"\1=", where)
    tree = ast.parse(re.sub(r", clipped\b", ", clipped=True", named), mode="eval")

    def build(node):
        match node:
            case ast.BoolOp(op=ast.And(), values=terms):
                return sparsity.And(tuple(map(build, terms)))
            case ast.BoolOp(op=ast.Or(), values=terms):
                return sparsity.Or(tuple(map(build, terms)))
            case ast.UnaryOp(op=ast.Not(), operand=term):
                return sparsity.Not(build(term))
            case ast.Name(id=name) if name in ATOMS:
                return ATOMS[name]()
            case ast.Call(func=ast.Name(id=name)) if name in ATOMS:
                numbers = map(ast.literal_eval, node.args)
                parts = {part.arg: ast.literal_eval(part.value) for part in node.keywords}
                return ATOMS[name](*numbers, **parts)
        raise SystemExit(f"{ast.unparse(node)}: known are {', '.join(ATOMS)}")

    return build(tree.body)


def count_grid(where):
    """The tokens of the grid of a neighborhood that stands alone, or None."""
    atom = parse(where) if where else None
    return math.prod(atom.grid) if isinstance(atom, sparsity.Neighborhood) and atom.grid else None


def live_pairs(where, tokens):
    """Live (query, key) pairs of `tokens` queries and keys, by definition."""
    if count_grid(where) == tokens:
        return parse(where).count_pairs()
    atom = sparsity.with_num_keys(parse(where), tokens)
    n = np.arange(tokens)[None, :]
    rows = np.arange(tokens)[:, None]
    return sum(
        int(np.broadcast_to(atom(part, n), (len(part), tokens)).sum())
        for part in np.split(rows, range(256, tokens, 256))
    )


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
        tokens = [count_grid(where) or options.tokens for where in ["", *options.where]]

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
