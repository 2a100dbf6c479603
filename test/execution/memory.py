# ===- memory.py - Arrays in hostile memory ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Arrays that begin or end at inaccessible pages, in any strided layout, and a
way to run code on them that survives a crash."""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import signal
from collections.abc import Callable, Sequence

import numpy as np

PAGE = mmap.PAGESIZE
_NONE, _READ, _WRITE = 0, mmap.PROT_READ, mmap.PROT_WRITE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

LAYOUTS = ("bhmd", "bmhd", "padded", "broadcast", "reversed")


def element_strides(shape: Sequence[int], layout: str, is_output: bool = False) -> list[int]:
    """Strides in elements. The last one is 1 unless its extent is 1 or less."""
    order = list(range(len(shape)))
    if layout == "bmhd" and len(shape) == 4:
        order = [0, 2, 1, 3]
    strides = [0] * len(shape)
    step = 1
    for position, d in enumerate(reversed(order)):
        strides[d] = step
        step *= max(1, shape[d])
        if layout == "padded":
            step += 3 + 2 * position
    if layout == "broadcast" and not is_output and len(shape) > 1:
        strides[1 if len(shape) == 4 else 0] = 0
    if layout == "reversed":
        strides[:-1] = [-s for s in strides[:-1]]
    if strides and shape[-1] <= 1 and layout != "bhmd":
        # Nobody may ever use the stride of a dimension without a second element.
        strides[-1] = 7
    return strides


class GuardedArray:
    """Memory for one array between two inaccessible pages.

    The array's first byte (`guard` "begin") or last byte ("end") lies next to one
    of them. Bytes that no element owns hold `fill`.
    """

    def __init__(self, shape, dtype, layout="bhmd", guard="end", fill=0xFF, is_output=False):
        dtype, strides = np.dtype(dtype), element_strides(shape, layout, is_output)
        empty = 0 in shape
        reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)] if not empty else []
        low = sum(r for r in reach if r < 0)
        span = 0 if empty else sum(abs(r) for r in reach) + 1
        self.size = span * dtype.itemsize
        self.pages = max(1, -(-self.size // PAGE)) * PAGE
        self._map = mmap.mmap(-1, self.pages + 2 * PAGE)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._protect(0, PAGE, _NONE)
        self._protect(PAGE + self.pages, PAGE, _NONE)
        self._begin = PAGE if guard == "begin" else PAGE + self.pages - self.size
        self.bytes = np.frombuffer(self._map, np.uint8, self.size, self._begin)
        self.bytes[:] = fill
        self.fill = fill
        self.array = np.ndarray(
            shape,
            dtype,
            buffer=self._map,
            offset=self._begin - low * dtype.itemsize,
            strides=[s * dtype.itemsize for s in strides],
        )

    def _protect(self, offset, size, protection):
        if _libc.mprotect(self._base + offset, size, protection):
            raise OSError(ctypes.get_errno(), "mprotect failed")

    def read_only(self):
        """A write to the array is a crash from now on."""
        self._protect(PAGE, self.pages, _READ)

    def forbid(self):
        """A read or a write of the array is a crash from now on."""
        self._protect(PAGE, self.pages, _NONE)

    def gaps_untouched(self) -> bool:
        """Whether every byte that no element owns still holds the fill."""
        shadow = GuardedArrayShadow(self)
        return bool((self.bytes[~shadow.owned] == self.fill).all())

    def untouched(self) -> bool:
        return bool((self.bytes == self.fill).all())


class GuardedArrayShadow:
    """Marks the bytes of a guarded array that its elements own."""

    def __init__(self, guarded: GuardedArray):
        array = guarded.array
        first = array.__array_interface__["data"][0] - guarded._base - guarded._begin
        marks = np.zeros(guarded.size, np.uint8)
        if array.size:
            view = np.ndarray(
                (*array.shape, array.dtype.itemsize),
                np.uint8,
                buffer=marks,
                offset=first,
                strides=(*array.strides, 1),
            )
            view[...] = 1
        self.owned = marks.astype(bool)


def place(value: np.ndarray, layout: str, guard: str) -> GuardedArray:
    """A read-only copy of `value` in guarded memory.

    A broadcast layout repeats what lies at head 0; read the result's `array` to
    know the values that the kernel sees.
    """
    guarded = GuardedArray(value.shape, value.dtype, layout, guard)
    if layout == "broadcast" and value.ndim > 1 and value.size:
        axis = 1 if value.ndim == 4 else 0
        value = np.repeat(value.take([0], axis), value.shape[axis], axis)
    guarded.array[...] = value
    guarded.read_only()
    return guarded


class CrashError(AssertionError):
    """Isolated code ended by a signal."""


def isolated(function: Callable, seconds: int = 120):
    """Runs `function` in a child process and returns its result.

    What it writes to guarded arrays is seen here, since their memory is shared.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(seconds)
        try:
            answer = (True, function())
        except BaseException as error:
            answer = (False, error)
        try:
            payload = pickle.dumps(answer)
        except Exception:
            payload = pickle.dumps((False, RuntimeError(repr(answer[1]))))
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(payload)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        payload = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        meaning = f" (no answer within {seconds} s)" if name == "SIGALRM" else ""
        raise CrashError(f"the kernel was killed by {name}{meaning}")
    done, value = pickle.loads(payload)
    if not done:
        raise value
    return value
