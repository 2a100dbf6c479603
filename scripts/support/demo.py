# ===- demo.py - One operator, from text to speed ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The steps of scripts/demo: what it shows is what the tools say, and an error
that is computed here from the operator's definition in float64."""

import argparse
import re
import subprocess
import sys

import numpy as np
from runner import BUILD, ROOT, Runner, configure_and_build, main_guard

sys.path.insert(0, str(ROOT / "python"))
from attn import contract, reference

EXAMPLE = "examples/attention.mlir"
BATCH, HEADS, KEY_HEADS, TOKENS, FEATURES = 1, 8, 2, 2048, 64


def run(*argv):
    """Runs a tool and returns what it printed; the command line is shown."""
    print(f"$ {' '.join(argv)}", flush=True)
    done = subprocess.run(
        [str(BUILD / "bin" / argv[0]), *argv[1:]],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(done.stdout)
        sys.exit(f"demo: {argv[0]} failed with status {done.returncode}; its message is above")
    return done.stdout


def find(pattern, text, tool):
    match = re.search(pattern, text)
    if not match:
        sys.exit(f"demo: {tool} printed no /{pattern}/:\n{text}")
    return match.group(1)


def passes(*pipeline):
    text = run("attn-opt", EXAMPLE, *pipeline, "--attn-print-passes", "-o", "/dev/null")
    return int(find(r"(\d+) pass", text, "attn-opt --attn-print-passes"))


def bench(form, text):
    """Milliseconds of one form, as attn-run --bench prints them."""
    return float(find(rf"bench {form}: median ([\d.]+) ms", text, "attn-run --bench"))


def operands(folder):
    """Seeded inputs as .npy files, which any other program can read as well."""
    rng = np.random.default_rng(2026)
    arrays = {}
    for name, heads in (("q", HEADS), ("k", KEY_HEADS), ("v", KEY_HEADS)):
        shape = (BATCH, heads, TOKENS, FEATURES)
        arrays[name] = rng.standard_normal(shape, dtype=np.float32)
        np.save(folder / f"{name}.npy", arrays[name])
    return arrays


def main():
    argparse.ArgumentParser(prog="scripts/demo", description=__doc__).parse_args()
    folder = BUILD / "demo"
    runner = Runner(folder / "logs")
    if not configure_and_build(runner, targets=("all", "peak")):
        return 1

    print(f"\n{(ROOT / EXAMPLE).read_text()}")
    before = passes("--attn-expand-attention")
    after = passes("--attn-expand-attention", "--attn-defer-division", "--attn-derive-single-pass")

    arrays = operands(folder)
    where = folder.relative_to(ROOT)
    files = [word for name in arrays for word in ("--input", f"{where}/{name}.npy")]
    print(run("attn-compile", EXAMPLE, "-o", f"{where}/attention.so"), end="")
    text = run(
        *("attn-run", EXAMPLE, *files, "--output", f"{where}/o.npy"),
        *("--threads=1", "--bench", "--unfused"),
    )
    print(text, end="")
    peak = float(run("peak", "--fma"))
    print("comparing with float64 ...", flush=True)
    report = contract.check_attention(
        *arrays.values(),
        reference.Operator(where=reference.Causal()),
        np.load(folder / "o.npy"),
        rng=np.random.default_rng(0),
    )

    fused, unfused = bench("fused", text), bench("unfused", text)
    gflops = float(find(r"bench fused: .* ([\d.]+) GFLOP/s", text, "attn-run --bench"))
    print(f"""
operator   causal attention, {HEADS} query heads on {KEY_HEADS} key heads, f32
shape      q {arrays["q"].shape}, k and v {arrays["k"].shape}
passes     {before} over the keys as defined, {after} as compiled
error      {report.error:.1e} at most from float64 (allowed: {report.allowed:.1e})
time       {fused:.1f} ms on one thread: {gflops:.0f} GFLOP/s, \
{gflops / peak:.0%} of this core's peak of {peak:.0f}
unfused    {unfused:.1f} ms, einsum by einsum: {unfused / fused:.0f} times as long""")
    return 0


main_guard(main)
