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
from .device import Call, DescribedKernel, DeviceError, host_address


class SimulatorError(DeviceError):
    """The simulator refused the PTX or a launch, or found something wrong in one."""


class SimulatedKernel(DescribedKernel):
    """A kernel in PTX with its description; called as `attn.kernel.Kernel` is.

    What a call reads behind a tensor, or before it was written, is found by the
    simulator and is an error.
    """

    def __init__(self, ptx: str | Path, description: str | Path, library: Path | None = None):
        super().__init__(ptx, description)
        self._sim = ptx_sim.load(library)
        self.seed = 0
        self._text = self.path.read_bytes()

    def open_call(self) -> Call:
        return SimulatorCall(self._sim, self._text, self.path.name, self.seed)


class SimulatorMemory(Call):
    """The memory of a simulator that someone else made and launches kernels on; `sim`
    is what `ptx_sim.load` returns."""

    error = SimulatorError

    def __init__(self, sim: dict, handle: int):
        self._sim, self._handle = sim, handle

    def _do(self, function: str, *arguments):
        if self._sim[function](self._handle, *arguments):
            error = self._sim["error"](self._handle) or self._sim["report"](self._handle)
            raise SimulatorError((error or b"unknown error").decode())

    def allocate(self, size: int, itemsize: int = 0) -> int:
        return self._sim["allocate"](self._handle, size) if size else 0

    def write(self, address: int, source: np.ndarray):
        self._do("write", address, host_address(source), source.nbytes)

    def read(self, address: int, target: np.ndarray) -> np.ndarray:
        known = np.zeros(target.nbytes, np.uint8)
        self._do("read", address, host_address(target), target.nbytes, known.ctypes.data)
        return known != 0


class SimulatorCall(SimulatorMemory):
    """A simulator, for one call of a kernel."""

    def __init__(self, sim: dict, text: bytes, name: str, seed: int = 0):
        super().__init__(sim, sim["create"](text, name.encode()))
        self._seed = seed
        error = sim["error"](self._handle)
        if error:
            raise SimulatorError(error.decode())

    def close(self):
        self._sim["destroy"](self._handle)

    def launch(self, launch, arguments: Sequence[int]):
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
        self._do("launch", ctypes.byref(config))
