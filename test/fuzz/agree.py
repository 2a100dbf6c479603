# ===- agree.py - Two forms of random operators --------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compiles random operators of grammar.py fused and einsum by einsum, runs both on
the same random operands, and compares what they give. The two share nothing behind
the expansion of an operator to a cascade. With --gpu the first is a kernel of a GPU,
which the simulator runs, and every other operator fits tensor cores.

How far they may be apart is measured: the unfused kernel runs again on operands that
are moved by more than a rounding, and a result may differ by a multiple of what that
changes. Results that are no number, or huge, say nothing and are not judged.

    PYTHONPATH=python python test/fuzz/agree.py --count 100 --seed 7 [--gpu]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
from attn.compiler import CompileError, compile_file
from attn.in_process import Library
from attn.kernel import Kernel, KernelError
from attn.simulator import SimulatedKernel, SimulatorError
from grammar import Attention, Function, chain, follow, merge, mix
from scalars import Dice

# Extents of dynamic ranks, and elements of a tensor: a simulated GPU is slow.
EXTENTS = {False: (1, 2, 3, 5, 16, 17, 33, 40, 63, 64, 65, 70, 100), True: (1, 2, 5, 16, 20, 33)}
MOST_ELEMENTS = {False: 3_000_000, True: 30_000}
# By how much operands are moved, and what is allowed beside the change.
MOVED = {ml_dtypes.bfloat16: 2e-2, np.float16: 3e-3, np.float32: 1e-4, np.float64: 1e-6}
ALLOWED = {"bf16": 2e-2, "f16": 4e-3, "f32": 1e-4, "f64": 1e-7}
_CHECK = re.compile(r'\{extent = "(\w+)", kind = "(\w+)", tensor = (\d+) : i64\}')


def generate(seed: str, cores: bool = False) -> str:
    dice = Dice(seed)
    function = Function(dice, "kernel", cores)
    kind = dice.int(0, 9)
    if kind <= 3:
        return function.text(Attention(function).results)
    emit = (merge, chain, mix, follow, follow, follow)[kind - 4]
    return function.text(emit(function))


def by_type(table: dict, dtype) -> float:
    return next((value for kind, value in table.items() if np.dtype(kind) == dtype), 0.0)


def rounding(text: str) -> float:
    """What the element types allow that operations round their results to: a form may
    keep an intermediate one as it was computed (NU-6)."""
    results = " ".join(re.findall(r"->(.*)", text))
    kinds = re.findall(r"x(bf16|f16|f32|f64)>", results)
    return max(ALLOWED[kind] for kind in kinds)


def is_wild(text: str) -> bool:
    """Whether numbers are so large or small that the order of operations decides
    (NU-6), or an operation may assume that there is no infinity: such operators run,
    and what they give is not compared."""
    return re.search(r"fastmath|e[+-]?[34]\d\b", text) is not None


class Operands:
    """Extents and inputs of a kernel: permutations and offsets as its checks want
    them, other integers small."""

    def __init__(self, kernel: Kernel, checks: dict[int, tuple[str, str]], seed: str, gpu: bool):
        self.choices = random.Random(seed)
        self.rng = np.random.default_rng([*seed.encode()])
        self.extents = {name: self.choices.choice(EXTENTS[gpu]) for name in kernel.symbols}
        self.inputs = []
        for tensor in kernel.tensors:
            if np.prod(tensor.shape(self.extents), dtype=np.int64) > MOST_ELEMENTS[gpu]:
                raise MemoryError
        for i, tensor in enumerate(kernel.inputs):
            shape = tensor.shape(self.extents)
            values = self.draw(shape, np.dtype(tensor.dtype), *checks.get(i, ("", "")))
            values = np.asarray(values, dtype=tensor.dtype).reshape(shape)
            # permuted gives what broadcast_to had the strides of.
            self.inputs.append(np.asarray(values, order="C"))

    def draw(self, shape, dtype, kind: str, extent: str):
        rng = self.rng
        if kind == "permutation":
            return rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1)
        if kind == "offsets":
            tokens = int(self.extents.get(extent, extent))
            values = np.sort(rng.integers(0, tokens + 1, shape), axis=-1)
            values[..., :1], values[..., -1:] = 0, tokens
            return values
        if dtype == np.bool_:
            return rng.random(shape) < 0.7
        if dtype.kind in "iu":
            values = rng.integers(0, self.choices.choice((2, 10, 40)), shape)
            return (
                np.sort(values, axis=-1) if values.ndim and self.choices.random() < 0.5 else values
            )
        return rng.standard_normal(shape) * 0.6

    def moved(self) -> list[np.ndarray]:
        """The same with every number that is no integer moved a little."""
        inputs = []
        for array in self.inputs:
            by = by_type(MOVED, array.dtype)
            factor = 1 + by * self.rng.standard_normal(array.shape)
            near = np.asarray(array.astype(np.float64) * factor).astype(array.dtype)
            inputs.append(np.asarray(near).reshape(array.shape) if by else array)
        return inputs

    def run(self, kernel: Kernel, inputs) -> list[np.ndarray]:
        outputs = []
        for tensor in kernel.outputs:
            output = np.empty(tensor.shape(self.extents), tensor.dtype)
            output.reshape(-1).view(np.uint8)[...] = 0xAA
            outputs.append(output)
        kernel.run([*inputs, *outputs])
        return outputs


