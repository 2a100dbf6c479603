# ===- cuda.py - A GPU through the CUDA driver -----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The driver API of CUDA (libcuda.so.1), and described kernels called through it.

Nothing else of CUDA is needed. The context is the primary one of the device, as
PyTorch uses it. ATTN_LIBCUDA names another library, for tests.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .device import Call, DescribedKernel, DeviceError, host_address
from .launches import Launch, Place

_MAJOR, _MINOR, _MULTIPROCESSORS = 75, 76, 16
_MAX_DYNAMIC_SHARED = 8
_ERROR_LOG, _ERROR_LOG_SIZE = 5, 6
_LOG_BYTES = 8192
_DEFAULT_SHARED = 48 << 10


class NoGpuError(RuntimeError):
    """There is no GPU that could run a kernel; the text says what is missing."""


class CudaError(DeviceError):
    """A call of the driver that failed; `name` is the driver's name of the error."""

    def __init__(self, function: str, code: int, name: str, text: str):
        self.code, self.name = code, name
        super().__init__(f"{function}: {name}: {text}")


_I, _U, _S, _P, _A = (
    ctypes.c_int, ctypes.c_uint, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_uint64,
)  # fmt: skip
_TEXT = ctypes.POINTER(ctypes.c_char_p)
_SIGNATURES = {
    "cuInit": [_U],
    "cuDriverGetVersion": [_P],
    "cuDeviceGetCount": [_P],
    "cuDeviceGet": [_P, _I],
    "cuDeviceGetName": [ctypes.c_char_p, _I, _I],
    "cuDeviceGetAttribute": [_P, _I, _I],
    "cuDevicePrimaryCtxRetain": [_P, _I],
    "cuCtxSetCurrent": [_P],
    "cuCtxSynchronize": [],
    "cuModuleLoadDataEx": [_P, ctypes.c_char_p, _U, _P, _P],
    "cuModuleUnload": [_P],
    "cuModuleGetFunction": [_P, _P, ctypes.c_char_p],
    "cuFuncSetAttribute": [_P, _I, _I],
    "cuMemAlloc_v2": [_P, _S],
    "cuMemFree_v2": [_A],
    "cuMemcpyHtoD_v2": [_A, _P, _S],
    "cuMemcpyDtoH_v2": [_P, _A, _S],
    "cuMemsetD8_v2": [_A, ctypes.c_ubyte, _S],
    "cuLaunchKernel": [_P, _U, _U, _U, _U, _U, _U, _U, _P, _P, _P],
    "cuEventCreate": [_P, _U],
    "cuEventRecord": [_P, _P],
    "cuEventSynchronize": [_P],
    "cuEventElapsedTime": [_P, _P, _P],
    "cuEventDestroy_v2": [_P],
}


class Driver:
    """The functions of the driver by their names; a failed one raises CudaError."""

    def __init__(self, path: str | None = None):
        path = path or os.environ.get("ATTN_LIBCUDA") or "libcuda.so.1"
        try:
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise NoGpuError(
                f"there is no NVIDIA driver on this machine: {path} cannot be loaded ({error})"
            ) from None
        self._functions = {}
        for name, arguments in _SIGNATURES.items():
            try:
                function = getattr(self._library, name)
            except AttributeError:
                raise NoGpuError(f"{path} has no function {name}; is the driver too old?") from None
            function.restype, function.argtypes = _I, arguments
            self._functions[name] = function
        for name in ("cuGetErrorName", "cuGetErrorString"):
            function = getattr(self._library, name)
            function.restype, function.argtypes = _I, [_I, _TEXT]

    def _describe(self, function: str, code: int) -> str:
        text = ctypes.c_char_p()
        if getattr(self._library, function)(code, ctypes.byref(text)) or not text.value:
            return f"error {code}"
        return text.value.decode(errors="replace")

    def call(self, name: str, *arguments):
        code = self._functions[name](*arguments)
        if code:
            described = [self._describe(f, code) for f in ("cuGetErrorName", "cuGetErrorString")]
            raise CudaError(name, code, *described)

    def get(self, name: str, kind, *arguments):
        """What a function writes through its first argument."""
        value = kind()
        self.call(name, ctypes.byref(value), *arguments)
        return value.value


