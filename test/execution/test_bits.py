# ===- test_bits.py - Reproducible to the bit ----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""A row's bits depend on its own inputs alone: not on threads, the batch, its
place in it, its neighbours, or the layout of the operands."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from attn.compiler import find_compiler, find_driver
from attn.kernel import STATUS, Driver, KernelError, PythonParallelFor, aligned_workspace
from memory import LAYOUTS
from operators import Operands, Spec, operands, text
from runner import Counter, judge, run, run_guarded, shuffled

SPECS = {
    "plain": Spec(64, 64, heads=4, key_heads=2, lse=True),
    "everything": Spec(
        40, 59, heads=6, key_heads=2, dtype="bf16", softcap=20.0, bias="hmn", region="alibi",
        where=(("causal",), ("window", 100, 100)), key_lengths=True, query_lengths=True,
        sinks=True, lse=True,
    ),
    "half": Spec(59, 40, heads=2, key_heads=1, dtype="f16", where=(("causal",),), lse=True),
    "double": Spec(
        40, 64, heads=4, key_heads=2, dtype="f64", softcap=20.0, bias="mn", region="alibi",
        where=(("window", 60, 20),), key_lengths=True, sinks=True, lse=True,
    ),
    "few": Spec(
        72, 80, heads=6, key_heads=2, queries=4, dtype="bf16", softcap=20.0, bias="hmn",
        where=(("causal",), ("window", 100, 0)), key_lengths=True, sinks=True, lse=True,
    ),
    "wide": Spec(128, 96, heads=3, key_heads=3, where=(("causal",),), align="top_left", lse=True),
}  # fmt: skip
SHAPE = (113, 239)


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", ["everything"] if quick else list(SPECS))
    if "layout" in metafunc.fixturenames:
        others = [layout for layout in LAYOUTS if layout != "broadcast"]
        metafunc.parametrize("layout", ["padded"] if quick else others)


def bits(arrays):
    return [np.ascontiguousarray(a).tobytes() for a in arrays]


def make(name, batch=3):
    spec = SPECS[name]
    rows = spec.queries or SHAPE[0]
    return operands(spec, batch, rows, SHAPE[1], np.random.default_rng(1))


def batch_entries(case: Operands, chosen) -> Operands:
    arrays = {}
    for key, value in case.arrays.items():
        has_batch = key in ("q", "k", "v", "kl", "ql")
        arrays[key] = value[chosen] if has_batch else value
    return Operands(case.spec, arrays)


def test_threads(kernels, name):
    kernel, case = kernels.get(SPECS[name]), make(name)
    expected = bits(run(kernel, case))
    assert bits(run(kernel, case)) == expected, "two equal calls differ"
    driver_path = find_driver()
    assert driver_path is not None, "the driver library is not built"
    driver = Driver(driver_path)
    for count in (1, 2, 5):
        with driver.threads(count) as threads:
            assert bits(run(kernel, case, threads)) == expected, f"{count} threads"
    for seed in range(5):
        assert bits(run(kernel, case, shuffled(seed))) == expected, f"schedule {seed}"


def test_one_item_at_a_time(kernels, name):
    kernel, case = kernels.get(SPECS[name]), make(name)
    expected = bits(run(kernel, case))
    outputs = [np.full(shape, np.nan, dtype) for shape, dtype in case.output_shapes()]
    arrays = [*case.inputs(), *outputs]
    size = kernel.workspace_size(arrays, 2)
    workspace = aligned_workspace(size) if size else None
    Counter.executions += 1
    for phase in range(kernel.phases()):
        for item in reversed(range(kernel.items(arrays, phase))):
            kernel.run_items(arrays, phase, item, item + 1, item % 2, workspace)
    assert bits(outputs) == expected


def test_concurrent_calls(kernels, name):
    """Calls are re-entrant: two at once on two threads of the host."""
    kernel, case = kernels.get(SPECS[name]), make(name)
    expected = bits(run(kernel, case))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: bits(run(kernel, case)), range(6)))
    assert all(answer == expected for answer in answers)


