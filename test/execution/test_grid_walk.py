# ===- test_grid_walk.py - Tiles that are boxes of a grid -----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Neighborhoods on two and three axes whose rows are walked in tiles of the grid."""

import random
from dataclasses import replace

import numpy as np
import pytest
from attn.sparsity import Neighborhood
from cases import random_term
from operators import Spec, operands, text
from runner import decisions, judge, run, run_guarded

BASE = Spec(24, 40, heads=2, key_heads=1, lse=True)


def neighborhood(kernel, grid, stride=None, causal=None, clipped=False, dilation=None):
    options = [("grid", grid)]
    options += [("stride", stride)] if stride else []
    options += [("dilation", dilation)] if dilation else []
    options += [("causal", causal)] if causal else []
    options += [("clipped", True)] if clipped else []
    return ("neighborhood", kernel, tuple(options))


PLANE = neighborhood((5, 7), (19, 50))
BLOCKS = neighborhood((8, 8), (32, 40), (4, 4))
# Rows and keys behind the grid, as tokens of a text behind those of a picture.
TAIL = ("or", ("affine_set", ("m - 1280",)), ("affine_set", ("n - 1280",)))
FORMS = {
    "plane": replace(BASE, where=(PLANE,)),
    "blocks": replace(BASE, where=(BLOCKS,)),
    "clipped": replace(BASE, where=(neighborhood((6, 6), (22, 50), (2, 2), clipped=True),)),
    "causal_axis": replace(
        BASE, where=(neighborhood((5, 5), (23, 49), causal=(1, 0)),), align="top_left"
    ),
    "space": replace(BASE, where=(neighborhood((3, 3, 5), (6, 11, 17), (1, 3, 1)),)),
    "whole_axis": replace(BASE, where=(neighborhood((4, 6, 3), (20, 6, 9)),)),
    # A grid for each remainder, of which some have a coordinate less.
    "dilated": replace(BASE, where=(neighborhood((3, 5), (19, 50), dilation=(4, 3)),)),
    "dilated_blocks": replace(
        BASE, where=(neighborhood((4, 4), (32, 40), (2, 2), dilation=(2, 3)),)
    ),
    "dilated_clipped": replace(
        BASE,
        where=(neighborhood((6, 6), (22, 50), causal=(0, 1), clipped=True, dilation=(5, 1)),),
    ),
    "dilated_and_causal": replace(
        BASE, where=(("causal",), neighborhood((3, 4), (20, 39), dilation=(3, 7))),
        align="top_left",
    ),
    "dilated_space": replace(
        BASE, where=(neighborhood((3, 3, 5), (6, 11, 17), dilation=(2, 3, 1)),)
    ),
    "dilated_line": replace(BASE, where=(neighborhood((29,), (911,), (3,), dilation=(7,)),)),
    "dilated_origins": replace(
        BASE, where=(neighborhood((3, 5), (19, 50), dilation=(4, 3)),),
        origins=(("m", "index"), ("n", "row")), offset="row", align="offset",
    ),
    "and_causal": replace(BASE, where=(("causal",), PLANE)),
    "lengths": replace(BASE, where=(PLANE,), key_lengths=True, query_lengths=True),
    # Boxes, and then ranges of what else is seen.
    "or_leading": replace(BASE, where=(("or", PLANE, ("leading", 7)),)),
    "or_tail": replace(BASE, where=(("or", BLOCKS, TAIL),), align="top_left"),
    "or_window": replace(BASE, where=(("causal",), ("or", ("window", 20, 0), PLANE))),
    "or_both": replace(BASE, where=(("or", ("and", ("causal",), PLANE), ("leading", 40)),)),
    "or_powers": replace(BASE, where=(("or", PLANE, ("power_of_two", 64)),)),
    "or_dilated_space": replace(
        BASE,
        where=(
            ("or", ("leading", 5), neighborhood((3, 3, 5), (6, 11, 17), dilation=(2, 3, 1))),
        ),
    ),
    "or_lengths": replace(
        BASE, where=(("or", PLANE, ("leading", 30)),), key_lengths=True, query_lengths=True
    ),
    "or_origins": replace(
        BASE, where=(("or", PLANE, ("leading", 30)),),
        origins=(("m", "index"), ("n", "row")), offset="row", align="offset",
    ),
    # Of two grids one is cut into boxes.
    "or_grid": replace(
        BASE, where=(("or", neighborhood((1, 40), (32, 40)), neighborhood((32, 1), (32, 40))),)
    ),
    "or_dilated_grid": replace(
        BASE, where=(("or", PLANE, neighborhood((3, 3), (19, 50), dilation=(4, 5))), ("causal",))
    ),
    "and_grid": replace(BASE, where=(PLANE, neighborhood((9, 3), (19, 50)))),
    "mask": replace(BASE, where=(PLANE, ("mask", "bmn"))),
    "or_mask": replace(
        BASE, where=(("or", PLANE, ("leading", 40)), ("or", ("mask", "hmn"), ("prefix", 99)))
    ),
    "or_heads": replace(
        BASE,
        where=(("or", PLANE, ("per_head", ("leading", 9), ("leading", 200))), ("causal",)),
    ),
    "or_bf16": replace(BASE, where=(("or", BLOCKS, ("leading", 40)),), dtype="bf16"),
    "or_region": replace(
        BASE, where=(("or", PLANE, ("leading", 40)),), region="alibi", bias="hmn"
    ),
    "origins": replace(
        BASE, where=(PLANE,), origins=(("m", "index"), ("n", "row")), offset="row", align="offset"
    ),
    "region": replace(BASE, where=(PLANE,), region="alibi", bias="hmn"),
    "bf16": replace(BASE, where=(BLOCKS,), dtype="bf16"),
    "f64": replace(BASE, where=(PLANE,), dtype="f64"),
}  # fmt: skip


