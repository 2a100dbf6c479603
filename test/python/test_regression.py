# ===- test_regression.py - The machine code of kernels ----- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Stored figures of machine code against what is compiled now, and what
benchmarks/regression.py reads out of assembly."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))
import regression  # noqa: E402

ASSEMBLY = """
kernel:
\tmovl\t$1, %eax
.LBB0_1:                                # outer
\tvfmadd231ps\t%zmm0, %zmm1, %zmm2
.LBB0_2:
\tvbroadcastss\t(%rax,%rcx,4), %zmm3
\tvfmadd231ps\t%zmm0, %zmm3, %zmm4
\tvfmadd231ps\t%zmm1, %zmm3, %zmm5
\tmovq\t320(%rsp), %rdi
\tincq\t%rcx
\tcmpq\t$64, %rcx
\tjne\t.LBB0_2
\tjl\t.LBB0_1
\tjmp\t.LBB0_9
.LBB0_3:
\tvfmadd231ps\t%zmm0, %zmm1, %zmm2
\tvfmadd231ps\t(%rsp), %zmm1, %zmm3
\tvfmadd231ps\t%zmm0, %zmm1, %zmm4
\tvfmadd231ps\t%zmm0, %zmm1, %zmm5
\tdecq\t%rax
\tjne\t.LBB0_3
.LBB0_9:
\tretq
"""


@pytest.mark.long
@pytest.mark.parametrize("part", range(2))
def test_stored_figures(part):
    """What a call executes, and what its loops cost, is as stored."""
    program = BENCHMARKS / "regression.py"
    kernels = list(regression.KERNELS)[part::2]
    done = subprocess.run(
        [sys.executable, program, "--kernel", *kernels], capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr


def test_loops():
    inner, last = regression.innermost_loops(ASSEMBLY)
    assert (inner.fmas, inner.spills, len(inner.lines)) == (2, 1, 7)
    assert (last.fmas, last.spills, len(last.lines)) == (4, 1, 6)
    assert regression.contracting([inner, last]) == [inner, last]
    few = regression.Loop(inner.lines[1:2])
    assert regression.contracting([few, last]) == [last]


def test_cycles_follow_the_multiply_adds():
    """Four dependent multiply-adds a trip cost more than two in parallel."""
    inner, _ = regression.innermost_loops(ASSEMBLY)
    chain = regression.Loop((*["vfmadd231ps\t%zmm0, %zmm1, %zmm2"] * 4, "jne\t.LBB0_2"))
    assert regression.cycles(chain) > 15
    assert 2 < regression.cycles(inner) < 8


def test_growth_is_reported():
    stored = {"a": {"cycles_per_fma": 1.0, "spills": 0, "instructions": 1000}}
    same = {"a": {"cycles_per_fma": 1.02, "spills": 0, "instructions": 900}}
    assert regression.compare(same, stored) == []
    grown = {"a": {"cycles_per_fma": 1.04, "spills": 1, "instructions": 1031}}
    assert len(regression.compare(grown, stored)) == 3
    assert "no figure is stored" in regression.compare({"b": {"spills": 0}}, stored)[0]