class Campaign:
    def __init__(self, seed: str, folder: Path, gpu: bool = False):
        self.seed, self.folder, self.gpu = seed, folder, gpu
        self.folder.mkdir(parents=True, exist_ok=True)
        self.compiler = Library()
        self.counts, self.failures = Counter(), []

    def run(self, count: int, first: int = 0):
        for index in range(first, first + count):
            (self.folder / "journal.json").write_text(json.dumps([self.seed, index]))
            if index % 100 == 99:
                self.compiler.renew()
            self.operator(index, generate(f"{self.seed}.{index}", self.takes_cores(index)))
        (self.folder / "journal.json").unlink(missing_ok=True)

    def takes_cores(self, index: int) -> bool:
        """Whether an operator is drawn such that tensor cores could multiply it."""
        return self.gpu and index % 2 == 1

    def operator(self, index: int, text: str):
        self.counts["operators"] += 1
        try:
            described, _ = self.compiler.run_passes(
                text, "builtin.module(attn-describe-kernel)"
            )  # fmt: skip
            unfused = self.compile(index, text, "unfused")
        except CompileError:
            # The grammar makes some that verify and that no kernel can be of.
            self.counts["refused"] += 1
            return
        try:
            fused = self.compile_gpu(index, text) if self.gpu else self.compile(index, text, "auto")
        except CompileError as error:
            if "which have no libm" in str(error):
                self.counts["refused"] += 1
            else:
                self.fail(index, text, f"only one form compiles: {error}")
            return
        relative = None if is_wild(text) else rounding(text)
        checks = {int(n): (kind, extent) for extent, kind, n in _CHECK.findall(described)}
        for trial in range(1 if self.gpu else 2):
            seed = f"{self.seed}.{index}.{trial}"
            try:
                operands = Operands(unfused, checks, seed, self.gpu)
            except MemoryError:
                continue
            reason = self.judge({"fused": fused, "unfused": unfused}, operands, relative)
            if reason:
                self.fail(index, text, f"trial {trial}: {reason}")
                return

    def fail(self, index: int, text: str, reason: str):
        path = self.folder / f"failure-{self.seed}-{index}.mlir"
        path.write_text(text)
        self.failures.append(f"{path}: {reason}")

    def compile_gpu(self, index: int, text: str) -> SimulatedKernel:
        source = self.folder / f"operator-{index}.mlir"
        source.write_text(text)
        ptx = source.with_suffix(".ptx")
        # Newer chips have instructions of their own.
        chip = ("sm_80", "sm_90a", "sm_120")[index % 3]
        log = compile_file(source, ptx, "kernel", ["--target=nvvm", f"--chip={chip}"])
        self.counts["fused"] += "compiled unfused" not in log
        self.counts["on tensor cores"] += "mma.sync" in ptx.read_text()
        kernel = SimulatedKernel(ptx, ptx.with_suffix(".json"))
        kernel.seed = index
        for file in (source, ptx, ptx.with_suffix(".json")):
            file.unlink()
        return kernel

    def compile(self, index: int, text: str, form: str) -> Kernel:
        output = self.folder / f"operator-{index}-{form}.so"
        log = self.compiler.compile(text, output, form=form, optimization=0, name="kernel")
        if form == "auto":
            self.counts["fused"] += not any("compiled unfused" in line for line in log)
        kernel = Kernel(output, "kernel")
        output.unlink()
        return kernel

    def judge(self, kernels: dict[str, Kernel], operands: Operands, relative: float | None):
        """Why the two disagree by more than the `relative` error of their roundings, or
        None; with no such error they are not compared."""
        results, errors = {}, {}
        for form, kernel in kernels.items():
            try:
                results[form] = operands.run(kernel, operands.inputs)
            except SimulatorError as error:
                return f"the simulator found: {error}; extents {operands.extents}"
            except KernelError as error:
                errors[form] = str(error)
        if len(errors) == 1:
            return f"only one form refuses its operands: {errors}"
        if errors:
            self.counts["calls refused"] += 1
            return None
        moved = operands.run(kernels["unfused"], operands.moved())
        self.counts["executions"] += 3
        for i, arrays in enumerate(zip(results["fused"], results["unfused"], moved, strict=True)):
            reason = self.compare(*arrays, relative) if relative else None
            if reason:
                return f"result {i}: {reason}; extents {operands.extents}"
        return None

    def compare(self, fused, unfused, moved, relative: float) -> str | None:
        fused, unfused, moved = (x.astype(np.float64) for x in (fused, unfused, moved))
        with np.errstate(all="ignore"):
            change = np.abs(moved - unfused)
            judged = np.isfinite(unfused) & np.isfinite(moved) & (np.abs(unfused) < 1e6)
            typical = np.median(np.abs(unfused[judged])) if judged.any() else 0
            most = change[judged].max(initial=0)
            bound = 30 * change + 2 * most + relative * (np.abs(unfused) + typical + 1e-3)
            bad = judged & ~(np.abs(fused - unfused) <= bound)
            sharp = judged & (bound <= 0.05 * np.maximum(1, np.abs(unfused)))
        self.counts["elements"] += unfused.size
        self.counts["sharp"] += int(sharp.sum())
        if not bad.any():
            return None
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        return (
            f"{int(bad.sum())} of {bad.size} elements differ; at {list(at)} the fused form has "
            f"{fused[at]}, the other {unfused[at]}, allowed are {bound[at]:.3g}"
        )


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--folder", type=Path, default=Path("operators"))
    parser.add_argument("--print", action="store_true", help="print the first one, run nothing")
    parser.add_argument("--gpu", action="store_true", help="kernels of a simulated GPU")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    campaign = Campaign(options.seed, options.folder, options.gpu)
    if options.print:
        cores = campaign.takes_cores(options.first)
        print(generate(f"{options.seed}.{options.first}", cores), end="")
        return 0
    campaign.run(options.count, options.first)
    print(json.dumps({"counts": campaign.counts, "failures": campaign.failures}))
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main())
