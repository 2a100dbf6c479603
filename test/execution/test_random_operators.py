# ===- test_random_operators.py - Two forms of an operator ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random operators of the fuzzer's grammar, and others that read what they give: the
fused form and the one einsum by einsum agree (test/fuzz/agree.py).

The campaign runs in a process of its own, so that a crash names its operator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from runner import Counter

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {
    "cpu": {"quick": 15, "default": 120, "full": 1200},
    "gpu": {"quick": 5, "default": 60, "full": 600},
}
# Continuous integration tries the same ones in every run.
PINNED = {"default": 5}


@pytest.mark.long
@pytest.mark.parametrize("target", COUNTS)
def test_forms_of_random_operators_agree(target, tier, seed, tmp_path):
    count, seed = COUNTS[target][tier], PINNED.get(tier, seed)
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "python"), OPENBLAS_NUM_THREADS="1")
    command = [
        sys.executable, str(ROOT / "test" / "fuzz" / "agree.py"), "--count", str(count),
        "--seed", str(seed), "--folder", str(tmp_path), *(["--gpu"] if target == "gpu" else []),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=3600)
    journal = tmp_path / "journal.json"
    at = journal.read_text() if journal.exists() else "no operator"
    assert done.stdout, f"status {done.returncode} at {at}:\n{done.stderr}"
    totals = json.loads(done.stdout)
    counts = totals["counts"]
    Counter.executions += counts.get("executions", 0)
    assert not totals["failures"], "\n".join(totals["failures"])
    assert counts["operators"] == count
    if tier == "quick":
        return
    # A few operators say nothing about shares.
    assert 2 * counts["fused"] >= count, counts
    # Bounds that say nothing would pass anything.
    assert 2 * counts["sharp"] >= counts["elements"], counts