def test_batch_size_and_place(kernels, name):
    kernel, case = kernels.get(SPECS[name]), make(name)
    whole = run(kernel, case)
    for order in ([0], [1], [2], [2, 0], [1, 1, 2, 0, 1]):
        part = run(kernel, batch_entries(case, order))
        assert bits(part) == bits([out[order] for out in whole]), f"entries {order}"


def test_neighbours(kernels, name):
    """What the other batch entries and heads hold changes nothing."""
    kernel, case = kernels.get(SPECS[name]), make(name)
    whole = run(kernel, case)
    for key in ("q", "k", "v"):
        case.arrays[key][0] = np.nan
        case.arrays[key][2] = 1e30
    noisy = run(kernel, case)
    assert bits([out[1] for out in noisy]) == bits([out[1] for out in whole])


def test_rows_alone(kernels):
    """With top-left positions, the first rows do not depend on later queries'
    contents, and keys beyond the diagonal do not exist for them."""
    kernel, case = kernels.get(SPECS["wide"]), make("wide")
    whole = run(kernel, case)
    case.arrays["q"][:, :, 50:] = 3
    case.arrays["k"][:, :, 50:] = np.nan
    case.arrays["v"][:, :, 50:] = np.nan
    noisy = run(kernel, case)
    assert bits([out[:, :, :50] for out in noisy]) == bits([out[:, :, :50] for out in whole])


def test_layouts(kernels, layout):
    name = "everything"
    kernel, case = kernels.get(SPECS[name]), make(name)
    expected = bits(run(kernel, case))
    assert bits(run_guarded(kernel, case, layout, "end", 1)) == expected


def test_broadcast_heads(kernels):
    """A head stride of 0 is the same as a copy for every head."""
    kernel, case = kernels.get(SPECS["plain"]), make("plain")
    for key in ("q", "k", "v"):
        one = case.arrays[key][:, :1].copy()
        case.arrays[key] = np.repeat(one, case.arrays[key].shape[1], axis=1)
    expected = bits(run(kernel, case))
    for key in ("q", "k", "v"):
        value = case.arrays[key]
        case.arrays[key] = np.broadcast_to(value[:, :1], value.shape)
        assert case.arrays[key].strides[1] == 0
    assert bits(run(kernel, case)) == expected


def test_a_schedule_that_skips_items_is_reported(kernels):
    """The tests above would prove nothing if schedules were ignored."""
    kernel, case = kernels.get(SPECS["plain"]), make("plain")
    with pytest.raises(KernelError) as error:
        run(kernel, case, PythonParallelFor(lambda items, workers: [(1, items, 0)], 1))
    assert error.value.status == STATUS["VALUE"] and "items" in error.value.message


def lower(name, *options):
    """The kernel module in the LLVM dialect, and the mapping that was chosen."""
    tool = find_compiler().with_name("attn-opt")
    outputs = []
    for pipeline in ("attn-to-llvm", "attn-derive-cascades"):
        command = [tool, f"--{pipeline}=form=fused {' '.join(options)}"]
        done = subprocess.run(
            command, input=text(SPECS[name]), capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout)
    return outputs[0], re.search(r"mapping <.*?>", outputs[1]).group()


def test_order_of_items_and_residency(kernels):
    """The order of the items changes no bit; a result stored in the cache that
    would stay in registers changes the rounding alone."""
    name = "everything"
    case = make(name)
    module, mapping = lower(name)
    plain = run(kernels.compile(module, f"{name}_plain", "--from-llvm-dialect"), case)
    lanes = re.search(r"lanes = (\w+)", mapping).group(1)
    parallel = re.search(r"parallel = \[(.*?)\]", mapping).group(1).split(", ")
    assert "order" not in mapping and len(parallel) > 1
    order = [lanes, *reversed(parallel)]
    other, given = lower(name, f"order={','.join(order)}")
    assert other != module and f"order = [{', '.join(order)}]" in given
    moved = run(kernels.compile(other, f"{name}_order", "--from-llvm-dialect"), case)
    assert bits(moved) == bits(plain)
    stored, _ = lower(name, "residency=cache")
    assert stored != module
    judge(case, run(kernels.compile(stored, f"{name}_cache", "--from-llvm-dialect"), case))