@functools.cache
def find_device(ordinal: int = 0) -> Device:
    """A GPU, whose context is current; NoGpuError where there is none."""
    driver = Driver()
    try:
        driver.call("cuInit", 0)
        count = driver.get("cuDeviceGetCount", _I)
    except CudaError as error:
        raise NoGpuError(f"NVIDIA's driver finds no GPU it can use ({error})") from None
    if ordinal >= count:
        raise NoGpuError(f"there is no GPU {ordinal}: NVIDIA's driver finds {count or 'none'}")
    return Device(driver, ordinal)


def chip_for(capability: tuple[int, int]) -> str:
    """The chip to compile PTX for: the newest one that the device can run."""
    chips = {(8, 0): "sm_80", (8, 9): "sm_89", (12, 0): "sm_120"}
    if capability[0] == 9:
        return "sm_90a"
    older = [known for known in chips if known <= capability]
    if not older:
        number = ".".join(map(str, capability))
        raise NoGpuError(f"the GPU has compute capability {number}; kernels need 8.0 or more")
    return chips[max(older)]


class Device:
    """A GPU and its primary context."""

    def __init__(self, driver: Driver, ordinal: int):
        self.driver = driver
        self.handle = driver.get("cuDeviceGet", _I, ordinal)
        name = ctypes.create_string_buffer(256)
        driver.call("cuDeviceGetName", name, len(name), self.handle)
        self.name = name.value.decode(errors="replace")
        self.capability = self.attribute(_MAJOR), self.attribute(_MINOR)
        self.multiprocessors = self.attribute(_MULTIPROCESSORS)
        version = driver.get("cuDriverGetVersion", _I)
        self.cuda_version = f"{version // 1000}.{version % 1000 // 10}"
        self.context = driver.get("cuDevicePrimaryCtxRetain", _P, self.handle)
        driver.call("cuCtxSetCurrent", self.context)

    def __str__(self):
        number = ".".join(map(str, self.capability))
        return f"{self.name}, compute capability {number}, driver of CUDA {self.cuda_version}"

    def attribute(self, number: int) -> int:
        return self.driver.get("cuDeviceGetAttribute", _I, number, self.handle)

    def allocate(self, size: int) -> int:
        return self.driver.get("cuMemAlloc_v2", _A, max(1, size))

    def free(self, address: int):
        self.driver.call("cuMemFree_v2", address)

    def upload(self, address: int, source: np.ndarray):
        """Copies a contiguous array to the device."""
        if source.nbytes:
            self.driver.call("cuMemcpyHtoD_v2", address, host_address(source), source.nbytes)

    def download(self, target: np.ndarray, address: int):
        if target.nbytes:
            self.driver.call("cuMemcpyDtoH_v2", host_address(target), address, target.nbytes)

    def synchronize(self):
        self.driver.call("cuCtxSynchronize")

    def event(self) -> Event:
        return Event(self)


class Event:
    """A point of the default stream, or of another one."""

    def __init__(self, device: Device):
        self._device = device
        self._handle = device.driver.get("cuEventCreate", _P, 0)

    def record(self, stream: int = 0):
        self._device.driver.call("cuEventRecord", self._handle, stream or None)

    def milliseconds_until(self, end: Event) -> float:
        """Waits for `end`."""
        driver = self._device.driver
        driver.call("cuEventSynchronize", end._handle)
        return driver.get("cuEventElapsedTime", ctypes.c_float, self._handle, end._handle)

    def close(self):
        self._device.driver.call("cuEventDestroy_v2", self._handle)


