# ===- test_host.py - Kernels in a C host and under sanitizers - python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Kernels called by a C program: its memory, and what ASan and TSan say."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from operators import Spec
from runner import Counter

HERE = Path(__file__).resolve().parent
SMALL = Spec(8, 8)
SPECS = {
    "plain": Spec(40, 59, heads=4, key_heads=2, lse=True),
    "features": Spec(
        64, 80, heads=2, key_heads=1, dtype="bf16", softcap=20.0, bias="hmn",
        where=(("causal",), ("window", 31, 17)), sinks=True, lse=True,
    ),
}  # fmt: skip
EXTENTS = ["b=2", "m=113", "n=239"]


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("name", ["features"] if quick else list(SPECS))


@pytest.fixture(scope="session")
def build_host(tmp_path_factory):
    built = {}

    def build(sanitizer="none"):
        if sanitizer in built:
            return built[sanitizer]
        compiler = next(c for c in ("clang-22", "clang", "gcc") if shutil.which(c))
        path = tmp_path_factory.mktemp("host") / f"host_{sanitizer}"
        flags = [] if sanitizer == "none" else [f"-fsanitize={sanitizer}", "-g"]
        command = [compiler, "-O1", *flags, "-pthread", f"-I{HERE.parents[1] / 'include'}"]
        subprocess.run([*command, HERE / "host.c", "-o", path, "-ldl"], check=True)
        built[sanitizer] = path
        return path

    return build


def call(host, kernel, mode, extents=EXTENTS):
    Counter.executions += 1
    environment = os.environ | {
        "ASAN_OPTIONS": "detect_leaks=0",
        "TSAN_OPTIONS": "exitcode=66 history_size=7",
    }
    command = [str(host), str(kernel.path), kernel.name, mode, *extents]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment
    )  # fmt: skip


def test_no_quadratic_memory(kernels, build_host, tier):
    """32k x 32k scores would take 4 GiB; a call may grow by 64 MiB. (Inputs and
    outputs are in memory before it begins.)"""
    length = 8192 if tier == "quick" else 32768
    done = call(
        build_host(), kernels.get(SMALL), "once", ["b=1", f"m={length}", f"n={length}"]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 64 << 20


def sanitized(kernels, spec, sanitizer):
    """The kernel's path only: the library cannot be loaded without the runtime."""
    return kernels.path(spec, f"--sanitize={sanitizer}")


class Library:
    def __init__(self, path):
        self.path, self.name = path, "attention"


def test_address_sanitizer(kernels, build_host, name):
    host = build_host("address")
    library = Library(sanitized(kernels, SPECS[name], "address"))
    done = call(host, library, "once")
    assert done.returncode == 0, done.stderr
    # Instrumented for real: a key beyond the allocation is reported.
    done = call(host, library, "beyond")
    assert done.returncode != 0 and "heap-buffer-overflow" in done.stderr


def test_thread_sanitizer(kernels, build_host, name):
    host = build_host("thread")
    library = Library(sanitized(kernels, SPECS[name], "thread"))
    done = call(host, library, "halves")
    assert done.returncode == 0, done.stderr
    # Instrumented for real: two threads on the same items are reported. Few
    # accesses come between, and TSan keeps its longest history: it drops a race
    # whose first access it no longer remembers.
    done = call(host, library, "overlap", ["b=1", "m=17", "n=33"])
    assert done.returncode == 66 and "data race" in done.stderr
