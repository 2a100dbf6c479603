# ===- main.py - benchmarks/run -------------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Measures compiled kernels, the hand-written one and the installed peers on the
same data in one run, and judges the bars.

    benchmarks/run                       every workload, one thread and two
    benchmarks/run prefill decode        groups, or parts of workloads' names
    benchmarks/run --bars prefill        and bar, figure, pass or fail; exits 1 on a fail
    benchmarks/run --bars --random 20    and random shapes near the listed ones
    benchmarks/run --list                what there is
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bars import Results, Verdict, judge
from machine import Peaks, compile_seconds, describe, opt_seconds
from report import describe as describe_workload
from report import heading, line, row, to_json, to_markdown
from session import PEER_PYTHON, PEERS, Session
from workloads import ROOT, all_workloads, random_workloads

EXAMPLE = ROOT / "examples" / "attention.mlir"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description=__doc__.split("\n\n")[0],
        epilog="ATTN_BENCH_LOG=1 shows what the peers print.",
    )
    add = parser.add_argument
    add("select", nargs="*", help="groups, or parts of workloads' names; all where none is given")
    add("--list", action="store_true", help="print the workloads and end")
    add("--bars", action="store_true", help="judge the bars; exit 1 where one fails")
    add("--random", type=int, default=0, metavar="N", help="random shapes in addition")
    add("--seed", type=int, help="of the random shapes; drawn and printed where left out")
    add("--peers", nargs="+", choices=PEERS, default=PEERS, metavar="PEER", help=", ".join(PEERS))
    add("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default 1 2)")
    add("--rounds", type=int, default=7, help="alternating rounds (default 7)")
    add("--share", type=float, default=0.1, metavar="SECONDS", help="of a turn (default 0.1)")
    add("--output", type=Path, metavar="FOLDER", help="for the results (default: a new one)")
    return parser


def select(options) -> list:
    workloads = all_workloads()
    if options.select:
        unknown = [
            text
            for text in options.select
            if not any(text == w.group or text in w.name for w in workloads)
        ]
        if unknown:
            raise SystemExit(f"benchmarks/run: no workload is called {unknown[0]!r}; see --list")
        workloads = [
            w
            for w in workloads
            if any(text == w.group or text in w.name for text in options.select)
        ]
    if options.random:
        seed = int.from_bytes(os.urandom(4), "little") if options.seed is None else options.seed
        print(f"random shapes: --seed {seed}")
        workloads += random_workloads(options.random, seed)
    return workloads


def compile_bars() -> list[dict]:
    """How long compiling takes; independent of threads and peers."""
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        measured = [
            ("attn-compile, one operator, s", 1.0, compile_seconds(EXAMPLE, Path(folder) / "k.so")),
            ("attn-opt on a small file, s", 0.060, opt_seconds(EXAMPLE)),
        ]
    for bar, limit, seconds in measured:
        outcome = "pass" if seconds <= limit else "FAIL"
        verdicts.append(asdict(Verdict(bar, f"<= {limit:.2f}", seconds, outcome)))
    return verdicts


def run_part(options, workloads, threads: int, folder: Path) -> dict:
    peaks = Peaks(options.rounds)
    described = []

    def report(workload, figures):
        described.append(describe_workload(workload, figures, peaks.now() * threads))
        print(line(row(described[-1])), flush=True)

    session = Session(options.peers, threads, options.rounds, options.share, report)
    print(f"\n{threads} thread(s); FMA peak {peaks.fma(threads):.0f} GFLOP/s", flush=True)
    print("\n".join(heading(session.versions())))
    try:
        figures = {
            workload.name: session.measure(workload, folder / str(number))
            for number, workload in enumerate(workloads)
        }
        versions = session.versions()
    finally:
        session.close()
    verdicts = judge(Results(workloads, figures, peaks, threads)) if options.bars else []
    return {
        "threads": threads,
        "fma_gflops": peaks.fma(threads),
        "dram_gbs": peaks.rate("DRAM load", threads),
        "is_void": threads > 1 and peaks.pair_is_void,
        "versions": versions,
        "workloads": described,
        "bars": [asdict(verdict) for verdict in verdicts],
    }


def print_bars(part: dict):
    print(f"\n{part['threads']} thread(s)\n\n| bar | limit | figure | |\n|---|---|---|---|")
    for bar in part["bars"]:
        figure = "" if bar["ratio"] is None else f"{bar['ratio']:.3f}"
        print(line([bar["bar"], bar["limit"], figure, bar["outcome"]]))


def draw(file: Path):
    if not PEER_PYTHON.exists():
        print("no plots: matplotlib is not installed (benchmarks/install-peers)")
        return
    script = Path(__file__).with_name("plots.py")
    done = subprocess.run(
        [PEER_PYTHON, script, file, file.parent], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"no plots: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


def main() -> int:
    options = make_parser().parse_args()
    workloads = select(options)
    if options.list:
        for workload in workloads:
            print(f"{workload.group:10} {workload.name}")
        return 0
    if max(options.threads) > len(os.sched_getaffinity(0)):
        print(f"this machine has {len(os.sched_getaffinity(0))} core(s); more threads are left out")
        options.threads = [t for t in options.threads if t <= len(os.sched_getaffinity(0))]
    today = datetime.date.today().isoformat()
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    run = {
        "date": today,
        "revision": revision or "unknown",
        "machine": describe(),
        "rounds": options.rounds,
        "parts": [],
    }
    folder = options.output or Path(tempfile.mkdtemp(prefix="attn-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="attn-bench-data-"))
    try:
        for threads in options.threads:
            run["parts"].append(run_part(options, workloads, threads, scratch))
        if options.bars:
            run["parts"][0]["bars"] += compile_bars()
    finally:
        shutil.rmtree(scratch)
    file = folder / f"{today}.json"
    to_json(run, file)
    file.with_suffix(".md").write_text(to_markdown(run))
    draw(file)
    failed = False
    for part in run["parts"]:
        if part["bars"]:
            print_bars(part)
            failed |= any(bar["outcome"] == "FAIL" for bar in part["bars"])
    print(f"\nresults: {file.with_suffix('.md')}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
