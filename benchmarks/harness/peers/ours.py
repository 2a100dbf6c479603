# ===- ours.py - The compiled kernel ------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The kernel that attn-compile makes of the workload, called through its C ABI.

The timed span is the whole C call: checks, planning, packing and what it
allocates.
"""

from __future__ import annotations

import subprocess

import ml_dtypes
import numpy as np
from attn import dlpack
from attn.compiler import compile_kernel, find_compiler, find_driver
from attn.kernel import Driver

from .base import to_float


class Peer:
    def __init__(self, threads: int):
        self.flags: list[str] = []
        self.setting = "attn-compile"
        self.team = Driver(find_driver()).threads(threads) if threads > 1 else None

    def version(self) -> str:
        done = subprocess.run([find_compiler(), "--version"], capture_output=True, text=True)
        return " ".join(done.stdout.split())[:120]

    def refuses(self, described):
        return None

    def prepare(self, described, arrays, folder):
        kernel = compile_kernel(
            (folder / "operator.mlir").read_text(), folder, "attention", self.flags
        )
        kernel.supported()
        # Tensors lie as NumPy lays them out, each on a page of its own.
        inputs = [
            array.view(ml_dtypes.bfloat16) if array.dtype == np.uint16 else array
            for array in arrays.values()
        ]
        self.dtype = described["dtype"]
        self.outputs = kernel.allocate_outputs(inputs)
        tensors = dlpack.TensorList([dlpack.Tensor(array) for array in [*inputs, *self.outputs]])
        return lambda: kernel.run(tensors, self.team)

    def output(self):
        array = self.outputs[0]
        return to_float(array.view(np.uint16) if self.dtype == "bf16" else array, self.dtype)
