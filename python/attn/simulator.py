# ===- simulator.py - A GPU's kernels on the PTX simulator ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Kernels in PTX, called on NumPy arrays through libattn_ptx_sim (attn-c/ptx-sim.h)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import ptx_sim
from .kernel import STATUS, KernelError
from .launches import STATUS_BYTES, LaunchDescription, Place


class SimulatorError(RuntimeError):
    """The simulator refused the PTX or a launch, or found something wrong in one."""


def _rows(array: np.ndarray):
    """The parts of an array that lie next to each other in memory."""
    if array.flags.c_contiguous:
        yield array
        return
    for index in np.ndindex(array.shape[:-1]):
        yield array[index]


class SimulatedKernel:
    """A kernel in PTX with its description; called as `attn.kernel.Kernel` is.

    Every call has memory of its own: what it reads behind a tensor, or before it
    was written, is found by the simulator and is an error.
    """

    def __init__(self, ptx: str | Path, description: str | Path, library: Path | None = None):
        self._sim = ptx_sim.load(library)
        self.path = Path(ptx)
        self.description = LaunchDescription(description)
        self.inputs, self.outputs = self.description.inputs, self.description.outputs
        self.seed = 0
        self._text = self.path.read_bytes()

    def run(self, arrays: Sequence[np.ndarray], parallel=None):
        """Runs on inputs followed by outputs, whose every element is written."""
        call = _Call(self._sim, self._text, self.path.name, self.seed)
        try:
            call.run(self.description, arrays)
        finally:
            call.close()


class DeviceMemory:
    """Global memory of a simulator, which holds arrays as they lie on the host."""

    def __init__(self, sim: dict, handle: int):
        self._sim, self._handle = sim, handle

    def do(self, function: str, *arguments):
        """Calls a function of the simulator that returns a status."""
        if self._sim[function](self._handle, *arguments):
            error = self._sim["error"](self._handle) or self._sim["report"](self._handle)
            raise SimulatorError((error or b"unknown error").decode())

    def allocate(self, size: int) -> int:
        return self._sim["allocate"](self._handle, size) if size else 0

    @staticmethod
    def _address(array: np.ndarray) -> int:
        return array.__array_interface__["data"][0]

    def place(self, array: np.ndarray) -> tuple[Place, int]:
        """Memory for an array; where it lies, and the device minus the host address."""
        low = self._address(array)
        high = low + array.itemsize
        for extent, stride in zip(array.shape, array.strides, strict=True):
            low += min(0, (extent - 1) * stride)
            high += max(0, (extent - 1) * stride)
        size = high - low if array.size else 0
        offset = self.allocate(size) - low
        strides = tuple(stride // array.itemsize for stride in array.strides)
        return Place(self._address(array) + offset, array.shape, strides), offset

    def write(self, array: np.ndarray, offset: int):
        if array.size == 0:
            return
        for row in _rows(array):
            self.do("write", self._address(row) + offset, self._address(row), row.nbytes)

    def read(self, name: str, array: np.ndarray, offset: int):
        if array.size == 0:
            return
        for row in _rows(array):
            known = np.zeros(row.nbytes, np.uint8)
            address = self._address(row)
            self.do("read", address + offset, address, row.nbytes, known.ctypes.data)
            if not known.all():
                raise SimulatorError(f"{(known == 0).sum()} bytes of {name} were never written")

    def check_untouched(self, tensors, arrays, placed):
        """A call that is refused has written no output."""
        for tensor, array, (_, offset) in zip(tensors, arrays, placed, strict=True):
            for row in _rows(array) if tensor.is_output and array.size else ():
                data, known = np.zeros((2, row.nbytes), np.uint8)
                address = self._address(row) + offset
                self.do("read", address, data.ctypes.data, row.nbytes, known.ctypes.data)
                if known.any():
                    raise SimulatorError(f"a call that was refused wrote {tensor.name}")


class _Call:
    """A simulator, for one call of a kernel."""

    def __init__(self, sim, text: bytes, name: str, seed: int):
        self._sim, self._seed = sim, seed
        self._handle = sim["create"](text, name.encode())
        error = sim["error"](self._handle)
        if error:
            raise SimulatorError(error.decode())
        self._memory = DeviceMemory(sim, self._handle)

    def close(self):
        self._sim["destroy"](self._handle)

    def _launch(self, launch, arguments: Sequence[int]):
        values = (ctypes.c_uint64 * len(arguments))(*(v % 2**64 for v in arguments))
        pointers = (ctypes.c_void_p * len(arguments))(
            *(ctypes.addressof(values) + 8 * i for i in range(len(arguments)))
        )
        sizes = (ctypes.c_size_t * len(arguments))(*([8] * len(arguments)))
        config = ptx_sim.LaunchConfig(
            kernel=launch.kernel.encode(),
            grid=(launch.blocks, 1, 1),
            block=(launch.threads, 1, 1),
            shared=launch.shared,
            seed=self._seed,
            arguments=len(arguments),
            argument_values=pointers,
            argument_sizes=sizes,
        )
        self._memory.do("launch", ctypes.byref(config))

    def run(self, description: LaunchDescription, arrays: Sequence[np.ndarray]):
        extents = description.extents([array.shape for array in arrays])
        for tensor, array in zip(description.tensors, arrays, strict=True):
            if array.dtype != tensor.dtype:
                raise KernelError(STATUS["DTYPE"], f"{tensor} is given {array.dtype}")
        memory = self._memory
        placed = [memory.place(array) for array in arrays]
        for tensor, array, (_, offset) in zip(description.tensors, arrays, placed, strict=True):
            if not tensor.is_output:
                memory.write(array, offset)
        workspace = memory.allocate(description.workspace_bytes(extents))
        check_bytes = description.check_bytes(extents)
        check = memory.allocate(check_bytes)
        places = [place for place, _ in placed]
        arguments = description.arguments(places, extents, workspace, check)
        for launch in description.launches(extents):
            self._launch(launch, arguments)
        if check_bytes:
            status = ctypes.create_string_buffer(STATUS_BYTES)
            known = ctypes.create_string_buffer(STATUS_BYTES)
            memory.do("read", check, status, STATUS_BYTES, known)
            problem = description.describe_status(status.raw)
            if problem:
                memory.check_untouched(description.tensors, arrays, placed)
                raise KernelError(STATUS["VALUE"], problem)
        for tensor, array, (_, offset) in zip(description.tensors, arrays, placed, strict=True):
            if tensor.is_output:
                memory.read(tensor.name, array, offset)
