# ===- arrays.py - Kernel inputs from files and from seeds ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Reading, making and writing the arrays of a kernel call."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

from .kernel import TensorInfo

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


class ArrayError(ValueError):
    """An array that does not fit the tensor it is for; the text says why."""


def load(path: str | Path, tensor: TensorInfo) -> np.ndarray:
    """The array of an .npy file, checked against the tensor's type and rank.

    NumPy has no name for bfloat16 and stores it as two opaque bytes; where the
    kernel takes bfloat16 those are read as such.
    """
    what = f"input '{tensor.name}' ({path})"
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise ArrayError(f"{what}: there is no such file") from None
    except (OSError, ValueError, EOFError) as error:
        raise ArrayError(f"{what}: not a readable .npy file: {error}") from None
    if not isinstance(array, np.ndarray):
        raise ArrayError(f"{what}: an archive of arrays; give a single .npy file")
    if array.dtype.kind == "V" and array.dtype.itemsize == 2 and tensor.dtype == BFLOAT16:
        array = array.view(BFLOAT16)
    if array.dtype != tensor.dtype:
        raise ArrayError(
            f"{what}: holds elements of type {array.dtype}, the kernel takes {tensor.dtype.name}"
        )
    if array.dtype.byteorder == ">":
        raise ArrayError(f"{what}: stored big-endian; save it in this machine's order")
    if array.ndim != len(tensor.dims):
        raise ArrayError(
            f"{what}: has {array.ndim} dimensions, the kernel takes {len(tensor.dims)}: {tensor}"
        )
    return array


def bind(extents: dict[str, int], sources: dict[str, str], tensor, shape, source: str):
    """Records the extents that `shape` fixes; says which two sources disagree."""
    for d, (dim, extent) in enumerate(zip(tensor.dims, shape, strict=True)):
        if isinstance(dim, int):
            if extent != dim:
                raise ArrayError(
                    f"{source}: dimension {d} has extent {extent}, the kernel takes {dim}: {tensor}"
                )
        elif extents.setdefault(dim, extent) != extent:
            raise ArrayError(
                f"{source}: dimension {d} ({dim}) has extent {extent}, but {sources[dim]} "
                f"gives {extents[dim]}"
            )
        else:
            sources.setdefault(dim, source)


def random_array(tensor: TensorInfo, extents: Mapping[str, int], rng, limit: int):
    """Standard normal floats; integers from 0 to `limit`, which suits lengths."""
    shape = tensor.shape(extents)
    if tensor.dtype.kind in "iub" and tensor.dtype != BFLOAT16:
        return np.asarray(rng.integers(0, limit + 1, shape), tensor.dtype)
    wide = np.float64 if tensor.dtype == np.float64 else np.float32
    # Without dimensions the generator gives a number in place of an array.
    return np.asarray(rng.standard_normal(shape, wide), tensor.dtype)


def save(path: str | Path, array: np.ndarray):
    """Writes an .npy file whole or not at all."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent or ".", prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, array)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
