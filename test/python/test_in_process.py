# ===- test_in_process.py - The compiler in this process -----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn-c/compiler.h through ctypes."""

import numpy as np
import pytest
from attn import CompileError, Kernel
from attn.in_process import Library

DOUBLE = """
func.func @doubled(%x: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %y = attn.einsum [n] = add(%X[n], %X[n]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %y : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
"""


@pytest.fixture(scope="module")
def library():
    with Library() as library:
        yield library


def test_compiles_and_runs(library, tmp_path):
    for form in ("auto", "unfused"):
        output = tmp_path / f"{form}.so"
        library.compile(DOUBLE, output, form=form, optimization=0, name="twice")
        x = np.arange(5, dtype=np.float32)
        np.testing.assert_array_equal(Kernel(output, "twice")(x), 2 * x)


def test_says_what_is_wrong_and_goes_on(library, tmp_path):
    output = tmp_path / "kernel.so"
    with pytest.raises(CompileError, match=r'"input":4:\d+\): error: .*rank'):
        library.compile(DOUBLE.replace("%X[n], %X[n]", "%X[n], %X[n,n]"), output)
    for options, message in (
        ({"form": "quick"}, "option 'form' is 'quick', but must be auto, fused or unfused"),
        ({"precision": "f16"}, "option 'precision' is 'f16', but must be native or f64"),
        ({"optimization": 7}, "option 'optimization' is 7, but must be between 0 and 3"),
    ):
        with pytest.raises(CompileError, match=message):
            library.compile(DOUBLE, output, **options)
    with pytest.raises(CompileError, match="does not say what to write"):
        library.compile(DOUBLE, tmp_path / "kernel.obj")
    assert not output.exists()
    library.compile(DOUBLE, output, optimization=0)
    assert output.exists()


def test_runs_passes(library):
    text, log = library.run_passes(DOUBLE, "builtin.module(func.func(attn-normalize-cascade))")
    assert "attn.einsum" in text and not log
    with pytest.raises(CompileError, match="pass pipeline 'builtin"):
        library.run_passes(DOUBLE, "builtin.module(attn-no-such-pass)")


def test_unknown_cpu():
    with pytest.raises(CompileError, match="unknown CPU 'abacus'"):
        Library("abacus")
