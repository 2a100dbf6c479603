# ===- test_cuda.py - The driver API, on a stand-in ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn.cuda calls the driver as it must, and finds what kernels do wrong. Nothing
here needs a GPU: fake_cuda.c runs PTX on the simulator."""

import json

import gpu_stand_in
import numpy as np
import pytest
from attn import cuda
from attn.device import DeviceError
from attn.launches import Place

# out[i] = 2 x[i], by one block; %extra is where else it writes, in bytes behind out.
PTX = """
.version 8.0
.target sm_80
.address_size 64
.visible .entry twice(.param .u64 x, .param .u64 out, .param .u64 n, .param .u64 work) {{
  .reg .pred %p;
  .reg .b32 %t, %v, %w;
  .reg .b64 %x, %o, %n, %i;
  ld.param.u64 %x, [x];
  ld.param.u64 %o, [out];
  ld.param.u64 %n, [n];
  mov.u32 %t, %tid.x;
  cvt.u64.u32 %i, %t;
  setp.ge.u64 %p, %i, %n;
  @%p bra done;
  mad.wide.u32 %x, %t, 4, %x;
  mad.wide.u32 %o, %t, 4, %o;
  ld.global.b32 %v, [%x];
  add.rn.f32 %v, %v, %v;
  st.global.b32 [%o], %v;
  {extra}
done:
  ret;
}}
"""
DESCRIPTION = {
    "version": 1,
    "name": "twice",
    "chip": "sm_80",
    "tensors": [
        {"name": "x", "dtype": "float32", "dims": ["n"], "output": False},
        {"name": "out", "dtype": "float32", "dims": ["n"], "output": True},
    ],
    "parameters": [{"pointer": "x"}, {"pointer": "out"}, {"extent": "n"}, {"workspace": True}],
    "workspace": "64",
    "launches": [{"kernel": "twice", "blocks": "ceildiv(n, 1024)", "threads": 64, "shared": 50000}],
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return gpu_stand_in.build(tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def driver(library, monkeypatch):
    monkeypatch.setenv("ATTN_LIBCUDA", str(library))
    cuda.find_device.cache_clear()
    yield monkeypatch
    cuda.find_device.cache_clear()


@pytest.fixture
def twice(driver, tmp_path):
    def make(extra="", **changes):
        (tmp_path / "twice.ptx").write_text(PTX.format(extra=extra))
        (tmp_path / "twice.json").write_text(json.dumps(DESCRIPTION | changes))
        return cuda.DeviceKernel(tmp_path / "twice.ptx", tmp_path / "twice.json")

    return make


@pytest.mark.parametrize("skew", [0, 1])
@pytest.mark.parametrize("count", [50, 0])
def test_call(twice, skew, count):
    kernel = twice()
    kernel.skew = skew
    x = np.arange(count, dtype=np.float32)
    np.testing.assert_array_equal(kernel(x), 2 * x)


def test_device(driver):
    device = cuda.find_device()
    assert str(device) == "Simulated GPU, compute capability 9.0, driver of CUDA 13.0"
    assert device.multiprocessors == 4


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("st.global.b32 [%o+200], %v;", "wrote where it must not: 200 bytes, the first at offset"),
        ("st.global.b32 [%x], %v;", "the first at offset 6 of a buffer of 200 bytes"),
        ("mov.b32 %w, 0xffffffff; st.global.b32 [%o], %w;", "200 bytes of out were never written"),
    ],
)
def test_wrong_kernel(twice, extra, message):
    """It writes behind the output, into its input, or nothing at all."""
    with pytest.raises(DeviceError, match=message):
        twice(extra)(np.arange(50, dtype=np.float32))


def test_failed_launch(driver, library, twice, tmp_path):
    """The error has the driver's name for it."""
    x = np.arange(50, dtype=np.float32)
    with pytest.raises(cuda.CudaError, match="cuModuleGetFunction: CUDA_ERROR_NOT_FOUND"):
        twice(launches=[DESCRIPTION["launches"][0] | {"kernel": "thrice"}])(x)
    with pytest.raises(cuda.CudaError, match="CUDA_ERROR_INVALID_IMAGE") as caught:
        twice("nonsense;")(x)
    assert "'nonsense' is not simulated" in caught.value.__notes__[0]


def test_bound_call(twice):
    """On memory that stays, in one stream, between two events."""
    kernel = twice()
    device = kernel.device
    assert kernel.module
    x = np.arange(40, dtype=np.float32)
    addresses = [device.allocate(x.nbytes) for _ in range(2)]
    device.upload(addresses[0], x)
    start = kernel.bind([Place(a, (40,), (1,)) for a in addresses], device.allocate)
    begin, end = device.event(), device.event()
    begin.record()
    start()
    end.record()
    assert begin.milliseconds_until(end) == 1.0
    out = np.empty_like(x)
    device.download(out, addresses[1])
    np.testing.assert_array_equal(out, 2 * x)
    for address in addresses:
        device.free(address)
    begin.close()
    end.close()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("FAKE_CUDA_DEVICES", "0", "driver finds no GPU it can use .*CUDA_ERROR_NO_DEVICE"),
        ("ATTN_LIBCUDA", "/nowhere/libcuda.so.1", "no NVIDIA driver on this machine: /nowhere"),
    ],
)
def test_no_gpu(driver, variable, value, message):
    driver.setenv(variable, value)
    with pytest.raises(cuda.NoGpuError, match=message):
        cuda.find_device()


def test_missing_gpu(driver):
    with pytest.raises(cuda.NoGpuError, match="there is no GPU 3: NVIDIA's driver finds 1"):
        cuda.find_device(3)


@pytest.mark.parametrize(
    ("capability", "chip"),
    [
        ((8, 0), "sm_80"),
        ((8, 6), "sm_80"),
        ((8, 9), "sm_89"),
        ((9, 0), "sm_90a"),
        ((10, 0), "sm_89"),
        ((12, 0), "sm_120"),
        ((12, 1), "sm_120"),
    ],
)
def test_chip(capability, chip):
    assert cuda.chip_for(capability) == chip


def test_old_gpu():
    with pytest.raises(cuda.NoGpuError, match=r"compute capability 7.5; kernels need 8.0"):
        cuda.chip_for((7, 5))
