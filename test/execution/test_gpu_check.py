# ===- test_gpu_check.py - scripts/gpu-check without a GPU -----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What scripts/gpu-check builds runs on a stand-in for the driver, and what is wrong
is told, whatever becomes of the process."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from attn import ptx_sim
from attn.compiler import find_compiler
from runner import Counter
from test_ptxas import find_ptxas

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts/support/gpu_check"), str(ROOT / "test/python")]
import gpu_stand_in  # noqa: E402
from gpu_draw import draw_inputs  # noqa: E402
from gpu_instruction_table import Instruction, instructions  # noqa: E402
from gpu_instructions import COUNT, compare, judge, ptx_text, simulate  # noqa: E402
from gpu_mix import KINDS, occupancy, parse, steps  # noqa: E402
from gpu_results import Results, run_isolated  # noqa: E402
from gpu_sanitize import summarise  # noqa: E402
from gpu_table import OURS, line, table  # noqa: E402
from gpu_workloads import bench_specs, workloads  # noqa: E402

CHOSEN = (
    "^fused-(odd|segments)$|unfused-odd|bench-decode128|wrong-3|instructions/(add.rn.f32|shfl.*up)"
)


def gpu_check(*arguments, **environment):
    command = [sys.executable, ROOT / "scripts/support/gpu_check/main.py", *arguments]
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=500,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    find_ptxas()
    path = tmp_path_factory.mktemp("gpu")
    build = find_compiler().resolve().parents[1]
    done = gpu_check("build", "--folder", path, "--compiler-dir", build, "--only", CHOSEN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   fused-odd" in done.stdout and "5 ok, 0 FAILED" in done.stdout
    return path


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return {"ATTN_LIBCUDA": str(gpu_stand_in.build(tmp_path_factory.mktemp("cuda")))}


def test_no_gpu(folder):
    done = gpu_check("run", "--folder", folder, ATTN_LIBCUDA="/nowhere/libcuda.so.1")
    assert done.returncode == 3
    assert done.stderr.startswith("gpu-check: no GPU: there is no NVIDIA driver on this machine")


def test_nothing_built(tmp_path, driver):
    done = gpu_check("run", "--folder", tmp_path, **driver)
    assert done.returncode == 1 and "scripts/gpu-check build makes it" in done.stderr


def test_run(folder, driver, tmp_path):
    results = tmp_path / "results.json"
    Counter.executions += 1
    done = gpu_check(
        "run", "--folder", folder, "--results", results, "--only", CHOSEN, "--ptx",
        "--limit", "300", **driver,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(results.read_text())
    assert content["counts"] == {"ok": len(content["items"])}
    names = {item["name"] for item in content["items"]}
    assert {"fused-odd 37x53", "fused-segments 300x517", "unfused-odd 21x34"} <= names
    assert "wrong-3 segments" in names


def test_single_instructions(folder, driver):
    done = gpu_check("instructions", "--folder", folder, "--ptx", **driver)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   instructions/add.rn.f32  2048 results with the same bits" in done.stdout


def test_mix(folder, tmp_path):
    """A block of one warp multiplies 16 queries by 32 keys, and adds 32 values."""
    results = tmp_path / "mix.json"
    done = gpu_check("mix", "--folder", folder, "--results", results)
    assert done.returncode == 0, done.stdout + done.stderr
    (item,) = json.loads(results.read_text())["items"]
    assert item["name"] == "bench-decode128"
    whole = item["mix"][0]
    assert whole["products"] == 2 * 32 * 128 // (8 * 16)
    assert whole["copies"] == 2 * 32 * 128 * 2 // 16 // 32
    assert whole["bytes"] == 2 * 32 * 128 * 2 and whole["flops"] == 4 * 16 * 32 * 128
    assert whole["total"] == sum(whole[kind] for kind in KINDS)
    assert f"| decode128 | 1 | {whole['total']} | 64 |" in done.stdout


# A loop whose step copies unless it is the last one, and multiplies in one of two
# branches; behind each the sum may be repaired. A second kernel has no products.
LISTING = """
\t.section\t.text.first,"ax",@progbits
.text.first:
        /*0000*/                   MOV R1, 0x1 ;
.L_x_1:
        /*0010*/              @P0 BRA `(.L_x_2) ;
        /*0020*/                   LDGSTS.E.BYPASS.128 [R1], desc[UR4][R2.64] ;
.L_x_2:
        /*0030*/              @!P1 BRA `(.L_x_3) ;
        /*0040*/                   HMMA.16816.F32.BF16 R4, R8, R12, R4 ;
        /*0050*/                   BRA `(.L_x_4) ;
.L_x_3:
        /*0058*/                   ISETP.GE.AND P2, PT, R3, R6, PT ;
        /*0060*/                   FSEL R4, R4, -INF , P2 ;
        /*0070*/                   HMMA.16816.F32.BF16 R4, R8, R12, R4 ;
.L_x_4:
        /*0080*/             @!UP0 BRA `(.L_x_5) ;
        /*0090*/                   FMUL R4, R4, R5 ;
.L_x_5:
        /*00a0*/              @!P0 BRA `(.L_x_1) ;
        /*00b0*/                   EXIT ;
\t.section\t.text.second,"ax",@progbits
.text.second:
.L_x_6:
        /*0000*/              @!P0 BRA `(.L_x_6) ;
        /*0010*/                   EXIT ;
"""


def test_mix_of_ways():
    kernels = parse(LISTING)
    assert list(kernels) == ["first", "second"] and steps(kernels["second"]) == []
    ((plain, masked),) = steps(kernels["first"])
    assert plain.kinds == {"copies": 1, "products": 1, "other": 5}
    assert masked.kinds == {"copies": 1, "products": 1, "float": 1, "other": 5}
    # Two blocks of 128 threads with all registers; shared memory for one.
    assert occupancy("sm_90a", 255, 100_000, 128) == 2
    assert occupancy("sm_120", 64, 60_000, 128) == 1
    assert occupancy("sm_80", 32, 0, 32) == 32


def test_table(seed, tier):
    """Every kernel of the table is simulated without a finding; ptxas takes it, too,
    where all are built."""
    sim = ptx_sim.load()
    entries = instructions(120)
    for entry in entries[:: 20 if tier == "quick" else 1]:
        inputs = draw_inputs(entry, COUNT, seed)
        chip = "sm_90a" if entry.chip <= 90 else "sm_120"
        outputs = simulate(sim, entry, ptx_text(entry, chip), inputs)
        assert judge(entry, inputs, outputs, outputs)[0] == "ok", entry.name


def floats(*values):
    return np.array(values, np.float32).view(np.uint32)


@pytest.mark.parametrize(
    ("bound", "differ", "wrong"),
    [(None, 3, 3), (("ulp", 2), 3, 1), (("relative", 2**-20), 3, 1), (("absolute", 2.0), 3, 0)],
)
def test_compare(bound, differ, wrong):
    expected = floats(1, 1, np.nan, 8, 0)
    actual = floats(1, 1 + 2**-23, -np.nan, 8 + 2**-10, 2**-149)
    found, bad, _ = compare("f32", expected, actual, bound)
    assert (found.sum(), bad.sum()) == (differ, wrong)


def test_compare_infinity():
    _, wrong, _ = compare("f32", floats(np.inf), floats(3e38), ("relative", 0.5))
    assert wrong.all()


def test_compare_halves():
    expected = np.array([0x3C003C00, 0x7E00FFFF], np.uint32)
    actual = np.array([0x3C013C00, 0xFE007E01], np.uint32)
    differs, _, _ = compare("f16x2", expected, actual, None)
    np.testing.assert_array_equal(differs, [False, True, False, False])
    entry = Instruction("add.f16x2", "", ("f16x2",), ("f16x2",))
    status, details = judge(entry, [expected], [expected], [actual])
    assert status == "FAIL" and "thread 0: 0x3c003c00 gives 0x3c013c00" in details


CHILD = """
import sys, os, time
sys.path.insert(0, {path!r})
from gpu_results import child_main
def worker(job):
    if job == "dies":
        os.abort()
    if job == "hangs":
        time.sleep(100)
    if job == "fatal":
        raise MemoryError("the device is gone")
    if job == "fails":
        raise ValueError("it is wrong")
    yield job, "ok", "as it should"
print("chatter")
child_main(worker, (MemoryError,))
"""


def test_children(tmp_path, capsys):
    """A job that kills its process or never ends takes no other with it."""
    program = tmp_path / "child.py"
    program.write_text(CHILD.format(path=str(ROOT / "scripts/support/gpu_check")))
    results = Results(tmp_path / "out" / "results.json")
    jobs = ["one", "dies", "two", "fatal", "three", "fails", "hangs", "four"]
    run_isolated(results, [sys.executable, program], jobs, 3, time.monotonic() + 60)
    items = {item["name"]: item for item in results.data["items"]}
    assert [items[job]["status"] for job in jobs] == [
        *("ok", "FAIL", "ok", "FAIL", "ok", "FAIL", "FAIL", "ok"),
    ]
    assert "ended with status -6" in items["dies"]["details"]
    assert "nothing happened for 3 s" in items["hangs"]["details"]
    assert items["fatal"]["details"].startswith("MemoryError: the device is gone\nat child.py:")
    assert results.finish() == 1
    assert json.loads(results.path.read_text())["counts"] == {"ok": 4, "FAIL": 4}
    assert "ok   four  as it should" in capsys.readouterr().out


def test_no_time_left(tmp_path):
    program = tmp_path / "child.py"
    program.write_text(CHILD.format(path=str(ROOT / "scripts/support/gpu_check")))
    results = Results(None)
    run_isolated(results, [sys.executable, program], ["one", "two"], 3, time.monotonic() - 1)
    assert results.counts == {"skip": 2} and results.finish() == 1


def test_broken_child(tmp_path):
    results = Results(None)
    command = [sys.executable, "-c", "raise SystemExit('no such module')"]
    run_isolated(results, command, ["one", "two", "three"], 3, time.monotonic() + 60)
    assert results.counts == {"FAIL": 1}
    assert "no such module" in results.data["items"][0]["details"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("{m}\n========= ERROR SUMMARY: 0 errors\n", "ok"),
        ("{m}\n========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)", "ok"),
        ("{m}\n========= Invalid read\n========= ERROR SUMMARY: 1 error\n", "FAIL"),
        ("========= ERROR SUMMARY: 0 errors\n", "FAIL"),
        ("{m}\nDevice not supported\n", "skip"),
    ],
)
def test_sanitizer_summary(text, status):
    message = '\x1eattn {"end": "fused-odd"}'
    assert summarise(text.replace("{m}", message), 1)[0] == status


def test_workloads():
    """Kernels and sizes belong together, and pairs are counted as they are masked."""
    chosen = workloads()
    assert {w.kernel for w in chosen} == set(bench_specs())
    assert len({w.name for w in chosen}) == len(chosen)
    for workload in chosen:
        if workload.queries != 2048 and workload.keys != 8192:
            continue
        m, n = np.arange(workload.queries)[:, None], np.arange(workload.keys)[None, :]
        order = np.random.default_rng(7).permutation(workload.keys)
        live = 0
        for branch in workload.branches(order):
            every = np.ones((workload.queries, workload.keys), bool)
            live += (every if branch.mask is None else branch.mask(0, 0, m, n)).sum()
        assert workload.live_pairs == live, workload.name


def test_neighborhood():
    """A query of the grid sees the square around it, shifted where the grid ends."""
    (workload,) = (w for w in workloads() if w.kernel == "neighborhood128")
    (branch,) = workload.branches()
    tokens = np.arange(256 * 256)
    for i, j, top, left in [(0, 0, 0, 0), (255, 7, 176, 0), (100, 250, 60, 176)]:
        seen = branch.mask(0, 0, np.array(256 * i + j), tokens).reshape(256, 256)
        expected = np.zeros((256, 256), bool)
        expected[top : top + 80, left : left + 80] = True
        assert (seen == expected).all()
    assert workload.live_pairs == 256 * 256 * 80 * 80


def test_measurements_as_text():
    row = {"ms": 2.0, "tflops": 1.5, "gbytes": 20.0}
    rows = {OURS: row, "cuDNN": row | {"ms": 1.0}, "Flex": {"note": "no such operator"}}
    text = line(rows)
    assert text.startswith("attn-mlir 2.000 ms 1.5 TFLOP/s 20 GB/s | cuDNN 1.000 ms")
    assert "(ours x0.50)" in text and "Flex" not in text
    lines = table([{"name": "plain", "bench": rows}]).splitlines()
    assert lines[-1] == "| plain | 2.000 ms, 1.5 | 1.000 ms, 1.5, x0.50 | - |"
    assert re.fullmatch(r"\|(---\|)+", lines[1])