def tokens(spec):
    def grids(terms):
        for term in terms:
            if term[0] in ("and", "or"):
                yield from grids(term[1:])
            elif term[0] == "neighborhood":
                yield dict(term[2])["grid"]

    return int(np.prod(next(grids(spec.where))))


def walks_grid(spec):
    """Whether the compiler cuts the rows of `spec` into tiles of the grid."""
    return ", grid = [" in decisions(text(spec), "mapping")


@pytest.mark.parametrize("name", ["plane", "blocks", "clipped", "causal_axis", "space", "dilated"])
def test_the_definition_counts_its_pairs(name):
    """What benchmarks divide by is the number of points of the definition's mask."""
    kernel, options = FORMS[name].where[0][1:]
    atom = Neighborhood(kernel, **dict(options))
    tokens = np.arange(np.prod(atom.grid))
    assert atom.count_pairs() == atom(tokens[:, None], tokens[None, :]).sum()


@pytest.mark.parametrize("name", FORMS)
def test_rows_before_in_and_behind_the_grid(kernels, name, seed):
    spec = FORMS[name]
    assert walks_grid(spec)
    kernel = kernels.get(spec)
    count = tokens(spec)
    shapes = [(count, count), (1, count), (count // 3, count), (count, count // 2), (7, 3)]
    shapes += [(count + 70, count + 70), (0, 9), (9, 0)]
    for index, (m, n) in enumerate(shapes):
        data = operands(spec, 2, m, n, np.random.default_rng([seed, index]))
        judge(data, run(kernel, data), seed + index)


@pytest.mark.parametrize("name", ["plane", "blocks", "space", "lengths", "dilated"])
def test_at_page_borders(kernels, name, seed):
    spec = FORMS[name]
    for guard in ("begin", "end"):
        data = operands(spec, 1, tokens(spec), tokens(spec), np.random.default_rng(seed))
        judge(data, run_guarded(kernels.get(spec), data, "bhmd", guard, seed), seed)


def beside(draw, atom):
    """Terms of a sparsity with `atom`, half of them with others."""
    other = random_term(draw, draw.randint(0, 1))
    return draw.choice([
        (atom,), (atom,), (atom,), (("or", atom, other),), (("causal",), ("or", other, atom)),
        (("or", ("and", ("causal",), atom), other),),
    ])  # fmt: skip


def test_random_neighborhoods(kernels, seed, tier):
    draw = random.Random(seed)
    walked = 0
    for index in range({"quick": 4, "default": 16, "full": 80}[tier]):
        axes = draw.choice([2, 2, 3])
        grid = tuple(draw.randint(3, 9 if axes == 3 else 30) for _ in range(axes))
        kernel = tuple(draw.randint(1, extent) for extent in grid)
        stride = tuple(draw.randint(1, size) for size in kernel)
        dilation = tuple(
            draw.randint(1, extent // size) for extent, size in zip(grid, kernel, strict=True)
        )
        causal = tuple(draw.randint(0, 1) for _ in grid)
        dilation = draw.choice([None, dilation])
        atom = neighborhood(kernel, grid, stride, causal, draw.random() < 0.3, dilation)
        spec = replace(
            BASE, where=beside(draw, atom), align=draw.choice(["top_left", "bottom_right"])
        )
        walked += walks_grid(spec)
        # Of the drawn grid: the term beside may be a neighborhood with a grid of its own or none.
        count = int(np.prod(grid))
        sizes = [draw.randint(1, count + 40) for _ in range(2)] if index % 2 else [count, count]
        data = operands(spec, 1, *sizes, np.random.default_rng([seed, index]))
        judge(data, run(kernels.get(spec), data), seed)
    assert walked
