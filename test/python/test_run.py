# ===- test_run.py - attn-run without its compiler ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn-run around a stand-in for attn-compile that hands out the sample kernel,
out = factor * x + 1. The tests in test/execution use the real one."""

import stat
import sys

import ml_dtypes
import numpy as np
import pytest
from attn import arrays, flops, run
from attn.kernel import TensorInfo
from test_kernel import kernel  # noqa: F401

STAND_IN = """\
#!{python}
import shutil, sys
source = sys.argv[1]
if "bad" in open(source).read():
    sys.exit(source + ":1:1: error: 'attn.attention' op is not supported")
shutil.copy({library!r}, sys.argv[sys.argv.index("-o") + 1])
"""


@pytest.fixture
def place(kernel, tmp_path, monkeypatch):  # noqa: F811
    compiler = tmp_path / "attn-compile"
    compiler.write_text(STAND_IN.format(python=sys.executable, library=str(kernel.path)))
    compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("ATTN_COMPILE", str(compiler))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "op.mlir").write_text("good")
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.standard_normal((2, 3, 4)).astype(np.float32))
    np.save("factor.npy", rng.standard_normal(2).astype(np.float32))
    return tmp_path


def attn_run(*arguments):
    return run.main(["op.mlir", "--name=sample", *arguments])


def expected():
    return np.load("x.npy") * np.load("factor.npy")[:, None, None] + 1


def test_files_by_order_and_by_name(place, capsys):
    assert attn_run("-i", "x.npy", "-i", "factor.npy", "-o", "out.npy") == 0
    np.testing.assert_array_equal(np.load("out.npy"), expected())
    assert attn_run("-i", "factor=factor.npy", "-i", "x.npy", "-o", "out=named.npy") == 0
    np.testing.assert_array_equal(np.load("named.npy"), expected())
    text = capsys.readouterr().out
    assert "x: float32[b, m, 4]" in text and "2x3x4" in text


def test_random_inputs_follow_the_seed(place, capsys):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        dims = ["--dim", "b=3", "--dim", "m=5"]
        assert attn_run(*dims, f"--seed={seed}", "-o", f"{name}.npy") == 0
    a, b, c = (np.load(f"{name}.npy") for name in "abc")
    assert a.shape == (3, 5, 4)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert "seed 2" in capsys.readouterr().out


def test_verify_and_bench(place, capsys):
    assert attn_run("--verify", "--bench", "--unfused", "--runs=3", "--flops=1e3") == 0
    text = capsys.readouterr().out
    assert "verify out: max error 0.000e+00" in text and "passed" in text
    assert "bench fused: median" in text and "bench unfused" in text and "GFLOP/s" in text


@pytest.mark.parametrize(
    "change,message",
    [
        (["-i", "none.npy"], "no such file"),
        (["-i", "op.mlir"], "not a readable .npy"),
        (["-i", "wide.npy"], "float64, the kernel takes float32"),
        (["-i", "x.npy", "-i", "x.npy"], "has 3 dimensions, the kernel takes 1"),
        (["-i", "five.npy"], "dimension 2 has extent 5, the kernel takes 4"),
        (["-i", "x.npy", "-i", "long.npy"], "dimension 0 (b) has extent 7, but input 'x'"),
        (["-i", "x.npy", "--dim", "m=9"], "gives 3"),
        (["--dim", "k=9"], "dynamic extents of the kernel are b, m"),
        (["-i", "y=x.npy"], "no input 'y'; the inputs are x, factor"),
        (["-i", "x=x.npy", "-i", "x=x.npy"], "given twice"),
        (["-i", "x.npy", "-i", "x.npy", "-i", "x.npy"], "3 input files for 2 inputs"),
        (["-o", "none/out.npy"], "cannot be written"),
        (["--unfused"], "goes with --bench"),
    ],
)
def test_mistakes(place, capsys, change, message):
    np.save("wide.npy", np.zeros((2, 3, 4)))
    np.save("five.npy", np.zeros((2, 3, 5), np.float32))
    np.save("long.npy", np.zeros(7, np.float32))
    arguments = change if "-o" in change else [*change, "-o", "out.npy"]
    assert attn_run(*arguments) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and "Traceback" not in error
    assert not (place / "out.npy").exists()
    assert not list(place.glob("*.tmp"))


def test_refused_programs(place, capsys):
    (place / "op.mlir").write_text("bad")
    assert attn_run("-o", "out.npy") == 1
    error = capsys.readouterr().err
    assert "op.mlir:1:1: error" in error and not (place / "out.npy").exists()
    assert run.main(["missing.mlir"]) == 1
    assert "missing.mlir: there is no such file" in capsys.readouterr().err
    for wrong in (["--dim", "m"], ["--threads=0"], ["--integers=5"], ["--integers=2:1"]):
        with pytest.raises(SystemExit) as ended:
            attn_run(*wrong)
        assert ended.value.code == 2


def test_a_failed_write_leaves_the_old_file(place, monkeypatch):
    np.save("out.npy", np.arange(3))

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(arrays.np, "save", broken)
    assert attn_run("-i", "x.npy", "-o", "out.npy") == 1
    assert np.load("out.npy").tolist() == [0, 1, 2]
    assert not list(place.glob("*.tmp"))


def test_bfloat16_files(place):
    tensor = TensorInfo("q", np.dtype(ml_dtypes.bfloat16), ("m",), False)
    values = np.arange(5).astype(ml_dtypes.bfloat16)
    arrays.save("bf16.npy", values)
    np.save("void.npy", values.view("V2"))
    for name in ("bf16.npy", "void.npy"):
        loaded = arrays.load(name, tensor)
        assert loaded.dtype == tensor.dtype
        np.testing.assert_array_equal(loaded, values)
    with pytest.raises(arrays.ArrayError, match="takes bfloat16"):
        np.save("half.npy", values.astype(np.float16))
        arrays.load("half.npy", tensor)


def test_random_integers_are_valid_lengths():
    tensor = TensorInfo("kl", np.dtype(np.int32), ("b",), False)
    drawn = arrays.random_array(tensor, {"b": 1000}, np.random.default_rng(0), 9)
    assert drawn.dtype == np.int32 and drawn.min() == 0 and drawn.max() == 9


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_random_numbers_without_dimensions_are_arrays(dtype):
    tensor = TensorInfo("x", np.dtype(dtype), (), False)
    drawn = arrays.random_array(tensor, {}, np.random.default_rng(0), 9)
    assert isinstance(drawn, np.ndarray) and drawn.shape == () and drawn.dtype == dtype


@pytest.mark.parametrize("align", ["top_left", "bottom_right"])
@pytest.mark.parametrize(
    "atoms", [[], [("causal",)], [("window", 3, 2)], [("prefix", 4), ("window", 2, 9)]]
)
def test_live_points(atoms, align):
    for queries, keys in [(5, 9), (9, 5), (7, 7), (1, 12)]:
        offset = keys - queries if align == "bottom_right" else 0
        count = 0
        for m in range(queries):
            for n in range(keys):
                alive = True
                for name, *a in atoms:
                    alive &= {
                        "causal": lambda p, n: n <= p,
                        "window": lambda p, n, a=a: p - a[0] <= n <= p + a[1],
                        "prefix": lambda p, n, a=a: n < a[0],
                    }[name](m + offset, n)
                count += alive
        assert flops.live_points(atoms, align, queries, keys) == count
