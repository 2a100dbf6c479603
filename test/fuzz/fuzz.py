# ===- fuzz.py - Random inputs for the compiler --------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What scripts/fuzz runs; `--help` says what it does."""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import corrupt
import grammar
from reduce import reduce
from scalars import Dice
from worker import Request, Worker

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = """\
Gives random inputs to the parser, the verifiers and the pipelines: modules from
a grammar of operators and cascades, and mutations of the modules in this tree.
Every input must end in success or in a located diagnostic, within a limit of CPU
time and without a crash or a sanitizer's report; and what verifies must read
back as the same module from each of its printed forms. An input that does not is
saved, and beside it a smaller one that still shows the defect. The last line is
the result: N passed, N failed."""

FUNCTION_PASSES = (
    *("attn-expand-attention", "attn-merge-cascades", "attn-normalize-cascade"),
    *("attn-normalize-cascade{rename-ranks=true}", "attn-defer-division"),
    *("attn-derive-single-pass", "attn-derive-single-pass{require=true}"),
)
MODULE_PASSES = (
    *("attn-plan-sparsity", "attn-choose-mapping", "attn-fuse-cascade", "attn-print-passes"),
    *("attn-describe-kernel", "attn-tile-cascade", "attn-lower-einsums", "attn-expand-math"),
    *("attn-lower-to-linalg", "attn-outline-kernel", "attn-bufferize-kernel", "canonicalize"),
    *("attn-assign-workspace", "attn-lower-linalg-to-loops", "attn-promote-precision", "cse"),
    *("attn-unfused-to-llvm", "attn-lower-to-llvm", "attn-derive-cascades", "inline"),
    *("attn-split-phases", "attn-distribute-cascade", "attn-link-phases"),
)
CPUS = ("x86-64", "x86-64-v3", "x86-64-v4", "znver4")


def pipeline_options(dice):
    """Options of the kernel pipeline, now and then out of their range."""

    def size(*usual):
        return dice.pick(0, -1, 2**40) if dice.chance(0.05) else dice.of(usual)

    options = []
    if dice.chance(0.5):
        options.append(f"form={dice.pick('auto', 'fused', 'unfused')}")
    if dice.chance(0.1):
        options.append("precision=f64")
    if dice.chance(0.3):
        options.append(f"vector-bits={size(128, 256, 512)}")
        options.append(f"vector-registers={size(16, 32)}")
    if dice.chance(0.2):
        options.append(f"stream-tile={size(1, 16, 17, 64, 128)}")
    if dice.chance(0.2):
        options.append(f"row-tile={size(1, 2, 4, 8)}")
    if dice.chance(0.2):
        options.append(f"lane-tiles={dice.pick('16', '32', '48,16', '48,32,16')}")
    for flag in ("fma", "avx512", "bf16"):
        if dice.chance(0.2):
            options.append(f"{flag}={dice.pick('true', 'false')}")
    return f"{{{' '.join(options)}}}" if options else ""


def pipeline(dice):
    """Whole pipelines, and sequences of passes that nobody meant."""
    kind = dice.int(0, 9)
    if kind <= 4:
        route = "attn-to-nvvm" if dice.chance(0.25) else "attn-to-llvm"
        return f"builtin.module({route}{pipeline_options(dice)})"
    if kind == 5:
        return f"builtin.module(attn-derive-cascades{pipeline_options(dice)},attn-print-passes)"
    if kind == 6:
        return "builtin.module(func.func(attn-expand-attention),attn-lower-to-linalg)"
    passes = []
    for _ in range(dice.int(1, 5)):
        if dice.chance(0.5):
            passes.append(f"func.func({dice.of(FUNCTION_PASSES)})")
        else:
            passes.append(dice.of(MODULE_PASSES))
    return f"builtin.module({','.join(passes)})"


def request(seed, corpus):
    """The input of a seed: the same one as long as the tree is the same."""
    dice = Dice(seed)
    kind = "grammar" if dice.chance(0.6) else "mutation"
    text = grammar.module(f"{seed}.text")[0] if kind == "grammar" else corrupt.corrupt(dice, corpus)
    chosen = pipeline(dice) if dice.chance(0.85) else ""
    compiled = chosen.startswith("builtin.module(attn-to-llvm") and dice.chance(0.15)
    return kind, Request(text, chosen, dice.of(CPUS) if compiled else "")


def is_of_mlir(worker, smaller, what):
    """Whether MLIR alone shows the defect: by a text without a word of the dialect,
    and without a pipeline or with passes of its own."""
    if "attn" in smaller.text:
        return False
    # Our pipelines load this dialect, which has patterns for operations of others.
    loads = "\ngpu.module @loads { gpu.func @loads() kernel { gpu.return } }\n"
    own = Request(smaller.text + loads, "builtin.module(inline,canonicalize,cse)")
    return not smaller.pipeline or worker.run(own).what == what


