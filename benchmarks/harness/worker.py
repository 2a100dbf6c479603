# ===- worker.py - One kernel in a process of its own ------ -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Serves one peer: reads requests from standard input, a JSON object a line, and
answers each with one line.

    {"op": "prepare", "folder": DIR}   loads the inputs and warms up
    {"op": "time", "calls": N}         seconds of each of N calls
    {"op": "output", "file": FILE}     writes the last result as a .npy file

`prepare` answers {"skip": reason} where the peer does not do the operator. A
process of its own keeps the thread pools and the libraries of the peers apart,
and lets a peer run under another Python.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

import numpy as np


def load(folder: Path):
    """The request's description, and the arrays that it names in order.

    Arrays of bfloat16 are stored as their bits, because NumPy has no such type.
    """
    described = json.loads((folder / "workload.json").read_text())
    arrays = {name: np.load(folder / f"{name}.npy") for name in described["operands"]}
    return described, arrays


class Worker:
    def __init__(self, module: str, threads: int):
        self.peer = importlib.import_module(f"peers.{module}").Peer(threads)
        self.call = None

    def prepare(self, request):
        self.call = None
        described, arrays = load(Path(request["folder"]))
        reason = self.peer.refuses(described)
        if reason:
            return {"skip": reason}
        self.call = self.peer.prepare(described, arrays, Path(request["folder"]))
        self.call()
        return {"setting": self.peer.setting}

    def time(self, request):
        # A peer that times itself returns seconds; others are timed from outside.
        seconds = []
        for _ in range(request["calls"]):
            start = time.perf_counter()
            own = self.call()
            taken = time.perf_counter() - start
            seconds += own if isinstance(own, list) else [taken]
        return {"seconds": seconds}

    def output(self, request):
        result = self.peer.output()
        np.save(request["file"], np.ascontiguousarray(result, np.float32))
        return {}


def main():
    module, threads, cores = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    # Libraries print where answers belong; they get standard error instead.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        worker = Worker(module, threads)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=answers)
        return
    print(json.dumps({"ready": worker.peer.version()}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request["op"])(request)
        except Exception as error:  # whatever a library raises belongs in the table
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
