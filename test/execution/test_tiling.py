# ===- test_tiling.py - Operators tiled by upstream transforms -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn.attention in loops of stock transforms gives what it gives alone."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from attn.compiler import CompileError, find_compiler
from operators import Spec, operands, text
from runner import judge, run

SPEC = Spec(16, 24, heads=4, key_heads=2)
OPERATORS = {
    "causal": replace(SPEC, where=(("causal",),)),
    "local_lse": replace(SPEC, where=(("causal",), ("window", 20, 3)), lse=True, sinks=True),
    "lengths": replace(SPEC, where=(("causal",),), key_lengths=True, query_lengths=True),
    "key_lengths": replace(SPEC, where=(("window", 25, 25),), key_lengths=True, lse=True),
    "indices": replace(
        SPEC, where=(("prefix", 70),), align="top_left", region="every_third", bias="hmn",
    ),
    "part": replace(
        SPEC, where=(("causal",),), align="offset", offset="row", region="every_third",
        origins=(("b", "tensor"), ("h", "index"), ("m", "row"), ("n", "tensor")),
    ),
    "gated": replace(
        SPEC, where=(("causal",),),
        gates=(("query", "tanh", "hme", False), ("key", "tanh", "bkn", False),
               ("value", "none", "hf", False), ("weight", "sigmoid", "bhn", True),
               ("output", "sigmoid", "bhmf", False)),
    ),
    "per_head": replace(
        SPEC,
        where=(("causal",), ("per_head", *(("window", left, 0) for left in (3, 60, 11, 29)))),
    ),
    "mask": replace(SPEC, where=(("causal",), ("mask", "bhmn"))),
    "predicate": replace(
        SPEC, where=(("causal",), ("predicate", "distance"), ("predicate", "every_third"))
    ),
    "either": replace(
        SPEC, where=(("or", ("window", 30, 4), ("mask", "bhn"), ("predicate", "every_third")),)
    ),
    "bf16": replace(SPEC, dtype="bf16", where=(("causal",),), sinks=True),
}  # fmt: skip


HANDLE = "!transform.any_op"


def loops(kind: str, sizes: list[int], count: int) -> str:
    handles = ", ".join([HANDLE] * (count + 1))
    names = "%t, %l" + (f":{count}" if count > 1 else "")
    return (
        f"{names} = transform.structured.tile_using_{kind} %op tile_sizes {sizes} "
        f": ({HANDLE}) -> ({handles})"
    )


def reduction(kind: str, how: str) -> str:
    handles = ", ".join([HANDLE] * 5)
    return (
        f"%i:2, %s, %c, %l = transform.structured.tile_reduction_using_{kind} %op by {how} "
        f": ({HANDLE}) -> ({handles})"
    )


TILINGS = {
    "for_rows": loops("for", [0, 0, 16], 1),
    "for_all": loops("for", [1, 2, 17, 0, 8], 4),
    "for_heads": loops("for", [0, 1], 1),
    "forall": loops("forall", [1, 2, 32], 1),
    "reduction_for": reduction("for", "tile_sizes = [0, 0, 0, 32]"),
    "reduction_forall_threads": reduction("forall", "num_threads = [0, 0, 0, 3]"),
}


def tiled(spec: Spec, transform: str) -> str:
    """The operator's text after the transform."""
    program = text(spec)
    script = f"""
module attributes {{transform.with_named_sequence}} {{
{program}
  transform.named_sequence @__transform_main(%root: {HANDLE} {{transform.consumed}}) {{
    %op = transform.structured.match ops{{["attn.attention"]}} in %root : ({HANDLE}) -> {HANDLE}
    {transform}
    transform.yield
  }}
}}
"""
    optimizer = find_compiler().with_name("attn-opt")
    flags = ["--transform-interpreter", "--canonicalize", "--cse"]
    done = subprocess.run(
        [optimizer, *flags], input=script, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\nin\n{script}"
    # The schedule is no part of the program.
    program = done.stdout[: done.stdout.index("  transform.named_sequence")] + "}\n"
    assert "scf.for" in program
    return program.replace(" attributes {transform.with_named_sequence}", "")


@pytest.mark.parametrize("tiling", TILINGS)
@pytest.mark.parametrize("name", OPERATORS)
def test_tiled_gives_the_whole(kernels, name, tiling, seed):
    spec = OPERATORS[name]
    kernel = kernels.compile(
        tiled(spec, TILINGS[tiling]), f"tiled_{name}_{tiling}", "--form=unfused"
    )
    rng = np.random.default_rng([seed, len(name), len(tiling)])
    for queries, keys in ((1, 1), (33, 70), (70, 33), (64, 80)):
        batch = int(rng.integers(1, 4))
        case = operands(spec, batch, queries, keys, rng)
        for rank, kind in spec.origins:
            if kind == "row":
                case.arrays[f"origin_{rank}"] = rng.integers(0, 60, batch)
        if spec.offset == "row":
            case.arrays["offset"] = rng.integers(-60, 60, batch)
        judge(case, run(kernel, case), seed)


def test_slots_by_the_length_are_refused(kernels):
    """Phases pass tensors of the arguments' extents alone."""
    program = tiled(OPERATORS["causal"], reduction("forall", "tile_sizes = [0, 0, 0, 40]"))
    with pytest.raises(CompileError, match="passed from one phase of the kernel to another"):
        kernels.compile(program, "tiled_slots_by_the_length", "--form=unfused")
