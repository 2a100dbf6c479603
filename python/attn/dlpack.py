# ===- dlpack.py - NumPy arrays as DLPack tensors ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""ctypes mirrors of dlpack.h and views of NumPy arrays through them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import ml_dtypes
import numpy as np

CPU = 1
CUDA = 2

_INT, _UINT, _FLOAT, _BFLOAT, _BOOL = 0, 1, 2, 4, 6


class DLDevice(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class DLDataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", DLDevice),
        ("ndim", ctypes.c_int32),
        ("dtype", DLDataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_CODES = {
    np.dtype(np.float16): (_FLOAT, 16),
    np.dtype(np.float32): (_FLOAT, 32),
    np.dtype(np.float64): (_FLOAT, 64),
    np.dtype(ml_dtypes.bfloat16): (_BFLOAT, 16),
    np.dtype(np.int8): (_INT, 8),
    np.dtype(np.int16): (_INT, 16),
    np.dtype(np.int32): (_INT, 32),
    np.dtype(np.int64): (_INT, 64),
    np.dtype(np.uint8): (_UINT, 8),
    np.dtype(np.bool_): (_BOOL, 8),
}
_DTYPES = {value: key for key, value in _CODES.items()}


def data_type(dtype) -> DLDataType:
    """The DLPack spelling of a NumPy type."""
    try:
        code, bits = _CODES[np.dtype(dtype)]
    except KeyError:
        raise TypeError(f"arrays of type {np.dtype(dtype)} cannot be passed to a kernel") from None
    return DLDataType(code, bits, 1)


def numpy_dtype(code: int, bits: int) -> np.dtype:
    """The NumPy type of a DLPack type code and width."""
    try:
        return _DTYPES[(code, bits)]
    except KeyError:
        raise TypeError(f"no NumPy type for DLPack code {code} with {bits} bits") from None


class Tensor:
    """A DLTensor that views `array`, and keeps what it points to alive.

    Strides are passed as they are: zero for a broadcast dimension and negative
    for a reversed one. `implicit_strides` passes NULL instead, which DLPack
    defines as row-major.
    """

    def __init__(self, array: np.ndarray, implicit_strides: bool = False):
        self.array = array
        size = array.dtype.itemsize
        if any(stride % size for stride in array.strides):
            raise ValueError("strides must be multiples of the element size")
        if implicit_strides and not array.flags.c_contiguous:
            raise ValueError("implicit strides need a row-major array")
        self.shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        self.strides = (ctypes.c_int64 * array.ndim)(*(s // size for s in array.strides))
        pointer = ctypes.POINTER(ctypes.c_int64)
        self.struct = DLTensor(
            data=array.ctypes.data,
            device=DLDevice(CPU, 0),
            ndim=array.ndim,
            dtype=data_type(array.dtype),
            shape=ctypes.cast(self.shape, pointer),
            strides=None if implicit_strides else ctypes.cast(self.strides, pointer),
            byte_offset=0,
        )


class TensorList:
    """An array of DLTensor pointers, as kernels take them. None becomes NULL."""

    def __init__(self, tensors: Sequence[Tensor | None]):
        self.tensors = list(tensors)
        pointer = ctypes.POINTER(DLTensor)
        self.pointers = (pointer * max(1, len(self.tensors)))()
        for i, tensor in enumerate(self.tensors):
            if tensor is not None:
                self.pointers[i] = ctypes.pointer(tensor.struct)

    def __len__(self):
        return len(self.tensors)
