# ===- test_plot.py - Pictures of plans -----------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What `attn-explain --plot` draws, read back with another library, against the
definition of the sparsity."""

import re
import subprocess

import numpy as np
import pytest
from attn.compiler import find_compiler
from operators import Spec, operands, text
from PIL import Image

COLORS = {
    "not visited": (255, 255, 255),
    "dead": (250, 214, 165),
    "tested": (52, 101, 164),
    "full": (78, 154, 6),
}
# More parts than a plan has.
BANDS = (
    "or", *(("and", ("window", 8 * i + 2, 0), ("not", ("window", 8 * i, 0))) for i in range(18)),
)  # fmt: skip
WHERES = {
    "nothing": (),
    "causal": (("causal",),),
    "window": (("causal",), ("window", 30, 0)),
    "union": (("or", ("window", 9, 4), ("prefix", 21)),),
    "complement": (("not", ("window", 40, 9)),),
    "many parts": (BANDS,),
    "many parts, causal": (("causal",), ("not", BANDS)),
    "remainders": (("causal",), ("dilated", 60, 4)),
    "boxes": (("neighborhood", (5, 7), (("grid", (6, 21)),)),),
    "full boxes": (("neighborhood", (4, 8), (("grid", (8, 16)), ("stride", (4, 4)))),),
    "boxes and causal": (("causal",), ("neighborhood", (3, 3), (("grid", (9, 15)),))),
}
GRID = ("neighborhood", (3, 3), (("grid", (9, 15)),))
# Keys that have numbers of their own, and how many walks there are.
WALKS = {
    "alone": (1, (("strided", 6, 2),)),
    "causal": (1, (("causal",), ("strided", 3, 1, 20))),
    "around": (1, (("affine_set", ("5 - (n + 3) mod 16",)),)),
    "beside": (2, (("causal",), ("or", ("window", 30, 0), ("strided", 8, 3, 2)))),
    "dilated": (2, (("causal",), ("or", ("window", 9, 0), ("dilated", 200, 4)))),
    "dilated, many parts": (1, (("dilated", 90, 3), BANDS)),
    "boxes, many parts": (1, (GRID, BANDS)),
    "boxes beside": (2, (("or", GRID, ("leading", 4)),)),
    "boxes beside, causal": (2, (("causal",), ("or", GRID, ("window", 4, 0)))),
}


def plot(spec, folder, queries, keys, *arguments):
    program, picture = folder / "op.mlir", folder / "plot.png"
    program.write_text(text(spec))
    tool = find_compiler().parent / "attn-explain"
    command = [tool, program, "--sizes", f"m={queries},n={keys}", "--plot", picture, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.asarray(Image.open(picture)), done.stdout


def classes(pixels):
    """The class of each pixel; every one has a color of the legend."""
    result = np.full(pixels.shape[:2], "", dtype="<U12")
    for name, color in COLORS.items():
        result[(pixels == color).all(axis=-1)] = name
    assert (result != "").all(), "a color that means nothing, or a live point that is not visited"
    return result


@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("sizes", [(1, 1), (97, 150), (150, 97)])
def test_points(tmp_path, where, sizes):
    queries, keys = sizes
    spec = Spec(e=8, f=8, where=WHERES[where])
    pixels, log = plot(spec, tmp_path, queries, keys)
    scale = pixels.shape[0] // queries
    assert pixels.shape == (queries * scale, keys * scale, 3)
    drawn = classes(pixels)[::scale, ::scale]
    rng = np.random.default_rng(0)
    operator = operands(spec, 1, queries, keys, rng).operator()
    live = operator.live(0, np.arange(queries), queries, keys)
    np.testing.assert_array_equal((drawn == "tested") | (drawn == "full"), live)
    assert f"points visited: {(drawn != 'not visited').sum()} of {queries * keys}" in log
    if not spec.where:
        assert (drawn == "full").all()


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("sizes", [(1, 1), (97, 150), (150, 97)])
def test_keys_with_numbers(tmp_path, name, sizes):
    queries, keys = sizes
    walks, where = WALKS[name]
    spec = Spec(e=8, f=8, where=where)
    pixels, log = plot(spec, tmp_path, queries, keys)
    scale = pixels.shape[0] // queries
    drawn = classes(pixels)[::scale, ::scale]
    operator = operands(spec, 1, queries, keys, np.random.default_rng(0)).operator()
    live = operator.live(0, np.arange(queries), queries, keys)
    np.testing.assert_array_equal((drawn == "tested") | (drawn == "full"), live)
    assert ("boxes of" if "boxes" in name else "come back with") in log
    counts = [int(count) for count in re.findall(r"points visited: (\d+) of", log)]
    assert len(counts) == walks
    # A point that both walks visit is drawn once.
    visited = (drawn != "not visited").sum()
    assert max(counts) <= visited <= sum(counts)
    if walks == 1 and name != "causal" and "many parts" not in name:
        assert visited == live.sum()


def test_lengths_of_a_call(tmp_path):
    spec = Spec(e=8, f=8, where=(("causal",),), key_lengths=True)
    pixels, _ = plot(spec, tmp_path, 60, 80, "--plot-numbers", "KL=50")
    scale = pixels.shape[0] // 60
    drawn = classes(pixels)[::scale, ::scale]
    m, n = np.indices((60, 80))
    np.testing.assert_array_equal(
        (drawn == "tested") | (drawn == "full"), (n < 50) & (n <= m + 50 - 60)
    )


HEADS = {
    "window": ("per_head", *(("window", left, 0) for left in (4, 60, 21))),
    "dilated": ("per_head", *(("dilated", 60, step) for step in (1, 4, 3))),
}


@pytest.mark.parametrize("atom", HEADS)
@pytest.mark.parametrize("head", [0, 1, 2])
def test_heads_of_their_own(tmp_path, head, atom):
    where = (("causal",), HEADS[atom])
    spec = Spec(e=8, f=8, heads=3, key_heads=1, where=where)
    pixels, log = plot(spec, tmp_path, 60, 80, "--plot-numbers", f"H={head}")
    assert f"of head {head}" in log
    scale = pixels.shape[0] // 60
    drawn = classes(pixels)[::scale, ::scale]
    operator = operands(spec, 1, 60, 80, np.random.default_rng(0)).operator()
    live = operator.live(0, np.arange(60), 60, 80, head)
    np.testing.assert_array_equal((drawn == "tested") | (drawn == "full"), live)


def test_many_points_share_a_pixel(tmp_path):
    spec = Spec(e=8, f=8, where=(("causal",),))
    pixels, log = plot(spec, tmp_path, 3000, 3000)
    assert "a pixel is 3 by 3 points" in log
    assert pixels.shape == (1000, 1000, 3)
    assert tuple(pixels[900, 100]) == COLORS["full"]
    assert tuple(pixels[100, 900]) == COLORS["not visited"]
