# ===- launcher.py - C launchers on a driver that simulates ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compiles the launchers that attn-compile writes, and calls them on the driver of
cuda_stub.c, which runs kernels on the PTX simulator."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attn import dlpack, ptx_sim
from attn.compiler import compile_file
from attn.device import host_address, rows
from attn.dlpack import Tensor, TensorList
from attn.kernel import STATUS, KernelError
from attn.launches import LaunchDescription
from attn.simulator import SimulatorMemory
from operators import Spec, text
from runner import Counter

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"
NAME = "attention"
# The device of the stub's context.
DEVICE = 3
MANAGED, PINNED = 13, 3
_MESSAGE_SIZE = 1024


def compile_c(source: Path, output: Path, *flags: str | Path, std: str = "c11"):
    compiler = next(c for c in ("cc", "gcc", "clang-22") if shutil.which(c))
    command = [compiler, f"-std={std}", "-Wall", "-Wextra", "-Werror", "-O2", f"-I{INCLUDE}"]
    subprocess.run([*command, "-shared", "-fPIC", source, "-o", output, *flags], check=True)


class Stub:
    """The driver, in this process: what opens libcuda.so.1 after it gets it."""

    def __init__(self, folder: Path):
        path, simulator = folder / "libcuda.so.1", ptx_sim.find_library()
        if simulator is None:
            raise FileNotFoundError("libattn_ptx_sim was not found")
        flags = ["-Wl,-soname,libcuda.so.1", simulator, f"-Wl,-rpath,{simulator.parent}"]
        compile_c(HERE / "cuda_stub.c", path, *flags, std="gnu11")
        self._dll = ctypes.CDLL(str(path))
        self._dll.stub_log.restype = ctypes.c_char_p
        self._dll.stub_simulator.restype = ctypes.c_void_p
        self.reset()

    def reset(self, has_context: bool = True):
        self._dll.stub_reset(int(has_context))

    def fail(self, function: str, error: int):
        self._dll.stub_fail(function.encode(), error)

    def log(self) -> list[str]:
        return self._dll.stub_log().decode().splitlines()

    def depth(self) -> int:
        """How many contexts are current."""
        return self._dll.stub_depth()

    def memory(self) -> SimulatorMemory:
        """That of the module."""
        return SimulatorMemory(ptx_sim.load(), self._dll.stub_simulator())


def on_device(tensor: Tensor | None, kind: int = dlpack.CUDA, device: int = DEVICE):
    """The tensor, said to lie on a device."""
    if tensor is not None:
        tensor.struct.device.device_type, tensor.struct.device.device_id = kind, device
    return tensor


class Launcher:
    """A launcher, compiled and loaded; its functions raise a KernelError."""

    def __init__(self, path: Path, description: Path):
        self.path = path
        self.description = LaunchDescription(description)
        self._dll = ctypes.CDLL(str(path))
        tensors, count = ctypes.POINTER(ctypes.POINTER(dlpack.DLTensor)), ctypes.c_int32
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        message = [ctypes.c_char_p, size]
        for suffix, result, arguments in [
            ("_load", count, [ctypes.POINTER(pointer), pointer, *message]),
            ("_unload", None, [pointer]),
            ("", count, [pointer, tensors, count, pointer, pointer, size, *message]),
            ("_check", count, [tensors, count, *message]),
            ("_workspace_size", size, [tensors, count]),
            ("_status", count, [pointer, pointer, pointer, *message]),
        ]:
            function = getattr(self._dll, NAME + suffix)
            function.restype, function.argtypes = result, arguments

    def _do(self, suffix: str, *arguments):
        message = ctypes.create_string_buffer(b"?" * (_MESSAGE_SIZE - 1))
        status = getattr(self._dll, NAME + suffix)(*arguments, message, _MESSAGE_SIZE)
        if status:
            raise KernelError(status, message.value.decode())
        assert message.value == b"", "a message of success is empty"

    def load(self, image: bytes | None = None) -> ctypes.c_void_p:
        module = ctypes.c_void_p(1)
        try:
            self._do("_load", ctypes.byref(module), image)
        except KernelError:
            assert not module.value, "a module was made where loading failed"
            raise
        return module

    def unload(self, module):
        getattr(self._dll, f"{NAME}_unload")(module)

    @contextlib.contextmanager
    def loaded(self):
        module = self.load()
        try:
            yield module
        finally:
            self.unload(module)

    def call(self, module, tensors: TensorList, stream=None, workspace=None, size=0):
        self._do("", module, tensors.pointers, len(tensors), stream, workspace, size)

    def check(self, tensors: TensorList):
        self._do("_check", tensors.pointers, len(tensors))

    def workspace_size(self, tensors: TensorList) -> int:
        return getattr(self._dll, f"{NAME}_workspace_size")(tensors.pointers, len(tensors))

    def status(self, module, workspace, stream=None):
        self._do("_status", module, workspace, stream)


