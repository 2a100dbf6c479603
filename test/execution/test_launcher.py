# ===- test_launcher.py - C launchers of kernels of GPUs ------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""A launcher checks what a kernel of a CPU checks, with the same words, and launches
what the description says. Its results are judged; the driver is cuda_stub.c."""

import ctypes
import random
import subprocess
import sys
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from attn import dlpack
from attn.device import host_address, rows
from attn.dlpack import Tensor, TensorList
from attn.kernel import STATUS, KernelError
from gpu_cases import SPECS, WRONG
from launcher import DEVICE, MANAGED, PINNED, Launchers, on_device
from operators import Spec, operands
from runner import Counter, judge, run

SPEC = Spec(16, 24, heads=4, key_heads=2, key_lengths=True, sinks=True, lse=True)
BATCH, QUERIES, KEYS = 2, 50, 70
Q, K, V, LENGTHS, SINK, OUT, LSE = range(7)
STREAM = 0x5EED0


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        names = ["features", "permuted"]
        metafunc.parametrize("name", names if quick else [*names, "plain", "bf16", "blocks", "few"])


@pytest.fixture(scope="module")
def launchers(tmp_path_factory):
    return Launchers(tmp_path_factory.mktemp("launchers"))


def arrays_of(spec=SPEC, batch=BATCH, queries=QUERIES, keys=KEYS):
    case = operands(spec, batch, queries, keys, np.random.default_rng(0))
    return [*case.inputs(), *(np.zeros(shape, dtype) for shape, dtype in case.output_shapes())]


def tensors_of(arrays, place=on_device):
    """Tensors that are said to lie on the device, and never launched."""
    tensors = [a if a is None or isinstance(a, Tensor) else Tensor(a) for a in arrays]
    return TensorList([place(tensor) for tensor in tensors])


def launches(launchers):
    return [line for line in launchers.stub.log() if line.startswith("launch")]


def calls(launchers):
    """What calls did, without what loading did."""
    return [line for line in launchers.stub.log() if line.split()[0] not in ("load", "shared")]


# ===----------------------------------------------------------------------===//
# Results
# ===----------------------------------------------------------------------===//


@pytest.mark.parametrize("allocates", [False, True])
def test_results(launchers, name, allocates, seed):
    spec = SPECS[name]
    kernel = launchers.kernel(spec, allocates=allocates)
    sizes = (29, 29) if spec.permute else (spec.queries or 33, 41)
    case = operands(spec, 2, *sizes, np.random.default_rng([seed, allocates]))
    judge(case, run(kernel, case))
    assert launchers.stub.depth() == 1
    assert launches(launchers)


@pytest.mark.parametrize("unfused", ["features", "permuted"])
def test_unfused_results(launchers, unfused, seed):
    """With a workspace of the kernels, alone and behind the memory for checks."""
    kernel = launchers.kernel(SPECS[unfused], "--form=unfused")
    size = (21, 21) if SPECS[unfused].permute else (21, 34)
    case = operands(SPECS[unfused], 2, *size, np.random.default_rng(seed))
    judge(case, run(kernel, case))
    arrays = [*case.inputs(), *(np.empty(shape, dtype) for shape, dtype in case.output_shapes())]
    description = kernel.launcher.description
    assert description.workspace_bytes(description.extents([a.shape for a in arrays])) > 0


def test_strided_results(launchers, seed):
    """Tensors as slices of wider ones, and one that is reversed."""
    kernel = launchers.kernel(SPEC)
    case = operands(SPEC, BATCH, 21, 34, np.random.default_rng(seed))
    for key in ("q", "k", "v"):
        array = case.arrays[key]
        wide = np.zeros((*array.shape[:-1], array.shape[-1] + 5), array.dtype)
        wide[..., : array.shape[-1]] = array
        case.arrays[key] = wide[..., : array.shape[-1]]
    case.arrays["k"] = case.arrays["k"][:, :, ::-1]
    judge(case, run(kernel, case))


@pytest.mark.parametrize("allocates", [False, True])
@pytest.mark.parametrize("number", range(0, len(WRONG), 3))
def test_wrong_values(launchers, number, allocates):
    name, change, message = WRONG[number]
    kernel = launchers.kernel(SPECS[name], allocates=allocates)
    case = operands(SPECS[name], 2, 29, 29, np.random.default_rng(3))
    change(case.arrays)
    with pytest.raises(KernelError, match=message) as caught:
        run(kernel, case)
    assert caught.value.status == STATUS["VALUE"]
    assert caught.value.message.startswith("attention: ")


# ===----------------------------------------------------------------------===//
# Checks
# ===----------------------------------------------------------------------===//


def replaced(arrays, index, value):
    return [value if i == index else a for i, a in enumerate(arrays)]


def changed(array, **fields):
    tensor = Tensor(array)
    for name, value in fields.items():
        if name == "lanes":
            tensor.struct.dtype.lanes = value
        else:
            setattr(tensor.struct, name, value)
    return tensor


def wrong_calls():
    """Triples of a status, and arrays or tensors that have it."""
    arrays = arrays_of()
    yield "ARGUMENT_COUNT", arrays[:-1]
    yield "ARGUMENT_COUNT", [*arrays, arrays[0]]
    for i, array in enumerate(arrays):
        yield "NULL", replaced(arrays, i, None)
        yield "NULL", replaced(arrays, i, changed(array, data=None))
        yield "NULL", replaced(arrays, i, changed(array, shape=None))
        yield "RANK", replaced(arrays, i, array[..., None])
        for dtype in (np.float64, ml_dtypes.bfloat16, np.int64):
            if array.dtype != dtype:
                yield "DTYPE", replaced(arrays, i, np.zeros(array.shape, dtype))
        yield "DTYPE", replaced(arrays, i, changed(array, lanes=4))
        for d in range(array.ndim):
            shorter = array[tuple(slice(0, n - (j == d)) for j, n in enumerate(array.shape))]
            yield "SHAPE", replaced(arrays, i, shorter)
        if i not in (LENGTHS, SINK):
            wide = np.zeros((*array.shape, 2), array.dtype)[..., 0]
            yield "STRIDE", replaced(arrays, i, wide)
        yield "ALIGNMENT", replaced(arrays, i, changed(array, byte_offset=1))
        yield "STRIDE", replaced(arrays, i, changed(array, byte_offset=2**63))
    negative, huge = Tensor(arrays[Q]), Tensor(arrays[K])
    negative.shape[2], huge.shape[2] = -5, 1 << 62
    yield "SHAPE", replaced(arrays, Q, negative)
    yield "SHAPE", replaced(arrays, K, huge)
    out = arrays[OUT]
    yield "ALIAS", replaced(arrays, OUT, np.broadcast_to(out[:, :1], out.shape))
    both = np.zeros(4 * out.size, np.float32)
    inside = both[: out.size].reshape(out.shape)
    for start in (0, 1, out.size - 1):
        q = both[start : start + arrays[Q].size].reshape(arrays[Q].shape)
        yield "ALIAS", replaced(replaced(arrays, OUT, inside), Q, q)
    lse = both[: arrays[LSE].size].reshape(arrays[LSE].shape)
    yield "ALIAS", replaced(replaced(arrays, OUT, inside), LSE, lse)


def answer(function, *arguments):
    try:
        function(*arguments)
    except KernelError as error:
        return error.status, error.message
    return 0, ""


def test_wrong_calls(launchers, kernels):
    """Each is refused as a kernel of a CPU refuses it, and nothing is launched."""
    launcher, on_cpu = launchers.get(SPEC), kernels.get(SPEC)
    with launcher.loaded() as module:
        for name, arrays in wrong_calls():
            tensors = tensors_of(arrays, lambda tensor: tensor)
            expected = answer(on_cpu.check, tensors)
            assert expected[0] == STATUS[name], expected
            for tensor in tensors.tensors:
                on_device(tensor)
            assert answer(launcher.check, tensors) == expected
            assert answer(launcher.call, module, tensors) == expected
            assert launcher.workspace_size(tensors) == 0
            Counter.executions += 1
        assert calls(launchers) == []
        right = tensors_of(arrays_of())
        launcher.check(right)
        on_device(right.tensors[Q], dlpack.CPU)
        assert answer(launcher.call, module, right)[0] == STATUS["DEVICE"]


def test_extents(launchers):
    """A dimension that the kernels could not count is refused."""
    launcher = launchers.get(SPEC)
    with launcher.loaded() as module:
        for extent, right in [(1 << 30, True), ((1 << 30) + 1, False)]:
            arrays = arrays_of(batch=1)
            tensors = tensors_of(arrays)
            for i, dim in [(K, 2), (V, 2)]:
                # Every key is the first one.
                tensors.tensors[i].shape[dim], tensors.tensors[i].strides[dim] = extent, 0
            status, message = answer(launcher.check, tensors)
            assert status == (0 if right else STATUS["SHAPE"]), message
            assert right or "k: dimension 2 is 1073741825" in message
            if not right:
                assert launcher.workspace_size(tensors) == 0
                assert answer(launcher.call, module, tensors) == (status, message)
        assert calls(launchers) == []


@pytest.mark.parametrize("features", [16, 4096])
def test_items(launchers, features):
    """So are more items than they could count, and be it that fewer blocks, whose scratch
    no longer fits shared memory, take turns at them."""
    spec = replace(SPEC, e=features, f=features)
    launcher = launchers.get(spec)
    grid = launcher.description.launches({"b": 1000, "m": 1, "n": 1})[0]
    assert (grid.blocks < 4000) == (features > 16)
    with launcher.loaded() as module:
        tensors = tensors_of(arrays_of(spec, batch=1, queries=1))
        for number, tensor in enumerate(tensors.tensors):
            if number != SINK:
                # Nothing is read: all lie apart in an address space of their own.
                tensor.shape[0], tensor.struct.data = 1 << 30, (number + 1) << 57
        launcher.check(tensors)
        status, message = answer(launcher.call, module, tensors)
        assert status == STATUS["MEMORY"] and "2^31 - 1 items" in message
        assert calls(launchers) == []


def test_devices(launchers):
    launcher = launchers.get(SPEC)
    for i in range(7):
        for kind, device, right in [
            (dlpack.CPU, 0, False),
            (dlpack.CUDA, DEVICE + 1, False),
            (MANAGED, 0, True),
            (PINNED, 0, True),
            (10, 0, False),
        ]:
            tensors = tensors_of(arrays_of())
            on_device(tensors.tensors[i], kind, device)
            status, message = answer(launcher.check, tensors)
            assert status == (0 if right else STATUS["DEVICE"]), message
    with launcher.loaded() as module:
        tensors = tensors_of(arrays_of(), lambda t: on_device(t, dlpack.CUDA, DEVICE - 1))
        launcher.check(tensors)
        status, message = answer(launcher.call, module, tensors)
        assert status == STATUS["DEVICE"]
        assert message == "attention: q: lies on device 2, but the module is loaded on device 3"
        assert not launches(launchers)


def test_workspaces(launchers):
    """A workspace that is too small, misaligned or a tensor's is refused."""
    spec = SPECS["permuted"]
    launcher = launchers.get(spec)
    arrays = arrays_of(spec, 2, 29, 29)
    tensors = tensors_of(arrays)
    size = launcher.workspace_size(tensors)
    with launcher.loaded() as module:
        for workspace, given, name in [
            (1 << 20, size - 1, "WORKSPACE"),
            ((1 << 20) + 32, size, "WORKSPACE"),
            (arrays[0].ctypes.data // 64 * 64, size, "ALIAS"),
        ]:
            status, message = answer(
                launcher.call, module, tensors, STREAM, workspace, given
            )  # fmt: skip
            assert status == STATUS[name], message
        assert answer(launcher.status, module, None)[0] == STATUS["NULL"]
        assert calls(launchers) == []


def test_modules(launchers):
    launcher, other = launchers.get(SPEC), launchers.get(SPECS["permuted"])
    tensors = tensors_of(arrays_of())
    assert answer(launcher.call, None, tensors)[0] == STATUS["NULL"]
    assert answer(launcher.status, None, 64)[0] == STATUS["NULL"]
    with other.loaded() as module:
        assert answer(launcher.call, module, tensors)[0] == STATUS["VALUE"]
    launcher.unload(None)


# ===----------------------------------------------------------------------===//
# What is launched
# ===----------------------------------------------------------------------===//


def test_launches_are_those_of_the_description(launchers):
    """In order, in the stream, and without waiting where the caller asks later."""
    for spec, flags in [(SPECS["permuted"], ()), (SPECS["plain"], ("--form=unfused",))]:
        launcher = launchers.get(spec, *flags)
        arrays = arrays_of(spec, 1, 5, 5)
        description = launcher.description
        extents = description.extents([array.shape for array in arrays])
        expected = [
            f"launch {grid.kernel} {grid.blocks} {grid.threads} {grid.shared} {STREAM:#x}"
            for grid in description.launches(extents)
        ]
        with launcher.loaded() as module:
            memory = launchers.stub.memory()
            tensors = tensors_of(arrays)
            for tensor, array in zip(tensors.tensors, arrays, strict=True):
                _, offset = memory.place(array)
                for row in rows(array):
                    memory.write(host_address(row) + offset, row)
                tensor.struct.data = array.ctypes.data + offset
            size = launcher.workspace_size(tensors)
            launchers.stub.reset(has_context=False)
            launcher.call(module, tensors, STREAM, memory.allocate(size), size)
            assert launchers.stub.log() == expected
            assert launchers.stub.depth() == 0
            launchers.stub.reset()


def test_grids_without_blocks_are_left_out(launchers):
    launcher = launchers.get(SPEC)
    with launcher.loaded() as module:
        launcher.call(module, tensors_of(arrays_of(queries=0)), STREAM)
        launcher.call(module, tensors_of(arrays_of(batch=0)), STREAM)
        assert not launches(launchers)


def test_large_shared_memory_is_asked_for(launchers):
    launcher = launchers.get(SPECS["wide"], "--chip=sm_90a")
    grids = launcher.description.launches({"b": 1, "h": 1, "m": 9, "n": 9})
    large = [grid for grid in grids if grid.shared > 48 * 1024]
    assert large
    with launcher.loaded():
        expected = [f"shared {grid.kernel} {grid.shared}" for grid in large]
        assert launchers.stub.log() == ["load", *expected]
    launchers.stub.fail("cuFuncSetAttribute", 1)
    status, message = answer(launcher.load)
    assert status == STATUS["TARGET"] and "this GPU has less" in message


@pytest.mark.parametrize("number", range(4))
def test_sizes_are_those_of_the_description(launchers, number, seed):
    """Formulas give in C what they give in Python, in numbers of any size."""
    spec, flags = [
        (SPECS["permuted"], ()),
        (SPECS["blocks"], ()),
        (SPECS["features"], ("--form=unfused",)),
        (SPECS["gates"], ("--form=unfused",)),
    ][number]
    launcher = launchers.get(spec, *flags)
    description, rng = launcher.description, random.Random(seed)
    symbols = {d: None for t in description.tensors for d in t.dims if isinstance(d, str)}
    checked = largest = 0
    for _ in range(1000):
        bits = rng.randrange(1, 28)
        extents = {symbol: rng.randrange(0, 1 << bits) for symbol in symbols}
        if rng.random() < 0.1:
            extents[rng.choice(list(symbols))] = 0
        tensors = []
        for tensor in description.tensors:
            # Nothing is read: all lie apart in an address space of their own.
            shape = tensor.shape(extents)
            view = Tensor(np.zeros((1,) * len(shape), tensor.dtype), implicit_strides=True)
            view.shape[:] = shape
            view.struct.data = (len(tensors) + 1) << 57
            tensors.append(on_device(view))
        tensors = TensorList(tensors)
        if answer(launcher.check, tensors)[0]:
            continue
        wanted = sum(
            -(-size // 64) * 64
            for size in (description.check_bytes(extents), description.workspace_bytes(extents))
        )
        assert launcher.workspace_size(tensors) == wanted, extents
        checked, largest = checked + 1, max(largest, wanted)
    assert checked > 100 and (not flags or largest > 1 << 32)


# ===----------------------------------------------------------------------===//
# The driver
# ===----------------------------------------------------------------------===//


def test_errors_of_the_driver(launchers):
    launcher = launchers.get(SPECS["permuted"])
    for function in ("cuInit", "cuCtxGetCurrent", "cuCtxGetDevice", "cuModuleLoadData",
                     "cuModuleGetFunction"):  # fmt: skip
        for error, name in [(999, "DRIVER"), (2, "MEMORY")]:
            launchers.stub.fail(function, error)
            status, message = answer(launcher.load)
            assert status == STATUS[name]
            assert message.startswith(f"attention: {function}: ")
            launchers.stub.reset()
    launchers.stub.fail("cuModuleLoadData", 218)
    assert answer(launcher.load) == (
        STATUS["TARGET"],
        "attention: compiled for sm_80, which this GPU or its driver does not run: "
        "CUDA_ERROR_INVALID_PTX (218)",
    )
    launchers.stub.reset(has_context=False)
    assert answer(launcher.load)[0] == STATUS["DEVICE"]
    launchers.stub.reset()
    tensors = tensors_of(arrays_of(SPECS["permuted"], 2, 29, 29))
    with launcher.loaded() as module:
        for function in ("cuCtxPushCurrent", "cuMemAllocAsync", "cuLaunchKernel"):
            launchers.stub.reset()
            launchers.stub.fail(function, 999)
            status, message = answer(launcher.call, module, tensors, STREAM)
            assert status == STATUS["DRIVER"]
            assert message == f"attention: {function}: an unknown error (999)"
            assert launchers.stub.depth() == 1
            allocated = f"free {STREAM:#x}" in launchers.stub.log()
            assert allocated == (function == "cuLaunchKernel")
        launchers.stub.reset()


def test_another_image(launchers):
    launcher = launchers.get(SPEC)
    ptx = launcher.path.with_suffix(".ptx").read_bytes()
    launcher.unload(launcher.load(ptx))
    status, _ = answer(launcher.load, b"no image")
    assert status == STATUS["TARGET"]


def test_a_large_workspace_is_the_callers(launchers):
    launcher = launchers.get(SPECS["permuted"], "--max-footprint=64")
    with launcher.loaded() as module:
        status, message = answer(
            launcher.call, module, tensors_of(arrays_of(SPECS["permuted"], 2, 29, 29))
        )
        assert status == STATUS["MEMORY"] and "--max-footprint" in message
        assert calls(launchers) == []


PROGRAM = """
import ctypes, sys
try:
    ctypes.CDLL("libcuda.so.1")
except OSError:
    message, module = ctypes.create_string_buffer(256), ctypes.c_void_p()
    load = ctypes.CDLL(sys.argv[1]).attention_load
    print(load(ctypes.byref(module), None, message, ctypes.c_size_t(256)), message.value.decode())
"""


def test_a_machine_without_a_driver(launchers):
    """The launcher links and loads; it is the kernel that does not."""
    path = launchers.get(SPEC).path
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True
    )
    if not done.stdout:
        pytest.skip("this machine has a driver")
    start = f"{STATUS['TARGET']} attention: the driver of NVIDIA GPUs cannot be loaded: "
    assert done.stdout.startswith(start)
    assert ctypes.sizeof(ctypes.c_void_p) == 8
