# ===- gpu_sanitize.py - Kernels under compute-sanitizer -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""A few jobs of `scripts/gpu-check run` under each tool of compute-sanitizer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time

from gpu_results import MARK

TOOLS = ("memcheck", "racecheck", "synccheck", "initcheck")
JOBS = (
    *("fused-plain", "fused-bf16", "fused-f16", "fused-permuted", "fused-segments"),
    *("fused-few", "unfused-odd", "wrong-0"),
)
_SUMMARY = re.compile(r"=+ (?:ERROR|RACECHECK) SUMMARY: (\d+) .*")


def find_sanitizer() -> str | None:
    home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    places = os.pathsep.join([os.environ.get("PATH", ""), f"{home}/bin"])
    return shutil.which("compute-sanitizer", path=places)


def sanitize(results, command: list[str], only: re.Pattern, seconds: float, deadline: float):
    """`command` runs the jobs that are appended to it, with commas between."""
    sanitizer = find_sanitizer()
    if sanitizer is None:
        results.item("sanitize", "skip", "compute-sanitizer was not found")
        return
    jobs = [job for job in JOBS if only.search(job)]
    for tool in TOOLS:
        name = f"sanitize {tool}"
        left = min(seconds * len(jobs), deadline - time.monotonic())
        if left < 5 or not jobs:
            results.item(name, "skip", "no time was left" if jobs else "--only names no job")
            continue
        options = [sanitizer, "--tool", tool, "--target-processes", "all", "--print-limit", "5"]
        fresh = ["--fresh"] if tool == "initcheck" else []
        # Of what is not initialised, nobody can say whether it was written.
        chosen = [job for job in jobs if not (fresh and job.startswith("wrong"))]
        whole = [*options, *command, *fresh, "--child-jobs", ",".join(chosen)]
        try:
            done = subprocess.run(
                whole, capture_output=True, text=True, errors="replace", timeout=left
            )
        except subprocess.TimeoutExpired as error:
            text = error.stdout or b""
            text = text.decode(errors="replace") if isinstance(text, bytes) else text
            ended = text.count('"end"')
            results.item(name, "skip", f"{ended} of {len(jobs)} jobs ended within {left:.0f} s")
            continue
        status, details = summarise(done.stdout + done.stderr, len(chosen))
        results.item(name, status, details)


def summarise(text: str, jobs: int) -> tuple[str, str]:
    """The status of a run, by the tool's summary and by what the jobs said."""
    # Not splitlines: MARK begins with what it counts as an end of line.
    lines = text.split("\n")
    own = [line for line in lines if MARK in line]
    found = [match for match in map(_SUMMARY.fullmatch, map(str.strip, lines)) if match]
    failed = [line.partition(MARK)[2] for line in own if '"FAIL"' in line]
    ended = sum('"end"' in line for line in own)
    if not found:
        return "skip", "\n".join(["it does not work here:", *lines[-8:]])
    summary = found[-1].group(0).strip("= ")
    if int(found[-1].group(1)) or failed or ended < jobs:
        reports = [line for line in lines if line.startswith("=========")][:20]
        return "FAIL", "\n".join([f"{summary}; {ended} of {jobs} jobs ended", *failed, *reports])
    return "ok", f"{summary}, in {ended} jobs"
