# ===- session.py - Peers in turns -------------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Runs workloads on all peers in turns, and checks each against float64.

A turn is one call of each peer, or as many as fill its share of time; the peers
follow each other within a round, so that what slows the machine slows them all.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import operators
from attn import reference
from peers.base import LARGEST_MASK
from workloads import ROOT, Workload

HERE = Path(__file__).resolve().parent
# The Python that install-peers fills; peers of this project use the running one.
PEER_PYTHON = ROOT / "benchmarks" / ".peers" / "bin" / "python"
OWN = ("ours", "ours_avx2", "hand", "openblas")
PEERS = (*OWN, "torch_sdpa", "torch_flex", "onnxruntime_mha", "iree")
# What the workloads mean by right: the contract's bound for our kernels is in the
# tests; peers round as they like, so the largest error is printed, and an error
# above this share of the largest value is a wrong result.
WRONG = {"f32": 1e-3, "bf16": 5e-2, "f16": 1e-2, "f64": 1e-6}


@dataclass
class Figure:
    """What one peer did on one workload."""

    seconds: list[float] = field(default_factory=list)
    setting: str = ""
    error: float | None = None
    # Why there are no times.
    reason: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else math.nan


class Process:
    """A worker process; see worker.py."""

    def __init__(self, peer: str, threads: int, cores: list[int]):
        self.peer, self.version, self.missing = peer, "", ""
        python = sys.executable
        if peer not in OWN:
            if not PEER_PYTHON.exists():
                self.missing = "not installed"
                return
            python = str(PEER_PYTHON)
        count = str(threads)
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, count)
        environment["PYTHONPATH"] = str(ROOT / "python")
        arguments = [python, str(HERE / "worker.py"), peer, count, ",".join(map(str, cores))]
        self.process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if not os.environ.get("ATTN_BENCH_LOG") else None,
        )
        answer = self._read(timeout=120)
        self.version = answer.get("ready", "")
        if "missing" in answer:
            self.missing = answer["missing"] if peer in OWN else "not installed"

    def _read(self, timeout: float) -> dict:
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                self.process.kill()
                self.missing = f"took more than {timeout:.0f} s"
                return {"error": self.missing}
        line = self.process.stdout.readline()
        if not line:
            self.missing = f"ended with status {self.process.wait()}"
            return {"error": self.missing}
        return json.loads(line)

    def ask(self, timeout: float = 600, **request) -> dict:
        if self.missing:
            return {"skip": self.missing}
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.missing = f"ended with status {self.process.wait()}"
            return {"error": self.missing}
        return self._read(timeout)

    def close(self):
        if hasattr(self, "process"):
            self.process.stdin.close()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()


def store(workload: Workload, folder: Path) -> operators.Operands:
    """Writes the operator, its operands and its description where peers read them."""
    operands, spec = workload.operands(), workload.spec
    for name, array in operands.arrays.items():
        bits = array.view(np.uint16) if operators.DTYPES["bf16"] == array.dtype else array
        np.save(folder / f"{name}.npy", bits)
    (folder / "operator.mlir").write_text(operators.text(spec))
    described = asdict(spec) | {
        "name": workload.name,
        "batch": workload.batch,
        "queries": workload.queries,
        "keys": workload.keys,
        "scale": spec.e**-0.5 if spec.scale is None else spec.scale,
        "causal": ("causal",) in spec.where,
        "window": workload.window,
        "normaliser": "" if spec.normaliser == "softmax" else spec.normaliser,
        "operands": list(operands.arrays),
    }
    (folder / "workload.json").write_text(json.dumps(described, default=str))
    if workload.window is None and workload.queries * workload.keys <= LARGEST_MASK:
        rows = np.arange(workload.queries)
        mask = operands.operator().live(0, rows, workload.queries, workload.keys)
        np.save(folder / "mask.npy", mask)
    return operands


def float64_rows(operands: operators.Operands, rng):
    """Some rows, the first and the last with them, and their results in float64."""
    arrays = operands.arrays
    queries = arrays["q"].shape[2]
    rows = np.unique(np.concatenate([[0, queries - 1], rng.integers(0, queries, 30)]))
    result = reference.attention(
        arrays["q"], arrays["k"], arrays["v"], operands.operator(), rows=rows
    )
    return rows, np.asarray(result.out, np.float64)


class Session:
    """All peers of one run with a number of threads."""

    def __init__(self, peers, threads: int, rounds: int, share: float, report: Callable):
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        self.threads, self.rounds, self.share, self.report = threads, rounds, share, report
        self.processes = {peer: Process(peer, threads, cores) for peer in peers}

    def versions(self) -> dict[str, str]:
        return {
            name: process.missing or process.version for name, process in self.processes.items()
        }

    def measure(self, workload: Workload, folder: Path) -> dict[str, Figure]:
        folder.mkdir(parents=True, exist_ok=True)
        operands = store(workload, folder)
        figures = {peer: Figure() for peer in self.processes}
        ready = {}
        for peer, process in self.processes.items():
            answer = process.ask(op="prepare", folder=str(folder))
            figures[peer].setting = answer.get("setting", "")
            figures[peer].reason = answer.get("skip") or answer.get("error") or ""
            if not figures[peer].reason:
                ready[peer] = process
        calls = {}
        for peer, process in ready.items():
            # The second call shows how long one takes; the first warmed up.
            answer = process.ask(op="time", calls=1)
            taken = statistics.median(answer.get("seconds", [self.share]))
            calls[peer] = max(1, min(1000, math.ceil(self.share / taken)))
        for _ in range(self.rounds):
            for peer, process in list(ready.items()):
                answer = process.ask(op="time", calls=calls[peer])
                figures[peer].seconds += answer.get("seconds", [])
                if "error" in answer:
                    figures[peer].reason = answer["error"]
                    del ready[peer]
        rows, expected = float64_rows(operands, np.random.default_rng(0))
        largest = max(float(np.abs(expected).max(initial=0.0)), 1e-30)
        for peer, process in ready.items():
            file = folder / f"{peer}.npy"
            answer = process.ask(op="output", file=str(file))
            if "error" in answer:
                figures[peer].reason, figures[peer].seconds = answer["error"], []
                continue
            error = np.abs(np.load(file)[:, :, rows] - expected).max(initial=0.0)
            figures[peer].error = float(error)
            # Written so that a NaN error is wrong.
            if not error <= WRONG[workload.spec.dtype] * largest:
                figures[peer].reason = f"wrong: differs from float64 by {error:.1e}"
                figures[peer].seconds = []
        for file in folder.iterdir():
            if file.suffix == ".npy":
                file.unlink()
        self.report(workload, figures)
        return figures

    def close(self):
        for process in self.processes.values():
            process.close()
