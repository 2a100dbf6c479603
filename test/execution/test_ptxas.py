# ===- test_ptxas.py - Kernels of GPUs through ptxas ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Every kernel of the list is assembled for its chips: no register is spilled, no
array lies in local memory, and nothing is serialised."""

import json
import re
import shutil

import pytest
from gpu_cases import (
    CHIPS,
    SPECS,
    SPLIT,
    SPLIT_FLAG,
    TENSOR_CORES,
    UNFUSED,
    WITHOUT_TENSOR_CORES,
)
from operators import Spec, text

SERIALISED = re.compile(r"C75(0[8]|1\d)")


def find_ptxas() -> str:
    found = shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")
    if not found:
        pytest.skip("no CUDA toolkit")
    return found


def check(kernels, spec: Spec, *flags: str, chip: str):
    find_ptxas()
    cubin = kernels.build(
        text(spec), spec.key, "--target=nvvm", f"--chip={chip}", *flags, suffix=".cubin"
    )
    launches = json.loads(cubin.with_suffix(".json").read_text())["launches"]
    assert launches and all(0 < launch["registers"] <= 255 for launch in launches), launches
    assert not any(launch["spilled"] or launch["local"] for launch in launches), launches
    said = cubin.with_suffix(".log").read_text()
    assert not SERIALISED.search(said) and "spills" not in said, said


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        names = ["plain", "bf16"] if quick else list(SPECS)
        # Of the many operators of tensor cores, two chips each.
        few = {*TENSOR_CORES, *WITHOUT_TENSOR_CORES}
        cases = [
            (name, chip)
            for name in names
            for chip in (CHIPS if name not in few else ["sm_80", "sm_90a"])
        ]
        metafunc.parametrize("name, chip", cases)


def test_fused(kernels, name, chip):
    check(kernels, SPECS[name], chip=chip)


@pytest.mark.parametrize("unfused", UNFUSED)
def test_unfused(kernels, unfused):
    check(kernels, SPECS[unfused], "--form=unfused", chip="sm_80")


@pytest.mark.parametrize("split", SPLIT)
def test_split(kernels, split):
    check(kernels, SPECS[split], SPLIT_FLAG, chip="sm_80")
