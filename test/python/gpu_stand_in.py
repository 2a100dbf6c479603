# ===- gpu_stand_in.py - A driver of GPUs for the tests --------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Builds fake_cuda.c, which does what libcuda.so.1 does, on the simulator."""

import subprocess
from pathlib import Path

from attn import ptx_sim

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"


def build(folder: Path) -> Path:
    """The library; ATTN_LIBCUDA names it to attn.cuda."""
    simulator = ptx_sim.find_library().resolve()
    output = folder / "libfake_cuda.so"
    command = [
        "gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1",
        f"-I{INCLUDE}", HERE / "fake_cuda.c", "-o", output, simulator,
        f"-Wl,-rpath,{simulator.parent}",
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=100)
    return output
