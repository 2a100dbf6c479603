# ===- regression.py - Figures that noise does not move ---- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares the machine code of a list of kernels with stored figures.

    .venv/bin/python benchmarks/regression.py                   compare; exit 1 on growth
    .venv/bin/python benchmarks/regression.py --store REASON    store what is measured

Three figures a kernel, none of which depends on the load of a machine:

* cycles_per_fma: of the slowest innermost loop that contracts, by llvm-mca for
  znver4, whose model charges a broadcast from memory more than the machine does.
  A loop contracts if it has at least half as many multiply-adds as the loop with
  most of them.
* spills: stack accesses in those loops.
* instructions: those that one call of the AVX2 kernel executes, by valgrind.

Growth by more than 3 % fails until the figures are stored with a reason. Figures
belong to an LLVM version: under another one they are printed and nothing fails.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "test" / "execution")]
import operators  # noqa: E402
from attn.compiler import compile_file, find_compiler  # noqa: E402
from operators import Spec  # noqa: E402

STORED = Path(__file__).with_name("regression.json")
GROWTH = 1.03
LLVM = Path(os.environ.get("LLVM_BIN", "/usr/lib/llvm-22/bin"))
CAUSAL = (("causal",),)

# The kernels, each with the extents b, m and n of the call that is counted.
KERNELS = {
    "f32 D64": (Spec(64, 64), (1, 96, 256)),
    "f32 D128": (Spec(128, 128), (1, 96, 256)),
    "f32 D64 causal": (Spec(64, 64, where=CAUSAL), (1, 256, 256)),
    "f32 D64 window": (Spec(64, 64, where=(*CAUSAL, ("window", 63, 0))), (1, 512, 512)),
    "f32 D80 soft cap": (Spec(80, 80, softcap=30.0), (1, 96, 256)),
    "f32 D64 gated": (Spec(64, 64, gates=(("output", "sigmoid", "bhmf", False),)), (1, 96, 256)),
    "f32 D128 grouped": (
        Spec(128, 128, heads=8, key_heads=2, where=CAUSAL, key_lengths=True),
        (1, 1, 256),
    ),
    "bf16 D64": (Spec(64, 64, dtype="bf16"), (1, 96, 256)),
    "f16 D64": (Spec(64, 64, dtype="f16"), (1, 96, 256)),
    "f64 D64": (Spec(64, 64, dtype="f64"), (1, 96, 256)),
}


@dataclass(frozen=True)
class Loop:
    """An innermost loop of assembly."""

    lines: tuple[str, ...]

    @property
    def fmas(self) -> int:
        return sum(bool(re.match(r"vfn?m(add|sub)|vdpbf16ps", text)) for text in self.lines)

    @property
    def spills(self) -> int:
        # %rbp is a register like any other: kernels have no frame pointer.
        return sum("(%rsp" in text for text in self.lines)


def innermost_loops(assembly: str) -> list[Loop]:
    """The loops of AT&T assembly that contain no other one: a label, and the last
    jump back to it."""
    labels, lines, ends = {}, [], {}
    for text in assembly.splitlines():
        text = text.split("#")[0].strip()
        label = re.match(r"(\.L\w+):$", text)
        jump = re.match(r"j\w+\s+(\.L\w+)$", text)
        if label:
            labels[label[1]] = len(lines)
        elif text and not text.startswith(".") and not text.endswith(":"):
            lines.append(text)
            if jump and jump[1] in labels:
                ends[jump[1]] = len(lines)
    spans = [(labels[label], end) for label, end in ends.items()]
    return [
        Loop(tuple(lines[begin:end]))
        for begin, end in spans
        if not any(
            (begin, end) != other and begin <= other[0] and other[1] <= end for other in spans
        )
    ]


def contracting(loops: list[Loop]) -> list[Loop]:
    most = max((loop.fmas for loop in loops), default=0)
    return [loop for loop in loops if most and 2 * loop.fmas >= most]


def cycles(loop: Loop) -> float:
    """Cycles of one trip on Zen 4, by llvm-mca."""
    code = "\n".join(re.sub(r"^(j\w+\s+)\.L\w+", r"\1.Lnext", text) for text in loop.lines)
    done = subprocess.run(
        [LLVM / "llvm-mca", "-mcpu=znver4", "-iterations=100", "-"],
        input=code + "\n.Lnext:\n",
        check=True,
        capture_output=True,
        text=True,
    )
    return int(re.search(r"Total Cycles:\s+(\d+)", done.stdout)[1]) / 100


def instructions(program: Path, library: Path, extents) -> int:
    """Instructions of one call: the difference between two calls and one."""

    def count(calls: int) -> int:
        command = [
            "valgrind",
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ]
        command += [program, library, "kernel", calls, *extents]
        done = subprocess.run(
            [str(part) for part in command], check=True, capture_output=True, text=True
        )
        return int(re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)[1].replace(",", ""))

    return count(2) - count(1)


def measure(name: str, folder: Path) -> dict[str, float]:
    spec, extents = KERNELS[name]
    source = folder / f"{name.replace(' ', '-')}.mlir"
    source.write_text(operators.text(spec))
    assembly, library = source.with_suffix(".s"), source.with_suffix(".so")
    compile_file(source, assembly, "kernel", ["--cpu=znver4", "--form=fused", "--header="])
    compile_file(source, library, "kernel", ["--cpu=x86-64-v3", "--form=fused", "--header="])
    loops = contracting(innermost_loops(assembly.read_text()))
    program = find_compiler().with_name("count_instructions")
    return {
        "cycles_per_fma": round(max(cycles(loop) / loop.fmas for loop in loops), 4),
        "spills": sum(loop.spills for loop in loops),
        "instructions": instructions(program, library, extents),
    }


def measure_all(names) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        workers = len(os.sched_getaffinity(0))
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return dict(
                zip(names, pool.map(lambda n: measure(n, Path(folder)), names), strict=True)
            )


def llvm_version() -> str:
    done = subprocess.run([LLVM / "llvm-mca", "--version"], capture_output=True, text=True)
    return re.search(r"version (\d+\.\d+\.\d+)", done.stdout)[1]


def compare(measured, stored) -> list[str]:
    """What has grown, and what has no stored figure."""
    wrong = []
    for name, figures in measured.items():
        for figure, value in figures.items():
            before = stored.get(name, {}).get(figure)
            if before is None:
                wrong.append(f"{name}: {figure} is {value:g}, and no figure is stored")
            elif value > before * GROWTH:
                wrong.append(f"{name}: {figure} grew from {before:g} to {value:g}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--store", metavar="REASON", help="store the figures; why they may differ")
    parser.add_argument("--kernel", nargs="+", choices=KERNELS, default=list(KERNELS))
    options = parser.parse_args()
    version = llvm_version()
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    measured = measure_all(options.kernel)
    print("| kernel | cycles per multiply-add | spills | instructions |\n|---|---|---|---|")
    for name, figures in measured.items():
        print(f"| {name} | {' | '.join(f'{value:g}' for value in figures.values())} |")
    if options.store:
        entry = stored.setdefault(version, {"reason": "", "kernels": {}})
        entry["reason"] = options.store
        entry["kernels"] |= measured
        STORED.write_text(json.dumps(stored, indent=1) + "\n")
        return 0
    if version not in stored:
        print(f"no figures are stored for LLVM {version}: nothing is compared")
        return 0
    wrong = compare(measured, stored[version]["kernels"])
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    if wrong:
        print("--store REASON stores the new figures, if they are right", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
