# ===- gates.py - The cost of gates and mixes ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares gated and mixed f32 kernels with the same kernels without.

One thread, pinned; the kernels take turns, and medians are compared. A gate that
is broadcast over queries or keys may cost 5 %, a mix 10 % more than its branches.

    .venv/bin/python benchmarks/gates.py [--rounds N] [--tokens N]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from floor import BIN, seconds

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
from attn.kernel import Kernel

HEADS, FEATURES = 4, 64
TENSOR = f"tensor<?x{HEADS}x?x{FEATURES}xf32>"
SIZES = {"b": "?", "h": str(HEADS), "k": str(HEADS), "e": str(FEATURES), "f": str(FEATURES)}
# What gates multiply, the activation, their ranks, and the end of the clause.
GATES = [
    ("query", "sigmoid", "bhme", ""),
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


def tensor_type(ranks):
    return f"tensor<{''.join(SIZES.get(rank, '?') + 'x' for rank in ranks)}f32>"


def compile_kernel(folder, number, arguments, lines, result):
    source = folder / f"kernel{number}.mlir"
    listed = ", ".join([f"%q: {TENSOR}", f"%k: {TENSOR}", f"%v: {TENSOR}", *arguments])
    body = "\n".join(f"  {line}" for line in lines)
    source.write_text(
        f"func.func @attention({listed}) -> {TENSOR} {{\n{body}\n  return {result} : {TENSOR}\n}}\n"
    )
    library = source.with_suffix(".so")
    command = [BIN / "attn-compile", source, "-o", library, "--form=fused"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return Kernel(str(library), "attention")


def attention(name, clauses):
    types = f"({TENSOR}, {TENSOR}, {TENSOR}) -> {TENSOR}"
    return f"%{name} = attn.attention(%q, %k, %v) {clauses} : {types}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="alternating rounds (default 9)")
    parser.add_argument("--tokens", type=int, default=2048, help="queries and keys (default 2048)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    sizes = {"b": 1, "h": HEADS, "k": HEADS, "e": FEATURES, "f": FEATURES}
    sizes |= {"m": options.tokens, "n": options.tokens}

    def array(ranks):
        return rng.random(tuple(sizes[rank] for rank in ranks), np.float32) + np.float32(0.5)

    qkv, out = [array(ranks) for ranks in ("bhme", "bkne", "bknf")], array("bhmf")

    def compare(kernels):
        times = [[] for _ in kernels]
        for _ in range(options.rounds + 1):
            for (kernel, extra), samples in zip(kernels, times, strict=True):
                samples.append(seconds(kernel, [*qkv, *extra, out]))
        return [statistics.median(samples[1:]) for samples in times]

    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = compile_kernel(folder, 0, [], [attention("o", "")], "%o")
        print("| gate | ms | without | ratio | |\n|---|---|---|---|---|")
        for number, (place, activation, ranks, end) in enumerate(GATES):
            kind = tensor_type(ranks)
            gate = f"gate {place} {activation}(%g[{', '.join(ranks)}] : {kind}){end}"
            kernel = compile_kernel(
                folder, number + 1, [f"%g: {kind}"], [attention("o", gate)], "%o"
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
                f"where {where} gate output sigmoid(%g{i}[h] : tensor<{HEADS}xf32>)"
                for i, where in enumerate(wheres)
            ]
            arguments = [f"%g{i}: tensor<{HEADS}xf32>" for i in range(2)]
            branches = [
                compile_kernel(
                    folder, f"b{number}{i}", arguments[i : i + 1], [attention("o", clause)], "%o"
                )
                for i, clause in enumerate(clauses)
            ]
            lines = [attention(f"o{i}", clause) for i, clause in enumerate(clauses)]
            lines.append(f"%o = attn.mix %o0, %o1 : ({TENSOR}, {TENSOR}) -> {TENSOR}")
            mix = compile_kernel(folder, f"m{number}", arguments, lines, "%o")
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