class Module:
    """The kernels of a cubin, a fat binary or PTX."""

    def __init__(self, device: Device, image: bytes):
        self.device = device
        self._functions: dict[str, Function] = {}
        log = ctypes.create_string_buffer(_LOG_BYTES)
        options = (ctypes.c_int * 2)(_ERROR_LOG, _ERROR_LOG_SIZE)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), _LOG_BYTES)
        try:
            # ctypes ends the bytes with a zero, which PTX needs.
            self._handle = device.driver.get(
                "cuModuleLoadDataEx", _P, image, 2, ctypes.byref(options), ctypes.byref(values)
            )
        except CudaError as error:
            text = log.value.decode(errors="replace").strip()
            if text:
                error.add_note(text)
            raise

    def function(self, name: str) -> Function:
        if name not in self._functions:
            driver = self.device.driver
            handle = driver.get("cuModuleGetFunction", _P, self._handle, name.encode())
            self._functions[name] = Function(self.device, handle)
        return self._functions[name]

    def close(self):
        self.device.driver.call("cuModuleUnload", self._handle)


class Arguments:
    """The arguments of a launch, of eight bytes each, as the driver takes them."""

    def __init__(self, values: Sequence[int]):
        count = len(values)
        self._values = (ctypes.c_uint64 * count)(*(v % 2**64 for v in values))
        self.pointers = (ctypes.c_void_p * count)(
            *(ctypes.addressof(self._values) + 8 * i for i in range(count))
        )


class Function:
    def __init__(self, device: Device, handle: int):
        self._driver, self._handle = device.driver, handle
        self._shared = _DEFAULT_SHARED

    def launch(self, blocks: int, threads: int, shared: int, arguments: Arguments, stream: int = 0):
        """Starts the kernel; does not wait for it."""
        if shared > self._shared:
            self._driver.call("cuFuncSetAttribute", self._handle, _MAX_DYNAMIC_SHARED, shared)
            self._shared = shared
        self._driver.call(
            "cuLaunchKernel", self._handle, blocks, 1, 1, threads, 1, 1, shared, stream or None,
            arguments.pointers, None,
        )  # fmt: skip


# ===----------------------------------------------------------------------===//
# Described kernels
# ===----------------------------------------------------------------------===//


class DeviceKernel(DescribedKernel):
    """A cubin, a fat binary or PTX with its description, called on NumPy arrays as
    `attn.simulator.SimulatedKernel` is.

    Outputs, workspace and the memory for checks hold POISON before a call. Around
    all buffers lie guards; a byte that changed there, in an input, or between the
    elements of an output is an error.
    """

    def __init__(self, path: str | Path, description: str | Path, device: Device | None = None):
        super().__init__(path, description)
        self.device = device or find_device()
        # Where tensors begin, in elements behind a multiple of 256 bytes.
        self.skew = 0
        # Grids have no more blocks than this; bits do not depend on it.
        self.most_blocks: int | None = None
        # Leaves what kernels write uninitialised, for tools that look for that; there
        # are no guards around it then.
        self.fresh = False

    @functools.cached_property
    def module(self) -> Module:
        return Module(self.device, self.path.read_bytes())

    def open_call(self) -> Call:
        return DeviceCall(self.module, self.skew, self.most_blocks, self.fresh)

    def bind(
        self, places: Sequence[Place], allocate: Callable[[int], int]
    ) -> Callable[[int], None]:
        """A call on tensors that lie on the device, as a function of the stream that
        starts it. Nothing is checked, and no status is read. `allocate` gives the
        addresses of the workspace and of the memory for checks."""
        description = self.description
        extents = description.extents([place.shape for place in places])
        sizes = description.workspace_bytes(extents), description.check_bytes(extents)
        memory = [allocate(size) if size else 0 for size in sizes]
        arguments = Arguments(description.arguments(places, extents, *memory))
        launches = [
            (self.module.function(launch.kernel), launch)
            for launch in description.launches(extents)
        ]

        def start(stream: int = 0):
            for function, launch in launches:
                function.launch(launch.blocks, launch.threads, launch.shared, arguments, stream)

        return start


