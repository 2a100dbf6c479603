# ===- device.py - Calls of described kernels ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What a call of a GPU's kernel is, whatever runs it: a GPU (`attn.cuda`) or the
simulator (`attn.simulator`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .kernel import STATUS, KernelError
from .launches import STATUS_BYTES, Launch, LaunchDescription, Place


class DeviceError(RuntimeError):
    """A launch that failed, or that did what a kernel must not do."""


def rows(array: np.ndarray):
    """The parts of an array that lie next to each other in memory."""
    if array.size == 0:
        return
    if array.flags.c_contiguous:
        yield array
        return
    for index in np.ndindex(array.shape[:-1]):
        yield array[index]


def host_address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


class DescribedKernel:
    """A kernel with its description; called as `attn.kernel.Kernel` is.

    Every call has memory of its own.
    """

    def __init__(self, path: str | Path, description: str | Path):
        self.path = Path(path)
        self.description = LaunchDescription(description)
        self.name, self.symbols = self.description.name, self.description.symbols
        self.inputs, self.outputs = self.description.inputs, self.description.outputs

    def open_call(self) -> Call:
        raise NotImplementedError

    def run(self, arrays: Sequence[np.ndarray], parallel=None):
        """Runs on inputs followed by outputs, whose every element is written."""
        call = self.open_call()
        try:
            call.run(self.description, arrays)
        finally:
            call.close()

    def allocate_outputs(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        extents = self.description.input_extents([array.shape for array in inputs])
        return [np.empty(tensor.shape(extents), tensor.dtype) for tensor in self.outputs]

    def __call__(self, *inputs, out: Sequence[np.ndarray] | None = None, parallel=None):
        inputs = [np.asarray(array) for array in inputs]
        outputs = self.allocate_outputs(inputs) if out is None else list(out)
        self.run([*inputs, *outputs], parallel)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


class Call:
    """The memory and the launches of one call; subclasses know the device."""

    # Raised for what is wrong with the kernel, not with its operands.
    error: type[RuntimeError] = DeviceError

    def allocate(self, size: int, itemsize: int = 0) -> int:
        """The address of new memory that is not initialised, 0 for no bytes. It is
        for elements of `itemsize` bytes, of which kernels write what `permit` names;
        0 is for scratch."""
        raise NotImplementedError

    def permit(self, address: int, size: int):
        """Says that the kernel writes these bytes."""

    def write(self, address: int, source: np.ndarray):
        raise NotImplementedError

    def read(self, address: int, target: np.ndarray) -> np.ndarray:
        """Fills `target`; which bytes of it were ever written."""
        raise NotImplementedError

    def launch(self, launch: Launch, arguments: Sequence[int]):
        raise NotImplementedError

    def begin(self):
        """All memory is there and written."""

    def end(self):
        """Waits for the launches."""

    def close(self):
        raise NotImplementedError

    def place(self, array: np.ndarray) -> tuple[Place, int]:
        """Memory for an array; where it lies, and the device minus the host address."""
        low = host_address(array)
        high = low + array.itemsize
        for extent, stride in zip(array.shape, array.strides, strict=True):
            low += min(0, (extent - 1) * stride)
            high += max(0, (extent - 1) * stride)
        size = high - low if array.size else 0
        offset = self.allocate(size, array.itemsize) - low
        strides = tuple(stride // array.itemsize for stride in array.strides)
        return Place(host_address(array) + offset, array.shape, strides), offset

    def read_output(self, name: str, array: np.ndarray, offset: int):
        for row in rows(array):
            known = self.read(host_address(row) + offset, row)
            if not known.all():
                raise self.error(f"{(~known).sum()} bytes of {name} were never written")

    def check_untouched(self, name: str, array: np.ndarray, offset: int):
        """A call that is refused has written no output."""
        for row in rows(array):
            if self.read(host_address(row) + offset, np.empty_like(row)).any():
                raise self.error(f"a call that was refused wrote {name}")

    def run(self, description: LaunchDescription, arrays: Sequence[np.ndarray]):
        extents = description.extents([array.shape for array in arrays])
        for tensor, array in zip(description.tensors, arrays, strict=True):
            if array.dtype != tensor.dtype:
                raise KernelError(STATUS["DTYPE"], f"{tensor} is given {array.dtype}")
        placed = [self.place(array) for array in arrays]
        outputs = []
        for tensor, array, (_, offset) in zip(description.tensors, arrays, placed, strict=True):
            if tensor.is_output:
                outputs.append((tensor.name, array, offset))
            for row in rows(array):
                if tensor.is_output:
                    self.permit(host_address(row) + offset, row.nbytes)
                else:
                    self.write(host_address(row) + offset, row)
        workspace = self.allocate(description.workspace_bytes(extents))
        check_bytes = description.check_bytes(extents)
        check = self.allocate(check_bytes)
        places = [place for place, _ in placed]
        arguments = description.arguments(places, extents, workspace, check)
        self.begin()
        for launch in description.launches(extents):
            self.launch(launch, arguments)
        self.end()
        if check_bytes:
            status = np.zeros(STATUS_BYTES // 4, np.int32)
            if not self.read(check, status)[:4].all():
                raise self.error("the status of the call was never written")
            problem = description.describe_status(status.tobytes())
            if problem:
                for output in outputs:
                    self.check_untouched(*output)
                raise KernelError(STATUS["VALUE"], problem)
        for output in outputs:
            self.read_output(*output)
