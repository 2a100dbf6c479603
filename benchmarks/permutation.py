# ===- permutation.py - The cost of a permuted order -----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares windows over permuted tokens with the plain window, in total time.

One thread, pinned; the kernels take turns, and medians and least times are
compared.

    .venv/bin/python benchmarks/permutation.py [--rounds N] [--tokens N]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from floor import BIN, Kernel, seconds


def build(folder: Path, number: int, features: int, where: str, permuted: bool) -> Kernel:
    tensor = f"tensor<?x1x?x{features}xf32>"
    argument, clause = "", ""
    if permuted:
        argument, clause = ", %p: tensor<?xi32>", "permute(%p : tensor<?xi32>)"
    source = folder / f"{number}.mlir"
    source.write_text(
        f"func.func @attention(%q: {tensor}, %k: {tensor}, %v: {tensor}{argument}) -> {tensor} {{\n"
        f"  %o = attn.attention(%q, %k, %v) where {where} {clause}\n"
        f"      : ({tensor}, {tensor}, {tensor}) -> {tensor}\n"
        f"  return %o : {tensor}\n}}\n"
    )
    library = folder / f"{number}.so"
    subprocess.run(
        [BIN / "attn-compile", source, "-o", library, "--form=fused"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return Kernel(str(library), "attention")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, help="alternating rounds (default 11)")
    parser.add_argument("--tokens", type=int, default=16384, help="tokens (default 16384)")
    parser.add_argument("--features", type=int, default=64, help="head size (default 64)")
    parser.add_argument("--window", type=int, default=128, help="keys on each side (default 128)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    window = f"window({options.window}, {options.window})"
    rows = [
        ("plain window", window, None),
        ("permuted, in the order it lies", f"{window} in permuted", np.arange(options.tokens)),
        ("permuted at random", f"{window} in permuted", rng.permutation(options.tokens)),
        ("and causal", f"{window} in permuted and causal", rng.permutation(options.tokens)),
    ]
    shape = (1, 1, options.tokens, options.features)
    tensors = [rng.standard_normal(shape, dtype=np.float32) for _ in range(3)]
    output = np.empty(shape, np.float32)
    with tempfile.TemporaryDirectory() as name:
        calls = []
        for number, (_, where, order) in enumerate(rows):
            kernel = build(Path(name), number, options.features, where, order is not None)
            orders = [] if order is None else [order.astype(np.int32)]
            calls.append((kernel, [*tensors, *orders, output]))
        times = [[] for _ in rows]
        for _ in range(options.rounds):
            for (kernel, arrays), samples in zip(calls, times, strict=True):
                samples.append(seconds(kernel, arrays))
    print("| operator | ms (least, median) | against the plain window (least, median) |")
    print("|---|---|---|")
    least, median = min(times[0]), statistics.median(times[0])
    for (label, _, _), samples in zip(rows, times, strict=True):
        print(
            f"| {label} | {min(samples) * 1e3:.2f}, {statistics.median(samples) * 1e3:.2f} "
            f"| {min(samples) / least:.3f}, {statistics.median(samples) / median:.3f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
