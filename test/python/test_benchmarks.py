# ===- test_benchmarks.py - benchmarks/run ----------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The runner of the benchmarks: what it checks, prints and judges. Its times are
nobody's business here."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HARNESS = Path(__file__).resolve().parents[2] / "benchmarks" / "harness"
sys.path.append(str(HARNESS))
import bars  # noqa: E402
import report  # noqa: E402
import session  # noqa: E402
import workloads  # noqa: E402


def run(*arguments):
    command = [sys.executable, HARNESS / "main.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Peaks:
    """A machine of 100 GFLOP/s and 20 GB/s."""

    def __init__(self, pair=200.0):
        self.pair_is_void = pair < 180.0

    def fma(self, threads, dtype="f32"):
        return 100.0

    def load(self, size, threads):
        return 20.0


def results(seconds, threads=1, pair=200.0):
    """A run with these seconds, by workload and peer."""
    known = {w.name: w for w in workloads.all_workloads()}
    figures = {
        name: {
            peer: session.Figure([taken] * 3) if taken else session.Figure(reason="not installed")
            for peer, taken in peers.items()
        }
        for name, peers in seconds.items()
    }
    return bars.Results([known[name] for name in seconds], figures, Peaks(pair), threads)


def outcomes(measured):
    return {verdict.bar: verdict.outcome for verdict in bars.judge(measured)}


def test_a_run(tmp_path):
    done = run(
        *("short MiniLM f32 N32", "decode bf16 M4 N512", "--threads", 1, "--rounds", 1),
        *("--share", 0.001, "--peers", "ours", "openblas", "hand", "--output", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    file = next(tmp_path.glob("*.json"))
    measured = json.loads(file.read_text())["parts"][0]["workloads"]
    assert [entry["name"] for entry in measured] == ["short MiniLM f32 N32", "decode bf16 M4 N512"]
    ours = measured[0]["peers"]["ours"]
    assert ours["seconds"] and 0 < ours["max_error"] < 1e-4
    assert measured[0]["peers"]["openblas"]["max_error"] < 1e-4
    assert measured[1]["peers"]["openblas"]["reason"] == "NumPy computes f32"
    table = file.with_suffix(".md").read_text()
    assert "| short MiniLM f32 N32 |" in table and "OpenBLAS" in table


def test_a_peer_that_is_wrong_has_no_times(tmp_path, monkeypatch):
    """The check is on the numbers that the worker hands over."""
    workload = next(w for w in workloads.all_workloads() if w.name == "short MiniLM f32 N32")

    class Liar(session.Process):
        def ask(self, timeout=600, **request):
            answer = super().ask(timeout, **request)
            if request["op"] == "output":
                array = np.load(request["file"])
                array[0, 0, 0, 0] += 0.5
                np.save(request["file"], array)
            return answer

    monkeypatch.setattr(session, "Process", Liar)
    running = session.Session(["openblas"], 1, 1, 0.001, lambda *_: None)
    try:
        figure = running.measure(workload, tmp_path / "data")["openblas"]
    finally:
        running.close()
    assert figure.reason.startswith("wrong: differs from float64") and not figure.seconds


def test_what_is_unknown_is_refused():
    done = run("nonsense")
    assert done.returncode != 0 and "no workload is called 'nonsense'" in done.stderr
    assert run("--list").stdout.count("\n") == len(workloads.all_workloads())


def test_workloads():
    listed = workloads.all_workloads()
    assert len({w.name for w in listed}) == len(listed)
    by_name = {w.name: w for w in listed}
    plain = by_name["prefill f32 D64 N1024"]
    assert plain.flops == 4 * 8 * 1024**2 * 64 and plain.window == 0
    assert by_name["prefill f32 D64 N1024 causal"].live == 1024 * 1025 // 2
    assert by_name["window f32 N8192"].window == 256
    assert by_name["sparse dilated"].window is None
    assert by_name["decode f32 M4 N512"].live == 4 * 512 - 6
    first, second = workloads.random_workloads(5, 7), workloads.random_workloads(5, 7)
    assert first == second and first != workloads.random_workloads(5, 8)


@pytest.mark.parametrize(("ours", "outcome"), [(1.0, "pass"), (1.0 / 0.96, "pass"), (1.1, "FAIL")])
def test_bars_of_a_prefill(ours, outcome):
    name = "prefill f32 D64 N1024"
    judged = outcomes(results({name: {"ours": ours, "hand": 1.0}}))
    assert judged[f"{name} against the hand kernel"] == outcome


def test_bars_compare_live_pairs():
    """Half the pairs in 0.6 of the time is 0.83 of the rate."""
    name = "prefill bf16 D128 N4096"
    peers = {name: {"ours": 1.0, "hand": None}, f"{name} causal": {"ours": 0.6, "hand": None}}
    judged = outcomes(results(peers))
    assert judged[f"{name} causal, rate against unmasked"] == "FAIL"
    assert judged[f"{name} against the hand kernel"] == "void: hand: not installed"


def test_bars_of_decode_know_what_binds():
    name = "decode f32 M1 N8192"
    workload = next(w for w in workloads.all_workloads() if w.name == name)
    least = workload.bytes / 20e9
    for taken, outcome in ((least / 0.81, "pass"), (least / 0.79, "FAIL")):
        judged = outcomes(results({name: {"ours": taken}}))
        assert judged[f"{name}, share of bandwidth or peak"] == outcome


def test_two_threads_on_a_busy_machine_are_void():
    name = "prefill f32 D64 N1024"
    judged = outcomes(results({name: {"ours": 9.0, "hand": 1.0}}, threads=2, pair=170.0))
    assert set(judged.values()) == {"void: two cores give less than 1.8"}


def test_table_marks_the_fastest_and_where_we_lose():
    measured = {"ours": session.Figure([2.0]), "openblas": session.Figure([1.0])}
    workload = workloads.all_workloads()[0]
    cells = report.row(report.describe(workload, measured, 100.0))
    assert cells[2].startswith("**") and not cells[1].startswith("**") and cells[-1] == "0.50"
