# ===- runtime_sparsity.py - The cost of a live pair, from lists -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares f32 kernels whose sparsity is data with the unmasked one, per live pair:
packed documents, lists of key blocks, lists of tokens, lists beside a window, and lists
that cut the keys into parts.

One thread, pinned; the kernels take turns, and the least times are compared. A
ratio of 1 means that the time follows the work that is left.

    .venv/bin/python benchmarks/runtime_sparsity.py [--rounds N] [--tokens N]
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from floor import BIN, Kernel, seconds

OFFSETS = "%s: tensor<?xi32>"
SEGMENTS = "segments(%s : tensor<?xi32>)"
BLOCKS = "blocks(64, 64, %p[] : tensor<?xi32>, %i[] : tensor<?xi32>)"
OTHERS = "blocks(64, 64, %r[] : tensor<?xi32>, %j[] : tensor<?xi32>)"
TOKENS = "indices(16, %l[] : tensor<?x?xi32>)"
OF_A_ROW = "indices(1, %l[] : tensor<?x?xi32>)"
COLUMNS = "indices(64, %l[] : tensor<?x?xi32>)"
WINDOW = 256


def build(
    folder: Path, number: int, features: int, heads: int, arguments: str, clauses: str
) -> Kernel:
    queries, tensor = (f"tensor<?x{count}x?x{features}xf32>" for count in (heads, 1))
    source, library = folder / f"{number}.mlir", folder / f"{number}.so"
    source.write_text(
        f"func.func @attention(%q: {queries}, %k: {tensor}, %v: {tensor}"
        f"{', ' * bool(arguments)}{arguments}) -> {queries} {{\n"
        f"  %o = attn.attention(%q, %k, %v) {clauses}\n"
        f"      : ({queries}, {tensor}, {tensor}) -> {queries}\n"
        f"  return %o : {queries}\n}}\n"
    )
    command = [BIN / "attn-compile", source, "-o", library, "--form=fused"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return Kernel(str(library), "attention")


def documents(rng, tokens: int) -> np.ndarray:
    """Where documents of 512 to 1536 tokens begin, and the last one ends."""
    offsets = [0]
    while offsets[-1] < tokens:
        offsets.append(min(tokens, offsets[-1] + int(rng.integers(512, 1537))))
    return np.array(offsets, np.int32)


def block_lists(chosen) -> list[np.ndarray]:
    """The offsets and entries of lists of blocks."""
    ends = np.concatenate([[0], chosen.sum(1).cumsum()])
    return [ends.astype(np.int32), np.nonzero(chosen)[1].astype(np.int32)]


def beside_window(tokens: int, listed) -> int:
    """Live pairs of a causal window and of keys that `listed` gives for a row."""
    count = 0
    for row in range(tokens):
        live = listed(row)[: row + 1].copy()
        live[max(0, row + 1 - WINDOW) :] = True
        count += int(live.sum())
    return count


def rows(rng, tokens: int):
    """Label, arguments, clauses, their values and the live pairs of each, in one head;
    and how many heads there are, if more than one."""
    offsets = documents(rng, tokens)
    sizes = np.diff(offsets.astype(np.int64))
    chosen, others = rng.random((2, tokens // 64, tokens // 64)) < 0.1
    blocks, two = block_lists(chosen), "%p: tensor<?xi32>, %i: tensor<?xi32>"
    four = f"{two}, %r: tensor<?xi32>, %j: tensor<?xi32>"
    lists = np.stack([
        np.sort(rng.choice(tokens, 512, replace=False)) for _ in range(tokens // 16)
    ]).astype(np.int32)  # fmt: skip
    in_blocks = np.repeat(chosen, 64, axis=1)
    in_lists = np.zeros((tokens // 16, tokens), bool)
    np.put_along_axis(in_lists, lists.astype(np.int64), True, axis=1)
    of_rows = np.stack([
        np.sort(rng.choice(tokens, 512, replace=False)) for _ in range(tokens)
    ]).astype(np.int32)  # fmt: skip
    # The same tokens for all rows of a block, as of vertical lines.
    columns = np.sort(rng.choice(tokens, 512, replace=False)).astype(np.int32)
    columns = np.tile(columns, (tokens // 64, 1))
    in_columns = np.zeros(tokens, bool)
    in_columns[columns[0]] = True
    before = np.arange(tokens)[:, None] >= np.arange(tokens)
    beside = f"where causal and (window({WINDOW - 1}, 0) or {{}})"
    triangle = (sizes * (sizes + 1) // 2).sum()
    return [
        ("none", "", "", [], tokens**2),
        ("documents", OFFSETS, SEGMENTS, [offsets], (sizes**2).sum()),
        ("causal documents", OFFSETS, f"where causal {SEGMENTS}", [offsets], triangle),
        (
            "blocks of 64 by 64, 10 %", two, f"where {BLOCKS}", blocks,
            chosen.sum() * 64 * 64,
        ),
        (
            f"the same or window({WINDOW - 1}, 0), causal",
            two, beside.format(BLOCKS), blocks,
            beside_window(tokens, lambda row: in_blocks[row // 64]),
        ),
        (
            "blocks of either of two lists", four, f"where {BLOCKS} or {OTHERS}",
            [*blocks, *block_lists(others)], (chosen | others).sum() * 64 * 64,
        ),
        (
            "blocks of one and not the other", four, f"where {BLOCKS} and not {OTHERS}",
            [*blocks, *block_lists(others)], (chosen & ~others).sum() * 64 * 64,
        ),
        (
            "512 keys for 16 queries", "%l: tensor<?x?xi32>", f"where {TOKENS}", [lists],
            tokens * 512,
        ),
        (
            "512 keys for each query", "%l: tensor<?x?xi32>", f"where {OF_A_ROW}", [of_rows],
            tokens * 512,
        ),
        (
            "the same, 16 heads of one key head", "%l: tensor<?x?xi32>", f"where {OF_A_ROW}",
            [of_rows], tokens * 512, 16,
        ),
        (
            "512 keys for 16 queries, causal", "%l: tensor<?x?xi32>",
            f"where causal and {TOKENS}", [lists],
            sum(int((lists[i // 16] <= i).sum()) for i in range(tokens)),
        ),
        (
            f"512 keys or window({WINDOW - 1}, 0), causal", "%l: tensor<?x?xi32>",
            beside.format(TOKENS), [lists],
            beside_window(tokens, lambda row: in_lists[row // 16]),
        ),
        (
            "all but 512 keys for 16 queries", "%l: tensor<?x?xi32>", f"where not {TOKENS}",
            [lists], tokens * (tokens - 512),
        ),
        (
            "512 keys for all, or the blocks, causal", f"{two}, %l: tensor<?x?xi32>",
            f"where causal and ({COLUMNS} or {BLOCKS})", [*blocks, columns],
            int(((in_columns | in_blocks[np.arange(tokens) // 64]) & before).sum()),
        ),
        (
            "512 keys in these blocks", f"{two}, %l: tensor<?x?xi32>",
            f"where {BLOCKS} and {TOKENS}", [*blocks, lists],
            sum(int((in_lists[i] & in_blocks[i // 4]).sum()) for i in range(tokens // 16)) * 16,
        ),
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--tokens", type=int, default=16384, help="tokens (default 16384)")
    parser.add_argument("--features", type=int, default=64, help="head size (default 64)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    table = [(*row, 1)[:6] for row in rows(rng, options.tokens)]
    shape = (options.tokens, options.features)
    keys, values = (rng.standard_normal((1, 1, *shape), dtype=np.float32) for _ in range(2))
    calls = []
    with tempfile.TemporaryDirectory() as name:
        for number, (_, arguments, clauses, operands, _, heads) in enumerate(table):
            kernel = build(Path(name), number, options.features, heads, arguments, clauses)
            queries = rng.standard_normal((1, heads, *shape), dtype=np.float32)
            calls.append((kernel, [queries, keys, values, *operands, np.empty_like(queries)]))
        times = [[] for _ in calls]
        for _, ((kernel, arrays), samples) in itertools.product(
            range(options.rounds), list(zip(calls, times, strict=True))
        ):
            samples.append(seconds(kernel, arrays))
    dense = min(times[0]) / options.tokens**2
    print("| sparsity | live | ms (least, median) | time of a live pair |")
    print("|---|---|---|---|")
    for (label, *_, live, heads), samples in zip(table, times, strict=True):
        print(
            f"| {label} | {live / options.tokens**2:.4f} | {min(samples) * 1e3:.2f}, "
            f"{statistics.median(samples) * 1e3:.2f} | {min(samples) / live / heads / dense:.3f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
