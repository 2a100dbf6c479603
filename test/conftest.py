# ===- conftest.py - Tiers, seeds and the kernel count -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Options of the Python tests.

    pytest test/execution --tier=quick -n 2

The seed of the random configurations is new in every run and printed; pass it
back with --seed to see the same ones again. The environment may set the tier
(ATTN_TIER), the build folder (ATTN_BUILD_DIR), and a file that receives the
number of executed kernels (ATTN_EXECUTION_COUNT).
"""

import os
from pathlib import Path

# Test processes fill the cores; BLAS threads on top only get in their way. This
# has to happen before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parents[1]
_TOTAL = pytest.StashKey[int]()


def pytest_addoption(parser):
    group = parser.getgroup("attn-mlir")
    tier = os.environ.get("ATTN_TIER", "default")
    group.addoption("--tier", choices=["quick", "default", "full"], default=tier)
    group.addoption("--seed", type=int, help="seed of the random configurations")
    group.addoption("--kernel-cache", help="folder of compiled kernels", metavar="DIR")
    group.addoption(
        "--sample",
        type=int,
        metavar="N",
        help="run at most N cases of each test but the grid's",
    )


def pytest_configure(config):
    config.stash[_TOTAL] = 0
    if config.getoption("--seed") is None:
        # Worker processes inherit the environment, and with it one common seed.
        inherited = os.environ.get("ATTN_TEST_SEED")
        in_worker = hasattr(config, "workerinput")
        fresh = int.from_bytes(os.urandom(4), "little")
        config.option.seed = int(inherited) if in_worker and inherited else fresh
    os.environ["ATTN_TEST_SEED"] = str(config.option.seed)


def pytest_collection_modifyitems(config, items):
    kept = select(config, items)
    left_out = [item for item in items if item not in kept]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item in kept]
    # What takes minutes in one process starts first, so that the others fill the
    # remaining workers.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def select(config, items):
    """The tests that the tier and --sample leave."""
    if config.getoption("--tier") == "quick":
        items = [item for item in items if item.get_closest_marker("builds") is None]
    sample = config.getoption("--sample")
    if sample is None:
        return set(items)
    cases = {}
    for item in items:
        cases.setdefault((item.path, item.originalname), []).append(item)
    kept = set()
    for (path, _), several in cases.items():
        count = len(several) if path.name == "test_grid.py" else min(sample, len(several))
        kept.update(several[i * len(several) // count] for i in range(count))
    return kept


def pytest_report_header(config):
    return f"attn-mlir: tier {config.getoption('--tier')}, --seed={config.option.seed}"


@pytest.fixture(scope="session")
def tier(request):
    return request.config.getoption("--tier")


@pytest.fixture(scope="session")
def seed(request):
    return request.config.option.seed


@pytest.fixture(scope="session")
def kernels(request, tier):
    from attn.compiler import find_compiler
    from runner import KernelCache

    folder = request.config.getoption("--kernel-cache")
    if folder is None:
        folder = find_compiler().resolve().parents[1] / "test-kernels"
    # attn-compile verifies what it reads and what it translates, no more.
    flags = ("--verify-each",) if tier == "full" else ()
    return KernelCache(Path(folder), flags)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if "execution" not in item.path.parts:
        return (yield)
    from runner import Counter

    before = Counter.executions
    try:
        return (yield)
    finally:
        item.user_properties.append(("kernel executions", Counter.executions - before))


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed and _config is not None:
        _config.stash[_TOTAL] += dict(report.user_properties).get("kernel executions", 0)


_config = None


def pytest_sessionstart(session):
    global _config
    _config = session.config


def _wants_kernels(config):
    named = config.option.keyword
    return not named and any("execution" in str(argument) for argument in config.args)


def pytest_sessionfinish(session):
    """A run of the execution tests that executed no kernel has tested nothing,
    unless it was asked for some by name."""
    config = session.config
    if hasattr(config, "workerinput") or config.getoption("collectonly"):
        return
    report = os.environ.get("ATTN_EXECUTION_COUNT")
    if report:
        Path(report).write_text(f"{config.stash[_TOTAL]}\n")
    if _wants_kernels(config) and not config.stash[_TOTAL] and session.exitstatus in (0, 5):
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter, config):
    count = config.stash[_TOTAL]
    seed = config.option.seed
    if _wants_kernels(config) and not config.getoption("collectonly"):
        terminalreporter.write_line(f"{count} kernel executions, --seed={seed}", green=bool(count))
        if not count:
            terminalreporter.write_line("no kernel was executed: this is a failure", red=True)
