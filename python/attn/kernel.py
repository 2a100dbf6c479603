# ===- kernel.py - Calling compiled kernels ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compiled kernels on NumPy arrays, through the C ABI of attn-c/kernel.h."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import dlpack
from .dlpack import DLDataType, DLTensor, Tensor, TensorList

ABI_VERSION = 1
WORKSPACE_ALIGNMENT = 64

_STATUS_NAMES = [
    "OK",
    "ARGUMENT_COUNT",
    "NULL",
    "RANK",
    "SHAPE",
    "STRIDE",
    "DTYPE",
    "DEVICE",
    "ALIGNMENT",
    "ALIAS",
    "WORKSPACE",
    "VALUE",
    "MEMORY",
    "TARGET",
    "DRIVER",
]
STATUS = {name: code for code, name in enumerate(_STATUS_NAMES)}
_MESSAGE_SIZE = 1024


class KernelError(RuntimeError):
    """A call that the kernel refused, with the kernel's own message."""

    def __init__(self, status: int, message: str):
        known = 0 <= status < len(_STATUS_NAMES)
        self.status = status
        self.status_name = "ATTN_ERR_" + _STATUS_NAMES[status] if known else f"status {status}"
        self.message = message
        super().__init__(f"{message or 'the kernel gave no message'} [{self.status_name}]")


# ===----------------------------------------------------------------------===//
# The structs of attn-c/kernel.h
# ===----------------------------------------------------------------------===//


class _DimInfo(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("extent", ctypes.c_int64),
        ("symbol", ctypes.c_int32),
    ]


class _TensorInfo(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dims", ctypes.POINTER(_DimInfo)),
        ("rank", ctypes.c_int32),
        ("is_output", ctypes.c_int32),
        ("dtype", DLDataType),
    ]


class _KernelInfo(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_int32),
        ("tensor_count", ctypes.c_int32),
        ("input_count", ctypes.c_int32),
        ("symbol_count", ctypes.c_int32),
        ("phase_count", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("name", ctypes.c_char_p),
        ("tensors", ctypes.POINTER(_TensorInfo)),
        ("symbols", ctypes.POINTER(ctypes.c_char_p)),
        ("triple", ctypes.c_char_p),
        ("cpu", ctypes.c_char_p),
        ("sanitizer", ctypes.c_char_p),
        ("worker_workspace", ctypes.c_uint64),
    ]


_Task = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32
)  # fmt: skip
_Run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, _Task, ctypes.c_void_p)


class ParallelFor(ctypes.Structure):
    _fields_ = [("run", _Run), ("self", ctypes.c_void_p), ("workers", ctypes.c_int32)]


class PythonParallelFor:
    """A parallel_for whose pieces a Python function runs.

    `schedule(items, workers)` returns (begin, end, worker) pieces that cover
    [0, items); they run in that order on the calling thread. It shows that a
    kernel depends neither on the order nor on the size of the pieces.
    """

    def __init__(self, schedule, workers: int):
        self.error = None

        def run(_self, items, task, context):
            try:
                for begin, end, worker in schedule(items, workers):
                    task(context, begin, end, worker)
            except BaseException as error:  # an exception cannot cross C frames
                self.error = error

        self._run = _Run(run)
        self.struct = ParallelFor(self._run, None, workers)

    def finish(self):
        if self.error is not None:
            raise self.error


class Driver:
    """Threads of the project's driver library (see attn-c/driver.h)."""

    def __init__(self, path: str | Path):
        self.dll = ctypes.CDLL(str(path))
        self.dll.attn_driver_create.restype = ctypes.c_void_p
        self.dll.attn_driver_create.argtypes = [ctypes.c_int32]
        self.dll.attn_driver_destroy.argtypes = [ctypes.c_void_p]
        self.dll.attn_driver_destroy.restype = None
        self.dll.attn_driver_parallel_for.argtypes = [ctypes.c_void_p]
        self.dll.attn_driver_parallel_for.restype = ctypes.POINTER(ParallelFor)

    def threads(self, count: int) -> DriverThreads:
        return DriverThreads(self, count)


