# ===- test_kernel.py - The caller against a kernel in C ------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The caller, judged on a kernel that the compiler had no part in."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from attn import dlpack
from attn.kernel import STATUS, Kernel, KernelError, PythonParallelFor, aligned_workspace

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    compiler = next((c for c in ("gcc", "cc", "clang-22") if shutil.which(c)), None)
    assert compiler, "these tests need a C compiler"
    path = tmp_path_factory.mktemp("sample") / "sample.so"
    command = [compiler, "-shared", "-fPIC", "-std=c11", "-O1", "-Wall", "-Werror"]
    command += [f"-I{HERE.parents[1] / 'include'}", "-o", path, HERE / "sample_kernel.c"]
    subprocess.run(command, check=True)
    return Kernel(path, "sample")


def inputs(batch=2, rows=3):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, rows, 4)).astype(np.float32)
    return x, rng.standard_normal(batch).astype(np.float32)


def test_info(kernel):
    assert [str(t) for t in kernel.inputs] == ["x: float32[b, m, 4]", "factor: float32[b]"]
    assert [t.name for t in kernel.outputs] == ["out"]
    assert kernel.phases() == 2 and kernel.cpu == "generic"
    assert kernel.extents(inputs(5, 7)) == {"b": 5, "m": 7}
    kernel.supported()


def test_call(kernel):
    x, factor = inputs()
    np.testing.assert_array_equal(kernel(x, factor), x * factor[:, None, None] + 1)


def test_strides(kernel):
    x, factor = inputs(4, 6)
    expected = x * factor[:, None, None] + 1
    np.testing.assert_array_equal(
        kernel(x[:, ::-1], factor), expected[:, ::-1]
    )  # fmt: skip
    np.testing.assert_array_equal(kernel(x[::2, 1:5], factor[::2]), expected[::2, 1:5])
    one = np.broadcast_to(factor[:1], (4,))
    np.testing.assert_array_equal(kernel(x, one), x * factor[0] + 1)
    swapped = np.ascontiguousarray(x.transpose(1, 0, 2)).transpose(1, 0, 2)
    np.testing.assert_array_equal(kernel(swapped, factor), expected)
    out = np.full((4, 6, 9), 7, np.float32)
    kernel(x, factor, out=[out[:, :, 2:6]])
    np.testing.assert_array_equal(out[:, :, 2:6], expected)
    assert (out[:, :, :2] == 7).all() and (out[:, :, 6:] == 7).all()


def test_implicit_strides(kernel):
    x, factor = inputs()
    out = np.empty_like(x)
    arrays = [dlpack.Tensor(a, implicit_strides=True) for a in (x, factor, out)]
    assert not arrays[0].struct.strides
    kernel.run(arrays)
    np.testing.assert_array_equal(out, x * factor[:, None, None] + 1)
    with pytest.raises(ValueError, match="row-major"):
        dlpack.Tensor(x[:, ::-1], implicit_strides=True)


def test_ranges_in_any_order(kernel):
    x, factor = inputs()
    out = np.full_like(x, np.nan)
    arrays = [x, factor, out]
    workspace = aligned_workspace(kernel.workspace_size(arrays, 3))
    assert workspace.nbytes == 192
    for phase in range(2):
        assert kernel.items(arrays, phase) == 6
        for begin, end in [(4, 6), (0, 1), (1, 1), (1, 4)]:
            kernel.run_items(arrays, phase, begin, end, 1, workspace)
    np.testing.assert_array_equal(out, x * factor[:, None, None] + 1)


def test_parallel_for(kernel):
    x, factor = inputs()
    seen = []

    def schedule(count, workers):
        seen.append((count, workers))
        return [(i, i + 1, i % workers) for i in reversed(range(count))]

    parallel = PythonParallelFor(schedule, 2)
    np.testing.assert_array_equal(
        kernel(x, factor, parallel=parallel), x * factor[:, None, None] + 1
    )
    assert seen == [(6, 2), (6, 2)]
    broken = PythonParallelFor(lambda count, workers: [][0], 1)
    with pytest.raises(IndexError):
        kernel(x, factor, parallel=broken)


def test_errors(kernel):
    x, factor = inputs()
    for bad, status in [
        ([x, factor], "ARGUMENT_COUNT"),
        ([x, factor, None], "NULL"),
        ([x[0], factor, x], "RANK"),
        ([x, factor[:1], x], "SHAPE"),
        ([x.astype(ml_dtypes.bfloat16), factor, x], "DTYPE"),
    ]:
        with pytest.raises(KernelError) as error:
            kernel.run(bad)
        assert error.value.status == STATUS[status]
        assert error.value.status_name == f"ATTN_ERR_{status}" and error.value.message
        with pytest.raises(KernelError):
            kernel.check(bad)
    with pytest.raises(KernelError, match="RANK"):
        kernel(x[0, 0], factor)
    with pytest.raises(KernelError, match="no phase 2"):
        kernel.items([x, factor, x], 2)
    with pytest.raises(KernelError, match="WORKSPACE"):
        kernel.run_items([x, factor, x], 0, 0, 1)
    with pytest.raises(KernelError, match="no symbol other_info"):
        Kernel(kernel.path, "other")


def test_data_types():
    for dtype, code, bits in [
        (np.float32, 2, 32), (np.float64, 2, 64), (np.float16, 2, 16),
        (ml_dtypes.bfloat16, 4, 16), (np.int32, 0, 32), (np.int64, 0, 64),
    ]:  # fmt: skip
        tensor = dlpack.Tensor(np.zeros((2, 3), dtype))
        assert (tensor.struct.dtype.code, tensor.struct.dtype.bits) == (code, bits)
        assert dlpack.numpy_dtype(code, bits) == np.dtype(dtype)
    with pytest.raises(TypeError):
        dlpack.Tensor(np.zeros(3, np.complex64))
    with pytest.raises(ValueError, match="multiples"):
        record = np.zeros(4, np.dtype([("a", "f4"), ("b", "u1")]))
        dlpack.Tensor(record["a"])
    assert ctypes.sizeof(dlpack.DLTensor) == 48
