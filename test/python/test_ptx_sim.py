# ===- test_ptx_sim.py - The simulator on PTX of nvcc ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""CUDA C programs, compiled by nvcc, run on the simulator and agree with NumPy:
its fragments, copies and exchanges are not only what this project thinks they are."""

import ctypes
import os
import shutil
import subprocess
from math import factorial
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from ptx_sim import Output, PtxSim

HERE = Path(__file__).resolve().parent
OK, FINDINGS, REFUSED = 0, 1, 2


def find_nvcc():
    home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    return shutil.which("nvcc") or shutil.which("nvcc", path=f"{home}/bin")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    nvcc = find_nvcc()
    if nvcc is None:
        pytest.skip("no CUDA toolkit")
    output = tmp_path_factory.mktemp("ptx") / "kernels.ptx"
    command = [nvcc, "-ptx", "-arch=sm_80", "-std=c++17", "-o", output]
    subprocess.run([*command, HERE / "ptx_sim_kernels.cu"], check=True)
    return output.read_text()


@pytest.fixture
def sim(text):
    with PtxSim(text, "kernels.ptx") as sim:
        assert sim.error() == ""
        yield sim


def check(sim, status):
    assert status == OK, sim.error() + str(sim.report()["findings"])


@pytest.mark.parametrize("depth", [32, 96])
def test_product(sim, seed, depth):
    rng = np.random.default_rng([seed, depth])
    a = rng.standard_normal((64, depth)).astype(ml_dtypes.bfloat16)
    b = rng.standard_normal((depth, 64)).astype(ml_dtypes.bfloat16)
    c = Output((64, 64), np.float32)
    check(sim, sim.launch("product", (1,), (128,), [c, a, b, np.int32(depth)], seed=seed))
    assert c.written
    exact = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(c.array, exact, rtol=1e-5, atol=1e-4)
    assert sim.report()["instructions"][
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
    ] == 4 * 8 * (depth // 16)


@pytest.mark.parametrize("name", ["Half", "Bfloat"])
def test_warp_product(sim, seed, name):
    """Small whole numbers: every sum is exact in any order."""
    rng = np.random.default_rng(seed)
    source = np.float16 if name == "Half" else ml_dtypes.bfloat16
    a = rng.integers(-3, 4, (16, 40)).astype(source)
    b = rng.integers(-3, 4, (16, 24)).astype(source)
    c = Output((16, 16), np.float16 if name == "Half" else np.float32)
    c.initial = rng.integers(-3, 4, (16, 16)).astype(c.array.dtype)
    check(sim, sim.launch(f"warpProduct{name}", (1,), (32,), [c, a, b]))
    exact = a[:, :16].astype(int) @ b[:, :16].T.astype(int) + c.initial
    np.testing.assert_array_equal(c.array, 2 * exact)


def test_missing_barrier(sim, seed):
    """The next copy begins while another warp still reads; some order shows it."""
    a = np.ones((8, 512), ml_dtypes.bfloat16)
    for order in range(5):
        c = Output(64, np.float32)
        status = sim.launch(
            "productWithoutBarrier", (1,), (64,), [c, a, np.int32(8)], seed=seed + order
        )
        kinds = {finding["kind"] for finding in sim.report()["findings"]}
        if status == FINDINGS:
            assert kinds <= {"race", "pending-copy", "uninitialised"}
            return
    raise AssertionError("no order of the warps showed the race")


def test_exchanges(sim, seed):
    values = np.random.default_rng(seed).integers(0, 40, 32, np.uint32)
    out = Output((8, 32), np.uint32)
    check(sim, sim.launch("exchanges", (1,), (32,), [out, values]))
    scan, high, ballot, match, down, total, votes, halves = out.array
    lanes = np.arange(32)
    np.testing.assert_array_equal(scan, np.cumsum(values))
    np.testing.assert_array_equal(high, values.max())
    np.testing.assert_array_equal(ballot, sum(int(v % 2) << i for i, v in enumerate(values)))
    same = [sum(1 << j for j in lanes if values[j] % 3 == v % 3) for v in values]
    np.testing.assert_array_equal(match, same)
    source = np.where(lanes % 8 + 3 < 8, lanes + 3, lanes) % 32
    np.testing.assert_array_equal(down, values[source])
    np.testing.assert_array_equal(total, values.sum())
    np.testing.assert_array_equal(votes, 1 + 2 * (7 in values))
    np.testing.assert_array_equal(halves, np.where(lanes % 2, values[31], values[0]))


def test_halves(sim, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 128)).astype(np.float16)
    out = Output(128, np.float16)
    check(sim, sim.launch("halves", (1,), (64,), [out, a, b]))
    x, y = a.astype(np.float64), b.astype(np.float64)
    np.testing.assert_array_equal(out.array, (x * y + np.maximum(x, y)).astype(np.float16))


def test_softmax(sim, seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((3, 150)).astype(np.float32)
    out = Output(rows.shape, np.float32)
    arguments = [out, rows, np.int32(150)]
    check(sim, sim.launch("softmax", (3,), (128,), arguments, shared=600, seed=seed))
    powers = np.exp(rows.astype(np.float64))
    np.testing.assert_allclose(out.array, powers / powers.sum(1, keepdims=True), rtol=1e-5)


def test_scalars(sim, seed):
    values = np.random.default_rng(seed).integers(0, 1000, 64, np.int32)
    out = Output(64, np.uint64)
    check(sim, sim.launch("scalars", (1,), (64,), [out, values]))

    def expected(v):
        return [
            11,
            v * (v % 8),
            v.bit_count(),
            factorial(v % 20),
            v // 7 + v % 5,
            [1, -2, 3, -4][v // 8 % 4] % 2**64,
            5 + 8 * v,
            int(f"{v:032b}"[::-1], 2),
        ][v % 8]

    np.testing.assert_array_equal(out.array, [expected(int(v)) for v in values])


COPY = """
.version 8.0
.target sm_80
.address_size 64
.visible .global .align 4 .u32 table[3] = {4, 5, 6};
.visible .entry copy(.param .u64 out) {
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  mov.u64 %rd2, table;
  ld.global.u32 %r1, [%rd2+8];
  st.global.u32 [%rd1+4], %r1;
  ret;
}
.visible .entry other() { ret; }
"""


def test_c_interface():
    """What the other tests do not use of it."""
    with PtxSim(COPY) as sim:
        functions, handle = sim.functions, sim.handle
        assert [functions["kernel"](handle, i) for i in range(3)] == [b"copy", b"other", None]
        assert functions["kernel_count"](handle) == 2
        address, size = ctypes.c_uint64(), ctypes.c_size_t()
        assert functions["symbol"](handle, b"table", address, size) == OK
        assert size.value == 12
        new = np.uint32(77)
        assert functions["write"](handle, address.value + 8, new.tobytes(), 4) == OK
        out = Output(3, np.uint32)
        assert sim.launch("copy", (1,), (1,), [out]) == OK
        assert out.array[1] == 77 and not out.written
        assert functions["symbol"](handle, b"none", address, size) == REFUSED
        assert "no .global variable 'none'" in sim.error()
        buffer = functions["allocate"](handle, 10)
        assert buffer % 256 == 0 and buffer % 512 != 0
        known = np.zeros(10, np.uint8)
        assert functions["read"](handle, buffer, known.ctypes.data, 11, None) == REFUSED
        assert functions["read"](handle, buffer + 10, known.ctypes.data, 1, None) == REFUSED
        assert functions["free"](handle, buffer) == OK
        assert functions["free"](handle, buffer) == REFUSED
        assert sim.launch("missing", (1,), (1,), []) == REFUSED
        assert sim.launch("copy", (1,), (1,), []) == REFUSED
        assert sim.launch("copy", (1,), (1,), [np.uint64(16)]) == FINDINGS
        assert functions["finding_count"](handle) == 1
        report = functions["report"](handle).decode()
        assert report.startswith("test.ptx:12: out-of-bounds: block (0,0,0) thread (0,0,0): ")


def test_refused_text():
    with PtxSim("nonsense") as sim:
        assert "test.ptx:1: error: " in sim.error()
        assert sim.launch("copy", (1,), (1,), []) == REFUSED
