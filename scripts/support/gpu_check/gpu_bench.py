# ===- gpu_bench.py - Kernels and PyTorch, in turns ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The jobs of `scripts/gpu-check bench`, a workload each.

All contenders work on the same tensors, in turns. A time is that between two
events around as many calls as take a millisecond, those of short calls in a CUDA
graph, divided by their number. Caches are not flushed: operands are larger.
"""

from __future__ import annotations

import statistics

import torch
from attn import cuda
from attn.launches import Place
from gpu_folder import Folder
from gpu_peers import PEERS, NotOfferedError, operands, reference_error
from gpu_results import describe
from gpu_table import OURS, line
from gpu_workloads import workloads

_RUNS = 11
# A call longer than this is measured once; one that would be longer than that, never.
_ONCE_MS, _NEVER_MS = 2000.0, 20000.0
_TOTAL_MS = 4000.0
_BATCH_MS = 1.0
_GRAPH_MS = 0.25
_TOLERANCE = 0.02


class Contender:
    """A call, and how long it took each time."""

    def __init__(self, call):
        self.call, self.note, self.times = call, "", []
        self.repeats, self.runs, self._start = 1, _RUNS, call

    def measure(self) -> float:
        """Milliseconds of a call."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        self._start()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / self.repeats

    def prepare(self):
        """Decides how many calls are timed together."""
        first = self.measure()
        if first > _ONCE_MS:
            self.times, self.note, self.runs = [first], "one call", 1
            return
        for _ in range(3 if first < 100 else 1):
            first = min(first, self.measure())
        self.runs = max(3, min(_RUNS, round(_TOTAL_MS / max(first, 1e-3))))
        self.repeats = max(1, min(50, round(_BATCH_MS / max(first, 1e-3))))

        def several():
            for _ in range(self.repeats):
                self.call()

        self._start = several
        if first < _GRAPH_MS:
            self._capture(several)

    def _capture(self, several):
        try:
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                several()
            graph.replay()
            torch.cuda.synchronize()
            self._graph, self._start = graph, graph.replay
            self.note = "in a graph"
        except Exception as error:
            torch.cuda.synchronize()
            self.note = f"not in a graph: {type(error).__name__}"


class Worker:
    def __init__(self, folder: Folder, suffix: str, seed: int):
        torch.cuda.init()
        self.folder, self.suffix, self.seed = folder, suffix, seed
        self.device = cuda.find_device()
        self.rates: dict[str, float] = {}

    def ours(self, workload, tensors):
        name = f"bench-{workload.kernel}"
        image = self.folder.image(name, self.suffix)
        kernel = cuda.DeviceKernel(image, self.folder.file(name, ".json"), self.device)
        places = [Place(t.data_ptr(), tuple(t.shape), tuple(t.stride())) for t in tensors.values()]
        kept = []

        def allocate(size: int) -> int:
            kept.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
            return kept[-1].data_ptr()

        start = kernel.bind(places, allocate)

        def call():
            start(torch.cuda.current_stream().cuda_stream)
            return tensors["out"]

        call.kept = kept
        expected = workload.flops / self.rates.get(workload.kernel, 1e30) * 1e3
        if expected > _NEVER_MS:
            raise NotOfferedError(f"would take {expected / 1e3:.0f} s")
        return call

    def __call__(self, job: str):
        workload = next(w for w in workloads() if w.name == job)
        tensors = operands(workload, self.seed)
        makers = {OURS: self.ours, **PEERS}
        contenders, notes, errors = {}, {}, {}
        for name, make in makers.items():
            try:
                contender = Contender(make(workload, tensors))
                out = contender.call()
                if name == OURS:
                    # What is wrong with a kernel of ours is told apart from the rest.
                    self.device.synchronize()
                errors[name] = reference_error(workload, tensors, out)
                if not errors[name] <= _TOLERANCE:
                    raise AssertionError(f"wrong: relative error {errors[name]:.2e}")
                contender.prepare()
                contenders[name] = contender
            except NotOfferedError as error:
                notes[name] = str(error)
            except cuda.CudaError:
                raise
            except Exception as error:
                notes[name] = describe(error)[:400]
        for _ in range(_RUNS):
            for contender in contenders.values():
                if len(contender.times) < contender.runs:
                    contender.times.append(contender.measure())
        yield self.report(workload, contenders, notes, errors)

    def report(self, workload, contenders, notes, errors):
        rows = {}
        for name, contender in contenders.items():
            median = statistics.median(contender.times)
            rows[name] = {
                "ms": median,
                "tflops": workload.flops / median / 1e9,
                "gbytes": workload.bytes / median / 1e6,
                "error": errors[name],
                "note": contender.note,
                "times": [round(t, 5) for t in contender.times],
            }
        for name, note in notes.items():
            rows[name] = {"note": note}
        own = rows[OURS]
        if "ms" in own:
            self.rates[workload.kernel] = own["tflops"] * 1e12
        status = "ok" if "ms" in own else "skip" if "would take" in own["note"] else "FAIL"
        return workload.name, status, line(rows), {"bench": rows, "flops": workload.flops}
