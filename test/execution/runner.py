# ===- runner.py - Compiling and judging operators -----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compiles each operator once and runs kernels in hostile memory."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import random
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from attn import contract
from attn.compiler import CompileError, compile_file, find_compiler
from attn.kernel import Kernel, PythonParallelFor
from attn.simulator import SimulatedKernel
from cases import Case, case_operands
from memory import GuardedArray, isolated, place
from operators import Operands, Spec, operands, text


def decisions(source: str, topic: str, pipeline: str = "attn-to-llvm") -> str:
    """What the compiler says of the form, passes, plan, mapping or tiles it chose."""
    tool = find_compiler().with_name("attn-opt")
    done = subprocess.run(
        [tool, "-", f"--pass-pipeline=builtin.module({pipeline})", f"--attn-debug={topic}"],
        input=source, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr


class Counter:
    """How many kernels ran; a run of the suite with none is a failure."""

    executions = 0


class KernelCache:
    """Kernels by operator and flags, compiled once and shared by test processes.

    The folder is named after the compiler's bytes, so a new compiler starts with
    an empty one. `flags` are passed to the compiler each time.
    """

    def __init__(self, folder: Path, flags: tuple[str, ...] = ()):
        self.flags = flags
        digest = hashlib.sha256(find_compiler().read_bytes()).hexdigest()[:16]
        self.folder = folder / digest
        self.folder.mkdir(parents=True, exist_ok=True)
        self._loaded: dict[Path, Kernel] = {}

    def get(self, spec: Spec, *flags: str) -> Kernel:
        return self.compile(text(spec), spec.key, *flags)

    def compile(self, source: str, stem: str, *flags: str) -> Kernel:
        library = self.build(source, stem, *flags)
        if library not in self._loaded:
            self._loaded[library] = Kernel(library, "attention")
        return self._loaded[library]

    def path(self, spec: Spec, *flags: str) -> Path:
        """The shared object alone, for those that this process cannot load."""
        return self.build(text(spec), spec.key, *flags)

    def device(self, spec: Spec, *flags: str) -> SimulatedKernel:
        """The operator as a kernel of a GPU, which the simulator runs."""
        return self.compile_device(text(spec), spec.key, *flags)

    def compile_device(self, source: str, stem: str, *flags: str) -> SimulatedKernel:
        """For one of three chips, by the source: newer ones have instructions of
        their own, and the simulator knows those of all."""
        chip = ("sm_80", "sm_90a", "sm_120")[zlib.crc32(source.encode()) % 3]
        ptx = self.build_device(source, stem, *flags, chip=chip)
        return SimulatedKernel(ptx, ptx.with_suffix(".json"))

    def build_device(self, source: str, stem: str, *flags: str, chip: str) -> Path:
        return self.build(
            source, stem, "--target=nvvm", f"--chip={chip}", *flags, suffix=".ptx"
        )  # fmt: skip

    def build(self, source: str, stem: str, *flags: str, suffix: str = ".so") -> Path:
        if not any(flag.startswith("--form") for flag in flags):
            # What cannot be fused must fail here, not run unfused unnoticed.
            flags = ("--form=fused", *flags)
        flags = (*self.flags, *flags)
        digest = hashlib.sha256("\0".join([source, *flags, suffix]).encode()).hexdigest()[:12]
        stem = f"{stem}_{digest}"
        library, refused = self.folder / f"{stem}{suffix}", self.folder / f"{stem}.err"
        if library in self._loaded:
            return library
        with open(self.folder / f"{stem}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not library.exists() and not refused.exists():
                program = self.folder / f"{stem}.mlir"
                program.write_text(source)
                try:
                    said = compile_file(program, library, "attention", flags)
                    library.with_suffix(".log").write_text(said)
                except CompileError as error:
                    library.unlink(missing_ok=True)
                    refused.write_text(str(error))
        if refused.exists():
            raise CompileError(f"{refused.read_text()}\nin\n{source}")
        return library


def shuffled(seed: int) -> PythonParallelFor:
    """A schedule of uneven pieces in random order over three workers."""
    rng = random.Random(seed)

    def schedule(items, workers):
        cuts = sorted({0, items, *(rng.randint(0, items) for _ in range(5))})
        pieces = [(*piece, rng.randrange(workers)) for piece in itertools.pairwise(cuts)]
        rng.shuffle(pieces)
        return pieces

    return PythonParallelFor(schedule, 3)


def run(kernel: Kernel, operands: Operands, parallel=None) -> list[np.ndarray]:
    """Plainly: the outputs of one call, which must overwrite all of the poison."""
    outputs = []
    for shape, dtype in operands.output_shapes():
        out = np.empty(shape, dtype)
        out.view(np.uint8)[...] = 0xFF
        outputs.append(out)
    Counter.executions += 1
    kernel.run([*operands.inputs(), *outputs], parallel)
    return outputs


def run_guarded(kernel: Kernel, operands: Operands, layout, guard, seed) -> list[np.ndarray]:
    """In a child process: read-only inputs and poisoned outputs at page borders.

    `operands` is updated to the values that the layout leaves.
    """
    inputs = {}
    for name, value in operands.arrays.items():
        # Lengths and sinks have one dimension and no layout to speak of.
        guarded = place(value, layout, guard)
        inputs[name] = guarded
        operands.arrays[name] = guarded.array
    poison = 0xAA if seed % 2 else 0xFF
    outputs = [
        GuardedArray(shape, dtype, layout, guard, poison, is_output=True)
        for shape, dtype in operands.output_shapes()
    ]
    arrays = [*(g.array for g in inputs.values()), *(g.array for g in outputs)]
    parallel = shuffled(seed) if seed % 3 == 0 else None
    Counter.executions += 1
    isolated(lambda: kernel.run(arrays, parallel))
    for guarded in outputs:
        assert guarded.gaps_untouched(), "the kernel wrote between the elements of an output"
    return [guarded.array for guarded in outputs]


def judge(operands: Operands, outputs: list[np.ndarray], seed: int = 0):
    arrays = operands.arrays
    lse = outputs[1] if operands.spec.lse else None
    return contract.check_attention(
        arrays["q"], arrays["k"], arrays["v"], operands.operator(), outputs[0], lse,
        rng=np.random.default_rng(seed),
    )  # fmt: skip


def check_shapes(kernels: KernelCache, spec: Spec, form: str, shapes, seed: int):
    """Runs one operator, compiled to a form, on fresh values of several (M, N), of
    which a spec of its own number of queries takes the keys."""
    kernel = kernels.get(spec, f"--form={form}")
    for index, (m, n) in enumerate(shapes):
        data = operands(spec, 2, spec.queries or m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


def check_several_steps(kernels: KernelCache, spec: Spec, seed: int):
    """Runs one fused operator on fresh values, of several steps and of less than one."""
    shapes = [(113, 399), (399, 113), (1, 300), (300, 1), (2, 3), (0, 5), (5, 0), (401, 401)]
    if spec.permute:
        shapes = [(113, 113), (1, 1), (48, 48), (401, 401)]
    elif spec.segments:
        shapes = [shape for shape in shapes if shape[0] > 0]
    check_shapes(kernels, spec, "fused", shapes, seed)


def check_counts(kernels: KernelCache, spec: Spec, m: int, n: int, seed: int):
    """With scores of 0 and values that say which key it is, weights count the live
    keys of each of m queries."""
    spec = replace(spec, f=n)
    data = operands(spec, 2, m, n, np.random.default_rng(seed))
    data.arrays["k"][...] = 0
    data.arrays["v"][...] = np.eye(n, dtype=data.arrays["v"].dtype)
    out = run(kernels.get(spec), data)[0]
    operator = data.operator()
    for b in range(2):
        for h in range(spec.heads):
            live = operator.live(b, np.arange(m), m, n, h)
            count = live.sum(1, keepdims=True)
            np.testing.assert_allclose(out[b, h] * count, live, rtol=0, atol=1e-4)


def check_page_borders(kernels: KernelCache, spec: Spec, guard: str, seed: int):
    """Runs the fused kernel where a page that nobody may touch is beside each tensor."""
    data = operands(spec, 1, 150, 150, np.random.default_rng(seed))
    judge(data, run_guarded(kernels.get(spec), data, "bhmd", guard, seed), seed)


def check_case(kernels: KernelCache, case: Case):
    """Runs one configuration and judges it; failures say how to see it again."""
    try:
        kernel = kernels.get(case.spec)
        operands = case_operands(case)
        outputs = run_guarded(kernel, operands, case.layout, case.guard, case.seed)
        judge(operands, outputs, case.seed)
    except (AssertionError, RuntimeError) as error:
        error.add_note(f"{case.describe()}\n{case!r}\n{text(case.spec)}")
        raise
