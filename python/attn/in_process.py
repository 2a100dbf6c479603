# ===- in_process.py - The compiler in this process ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The compiler as a library: attn-c/compiler.h by ctypes.

For one kernel `compiler.py` and its process do as well; thousands take a fraction
of the time here.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from .compiler import CompileError, find_compiler

_Diagnostic = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)


class _Options(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("form", ctypes.c_char_p),
        ("precision", ctypes.c_char_p),
        ("optimization", ctypes.c_int),
    ]


def find_library() -> Path:
    """ATTN_COMPILER_LIBRARY, else libattn_compiler beside the compiler."""
    given = os.environ.get("ATTN_COMPILER_LIBRARY")
    if given:
        return Path(given)
    root = find_compiler().resolve().parents[1]
    candidates = [root / folder / "libattn_compiler.so" for folder in ("lib", "lib64")]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise FileNotFoundError(f"{candidates[0]} does not exist; build the target AttnCompiler")
    return found


class Library:
    """A compiler for one CPU. Not to be used by several threads at once."""

    def __init__(self, cpu: str = "host"):
        self._library = ctypes.CDLL(str(find_library()))
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        self._create = self._library.attn_compiler_create
        self._create.restype, self._create.argtypes = pointer, [text, _Diagnostic, pointer]
        self._destroy = self._library.attn_compiler_destroy
        self._destroy.restype, self._destroy.argtypes = None, [pointer]
        self._compile = self._library.attn_compiler_compile
        self._compile.argtypes = [pointer, text, ctypes.POINTER(_Options), text]
        self._passes = self._library.attn_compiler_run_passes
        self._passes.argtypes = [pointer, text, text, _Diagnostic, pointer]
        self._log: list[str] = []
        self._callback = self._collector(self._log)
        self._cpu = cpu
        self._handle = self._open()

    @staticmethod
    def _collector(target: list[str]) -> Callable:
        return _Diagnostic(lambda _context, text: target.append(text.decode(errors="replace")))

    def _open(self):
        handle = self._create(self._cpu.encode(), self._callback, None)
        if not handle:
            raise CompileError("\n".join(self._log))
        return handle

    def renew(self):
        """A fresh context: types and attributes of earlier compilations are gone."""
        self._destroy(self._handle)
        self._handle = self._open()

    def close(self):
        if self._handle:
            self._destroy(self._handle)
            self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _finish(self, status: int) -> list[str]:
        log = list(self._log)
        if status:
            raise CompileError("\n".join(log) or "the compiler gave no reason")
        return log

    def compile(
        self, text: str, output: str | Path, form="auto", precision="native", optimization=3,
        name: str | None = None,
    ) -> list[str]:  # fmt: skip
        """Compiles to `output`; returns the remarks and warnings."""
        self._log.clear()
        options = _Options(
            name.encode() if name else None, form.encode(), precision.encode(), optimization
        )
        return self._finish(
            self._compile(self._handle, text.encode(), ctypes.byref(options), str(output).encode())
        )

    def run_passes(self, text: str, pipeline: str) -> tuple[str, list[str]]:
        """The module after a pass pipeline, and the diagnostics on the way."""
        self._log.clear()
        result: list[str] = []
        callback = self._collector(result)
        log = self._finish(
            self._passes(self._handle, text.encode(), pipeline.encode(), callback, None)
        )
        return result[0], log
