# ===- ptx_sim.py - The simulator of PTX, on arrays ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Kernels of PTX on NumPy arrays, through libattn_ptx_sim."""

import ctypes
import json

import numpy as np
from attn import ptx_sim


class Output:
    """A buffer that the kernel writes; `array` holds it after the launch. Without
    an `initial` value it is not initialised."""

    def __init__(self, shape, dtype):
        self.array = np.zeros(shape, dtype)
        self.initial = None


class PtxSim:
    def __init__(self, text, name="test.ptx"):
        self.functions = ptx_sim.load()
        self.handle = self.functions["create"](text.encode(), name.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.functions["destroy"](self.handle)

    def error(self):
        return (self.functions["error"](self.handle) or b"").decode()

    def report(self):
        return json.loads(self.functions["report_json"](self.handle))

    def launch(self, kernel, grid, block, arguments, shared=0, seed=0):
        """Arrays become buffers, NumPy scalars values. Returns the status."""
        values, outputs = [], []
        for argument in arguments:
            is_output = isinstance(argument, Output)
            if is_output or isinstance(argument, np.ndarray):
                array = argument.array if is_output else np.ascontiguousarray(argument)
                address = self.functions["allocate"](self.handle, array.nbytes)
                if is_output:
                    outputs.append((argument, address))
                    array = argument.initial
                if array is not None:
                    self.functions["write"](self.handle, address, array.ctypes.data, array.nbytes)
                argument = np.uint64(address)
            values.append(argument.tobytes())
        buffers = [ctypes.create_string_buffer(value, len(value)) for value in values]
        count = len(values)
        config = ptx_sim.LaunchConfig(
            kernel=kernel.encode(),
            grid=(*grid, *[1] * (3 - len(grid))),
            block=(*block, *[1] * (3 - len(block))),
            shared=shared,
            seed=seed,
            arguments=count,
            argument_values=(ctypes.c_void_p * count)(*map(ctypes.addressof, buffers)),
            argument_sizes=(ctypes.c_size_t * count)(*map(len, values)),
        )
        status = self.functions["launch"](self.handle, ctypes.byref(config))
        for output, address in outputs:
            array = output.array
            known = np.zeros(array.nbytes, np.uint8)
            self.functions["read"](
                self.handle, address, array.ctypes.data, array.nbytes, known.ctypes.data
            )
            output.written = known.all()
        return status