class DriverThreads:
    """A team of threads; a context manager."""

    def __init__(self, driver: Driver, count: int):
        self.driver = driver
        self.handle = driver.dll.attn_driver_create(count)
        if not self.handle:
            raise OSError(f"the driver could not start {count} threads")

    @property
    def struct(self) -> ParallelFor:
        return self.driver.dll.attn_driver_parallel_for(self.handle).contents

    def finish(self):
        pass

    def close(self):
        if self.handle:
            self.driver.dll.attn_driver_destroy(self.handle)
            self.handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ===----------------------------------------------------------------------===//
# Kernels
# ===----------------------------------------------------------------------===//


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of a kernel; a dimension is an extent or the name of a symbol."""

    name: str
    dtype: np.dtype
    dims: tuple[int | str, ...]
    is_output: bool

    def __str__(self):
        return f"{self.name}: {self.dtype.name}[{', '.join(map(str, self.dims))}]"

    def shape(self, extents: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(d if isinstance(d, int) else extents[d] for d in self.dims)


class Kernel:
    """A kernel of a shared object.

    Calling it with the inputs allocates and returns the outputs: one array, or
    a tuple where there are several. Arrays are passed as they lie in memory;
    what the kernel cannot walk is refused with a KernelError, never copied.
    """

    def __init__(self, path: str | Path, name: str):
        self.path = Path(path).resolve()
        self.name = name
        self._library = ctypes.CDLL(str(self.path))
        tensors, count = ctypes.POINTER(ctypes.POINTER(DLTensor)), ctypes.c_int32
        message = [ctypes.c_char_p, ctypes.c_size_t]
        workspace = [ctypes.c_void_p, ctypes.c_size_t]
        i32, i64 = ctypes.c_int32, ctypes.c_int64
        self._info = self._function("_info", ctypes.POINTER(_KernelInfo), [])
        self._call = self._function(
            "", i32, [tensors, count, ctypes.POINTER(ParallelFor), *workspace, *message]
        )
        self._check = self._function("_check", i32, [tensors, count, *message])
        self._workspace_size = self._function(
            "_workspace_size", ctypes.c_size_t, [tensors, count, i32]
        )
        self._phases = self._function("_phases", i32, [])
        self._items = self._function("_items", i64, [tensors, count, i32])
        self._run_items = self._function(
            "_run_items", i32, [tensors, count, i32, i64, i64, i32, *workspace, *message]
        )
        self._supported = self._function("_supported", i32, message)
        self._read_info()

    def _function(self, suffix: str, result, arguments):
        try:
            function = getattr(self._library, self.name + suffix)
        except AttributeError:
            what = f"{self.path.name} has no symbol {self.name}{suffix}"
            raise KernelError(-1, f"{what}; is the kernel's name right?") from None
        function.restype, function.argtypes = result, arguments
        return function

    def _read_info(self):
        info = self._info().contents
        if info.abi_version != ABI_VERSION:
            raise KernelError(
                -1, f"{self.path.name} has ABI version {info.abi_version}, not {ABI_VERSION}"
            )
        self.symbols = [info.symbols[i].decode() for i in range(info.symbol_count)]
        self.tensors: list[TensorInfo] = []
        for i in range(info.tensor_count):
            tensor = info.tensors[i]
            dims = []
            for j in range(tensor.rank):
                dim = tensor.dims[j]
                dims.append(int(dim.extent) if dim.symbol < 0 else self.symbols[dim.symbol])
            dtype = dlpack.numpy_dtype(tensor.dtype.code, tensor.dtype.bits)
            self.tensors.append(
                TensorInfo(tensor.name.decode(), dtype, tuple(dims), bool(tensor.is_output))
            )
        self.inputs = [t for t in self.tensors if not t.is_output]
        self.outputs = [t for t in self.tensors if t.is_output]
        self.cpu, self.triple = info.cpu.decode(), info.triple.decode()
        self.sanitizer = info.sanitizer.decode()

    # -- Extents --------------------------------------------------------------

    def extents(self, inputs: Sequence[np.ndarray]) -> dict[str, int]:
        """The extent of each symbol that the inputs fix, the first one winning."""
        extents: dict[str, int] = {}
        for tensor, array in zip(self.inputs, inputs, strict=False):
            if array.ndim != len(tensor.dims):
                continue
            for dim, extent in zip(tensor.dims, array.shape, strict=True):
                if isinstance(dim, str):
                    extents.setdefault(dim, extent)
        return extents

    def allocate_outputs(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        extents = self.extents(inputs)
        open_dims = [d for t in self.outputs for d in t.dims if isinstance(d, str)]
        missing = [d for d in open_dims if d not in extents]
        if missing:
            # Inputs of wrong rank leave symbols open; the kernel says which.
            self.check([*inputs, *(np.empty((0,) * len(t.dims), t.dtype) for t in self.outputs)])
            raise KernelError(-1, f"no input fixes the extent {missing[0]}")
        return [np.empty(t.shape(extents), t.dtype) for t in self.outputs]

    # -- The C functions ------------------------------------------------------

    @staticmethod
    def tensor_list(arrays: Sequence) -> TensorList:
        if isinstance(arrays, TensorList):
            return arrays
        return TensorList(
            [a if a is None or isinstance(a, Tensor) else Tensor(a) for a in arrays]
        )  # fmt: skip

    def _status(self, status: int, message):
        if status:
            raise KernelError(status, message.value.decode(errors="replace"))

    def supported(self):
        """Raises unless this machine has the instructions the kernel uses."""
        message = ctypes.create_string_buffer(_MESSAGE_SIZE)
        self._status(self._supported(message, _MESSAGE_SIZE), message)

    def check(self, arrays: Sequence):
        tensors = self.tensor_list(arrays)
        message = ctypes.create_string_buffer(_MESSAGE_SIZE)
        self._status(self._check(tensors.pointers, len(tensors), message, _MESSAGE_SIZE), message)

    def workspace_size(self, arrays: Sequence, workers: int = 1) -> int:
        tensors = self.tensor_list(arrays)
        return self._workspace_size(tensors.pointers, len(tensors), workers)

    def phases(self) -> int:
        return self._phases()

    def items(self, arrays: Sequence, phase: int) -> int:
        tensors = self.tensor_list(arrays)
        count = self._items(tensors.pointers, len(tensors), phase)
        if count < 0:
            self.check(tensors)
            raise KernelError(-count, f"there is no phase {phase}")
        return count

    def run(self, arrays: Sequence, parallel=None, workspace: np.ndarray | None = None):
        """Runs on inputs followed by outputs. `parallel` has a `struct` to pass."""
        tensors = self.tensor_list(arrays)
        message = ctypes.create_string_buffer(_MESSAGE_SIZE)
        pointer = None if parallel is None else ctypes.pointer(parallel.struct)
        status = self._call(
            tensors.pointers, len(tensors), pointer, *_bytes(workspace), message, _MESSAGE_SIZE
        )
        if parallel is not None:
            parallel.finish()
        self._status(status, message)

    def run_items(self, arrays, phase, begin, end, worker=0, workspace=None):
        tensors = self.tensor_list(arrays)
        message = ctypes.create_string_buffer(_MESSAGE_SIZE)
        status = self._run_items(
            tensors.pointers, len(tensors), phase, begin, end, worker, *_bytes(workspace),
            message, _MESSAGE_SIZE,
        )  # fmt: skip
        self._status(status, message)

    def __call__(self, *inputs, out: Sequence[np.ndarray] | None = None, parallel=None):
        inputs = [np.asarray(array) for array in inputs]
        outputs = self.allocate_outputs(inputs) if out is None else list(out)
        self.run([*inputs, *outputs], parallel)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _bytes(workspace: np.ndarray | None):
    if workspace is None:
        return None, 0
    return workspace.ctypes.data, workspace.nbytes


def aligned_workspace(size: int) -> np.ndarray:
    """Bytes for a workspace, aligned as kernels need it."""
    raw = np.zeros(size + WORKSPACE_ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % WORKSPACE_ALIGNMENT
    return raw[skip : skip + size]