class LaunchedKernel:
    """A launcher on the stub, called as `attn.kernel.Kernel` is. With `allocates`
    the call makes its own workspace."""

    def __init__(self, stub: Stub, launcher: Launcher, allocates: bool = False):
        self.stub, self.launcher, self.allocates = stub, launcher, allocates
        description = launcher.description
        self.inputs, self.outputs = description.inputs, description.outputs

    def run(self, arrays: Sequence[np.ndarray], parallel=None):
        with self.launcher.loaded() as module:
            memory = self.stub.memory()
            placed = [memory.place(array) for array in arrays]
            infos = self.launcher.description.tensors
            tensors = []
            for info, array, (_, offset) in zip(infos, arrays, placed, strict=True):
                for row in rows(array) if not info.is_output else ():
                    memory.write(host_address(row) + offset, row)
                tensors.append(on_device(Tensor(array)))
                tensors[-1].struct.data = array.ctypes.data + offset if array.size else None
            try:
                self._call(module, memory, TensorList(tensors))
            except KernelError as error:
                for info, array, (_, offset) in zip(infos, arrays, placed, strict=True):
                    if info.is_output and error.status == STATUS["VALUE"]:
                        memory.check_untouched(info.name, array, offset)
                raise
            for info, array, (_, offset) in zip(infos, arrays, placed, strict=True):
                if info.is_output:
                    memory.read_output(info.name, array, offset)

    def _call(self, module, memory: SimulatorMemory, tensors: TensorList):
        if self.allocates:
            self.launcher.call(module, tensors)
            return
        size = self.launcher.workspace_size(tensors)
        workspace = memory.allocate(size) or None
        self.launcher.call(module, tensors, None, workspace, size)
        if workspace:
            self.launcher.status(module, workspace)


class Launchers:
    """Launchers by operator and flags, each compiled once."""

    def __init__(self, folder: Path):
        self.folder, self.stub = folder, Stub(folder)
        self._built: dict[tuple, Launcher] = {}

    def get(self, spec: Spec, *flags: str) -> Launcher:
        key = (spec, flags)
        if key not in self._built:
            self._built[key] = self._build(spec, flags)
        self.stub.reset()
        return self._built[key]

    def kernel(self, spec: Spec, *flags: str, allocates: bool = False) -> LaunchedKernel:
        return LaunchedKernel(self.stub, self.get(spec, *flags), allocates)

    def _build(self, spec: Spec, flags) -> Launcher:
        stem = self.folder / f"{spec.key}_{len(self._built)}"
        source, launcher = stem.with_suffix(".mlir"), stem.with_suffix(".c")
        source.write_text(text(spec))
        options = ["--target=nvvm", f"--launcher={launcher}", *flags]
        compile_file(source, stem.with_suffix(".ptx"), NAME, options)
        compile_c(launcher, stem.with_suffix(".so"))
        Counter.executions += 1
        return Launcher(stem.with_suffix(".so"), stem.with_suffix(".json"))
