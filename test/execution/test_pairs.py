# ===- test_pairs.py - Products of bf16 in pairs -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Kernels that lay operands of bf16 out in pairs, against the float64 definition:
with instructions that sum products of pairs, and with loops over the two points of
each, which every CPU runs."""

import os
import re
import subprocess
from dataclasses import replace

import computed
import numpy as np
import pytest
from attn.compiler import find_compiler
from operators import Spec, operands, text
from runner import judge, run, run_guarded
from test_semantics import planted_everywhere_dead

BASE = Spec(64, 40, heads=4, key_heads=2, dtype="bf16", lse=True)
WINDOW = ("permuted", ("window", 20, 9))
SPECS = {
    "plain": BASE,
    # The factor of 1/sqrt(e) is no power of two, and follows the sums.
    "factor": replace(BASE, e=96, f=33, where=(("causal",),)),
    "scale": replace(BASE, e=128, f=128, scale=0.3, where=(("window", 31, 17),)),
    "one_pair": replace(BASE, e=2, f=1, where=(("causal",),)),
    "more_than_a_product": replace(
        BASE, e=40, softcap=20.0, bias="hmn", region="alibi", key_lengths=True,
        query_lengths=True, sinks=True, where=(("causal",), ("window", 100, 100)),
    ),
    # An odd head size: scores in f32, weights in pairs.
    "odd": replace(BASE, e=59, where=(("causal",),)),
    "permuted": replace(
        BASE, where=(WINDOW, ("causal",)), permute=(("both", ""),), region="every_third"
    ),
    "segments": replace(BASE, where=(("causal",),), segments=(("both", ""),)),
    "blocks": replace(BASE, where=(("blocks", 20, 33, "h"), ("causal",))),
    "tokens": replace(BASE, where=(("indices", 16, "h"),)),
    "weights_gate": replace(
        BASE, gates=(("weight", "sigmoid", "bmn", True), ("score", "none", "bn", False))
    ),
    "row_gates": replace(
        BASE, gates=(("query", "tanh", "bhm", False), ("key", "silu", "bhn", False),
                     ("value", "softplus", "bkn", False)),
    ),
    "computed_keys": replace(BASE, gates=(("key", "silu", "bhne", False),)),
    "computed_queries": replace(BASE, gates=(("query", "tanh", "bhme", False),)),
    "l2": replace(BASE, normaliser="l2", lse=False),
    "result": replace(BASE, out_dtype="f32"),
}  # fmt: skip
LENGTHS = [(113, 239), (49, 16), (1, 65), (64, 1), (300, 257)]
EQUAL = [113, 1, 48, 257]


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        quick = metafunc.config.getoption("--tier") == "quick"
        metafunc.parametrize("name", ["factor", "segments"] if quick else list(SPECS))


# What /proc/cpuinfo calls the instructions of --bf16-products.
FLAGS = {"pairs": "avx512_bf16", "tiles": "amx_bf16"}
# Why a test of them does not run, as scripts/check knows it.
MISSING = {"pairs": "no AVX-512 BF16 CPU", "tiles": "no AMX CPU"}


def has_instructions(products: str = "pairs") -> bool:
    with open("/proc/cpuinfo") as info:
        return FLAGS[products] in info.read()


def in_loops(spec: Spec, *options: str, products: str = "pairs") -> str:
    """The kernel module in the LLVM dialect, for any CPU."""
    tool = find_compiler().with_name("attn-opt")
    options = " ".join(["form=fused", "vector-bits=256", f"bf16-products={products}", *options])
    done = subprocess.run(
        [tool, f"--attn-to-llvm={options}"], input=text(spec), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout


def fit(spec: Spec, products: str) -> Spec:
    """Head sizes of values of which matrix tiles take the products: multiples of 16."""
    return replace(spec, f=-(-spec.f // 16) * 16) if products == "tiles" else spec


def builder(kernels, how: str):
    """Makes the kernel of a spec: with instructions, or in loops."""
    products, *loops = how.split(" ", 1)
    if loops:
        return lambda spec: kernels.compile(
            in_loops(fit(spec, products), products=products),
            f"{spec.key}_{products}_loops", "--from-llvm-dialect",
        )  # fmt: skip
    if not has_instructions(products):
        pytest.skip(MISSING[products])
    return lambda spec: kernels.get(fit(spec, products), f"--bf16-products={products}")


@pytest.fixture(params=["pairs", "pairs in loops", "tiles", "tiles in loops"])
def how(request):
    return request.param


def lengths(spec):
    shared = (*spec.permute, *spec.segments)
    return [(n, n) for n in EQUAL] if any(who == "both" for who, _ in shared) else LENGTHS


def test_pairs(kernels, how, name, seed):
    spec = fit(SPECS[name], how.split()[0])
    kernel = builder(kernels, how)(spec)
    for queries, keys in lengths(spec):
        case = operands(spec, 2, queries, keys, np.random.default_rng([seed, queries, keys]))
        judge(case, run_guarded(kernel, case, "padded", "end", keys))


def test_dead_values_change_no_bit(kernels, how):
    """Where a dead value is no number its products are masked, one by one: in the
    order of the instruction, or other rows would change their bits. Matrix tiles
    leave such values to products that add nothing else."""
    spec = replace(SPECS["factor"], where=(("causal",), ("window", 70, 90)))
    spec = fit(spec, how.split()[0])
    kernel = builder(kernels, how)(spec)
    case = operands(spec, 2, 130, 171, np.random.default_rng(5))
    clean = run(kernel, case)
    for bad in (np.inf, np.nan):
        noisy = run(kernel, planted_everywhere_dead(case, bad))
        assert [a.tobytes() for a in noisy] == [a.tobytes() for a in clean]


def test_a_live_value_that_is_no_number_reaches_the_rows_that_see_it(kernels, how):
    spec = replace(SPECS["factor"], where=(("causal",), ("window", 70, 90)))
    spec = fit(spec, how.split()[0])
    kernel = builder(kernels, how)(spec)
    case = operands(spec, 2, 130, 171, np.random.default_rng(6))
    case.arrays["v"][1, 1, 90, 3] = np.inf
    case.arrays["v"][0, 0, 101, 17] = np.nan
    judge(case, run(kernel, case))


@pytest.mark.parametrize("how", ["pairs", "pairs in loops"])
def test_sums_do_not_depend_on_where_a_step_begins(kernels, how):
    """Keys in front of all windows move the pairs by one place and change no bit."""
    spec = replace(BASE, where=(("window", 20, 20),), out_dtype="f32")
    kernel = builder(kernels, how)(spec)
    rng = np.random.default_rng(11)
    case = operands(spec, 1, 60, 60, rng)
    clean = run(kernel, case)
    moved = operands(spec, 1, 61, 61, rng)
    for key in ("q", "k", "v"):
        moved.arrays[key][:, :, 1:] = case.arrays[key]
    # The rows whose window does not reach the new key.
    outputs = run(kernel, moved)
    for one, other in zip(clean, outputs, strict=True):
        assert one[:, :, 20:].tobytes() == other[:, :, 21:].tobytes()


@pytest.mark.parametrize("how", ["tiles", "tiles in loops"])
def test_rows_of_tiles_do_not_depend_on_their_neighbours(kernels, how):
    """Keys are summed in blocks that lie where the tensor begins: another tile of rows
    visits other blocks and finds the same sums in those that a row sees."""
    spec = fit(replace(BASE, where=(("window", 150, 40),), lse=False), "tiles")
    case = operands(spec, 1, 300, 300, np.random.default_rng(13))
    make = builder(kernels, how)
    # Rows that see other keys move no bit of those that do not.
    rows = slice(160, 200)
    expected = run(make(spec), case)
    for key in ("k", "v"):
        case.arrays[key][:, :, 250:] += 1
        case.arrays[key][:, :, :5] -= 1
    (changed,), (clean,) = run(make(spec), case), expected
    assert changed[:, :, rows].tobytes() == clean[:, :, rows].tobytes()
    assert changed.tobytes() != clean.tobytes()


@pytest.mark.parametrize("products", ["f32", "pairs", "tiles"])
@pytest.mark.parametrize("where", computed.WHERE)
@pytest.mark.parametrize("few", [None, 13])
def test_computed(kernels, seed, products, where, few):
    """What cascades compute in 16 bits: tensors that instructions multiply, unless a few
    queries read them once."""
    if products != "f32" and not has_instructions(products):
        pytest.skip(MISSING[products])
    for element, scale in [("bf16", "0.25"), ("bf16", "0.3"), ("f16", "0.125")]:
        source = computed.text(element, scale, where, few)
        kernel = kernels.compile(source, f"computed_{products}", f"--bf16-products={products}")
        for keys in (37, 1, 150, 300):
            computed.check(kernel, element, scale, where, few, keys, seed)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_tiles_at_other_levels(kernels, level):
    """LLVM alone does not compile tiles without optimisation."""
    if not has_instructions("tiles"):
        pytest.skip(MISSING["tiles"])
    spec = fit(SPECS["factor"], "tiles")
    kernel = kernels.get(spec, "--bf16-products=tiles", f"--opt-level={level}")
    case = operands(spec, 2, 49, 130, np.random.default_rng(level))
    judge(case, run(kernel, case))


def test_loops_are_instructions(kernels):
    """Both add the second product of a pair first."""
    if not has_instructions():
        pytest.skip(MISSING["pairs"])
    spec = SPECS["factor"]
    case = operands(spec, 2, 113, 239, np.random.default_rng(2))
    module = in_loops(spec, "vector-bits=512", "vector-registers=32", "avx512=true")
    loops = run(kernels.compile(module, "pairs_loops", "--from-llvm-dialect"), case)
    instructions = run(kernels.get(spec, "--bf16-products=pairs"), case)
    assert [a.tobytes() for a in loops] == [a.tobytes() for a in instructions]


@pytest.mark.parametrize(
    ("which", "products"),
    [("plain", 2), ("factor", 2), ("odd", 1), ("computed_keys", 1), ("computed_queries", 1)],
)
@pytest.mark.parametrize("unit", ["pairs", "tiles"])
def test_which_products_are_in_pairs(which, products, unit):
    """A sum whose operands cannot lie in pairs stays in f32, and a remark says why."""
    tool = find_compiler().with_name("attn-opt")
    command = [
        tool,
        f"--attn-to-llvm=form=fused bf16-products={unit} lane-tiles=48",
        "--mlir-print-ir-after=attn-pair-products",
    ]
    done = subprocess.run(
        command, input=text(fit(SPECS[which], unit)), capture_output=True, text=True, check=True
    )
    sums = r'attn\.pairs = "(\w+)"' if unit == "pairs" else (
        r'attn\.matrix_tiles, attn\.pairs = "(\w+)"'
    )  # fmt: skip
    kinds = set(re.findall(sums, done.stderr))
    assert len(kinds) == products
    assert ("multiplies in f32" in done.stderr) == (products < 2)


def test_a_target_without_instructions_is_refused(tmp_path):
    program = tmp_path / "plain.mlir"
    program.write_text(text(BASE))
    command = [find_compiler(), program, "-o", tmp_path / "plain.so", "--bf16-products=pairs"]
    done = subprocess.run([*command, "--cpu=x86-64-v3"], capture_output=True, text=True)
    assert done.returncode and "the target has no instructions for them" in done.stderr
    done = subprocess.run([*command[:-1], "--bf16-products=two"], capture_output=True, text=True)
    assert done.returncode and "must be f32, pairs or tiles" in done.stderr
    assert os.listdir(tmp_path) and not (tmp_path / "plain.so").exists()


def assemble(folder, spec: Spec, *flags: str) -> str:
    program, assembly = folder / "op.mlir", folder / "op.s"
    program.write_text(text(spec))
    subprocess.run([find_compiler(), program, "-o", assembly, *flags], check=True)
    return assembly.read_text()


def test_a_cpu_with_a_matrix_unit_takes_it(tmp_path):
    """It is the default there, and what a kernel does not use it does not ask for."""
    spec, flag = fit(BASE, "tiles"), "--cpu=sapphirerapids"
    tiles = assemble(tmp_path, spec, flag)
    assert tiles.count("tdpbf16ps") >= 2 and "amx-bf16" in tiles
    others = assemble(tmp_path, spec, flag, "--bf16-products=f32")
    assert "tdpbf16ps" not in others and "amx-bf16" not in others
    assert "tdpbf16ps" not in assemble(tmp_path, replace(spec, dtype="f32"), flag)


def test_a_cpu_without_a_matrix_unit_refuses_tiles(tmp_path):
    program = tmp_path / "plain.mlir"
    program.write_text(text(BASE))
    command = [
        find_compiler(), program, "-o", tmp_path / "plain.o", "--cpu=znver4",
        "--bf16-products=tiles",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode and "the target has no matrix unit for them" in done.stderr
    assert not (tmp_path / "plain.o").exists()
