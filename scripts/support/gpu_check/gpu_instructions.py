# ===- gpu_instructions.py - Single instructions, two ways -----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Builds a kernel for each instruction of the table, with inputs and what the
simulator makes of them, and compares that with what a GPU makes of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import ml_dtypes
import numpy as np
from attn import cuda, ptx_sim
from attn.compiler import CompileError
from attn.device import Call
from attn.launches import Launch
from attn.simulator import SimulatorCall
from gpu_draw import BYTES, draw_inputs
from gpu_folder import Folder
from gpu_instruction_table import Instruction, instructions

THREADS, BLOCKS = 128, 16
COUNT = THREADS * BLOCKS
_KERNEL = "instruction"
_FLOATS = {
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f32": np.float32,
    "tf32": np.float32,
    "f64": np.float64,
}


def find_ptxas() -> str:
    home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    found = shutil.which("ptxas") or shutil.which("ptxas", path=f"{home}/bin")
    if not found:
        raise FileNotFoundError("ptxas was not found: put it on PATH or set CUDA_HOME")
    return found


def assemble(ptx: Path, cubin: Path, chip: str):
    command = [find_ptxas(), f"-arch={chip}", str(ptx), "-o", str(cubin)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise CompileError(f"ptxas: {done.stderr.strip() or done.stdout.strip()}")


def chip_number(chip: str) -> int:
    return int(re.sub(r"\D", "", chip))


def file_name(entry: Instruction) -> str:
    return f"instructions/{entry.name}"


def ptx_text(entry: Instruction, chip: str) -> str:
    """The kernel: each thread loads its inputs, runs the body, stores its outputs."""
    slots = [("%d", f"out{i}", kind) for i, kind in enumerate(entry.outputs)]
    slots += [("%a", f"in{i}", kind) for i, kind in enumerate(entry.inputs)]
    parameters = ", ".join(f".param .u64 {name}" for _, name, _ in slots)
    # Newer chips need a version that older drivers do not take.
    version = "8.7" if chip_number(chip) >= 100 else "8.0"
    lines = [f".version {version}", f".target {chip}", ".address_size 64", ""]
    lines += [f".visible .entry {_KERNEL}({parameters}) {{"]
    lines += ["  .reg .pred %p<4>;", "  .reg .b16 %h<4>;", "  .reg .b32 %t<8>;"]
    lines += ["  .reg .b64 %u<4>;", "  .reg .b32 %thread, %gid, %lane, %smem, %mine;"]
    for letter, name, kind in slots:
        index, bits = name.lstrip("outin"), 8 * BYTES[kind]
        lines.append(f"  .reg .b{bits} {letter}{index};")
        lines.append(f"  .reg .b64 %{name}, %g{letter[1]}{index};")
    lines += [f"  .shared .align 16 .b8 words[{16 * THREADS}];"]
    lines += ["  mov.u32 %thread, %tid.x;", "  mov.u32 %lane, %laneid;"]
    lines += [
        "  mov.u32 %t0, %ctaid.x;",
        f"  mad.lo.u32 %gid, %t0, {THREADS}, %thread;",
        "  mov.u32 %smem, words;",
        "  mad.lo.u32 %mine, %thread, 16, %smem;",
    ]
    for letter, name, kind in slots:
        address = f"%g{letter[1]}{name.lstrip('outin')}"
        lines.append(f"  ld.param.u64 %{name}, [{name}];")
        lines.append(f"  mad.wide.u32 {address}, %gid, {BYTES[kind]}, %{name};")
    for i, kind in enumerate(entry.inputs):
        lines.append(f"  ld.global.b{8 * BYTES[kind]} %a{i}, [%ga{i}];")
    lines += [f"  {statement.strip()};" for statement in entry.body.split(";") if statement.strip()]
    for i, kind in enumerate(entry.outputs):
        lines.append(f"  st.global.b{8 * BYTES[kind]} [%gd{i}], %d{i};")
    return "\n".join([*lines, "  ret;", "}", ""])


def execute(call: Call, entry: Instruction, inputs: list[np.ndarray]):
    """The outputs of all threads, and which bytes of them were written."""
    outputs = [np.zeros(COUNT, f"u{BYTES[kind]}") for kind in entry.outputs]
    arguments = []
    for array in (*outputs, *inputs):
        arguments.append(call.allocate(array.nbytes, array.itemsize))
    for address, array in zip(arguments, outputs, strict=False):
        call.permit(address, array.nbytes)
    for address, array in zip(arguments[len(outputs) :], inputs, strict=True):
        call.write(address, array)
    call.begin()
    call.launch(Launch(_KERNEL, BLOCKS, THREADS, 0), arguments)
    call.end()
    known = [call.read(address, array) for address, array in zip(arguments, outputs, strict=False)]
    return outputs, np.concatenate(known)


def simulate(sim: dict, entry: Instruction, text: str, inputs) -> list[np.ndarray]:
    call = SimulatorCall(sim, text.encode(), f"{entry.name}.ptx")
    try:
        outputs, known = execute(call, entry, inputs)
    finally:
        call.close()
    if not known.all():
        raise AssertionError("the simulator left an output unwritten")
    return outputs


def build_instructions(folder: Folder, chip: str, only: re.Pattern, results, seed: int):
    """Makes instructions/: a PTX file, a cubin and the arrays of each."""
    (folder.path / "instructions").mkdir(exist_ok=True)
    number = chip_number(chip)
    sim = ptx_sim.load()
    built, failed = 0, 0
    for entry in instructions(number):
        name = file_name(entry)
        if not only.search(name):
            continue
        try:
            text = ptx_text(entry, chip)
            folder.file(name, ".ptx").write_text(text)
            inputs = draw_inputs(entry, COUNT, seed)
            outputs = simulate(sim, entry, text, inputs)
            assemble(folder.file(name, ".ptx"), folder.file(name, ".cubin"), chip)
            arrays = {f"in{i}": array for i, array in enumerate(inputs)}
            arrays |= {f"out{i}": array for i, array in enumerate(outputs)}
            np.savez_compressed(folder.file(name, ".npz"), **arrays)
            folder.manifest["failures"].pop(name, None)
            built += 1
        except (CompileError, RuntimeError, AssertionError, OSError) as error:
            folder.manifest["failures"][name] = str(error)
            results.item(name, "FAIL", str(error))
            failed += 1
    folder.save()
    if built:
        results.item("instructions", "ok", f"{built} kernels, {failed} failed")


# ===----------------------------------------------------------------------===//
# Comparison
# ===----------------------------------------------------------------------===//


def split(kind: str, bits: np.ndarray) -> tuple[str, np.ndarray]:
    """Pairs as their halves."""
    if kind in ("f16x2", "bf16x2"):
        return kind[:-2], bits.view(np.uint16)
    return kind, bits


def compare(kind: str, expected: np.ndarray, actual: np.ndarray, bound: tuple | None):
    """Which elements differ in their bits, which by more than they may, and the
    greatest difference of finite ones relative to what is allowed."""
    kind, expected = split(kind, expected)
    _, actual = split(kind if kind not in ("f16", "bf16") else kind + "x2", actual)
    differs = expected != actual
    if kind not in _FLOATS:
        return differs, differs, 0.0
    with np.errstate(all="ignore"):
        e, a = (x.view(_FLOATS[kind]).astype(np.float64) for x in (expected, actual))
        differs &= ~(np.isnan(e) & np.isnan(a))
        if bound is None:
            return differs, differs, 0.0
        how, size = bound
        info = ml_dtypes.finfo(_FLOATS[kind])
        least = float(info.smallest_subnormal)
        if how == "ulp":
            exponent = np.floor(np.log2(np.maximum(np.abs(e), float(info.smallest_normal))))
            allowed = size * 2.0**exponent * float(info.eps)
        elif how == "relative":
            allowed = size * np.abs(e) + least
        elif how == "mixed":
            allowed = size * np.maximum(1.0, np.abs(e))
        else:
            allowed = np.full(e.shape, size)
        finite = np.isfinite(e) & np.isfinite(a)
        ratio = np.where(finite & differs, np.abs(e - a) / allowed, 0.0)
    wrong = differs & ~(ratio <= 1.0)
    wrong |= differs & ~finite
    return differs, wrong, float(ratio.max(initial=0.0))


def jobs(chip: str, folder: Folder) -> list[str]:
    """Those that were built."""
    entries = instructions(chip_number(chip))
    return [file_name(e) for e in entries if folder.file(file_name(e), ".npz").is_file()]


class Worker:
    """Runs single instructions on a GPU."""

    def __init__(self, folder: Folder, suffix: str):
        self.folder, self.suffix = folder, suffix
        self.device = cuda.find_device()
        self.entries = {file_name(entry): entry for entry in instructions(999)}

    def __call__(self, job: str):
        entry = self.entries[job]
        arrays = np.load(self.folder.file(job, ".npz"))
        inputs = [arrays[f"in{i}"] for i in range(len(entry.inputs))]
        module = cuda.Module(self.device, self.folder.image(job, self.suffix).read_bytes())
        call = cuda.DeviceCall(module)
        try:
            outputs, _ = execute(call, entry, inputs)
        finally:
            call.close()
        module.close()
        yield (
            job,
            *judge(entry, inputs, [arrays[f"out{i}"] for i in range(len(outputs))], outputs),
        )


def judge(entry: Instruction, inputs, expected, actual) -> tuple[str, str]:
    """The status of an instruction and what to say of it."""
    total, other, worst, lines = 0, 0, 0.0, []
    for number, kind in enumerate(entry.outputs):
        differs, wrong, ratio = compare(kind, expected[number], actual[number], entry.bound)
        total, other, worst = total + differs.size, other + int(differs.sum()), max(worst, ratio)
        if not wrong.any():
            continue
        width = differs.size // len(expected[number])
        lines.append(f"output {number}: {int(wrong.sum())} of {wrong.size} are wrong")
        for at in np.unique(np.flatnonzero(wrong) // width)[:6]:
            given = " ".join(f"{int(x[at]):#x}" for x in inputs)
            lines.append(
                f"thread {at}: {given} gives {int(actual[number][at]):#x}, "
                f"the simulator {int(expected[number][at]):#x}"
            )
    if lines:
        return "FAIL", "\n".join(lines)
    if entry.bound is None:
        return "ok", f"{total} results with the same bits"
    how, size = entry.bound
    return "ok", f"{other} of {total} differ, by {worst:.2f} of {size:.3g} ({how}) at most"
