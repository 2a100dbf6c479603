# ===- test_ptxas.py - Kernels of GPUs through ptxas ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Every kernel of the list is assembled for its chips: no register is spilled, no
array lies in local memory, and nothing is serialised."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from gpu_cases import (
    CHIPS,
    SPECS,
    SPLIT,
    SPLIT_FLAG,
    TENSOR_CORES,
    UNFUSED,
    WITHOUT_TENSOR_CORES,
)
from operators import text

SPILLS = re.compile(r"(\d+) bytes (stack frame|spill stores|spill loads)")
SERIALISED = re.compile(r"C75(0[8]|1\d)")


def find_ptxas() -> str:
    found = shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")
    if not found:
        pytest.skip("no CUDA toolkit")
    return found


def assemble(ptx: Path, chip: str) -> str:
    """What ptxas says about each kernel."""
    command = [find_ptxas(), f"-arch={chip}", "-v", str(ptx), "-o", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stderr


# Bytes of code that these store, or read again, on the chip that spills most: what a
# loop does not change, stored before it. A step reads some eight numbers of it; most
# reads are written out behind the loop. None should.
SPILLED = {"cores_128": 248, "cores_parts": 8}


def check(ptx: Path, chip: str, spilled: int = 0):
    report = assemble(ptx, chip)
    sizes = SPILLS.findall(report)
    kernels = ptx.read_text().count(".entry")
    assert kernels and len(sizes) == 3 * kernels, report
    assert all(int(size) <= spilled for size, _ in sizes), report
    assert not SERIALISED.search(report), report


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        names = ["plain", "bf16"] if quick else list(SPECS)
        # Of the many operators of tensor cores, two chips each.
        few = {*TENSOR_CORES, *WITHOUT_TENSOR_CORES}
        cases = [
            (name, chip)
            for name in names
            for chip in (CHIPS if name not in few else ["sm_80", "sm_90a"])
        ]
        metafunc.parametrize("name, chip", cases)


def test_fused(kernels, name, chip):
    spec = SPECS[name]
    check(kernels.build_device(text(spec), spec.key, chip=chip), chip, SPILLED.get(name, 0))


@pytest.mark.parametrize("unfused", UNFUSED)
def test_unfused(kernels, unfused):
    spec = SPECS[unfused]
    check(kernels.build_device(text(spec), spec.key, "--form=unfused"), "sm_80")


@pytest.mark.parametrize("split", SPLIT)
def test_split(kernels, split):
    spec = SPECS[split]
    check(
        kernels.build_device(text(spec), spec.key, SPLIT_FLAG), "sm_80", SPILLED.get(split, 0)
    )  # fmt: skip
