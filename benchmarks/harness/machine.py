# ===- machine.py - The machine of a run -------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What a run says of its machine, and what the machine can do at most."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

from attn.compiler import find_compiler

# What `peak` calls the load from each level of memory, and the bytes it reads.
LEVELS = [
    ("L1 load", 24 << 10),
    ("L2 load", 512 << 10),
    ("L3 load", 8 << 20),
    ("DRAM load", 1 << 62),
]
_LINE = re.compile(r"^(.*?)\s+threads=(\d)\s+min\s+\S+\s+median\s+(\S+)", re.M)


def describe() -> dict:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", cpuinfo)
    flags = set(re.search(r"^flags\s*:\s*(.*)", cpuinfo, re.M)[1].split())
    return {
        "cpu": model[1].strip() if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "isa": [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if name in flags],
        "system": platform.platform(),
        "python": platform.python_version(),
    }


class Peaks:
    """Rates by `peak`: FMA in GFLOP/s, loads in GB/s, of one thread and of two."""

    def __init__(self, repeat: int):
        program = find_compiler().with_name("peak")
        self.repeat = ["--repeat", str(min(9, repeat))]
        done = subprocess.run([program, *self.repeat], check=True, capture_output=True, text=True)
        self.rates = {(m[1].strip(), int(m[2])): float(m[3]) for m in _LINE.finditer(done.stdout)}
        self.program = program

    def rate(self, start: str, threads: int) -> float:
        found = [
            rate
            for (name, count), rate in self.rates.items()
            if name.startswith(start) and count == threads
        ]
        return found[0] if found else float("nan")

    def fma(self, threads: int, dtype: str = "f32") -> float:
        dots = self.rate("bf16 vdpbf16ps", threads)
        fmas = self.rate("f32 FMA", threads)
        return dots if dtype == "bf16" and dots == dots else fmas

    def load(self, size: int, threads: int) -> float:
        """Of the smallest level that holds so many bytes."""
        level = next(name for name, holds in LEVELS if size <= holds * threads)
        return self.rate(level, threads)

    @property
    def pair_is_void(self) -> bool:
        """Whether two threads get less than 1.8 of one: somebody else is running."""
        return not self.fma(2) >= 1.8 * self.fma(1)

    def now(self) -> float:
        """The FMA rate of one core at this moment."""
        command = [self.program, "--fma", *self.repeat]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(done.stdout)


def compile_seconds(source: Path, output: Path, rounds: int = 5) -> float:
    """The median time of attn-compile on a file."""
    return _command_seconds([find_compiler(), source, "-o", output], rounds)


def opt_seconds(source: Path, rounds: int = 9) -> float:
    """The median time of attn-opt on a file."""
    return _command_seconds([find_compiler().with_name("attn-opt"), source], rounds)


def _command_seconds(command, rounds: int) -> float:
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])
