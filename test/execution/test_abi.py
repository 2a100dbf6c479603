# ===- test_abi.py - Wrong calls of compiled kernels ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Every wrong argument returns its status and a message, and writes nothing."""

import ctypes

import ml_dtypes
import numpy as np
import pytest
from attn import dlpack
from attn.dlpack import Tensor
from attn.kernel import STATUS, KernelError, aligned_workspace
from memory import GuardedArray, isolated
from operators import Spec, operands, text
from runner import Counter

SPEC = Spec(16, 24, heads=4, key_heads=2, key_lengths=True, sinks=True, lse=True)
BATCH, QUERIES, KEYS = 2, 50, 70
Q, K, V, LENGTHS, SINK, OUT, LSE = range(7)


@pytest.fixture
def call(kernels):
    kernel = kernels.get(SPEC)
    case = operands(SPEC, BATCH, QUERIES, KEYS, np.random.default_rng(0))
    outputs = [
        GuardedArray(shape, dtype, fill=0xAA, is_output=True)
        for shape, dtype in case.output_shapes()
    ]
    arrays = [*case.inputs(), *(g.array for g in outputs)]
    return kernel, arrays, outputs


def refused(call, tensors, *statuses):
    """The call, the check and the range entry all refuse and touch nothing."""
    kernel, _, outputs = call
    Counter.executions += 1

    def attempt():
        answers = []
        for function in (
            lambda: kernel.run(tensors),
            lambda: kernel.check(tensors),
            lambda: kernel.run_items(tensors, 0, 0, 1),
        ):
            try:
                function()
                answers.append((0, ""))
            except KernelError as error:
                answers.append((error.status, error.message))
        return answers

    for status, message in isolated(attempt):
        assert status in [STATUS[name] for name in statuses], (status, message)
        assert message
    assert all(g.untouched() for g in outputs), "a refused call wrote to an output"
    assert kernel.workspace_size(tensors) == 0
    return message


def replaced(arrays, index, value):
    return [value if i == index else a for i, a in enumerate(arrays)]


def test_the_right_call_succeeds(call):
    kernel, arrays, outputs = call
    Counter.executions += 1
    kernel.check(arrays)
    assert all(g.untouched() for g in outputs)
    kernel.run(arrays)
    assert np.isfinite(arrays[OUT]).all()


def test_info_matches_the_text(call):
    kernel, arrays, _ = call
    assert [len(t.dims) for t in kernel.tensors] == [a.ndim for a in arrays]
    assert [t.dtype for t in kernel.tensors] == [a.dtype for a in arrays]
    assert [t.is_output for t in kernel.tensors] == [False] * 5 + [True] * 2
    extents = kernel.extents(arrays)
    assert [t.shape(extents) for t in kernel.tensors] == [a.shape for a in arrays]
    assert kernel.phases() >= 1 and text(SPEC)


def test_counts_and_null(call):
    _, arrays, _ = call
    refused(call, arrays[:-1], "ARGUMENT_COUNT")
    refused(call, [*arrays, arrays[0]], "ARGUMENT_COUNT")
    refused(call, [], "ARGUMENT_COUNT")
    for i in range(len(arrays)):
        refused(call, replaced(arrays, i, None), "NULL")
        no_data = Tensor(arrays[i])
        no_data.struct.data = None
        refused(call, replaced(arrays, i, no_data), "NULL")
    no_shape = Tensor(arrays[K])
    no_shape.struct.shape = None
    refused(call, replaced(arrays, K, no_shape), "NULL", "SHAPE")


def test_ranks_and_extents(call):
    _, arrays, _ = call
    for i, array in enumerate(arrays):
        refused(call, replaced(arrays, i, array[..., None]), "RANK")
        refused(call, replaced(arrays, i, np.asarray(array[0])), "RANK")
        for d in range(array.ndim):
            shorter = array[tuple(slice(0, n - (j == d)) for j, n in enumerate(array.shape))]
            message = refused(call, replaced(arrays, i, shorter), "SHAPE")
            assert message
    negative = Tensor(arrays[Q])
    negative.shape[2] = -5
    refused(call, replaced(arrays, Q, negative), "SHAPE")
    huge = Tensor(arrays[K])
    huge.shape[2] = 1 << 62
    refused(call, replaced(arrays, K, huge), "SHAPE")


def test_dtypes_and_devices(call):
    _, arrays, _ = call
    for i, array in enumerate(arrays):
        for dtype in (np.float64, ml_dtypes.bfloat16, np.int64):
            if array.dtype != dtype:
                wrong = np.zeros(array.shape, dtype)
                refused(call, replaced(arrays, i, wrong), "DTYPE")
        elsewhere = Tensor(array)
        elsewhere.struct.device.device_type = dlpack.CUDA
        refused(call, replaced(arrays, i, elsewhere), "DEVICE")
    vector = Tensor(arrays[Q])
    vector.struct.dtype.lanes = 4
    refused(call, replaced(arrays, Q, vector), "DTYPE")


