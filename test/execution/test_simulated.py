# ===- test_simulated.py - Kernels of GPUs on the simulator ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Kernels of GPUs keep the contract of those of CPUs. The simulator also finds
races, accesses out of bounds and what is read before it is written."""

import cascade_examples as examples
import computed
import ml_dtypes
import numpy as np
import paged
import pytest
from attn.compiler import compile_file
from attn.kernel import STATUS, KernelError
from gpu_cases import (
    BOXES,
    LARGE_WEIGHTS,
    MASKED_VALUES,
    ON_TENSOR_CORES,
    REASONS,
    SPECS,
    SPLIT,
    SPLIT_FLAG,
    TWO_VALUES,
    UNFUSED,
    WRONG,
    lengths,
    unfused_lengths,
)
from operators import DTYPES, Spec, operands, text
from runner import Counter, decisions, judge, run


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--tier") == "quick"
    names = {
        "name": ["features", "permuted", "cores_f16"] if quick else list(SPECS),
        "unfused": ["odd"] if quick else UNFUSED,
        "split": ["cores_grouped"] if quick else SPLIT,
    }
    for fixture, values in names.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, values)


def test_fused(kernels, name, seed):
    kernel = kernels.device(SPECS[name])
    for number, (queries, keys) in enumerate(lengths(SPECS[name])):
        kernel.seed = number
        rng = np.random.default_rng([seed, queries, keys])
        case = operands(SPECS[name], 2, queries, keys, rng)
        judge(case, run(kernel, case))


def test_unfused(kernels, unfused, seed):
    kernel = kernels.device(SPECS[unfused], "--form=unfused")
    rng = np.random.default_rng([seed, 21])
    case = operands(SPECS[unfused], 2, *unfused_lengths(SPECS[unfused]), rng)
    judge(case, run(kernel, case))


def test_split(kernels, split, seed):
    """Runs of keys are items of their own, and merged."""
    kernel = kernels.device(SPECS[split], SPLIT_FLAG)
    assert split not in ON_TENSOR_CORES or "mma.sync" in kernel.path.read_text()
    for number, (queries, keys) in enumerate([*lengths(SPECS[split])[:3], (5, 200)]):
        kernel.seed = number
        queries = SPECS[split].queries or queries
        case = operands(SPECS[split], 2, queries, keys, np.random.default_rng([seed, keys]))
        judge(case, run(kernel, case))


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_values(kernels, number):
    """The call is refused on the device, and no output is written."""
    name, change, message = WRONG[number]
    kernel = kernels.device(SPECS[name])
    case = operands(SPECS[name], 2, 29, 29, np.random.default_rng(3))
    change(case.arrays)
    with pytest.raises(KernelError, match=message) as caught:
        run(kernel, case)
    assert caught.value.status == STATUS["VALUE"]


# ===----------------------------------------------------------------------===//
# Tensor cores
# ===----------------------------------------------------------------------===//


@pytest.mark.parametrize("cores", ON_TENSOR_CORES)
def test_tensor_cores(kernels, cores):
    """Nothing falls back to threads unnoticed."""
    spec = SPECS[cores]
    assert "mma.sync" in kernels.build_device(text(spec), spec.key, chip="sm_80").read_text()


@pytest.mark.parametrize("boxes", BOXES)
def test_boxes(boxes):
    """The lengths of these tests would not show that rows are taken as they lie."""
    said = decisions(text(BOXES[boxes]), "mapping", "attn-to-nvvm")
    assert ", grid = [" in said


@pytest.mark.parametrize("threads", REASONS)
def test_without_tensor_cores(tmp_path, threads):
    """What falls back says why."""
    source, ptx = tmp_path / "attention.mlir", tmp_path / "attention.ptx"
    source.write_text(text(SPECS[threads]))
    flags = ("--target=nvvm", "--chip=sm_80", "--form=fused")
    printed = compile_file(source, ptx, "attention", flags)
    assert f"remark: runs without tensor cores: {REASONS[threads]}\n" in printed
    assert "mma.sync" not in ptx.read_text()


@pytest.mark.parametrize("masked", MASKED_VALUES)
def test_masked_values(kernels, masked, seed):
    """A value that is not finite reaches the queries that see its key, and no others."""
    spec, kernel = SPECS[masked], kernels.device(SPECS[masked])
    # Lists that are drawn may name none of the keys.
    for draw in range(8):
        rng = np.random.default_rng([seed, 5, draw])
        case = operands(spec, 2, 70, 70, rng)
        values = case.arrays["v"]
        for b, head in np.ndindex(values.shape[:2]):
            for bad in (np.inf, np.nan):
                values[b, head, rng.integers(70), rng.integers(spec.f)] = bad
        outputs = run(kernel, case)
        judge(case, outputs)
        seen = np.isfinite(np.asarray(outputs[0], np.float32))
        if seen.any() and not seen.all():
            return
    pytest.fail("no query saw, or all saw, what is not finite")


@pytest.mark.parametrize("biased", ["cores_bias", "features", "cores_features", "f64"])
def test_rows_of_no_weight(kernels, biased, seed):
    """Rows whose scores are all -inf give 0, whatever the values are."""
    spec = SPECS[biased]
    rng = np.random.default_rng([seed, 11])
    case = operands(spec, 2, 37, 70, rng)
    case.arrays["bias"][..., 5, :] = -np.inf
    case.arrays["v"][..., :20, 3] = np.inf
    case.arrays["v"][..., 20:, 7] = np.nan
    outputs = run(kernels.device(spec), case)
    assert (outputs[0][:, :, 5] == 0).all()
    judge(case, outputs)


@pytest.mark.parametrize("magnitude", [6.0, 30.0, 1e6])
def test_far_scores(kernels, magnitude, seed):
    """Scores far from 0 keep weights of at most 1: rounding what is subtracted from them
    would leave powers beyond the range. Some rows of a warp have such, others none."""
    spec = SPECS["cores_128"]
    rng = np.random.default_rng([seed, 7])
    case = operands(spec, 2, 70, 70, rng)
    case.arrays["q"][:, :, rng.integers(70, size=40)] *= case.arrays["q"].dtype.type(magnitude)
    case.arrays["k"] *= case.arrays["k"].dtype.type(magnitude)
    outputs = run(kernels.device(spec), case)
    assert all(np.isfinite(np.asarray(output, np.float32)).all() for output in outputs)
    judge(case, outputs)


def test_all_of_16_bits():
    narrow = {name for name, spec in SPECS.items() if spec.dtype in ("bf16", "f16")}
    assert narrow == {*ON_TENSOR_CORES, *REASONS}


def moved(array: np.ndarray, columns: int, offset: int) -> np.ndarray:
    """The same values in rows of `columns` more elements, `offset` elements from the
    start of their memory."""
    *front, last = array.shape
    size = int(np.prod([*front, last + columns]))
    memory = np.zeros(size + 8, array.dtype)
    start = -memory.ctypes.data % 16 // array.itemsize + offset
    view = memory[start : start + size].reshape(*front, last + columns)[..., :last]
    view[...] = array
    return view


@pytest.mark.parametrize("columns, offset", [(8, 0), (1, 0), (0, 1), (4, 4)])
def test_alignment(kernels, columns, offset, seed):
    """Rows that do not begin at multiples of 16 bytes are copied element by element."""
    spec = SPECS["cores_f16"]
    case = operands(spec, 2, 37, 70, np.random.default_rng([seed, 37, 70]))
    for name in "qkv":
        case.arrays[name] = moved(case.arrays[name], columns, offset)
    judge(case, run(kernels.device(spec), case))


@pytest.mark.parametrize("columns, offset", [(2, 0), (1, 0), (0, 1), (3, 2)])
def test_alignment_of_results(kernels, columns, offset, seed):
    """Results are stored in pairs, or one by one where rows begin at odd elements; nothing
    is stored between rows."""
    spec = SPECS["cores_f16"]
    case = operands(spec, 2, 37, 70, np.random.default_rng([seed, 38, 70]))
    outputs = [
        moved(np.full(shape, np.nan, dtype), columns, offset)
        for shape, dtype in case.output_shapes()
    ]
    kernels.device(spec).run([*case.inputs(), *outputs])
    Counter.executions += 1
    judge(case, outputs)
    for output in outputs:
        output[...] = 0
        assert not output.base.any()


@pytest.mark.parametrize("second", ["bf16", "f16"])
def test_two_values(kernels, seed, second):
    """Weights that multiply values of two types are rounded for each."""
    kernel = kernels.compile_device(
        TWO_VALUES.replace("32xbf16", f"32x{second}"), f"two_values_{second}"
    )
    assert second != "bf16" or "mma.sync" in kernel.path.read_text()
    rng = np.random.default_rng([seed, 2])
    for queries, keys in [(37, 53), (130, 200), (70, 1), (33, 0)]:
        shapes = [(queries, 16), (keys, 16), (keys, 8), (keys, 32)]
        arrays = [rng.standard_normal(shape).astype(ml_dtypes.bfloat16) for shape in shapes]
        arrays[3] = arrays[3].astype(DTYPES[second])
        outputs = [np.full((queries, width), np.nan, np.float32) for width in (8, 32)]
        Counter.executions += 1
        kernel.run([*arrays, *outputs])
        q, k, v, w = (array.astype(np.float64) for array in arrays)
        weights = examples.softmax_weights(examples.scores(q, k), examples.causal(queries, keys))
        for out, values in zip(outputs, (v, w), strict=True):
            # Weights are rounded to bf16, their sum is not.
            error = np.abs(out - examples.weigh(weights, values)).max(initial=0)
            assert error <= 2.0**-8 * np.abs(values).max(initial=0)


@pytest.mark.parametrize("element, scale", [("bf16", "0.25"), ("bf16", "0.3"), ("f16", "0.125")])
@pytest.mark.parametrize("where", computed.WHERE)
@pytest.mark.parametrize("few", [None, 13])
def test_computed(kernels, seed, element, scale, where, few):
    """What cascades compute in 16 bits is multiplied in 16 bits, in a phase of its own or
    in the loads."""
    source = computed.text(element, scale, where, few)
    kernel = kernels.compile_device(source, "computed")
    ptx = kernel.path.read_text()
    # A kernel for each phase: of three operands, or of runs of keys and their merge.
    checks = 2 * ("order" in where)
    assert "mma.sync" in ptx and ptx.count(".entry") - checks == (2 if few else 4)
    for keys in (37, 1, 150):
        computed.check(kernel, element, scale, where, few, keys, seed)


@pytest.mark.parametrize("scale", ["1.0e-9", "1.0", "1.0e+5"])
def test_large_weights(kernels, seed, scale):
    """Weights of f16 are not rounded before they are divided by their sum."""
    kernel = kernels.compile_device(LARGE_WEIGHTS.replace("SCALE", scale), "large_weights")
    rng = np.random.default_rng([seed, 3])
    queries, keys = 37, 53
    arrays = [rng.standard_normal((n, d)).astype(np.float16)
              for n, d in [(queries, 16), (keys, 16), (keys, 8)]]  # fmt: skip
    out = np.full((queries, 8), np.nan, np.float32)
    Counter.executions += 1
    kernel.run([*arrays, out])
    q, k, v = (array.astype(np.float64) for array in arrays)
    weights = np.maximum(q @ k.T, 0)
    expected = weights / weights.sum(axis=1, keepdims=True) @ v
    assert np.abs(out - expected).max() <= 1e-5 * np.abs(v).max()


@pytest.mark.parametrize("case", paged.CASES)
@pytest.mark.parametrize("element, queries", [("f32", None), ("bf16", None), ("bf16", 3)])
def test_computed_indices(kernels, seed, case, element, queries):
    """Keys and values of two ranks, or at indices that a step computes, are multiplied on
    tensor cores."""
    source = paged.text(case, element, queries)
    kernel = kernels.compile_device(source, f"pages_{case}")
    assert element != "bf16" or "mma.sync" in kernel.path.read_text()

    def run(given, out):
        kernel.run([*given, out])
        return out

    for m, keys, pool in [(37, 150, 7), (1, 1, 1), (5, 0, 2), (20, 70, 0)]:
        paged.check(run, case, element, queries or m, keys, pool, seed)


def test_soft_cap_of_one_key(kernels, seed):
    """The log-sum-exp of a single key is its capped score, whose error beside tensor cores
    is relative, not one of the cap."""
    spec = Spec(16, 16, heads=1, key_heads=1, dtype="bf16", lse=True, scale=1.0, softcap=20.0)
    kernel = kernels.device(spec)
    assert "mma.sync" in kernel.path.read_text()
    rng = np.random.default_rng([seed, 7])
    rows = 512
    scores = np.concatenate([
        rng.uniform(-1, 1, rows // 2) * 10.0 ** rng.integers(-30, 4, rows // 2),
        rng.uniform(-200, 200, rows - rows // 2 - 3),
        [np.inf, -np.inf, 0.0],
    ]).astype(ml_dtypes.bfloat16)  # fmt: skip
    case = operands(spec, 1, rows, 1, rng)
    case.arrays["q"][...] = 0
    case.arrays["q"][..., 0] = scores
    case.arrays["k"][...] = 0
    case.arrays["k"][..., 0] = 1
    lse = run(kernel, case)[1].astype(np.float64).reshape(-1)
    expected = 20 * np.tanh(scores.astype(np.float64) / 20)
    error = np.abs(lse - expected)
    assert (error <= 2.0**-20.5 * np.abs(expected)).all(), error.max()
    assert (np.abs(lse) <= 20).all()


@pytest.mark.parametrize("dtype, sinks", [("bf16", False), ("f16", False), ("f16", True)])
@pytest.mark.parametrize("rise", [0.03, 0.2, 5.5, 5.6, 40.0, -0.2])
def test_held_maxima(kernels, seed, dtype, sinks, rise):
    """Maxima stay behind scores that rise by less than weights have room for, from key to
    key or from step to step, and follow what rises more."""
    spec = Spec(16, 32, heads=4, dtype=dtype, scale=1.0, lse=True, sinks=sinks)
    kernel = kernels.device(spec, "--stream-tile=32")
    assert "mma.sync" in kernel.path.read_text()
    rng = np.random.default_rng([seed, 13])
    case = operands(spec, 1, 40, 160, rng)
    queries, keys = case.arrays["q"], case.arrays["k"]
    queries[...], keys[..., 1:] = 0, 0
    if sinks:
        case.arrays["sink"][:] = [-np.inf, -3, 5, 60]
    # Rows rise at their own pace, some of them not at all.
    queries[..., 0] = rng.choice([0, 0.25, 1, 1.5], size=queries.shape[:3])
    for_keys = rise * np.arange(160)
    for_steps = rise * (np.arange(160) // 32) + rng.normal(size=160) / 4
    for values in (for_keys, for_steps):
        keys[..., 0] = values
        judge(case, run(kernel, case))


@pytest.mark.parametrize("where", [(("causal",),), (("not", ("causal",)),)])
@pytest.mark.parametrize("batch, queries", [(130, 40), (3, 70), (260, 7)])
def test_items_by_tile(kernels, seed, where, batch, queries):
    """Every tile of every head is computed, in groups of some 512 items: several groups,
    of which the last is smaller, one, and those of a single tile."""
    spec = Spec(16, 16, heads=4, key_heads=2, where=where)
    kernel = kernels.device(spec, "--lane-tiles=16")
    rng = np.random.default_rng([seed, batch])
    case = operands(spec, batch, queries, 21, rng)
    judge(case, run(kernel, case))


@pytest.mark.parametrize("dtype", ["bf16", "f32"])
@pytest.mark.parametrize("where", [
    (("strided", 5, 1, 32),),
    (("causal",), ("strided", 3, 0, 64)),
    (("causal",), ("or", ("window", 20, 0), ("power_of_two", 32))),
    (("not", ("strided", 2, 0, 64)), ("window", 300, 100)),
])  # fmt: skip
def test_steps_left_out(kernels, seed, dtype, where):
    """Steps without live points, whose keys nobody copies, stand between others."""
    spec = Spec(16, 16, heads=2, dtype=dtype, where=where)
    kernel = kernels.device(spec, "--stream-tile=32")
    assert dtype == "f32" or "mma.sync" in kernel.path.read_text()
    for queries, keys in [(150, 410), (64, 333), (3, 64)]:
        case = operands(spec, 1, queries, keys, np.random.default_rng([seed, keys]))
        judge(case, run(kernel, case))