class Fuzzer:
    def __init__(self, options):
        self.options = options
        self.binary = options.build / "bin" / "attn-fuzz-worker"
        self.corpus = corrupt.corpus(ROOT)
        self.counts = Counter()
        self.defects = {}
        self.upstream = 0
        self.slowest = (0.0, "")
        self.folder = options.save or options.build / "fuzz"
        self.start = time.monotonic()

    def worker(self):
        # AddressSanitizer reserves more than any limit on addresses allows.
        sanitized = "asan" in self.options.build.name
        return Worker(self.binary, self.options.limit, None if sanitized else 8 << 30)

    def say(self, text):
        print(f"[{time.monotonic() - self.start:7.1f}] {text}", flush=True)

    def loop(self, job):
        worker, number, options = self.worker(), job, self.options
        while time.monotonic() - self.start < options.seconds:
            if options.inputs and number >= options.inputs:
                break
            self.one(worker, f"{options.seed}.{number}")
            number += options.jobs
        worker.close()

    def one(self, worker, seed):
        kind, asked = request(seed, self.corpus)
        began = time.monotonic()
        answer = worker.run(asked)
        spent = time.monotonic() - began
        self.slowest = max(self.slowest, (spent, seed))
        self.counts[f"{kind} {answer.outcome}"] += 1
        if answer.outcome == "defect":
            self.found(worker, seed, asked, answer)

    def found(self, worker, seed, asked, answer):
        """Saves and reduces the first input of each defect."""
        first = answer.what not in self.defects
        self.defects.setdefault(answer.what, []).append(seed)
        if not first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(answer.what.encode()).hexdigest()[:8]
        header = f"// {answer.what}\n// seed: {seed}\n"
        path = self.folder / f"{name}.mlir"
        path.write_text(asked.file(header), encoding="utf-8", errors="replace")
        if answer.trace:
            (self.folder / f"{name}.trace").write_text(answer.trace, encoding="utf-8")
        self.say(f"seed {seed}: {answer.what}; saved as {os.path.relpath(path, ROOT)}")
        smaller = reduce(worker, asked, answer.what)
        path = self.folder / f"{name}-reduced.mlir"
        path.write_text(smaller.file(header), encoding="utf-8", errors="replace")
        if is_of_mlir(worker, smaller, answer.what):
            self.say(f"seed {seed}: a defect of MLIR itself; see {path.name}")
            self.upstream += len(self.defects.pop(answer.what))

    def run(self):
        options = self.options
        self.say(f"seed {options.seed}, {len(self.corpus)} modules to mutate, {options.jobs} jobs")
        # What a pipeline alone refuses says whether pipelines run at all.
        answer = self.worker().run(
            Request("func.func private @f()", "builtin.module(attn-to-llvm)")
        )
        if answer.outcome != "refused":
            print("  failed: no pipeline runs\n0 passed, 1 failed")
            return 1
        with ThreadPoolExecutor(options.jobs) as pool:
            for job in [pool.submit(self.loop, job) for job in range(options.jobs)]:
                job.result()
        total = sum(self.counts.values())
        for name, count in sorted(self.counts.items()):
            print(f"  {count:7} {name}")
        if self.upstream:
            print(f"  {self.upstream:7} of them defects of MLIR itself, which count as passed")
        print(f"  slowest: {self.slowest[0]:.1f} s, seed {self.slowest[1]}")
        for what, seeds in self.defects.items():
            print(f"  failed: {what}: seeds {', '.join(seeds[:5])}{' ...' * (len(seeds) > 5)}")
        failed = sum(len(seeds) for seeds in self.defects.values())
        accepted = sum(n for name, n in self.counts.items() if name.endswith(" accepted"))
        refused = sum(n for name, n in self.counts.items() if name.endswith(" refused"))
        if not failed and (not accepted or not refused):
            print("  failed: inputs of both kinds were expected, accepted and refused ones")
            failed = 1
        print(f"{total - failed} passed, {failed} failed")
        return 1 if failed else 0

    def replay(self):
        """Runs one saved input, or the input of one seed."""
        name = self.options.replay
        if Path(name).exists():
            asked = Request.read(Path(name).read_text(encoding="utf-8"))
        else:
            asked = request(name, self.corpus)[1]
            print(asked.file())
        answer = self.worker().run(asked)
        print(f"{answer.outcome}: {answer.what}\n{answer.trace}".rstrip())
        return 1 if answer.outcome == "defect" else 0


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=30, help="how long (30)")
    parser.add_argument("--inputs", type=int, help="end after so many inputs")
    parser.add_argument("--seed", default=None, help="random unless given; it is printed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="inputs at a time")
    parser.add_argument("--limit", type=int, default=20, help="CPU seconds for an input (20)")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="build directory")
    parser.add_argument("--save", type=Path, help="where inputs that fail go (BUILD/fuzz)")
    parser.add_argument("--replay", metavar="FILE|SEED", help="run one input and show the end")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.seed = options.seed or str(secrets.randbelow(1_000_000))
    fuzzer = Fuzzer(options)
    if not fuzzer.binary.exists():
        print(f"scripts/fuzz: {fuzzer.binary} is not built: `cmake --build` attn-fuzz-worker")
        return 2
    return fuzzer.replay() if options.replay else fuzzer.run()


if __name__ == "__main__":
    sys.exit(main())
