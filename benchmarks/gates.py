# ===- gates.py - The cost of gates and mixes ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares gated and mixed kernels with the same kernels without.

One thread, pinned; the kernels take turns, and medians are compared. A gate that
is broadcast over queries or keys may cost 5 %, a mix 10 % more than its branches.

    .venv/bin/python benchmarks/gates.py [--rounds N] [--tokens N] [--dtype bf16]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
from floor import BIN, seconds

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
from attn.kernel import Kernel

HEADS, FEATURES = 4, 64
DTYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16}
SIZES = {"b": "?", "h": str(HEADS), "k": str(HEADS), "e": str(FEATURES), "f": str(FEATURES)}
# What gates multiply, the activation, their ranks, and the end of the clause.
GATES = [
    ("query", "sigmoid", "bhm", ""),
    ("query", "sigmoid", "bhme", ""),
    ("key", "sigmoid", "bhn", ""),
    ("key", "sigmoid", "bkne", ""),
    ("value", "sigmoid", "bkn", ""),
    ("value", "sigmoid", "bknf", ""),
    ("score", "none", "bhn", ""),
    ("weight", "sigmoid", "bhn", ""),
    ("weight", "sigmoid", "bhn", " renormalised"),
    ("weight", "tanh", "bhn", " renormalised"),
    ("output", "sigmoid", "bhm", ""),
    ("output", "sigmoid", "bhmf", ""),
    ("score", "none", "hmn", ""),
    ("weight", "none", "hmn", " renormalised"),
]


class Writer:
    """Compiles operators on tensors of one type."""

    def __init__(self, folder, dtype):
        self.folder, self.dtype = folder, dtype
        self.tensor = self.type("bhme")

    def type(self, ranks):
        return f"tensor<{''.join(SIZES.get(rank, '?') + 'x' for rank in ranks)}{self.dtype}>"

    def compile(self, number, arguments, lines, result):
        source = self.folder / f"kernel{number}.mlir"
        listed = ", ".join([f"%{name}: {self.tensor}" for name in "qkv"] + arguments)
        body = "\n".join(f"  {line}" for line in lines)
        source.write_text(
            f"func.func @attention({listed}) -> {self.tensor} {{\n{body}\n"
            f"  return {result} : {self.tensor}\n}}\n"
        )
        library = source.with_suffix(".so")
        command = [BIN / "attn-compile", source, "-o", library, "--form=fused"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return Kernel(str(library), "attention")

    def attention(self, name, clauses):
        types = f"({', '.join([self.tensor] * 3)}) -> {self.tensor}"
        return f"%{name} = attn.attention(%q, %k, %v) {clauses} : {types}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="alternating rounds (default 9)")
    parser.add_argument("--tokens", type=int, default=2048, help="queries and keys (default 2048)")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="of all tensors")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    sizes = {"b": 1, "h": HEADS, "k": HEADS, "e": FEATURES, "f": FEATURES}
    sizes |= {"m": options.tokens, "n": options.tokens}

    def array(ranks):
        drawn = rng.random(tuple(sizes[rank] for rank in ranks), np.float32) + np.float32(0.5)
        return drawn.astype(DTYPES[options.dtype])

    qkv, out = [array(ranks) for ranks in ("bhme", "bkne", "bknf")], array("bhmf")

    def compare(kernels):
        times = [[] for _ in kernels]
        for _ in range(options.rounds + 1):
            for (kernel, extra), samples in zip(kernels, times, strict=True):
                samples.append(seconds(kernel, [*qkv, *extra, out]))
        return [statistics.median(samples[1:]) for samples in times]

    failed = False
    with tempfile.TemporaryDirectory() as name:
        writer = Writer(Path(name), options.dtype)
        plain = writer.compile(0, [], [writer.attention("o", "")], "%o")
        print("| gate | ms | without | ratio | |\n|---|---|---|---|---|")
        for number, (place, activation, ranks, end) in enumerate(GATES):
            kind = writer.type(ranks)
            gate = f"gate {place} {activation}(%g[{', '.join(ranks)}] : {kind}){end}"
            kernel = writer.compile(
                number + 1, [f"%g: {kind}"], [writer.attention("o", gate)], "%o"
            )
            base, gated = compare([(plain, []), (kernel, [array(ranks)])])
            dense = "m" in ranks and "n" in ranks
            passed = dense or gated <= 1.05 * base
            failed |= not passed
            verdict = "dense" if dense else "pass" if passed else "FAIL"
            print(
                f"| {place} {activation}[{', '.join(ranks)}]{end} | {gated * 1e3:.2f} "
                f"| {base * 1e3:.2f} | {gated / base:.3f} | {verdict} |",
                flush=True,
            )
        print("\n| mix | ms | sum of branches | ratio | |\n|---|---|---|---|---|")
        mixes = [
            ("causal and window(255, 0)", "causal and prefix(256)"),
            ("causal and window(255, 0)", "causal"),
            ("causal", "causal"),
        ]
        for number, wheres in enumerate(mixes):
            clauses = [
                f"where {where} gate output sigmoid(%g{i}[h] : {writer.type('h')})"
                for i, where in enumerate(wheres)
            ]
            arguments = [f"%g{i}: {writer.type('h')}" for i in range(2)]
            branches = [
                writer.compile(
                    f"b{number}{i}", arguments[i : i + 1], [writer.attention("o", clause)], "%o"
                )
                for i, clause in enumerate(clauses)
            ]
            lines = [writer.attention(f"o{i}", clause) for i, clause in enumerate(clauses)]
            types = f"({writer.tensor}, {writer.tensor}) -> {writer.tensor}"
            lines.append(f"%o = attn.mix %o0, %o1 : {types}")
            mix = writer.compile(f"m{number}", arguments, lines, "%o")
            gates = [array("h"), array("h")]
            first, second, mixed = compare(
                [(branches[0], gates[:1]), (branches[1], gates[1:]), (mix, gates)]
            )
            passed = mixed <= 1.1 * (first + second)
            failed |= not passed
            print(
                f"| {wheres[0]}; {wheres[1]} | {mixed * 1e3:.2f} | {(first + second) * 1e3:.2f} "
                f"| {mixed / (first + second):.3f} | {'pass' if passed else 'FAIL'} |",
                flush=True,
            )
    return failed


if __name__ == "__main__":
    sys.exit(main())
