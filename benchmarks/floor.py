# ===- floor.py - The speed floor of fused kernels -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares fused f32 kernels with the FMA peak of the core they run on.

One thread, pinned; the kernels and the peak probe take turns, and medians are
compared. Fails where an unmasked kernel is below half of the peak, or a causal
one takes more than 0.56 of the unmasked time.

    .venv/bin/python benchmarks/floor.py [--rounds N] [--tokens N]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("ATTN_BUILD_DIR", ROOT / "build")) / "bin"
sys.path.insert(0, str(ROOT / "python"))
from attn.kernel import Kernel  # noqa: E402

HEADS, FLOOR, CAUSAL = 4, 0.50, 0.56


def compile_kernel(folder, features, where, heads=HEADS):
    tensor = f"tensor<?x{heads}x?x{features}xf32>"
    source = folder / f"d{features}{where.replace(' ', '_')}.mlir"
    clause = f"where {where} " if where else ""
    source.write_text(
        f"func.func @attention(%q: {tensor}, %k: {tensor}, %v: {tensor}) -> {tensor} {{\n"
        f"  %o = attn.attention(%q, %k, %v) {clause}: ({tensor}, {tensor}, {tensor}) -> {tensor}\n"
        f"  return %o : {tensor}\n}}\n"
    )
    library = source.with_suffix(".so")
    subprocess.run(
        [BIN / "attn-compile", source, "-o", library, "--form=fused"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return Kernel(str(library), "attention")


def seconds(kernel, arrays):
    start = time.perf_counter()
    kernel.run(arrays)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="alternating rounds (default 7)")
    parser.add_argument("--tokens", type=int, default=4096, help="queries and keys (default 4096)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    failed = False
    print("| D | peak GFLOP/s | unmasked ms | of peak | causal ms | of unmasked | |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for features in (64, 128):
            kernels = [compile_kernel(Path(name), features, where) for where in ("", "causal")]
            shape = (1, HEADS, options.tokens, features)
            arrays = [rng.standard_normal(shape, dtype=np.float32) for _ in range(3)]
            arrays.append(np.empty(shape, np.float32))
            times, peaks = ([], []), []
            for _ in range(options.rounds):
                peak = subprocess.run([BIN / "peak", "--fma"], check=True, stdout=subprocess.PIPE)
                peaks.append(float(peak.stdout))
                for kernel, samples in zip(kernels, times, strict=True):
                    samples.append(seconds(kernel, arrays))
            peak = statistics.median(peaks)
            plain, causal = (statistics.median(samples) for samples in times)
            rate = 4 * HEADS * options.tokens**2 * features / plain / 1e9
            passed = rate >= FLOOR * peak and causal <= CAUSAL * plain
            failed |= not passed
            print(
                f"| {features} | {peak:.0f} | {plain * 1e3:.1f} | {rate / peak:.2f} "
                f"| {causal * 1e3:.1f} | {causal / plain:.2f} | {'pass' if passed else 'FAIL'} |",
                flush=True,
            )
    return failed


if __name__ == "__main__":
    sys.exit(main())