def test_strides_and_alignment(call):
    _, arrays, _ = call
    for i, array in enumerate(arrays):
        if i != LENGTHS and i != SINK:
            wide = np.zeros((*array.shape, 2), array.dtype)[..., 0]
            refused(call, replaced(arrays, i, wide), "STRIDE")
        raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
        shifted = Tensor(np.zeros(array.shape, array.dtype))
        shifted.struct.data = raw.ctypes.data
        refused(call, replaced(arrays, i, shifted), "ALIGNMENT")
        odd = Tensor(array)
        odd.struct.byte_offset = 1
        refused(call, replaced(arrays, i, odd), "ALIGNMENT")


def test_aliasing(call):
    _, arrays, _ = call
    out = arrays[OUT]
    # An output on itself, on an input, on a part of one, and on the other output.
    refused(call, replaced(arrays, OUT, np.broadcast_to(out[:, :1], out.shape)), "ALIAS", "STRIDE")
    both = np.zeros(4 * out.size, np.float32)
    inside = both[: out.size].reshape(out.shape)
    for start in (0, 1, out.size - 1):
        q = both[start : start + arrays[Q].size].reshape(arrays[Q].shape)
        refused(call, replaced(replaced(arrays, OUT, inside), Q, q), "ALIAS")
    lse = both[: arrays[LSE].size].reshape(arrays[LSE].shape)
    refused(call, replaced(replaced(arrays, OUT, inside), LSE, lse), "ALIAS")


def test_interleaved_tensors_do_not_alias(call):
    """Query heads and outputs may share one buffer when no element is shared."""
    kernel, arrays, _ = call
    buffer = np.zeros((BATCH, 4, QUERIES, 16 + 24), np.float32)
    buffer[..., :16] = arrays[Q]
    Counter.executions += 1
    expected = kernel(*arrays[:OUT])[0]
    kernel.run([buffer[..., :16], *arrays[K:OUT], buffer[..., 16:], arrays[LSE]])
    np.testing.assert_array_equal(buffer[..., 16:], expected)
    np.testing.assert_array_equal(buffer[..., :16], arrays[Q])


def test_workspaces(call):
    kernel, arrays, outputs = call
    size = kernel.workspace_size(arrays, 1)
    assert kernel.workspace_size(arrays, 3) >= size
    Counter.executions += 1
    kernel.run(arrays)
    expected = arrays[OUT].tobytes()
    if not size:
        return
    workspace = np.full(size + 192, 0xAA, np.uint8)
    start = -workspace.ctypes.data % 64 + 64
    arrays[OUT][...] = np.nan
    kernel.run(arrays, workspace=workspace[start : start + size])
    assert arrays[OUT].tobytes() == expected
    assert (workspace[:start] == 0xAA).all() and (workspace[start + size :] == 0xAA).all()
    for g in outputs:
        g.bytes[:] = 0xAA
    for bad in (workspace[start : start + size - 1], workspace[start + 1 :]):
        with pytest.raises(KernelError, match="WORKSPACE"):
            kernel.run(arrays, workspace=bad)
        with pytest.raises(KernelError, match="WORKSPACE"):
            kernel.run_items(arrays, 0, 0, 1, 0, bad)
    assert all(g.untouched() for g in outputs)


def test_ranges(call):
    kernel, arrays, outputs = call
    workspace = aligned_workspace(kernel.workspace_size(arrays, 1))
    items = kernel.items(arrays, 0)
    assert items > 0
    for phase, begin, end, worker in [
        (-1, 0, 1, 0), (kernel.phases(), 0, 1, 0), (0, -1, 1, 0),
        (0, 0, items + 1, 0), (0, 2, 1, 0), (0, 0, 1, -1),
    ]:  # fmt: skip
        with pytest.raises(KernelError) as error:
            kernel.run_items(arrays, phase, begin, end, worker, workspace)
        assert error.value.status == STATUS["VALUE"]
    kernel.run_items(arrays, 0, 1, 1, 0, workspace)
    assert all(g.untouched() for g in outputs)


def test_messages_name_the_tensor_and_fit_the_buffer(call):
    kernel, arrays, _ = call
    with pytest.raises(KernelError) as error:
        kernel.check(replaced(arrays, K, arrays[K][:, :1]))
    message = error.value.message
    assert kernel.inputs[K].name in message and "2" in message and "1" in message
    tensors = kernel.tensor_list(replaced(arrays, K, arrays[K][:, :1]))
    for size in (0, 1, 5):
        buffer = ctypes.create_string_buffer(b"\xaa" * 16, 16)
        status = kernel._check(tensors.pointers, len(tensors), buffer, size)
        assert status == STATUS["SHAPE"]
        assert buffer.raw[size:] == b"\xaa" * (16 - size)
        assert size == 0 or 0 in buffer.raw[:size]
    assert kernel._check(tensors.pointers, len(tensors), None, 0) == STATUS["SHAPE"]


def test_byte_offsets_and_implicit_strides(call):
    kernel, arrays, _ = call
    Counter.executions += 1
    expected = kernel(*arrays[:OUT])[0]
    tensors = [Tensor(np.ascontiguousarray(a), implicit_strides=True) for a in arrays[:OUT]]
    out = np.empty_like(expected)
    shifted = Tensor(out)
    shifted.struct.data = out.ctypes.data - 64
    shifted.struct.byte_offset = 64
    kernel.run([*tensors, shifted, Tensor(arrays[LSE])])
    np.testing.assert_array_equal(out, expected)