POISON, GUARD = 0xFF, 0xC5
# No multiple of 512, so that buffers are not better aligned than they need be.
_GUARD_BYTES = 4096 + 256


class _Buffer:
    """Device memory between two guards, and what it held before the launches."""

    def __init__(self, device: Device, size: int, skew: int, scratch: bool):
        self.front = _GUARD_BYTES + skew
        self.size = size
        self.image = np.full(self.front + size + _GUARD_BYTES, GUARD, np.uint8)
        self.image[self.front : self.front + size] = POISON
        self.base = device.allocate(self.image.nbytes)
        self.address = self.base + self.front
        self.permitted = [(self.front, size)] if scratch else []

    def part(self, address: int, size: int) -> slice:
        begin = address - self.base
        return slice(begin, begin + size)

    def compare(self, after: np.ndarray) -> str | None:
        """What changed that nothing was to write; `after` becomes the image."""
        for begin, size in self.permitted:
            self.image[begin : begin + size] = after[begin : begin + size]
        if np.array_equal(self.image, after):
            return None
        wrong = np.flatnonzero(self.image != after)
        first = int(wrong[0]) - self.front
        return f"{len(wrong)} bytes, the first at offset {first} of a buffer of {self.size} bytes"


class DeviceCall(Call):
    """The buffers of one call on a device."""

    error = DeviceError

    def __init__(
        self, module: Module, skew: int = 0, most_blocks: int | None = None, fresh: bool = False
    ):
        self._device, self._module, self._fresh = module.device, module, fresh
        self._skew, self._most_blocks = skew, most_blocks
        self._buffers: list[_Buffer] = []

    def close(self):
        for buffer in self._buffers:
            try:
                self._device.free(buffer.base)
            except CudaError:
                # An error of a launch is that of every later call, too.
                return

    def allocate(self, size: int, itemsize: int = 0) -> int:
        if size == 0:
            return 0
        skew = self._skew * itemsize
        self._buffers.append(_Buffer(self._device, size, skew, scratch=itemsize == 0))
        return self._buffers[-1].address

    def _find(self, address: int) -> _Buffer:
        return next(
            b for b in self._buffers if b.base <= address < b.base + b.image.nbytes
        )  # fmt: skip

    def permit(self, address: int, size: int):
        buffer = self._find(address)
        buffer.permitted.append((address - buffer.base, size))

    def write(self, address: int, source: np.ndarray):
        buffer = self._find(address)
        buffer.image[buffer.part(address, source.nbytes)] = source.reshape(-1).view(np.uint8)

    def begin(self):
        for buffer in self._buffers:
            if not (self._fresh and buffer.permitted):
                self._device.upload(buffer.base, buffer.image)

    def launch(self, launch: Launch, arguments: Sequence[int]):
        blocks = min(launch.blocks, self._most_blocks or launch.blocks)
        function = self._module.function(launch.kernel)
        function.launch(blocks, launch.threads, launch.shared, Arguments(arguments))

    def end(self):
        self._device.synchronize()
        for buffer in self._buffers:
            if self._fresh and buffer.permitted:
                # What lies between was never written, and must not be read.
                for start, size in buffer.permitted:
                    part = np.empty(size, np.uint8)
                    self._device.download(part, buffer.base + start)
                    buffer.image[start : start + size] = part
                continue
            after = np.empty_like(buffer.image)
            self._device.download(after, buffer.base)
            problem = buffer.compare(after)
            if problem:
                raise DeviceError(f"the kernel wrote where it must not: {problem}")

    def read(self, address: int, target: np.ndarray) -> np.ndarray:
        """An element counts as written where it does not hold POISON."""
        buffer = self._find(address)
        data = buffer.image[buffer.part(address, target.nbytes)]
        target.reshape(-1).view(np.uint8)[...] = data
        known = (data.reshape(-1, target.itemsize) != POISON).any(1)
        return np.repeat(known, target.itemsize)
