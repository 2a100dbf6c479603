# ===- gpu_run.py - Kernels on a GPU, against float64 ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The jobs of `scripts/gpu-check run`, a kernel or a refused call each."""

from __future__ import annotations

import re

import numpy as np
from attn import cuda
from attn.kernel import STATUS, KernelError
from gpu_cases import SPECS, SPLIT, UNFUSED, WRONG, lengths, unfused_lengths
from gpu_folder import Folder
from gpu_results import describe
from operators import operands
from runner import judge, run

# A grid of fewer blocks than items, for which bits must be the same.
_FEW_BLOCKS = 3


def jobs() -> list[str]:
    """All of them, the most important first."""
    return [
        *(f"fused-{name}" for name in SPECS),
        *(f"split-{name}" for name in SPLIT),
        *(f"unfused-{name}" for name in UNFUSED),
        *(f"wrong-{number}" for number in range(len(WRONG))),
    ]


def sizes(name: str) -> list[tuple[int, int]]:
    """Lengths of queries and keys: those of the simulator, and longer ones."""
    form, _, spec = name.partition("-")
    short = lengths(SPECS[spec])
    if form == "unfused":
        return [unfused_lengths(SPECS[spec]), *short]
    same = short[0][0] == short[0][1]
    return [*short, (short[0][0] if SPECS[spec].queries else 517 if same else 300, 517)]


class Worker:
    def __init__(self, folder: Folder, suffix: str, seed: int, fresh: bool = False):
        self.folder, self.suffix, self.seed, self.fresh = folder, suffix, seed, fresh
        self.device = cuda.find_device()

    def kernel(self, name: str) -> cuda.DeviceKernel:
        image = self.folder.image(name, self.suffix)
        kernel = cuda.DeviceKernel(image, self.folder.file(name, ".json"), self.device)
        kernel.fresh = self.fresh
        return kernel

    def __call__(self, job: str):
        form, _, rest = job.partition("-")
        if form == "wrong":
            yield self.refuse(job, int(rest))
            return
        kernel = self.kernel(job)
        for number, (queries, keys) in enumerate(sizes(job)):
            name = f"{job} {queries}x{keys}"
            try:
                yield name, "ok", self.judge(kernel, SPECS[rest], number, queries, keys)
            except cuda.CudaError as error:
                error.add_note(f"with {queries} queries and {keys} keys")
                raise
            except Exception as error:
                yield name, "FAIL", describe(error)

    def judge(self, kernel, spec, number: int, queries: int, keys: int) -> str:
        rng = np.random.default_rng([self.seed, queries, keys])
        case = operands(spec, 2, queries, keys, rng)
        # Tensors need be aligned to their elements alone.
        kernel.skew, kernel.most_blocks = number % 2, None
        outputs = run(kernel, case)
        report = judge(case, outputs)
        kernel.most_blocks = _FEW_BLOCKS
        for first, second in zip(outputs, run(kernel, case), strict=True):
            if not np.array_equal(first.view(np.uint8), second.view(np.uint8)):
                raise AssertionError("a grid of few blocks gives other bits")
        return str(report)

    def refuse(self, job: str, number: int):
        name, change, message = WRONG[number]
        kernel = self.kernel(f"fused-{name}")
        case = operands(SPECS[name], 2, 29, 29, np.random.default_rng(3))
        change(case.arrays)
        try:
            run(kernel, case)
        except KernelError as error:
            if error.status == STATUS["VALUE"] and re.search(message, str(error)):
                return f"{job} {name}", "ok", str(error)
            return f"{job} {name}", "FAIL", f"{error}, which is not: {message}"
        return f"{job} {name}", "FAIL", f"the call was not refused: {message}"
