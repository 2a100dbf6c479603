# ===- test_attn_run.py - attn-run with the real compiler -----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The program as a user calls it: files in, files out, one message on failure."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attn import contract, flops
from attn.compiler import find_compiler
from operators import DTYPES, Spec, operands, text
from runner import Counter

sys.path.append(str(Path(__file__).resolve().parents[1] / "python"))
import gpu_stand_in

SPEC = Spec(
    40, 24, heads=4, key_heads=2, softcap=20.0, bias="hmn", where=(("causal",),),
    key_lengths=True, lse=True,
)  # fmt: skip
REFUSED = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %y : tensor<4xf32>\n}\n"


def pytest_generate_tests(metafunc):
    if "dtype" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("dtype", ["f16"] if quick else list(DTYPES))


def attn_run(*arguments):
    program = find_compiler().with_name("attn-run")
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "op.mlir"
    path.write_text(text(SPEC))
    return path


def test_arrays_in_arrays_out(tmp_path, dtype):
    spec = replace(SPEC, dtype=dtype)
    program = tmp_path / "op.mlir"
    program.write_text(text(spec))
    case = operands(spec, 2, 50, 70, np.random.default_rng(0))
    arguments = [program]
    for name, array in case.arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        arguments += ["--input", tmp_path / f"{name}.npy"]
    outputs = [tmp_path / "o.npy", tmp_path / "lse.npy"]
    Counter.executions += 1
    done = attn_run(*arguments, "--threads=2", "--output", outputs[0], "--output", outputs[1])
    assert done.returncode == 0, done.stderr
    out, lse = np.load(outputs[0]), np.load(outputs[1])
    if dtype == "bf16":
        out = out.view(case.arrays["q"].dtype)
    q, k, v = case.inputs()[:3]
    contract.check_attention(q, k, v, case.operator(), out, lse)


def test_verify_and_bench(tmp_path, dtype):
    program = tmp_path / "op.mlir"
    program.write_text(text(replace(SPEC, dtype=dtype)))
    Counter.executions += 1
    done = attn_run(
        program, "--dim", "b=2", "--dim", "m=65", "--dim", "n=113", "--seed=3",
        "--verify", "--bench", "--runs=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed") == 2 and "seed 3" in done.stdout
    assert "bench fused: median" in done.stdout


@pytest.mark.parametrize("mistake", ["dtype", "program", "missing"])
def test_mistakes_write_nothing(program, tmp_path, mistake):
    out = tmp_path / "o.npy"
    arguments = ["--output", out]
    if mistake == "dtype":
        np.save(tmp_path / "q.npy", np.zeros((1, 4, 5, 40), np.int32))
        arguments += ["--input", tmp_path / "q.npy"]
        expected = "int32"
    elif mistake == "program":
        program.write_text(REFUSED)
        expected = "op.mlir:2:10: error:"
    else:
        program.unlink()
        expected = "no such file"
    done = attn_run(program, *arguments)
    assert done.returncode == 1
    assert expected in done.stderr and "Traceback" not in done.stderr
    assert not out.exists()


def test_no_gpu(program, tmp_path, monkeypatch):
    """It says what is missing, and compiles nothing."""
    monkeypatch.setenv("ATTN_LIBCUDA", "/nowhere/libcuda.so.1")
    out = tmp_path / "o.npy"
    done = attn_run(program, "--target=nvvm", "--output", out)
    assert done.returncode == 1 and not out.exists()
    assert done.stderr.startswith("attn-run: error: no GPU: there is no NVIDIA driver")


def test_gpu(tmp_path, monkeypatch):
    """On a stand-in for the driver, which simulates."""
    monkeypatch.setenv("ATTN_LIBCUDA", str(gpu_stand_in.build(tmp_path)))
    (tmp_path / "op.mlir").write_text(text(replace(SPEC, bias=None)))
    size = ("--dim", "m=33", "--dim", "n=50")
    Counter.executions += 1
    done = attn_run(tmp_path / "op.mlir", "--target=nvvm", *size, "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sm_90a on Simulated GPU" in done.stdout and done.stdout.count("passed") == 2
    done = attn_run(tmp_path / "op.mlir", "--target=nvvm", *size, "--bench", "--runs=3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bench fused: median 1.000 ms of 3" in done.stdout


def test_flops_of_the_texts(kernels):
    """What --bench divides by, on the texts that these tests run."""
    extents = {"b": 2, "m": 50, "n": 70}
    plain = Spec(16, 24, heads=4, key_heads=2, lse=True)
    for spec, points in [
        (plain, 50 * 70),
        (replace(plain, where=(("causal",),)), sum(range(21, 71))),
        (replace(plain, where=(("causal",), ("window", 9, 0))), 50 * 10),
        (replace(plain, key_lengths=True), None),
    ]:
        count = flops.attention_flops(text(spec), kernels.get(spec), extents)
        assert count == (points and 2.0 * 2 * 4 * 40 * points)
