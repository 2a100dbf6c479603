# ===- ptx_sim.py - The C interface of the PTX simulator -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The functions of libattn_ptx_sim (attn-c/ptx-sim.h) for ctypes."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from .compiler import find_compiler


def find_library() -> Path | None:
    """ATTN_PTX_SIM, else the library beside the compiler, or None."""
    given = os.environ.get("ATTN_PTX_SIM")
    if given:
        return Path(given)
    path = find_compiler().resolve().parents[1] / "lib" / "libattn_ptx_sim.so"
    return path if path.is_file() else None


class LaunchConfig(ctypes.Structure):
    """attn_ptx_sim_launch_config."""

    _fields_ = [
        ("kernel", ctypes.c_char_p),
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("shared", ctypes.c_uint32),
        ("seed", ctypes.c_uint64),
        ("arguments", ctypes.c_size_t),
        ("argument_values", ctypes.POINTER(ctypes.c_void_p)),
        ("argument_sizes", ctypes.POINTER(ctypes.c_size_t)),
        ("step_limit", ctypes.c_uint64),
    ]


def load(path: Path | None = None) -> dict:
    """The functions by their names without the prefix; FileNotFoundError without
    a library."""
    path = path or find_library()
    if path is None:
        raise FileNotFoundError("libattn_ptx_sim was not found: build it or set ATTN_PTX_SIM")
    library = ctypes.CDLL(str(path))
    handle, address, size = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_size_t
    signatures = {
        "create": (handle, [ctypes.c_char_p, ctypes.c_char_p]),
        "destroy": (None, [handle]),
        "error": (ctypes.c_char_p, [handle]),
        "kernel_count": (size, [handle]),
        "kernel": (ctypes.c_char_p, [handle, size]),
        "allocate": (address, [handle, size]),
        "free": (ctypes.c_int, [handle, address]),
        "write": (ctypes.c_int, [handle, address, ctypes.c_void_p, size]),
        "read": (ctypes.c_int, [handle, address, ctypes.c_void_p, size, ctypes.c_void_p]),
        "symbol": (
            ctypes.c_int,
            [handle, ctypes.c_char_p, ctypes.POINTER(address), ctypes.POINTER(size)],
        ),
        "launch": (ctypes.c_int, [handle, ctypes.POINTER(LaunchConfig)]),
        "finding_count": (size, [handle]),
        "report": (ctypes.c_char_p, [handle]),
        "report_json": (ctypes.c_char_p, [handle]),
    }
    functions = {}
    for name, (result, arguments) in signatures.items():
        functions[name] = getattr(library, f"attn_ptx_sim_{name}")
        functions[name].restype, functions[name].argtypes = result, arguments
    return functions
