# ===- test_sparsity_examples.py - The files of examples/sparsity -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Every file of examples/sparsity against the mask that its paper draws, point by
point and without the atoms of the dialect."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from attn import contract, reference
from runner import Counter

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "sparsity"


def longformer(i, j):
    near = i - j < 64
    dilated = i - j <= 256 and (i - j) % 4 == 0
    return j <= i and (near or dilated or j < 3)


def prefix_lm(i, j):
    return j <= i or j < 96


def power_attention(i, j):
    block = i // 32 - j // 32
    return j <= i and (block < 3 or j // 32 < 1 or bin(block).count("1") == 1)


def radial(i, j):
    tokens, block = 24, 4
    apart = abs(i // tokens - j // tokens)
    if apart <= 1 or j < tokens:
        return True
    length = 2 ** tokens.bit_length() / 2 ** apart.bit_length()
    if length < block and apart % (block // length):
        return False
    return abs(i % tokens - j % tokens) <= max(length, block)


def axis(i, j, length, window, stride=1, causal=False):
    """Whether j is among the tokens that NATTEN gives to i, for whole groups."""
    if causal:
        last = min(i // stride * stride + stride - 1, length - 1)
        return max(last - window + 1, 0) <= j <= i
    leader = min(i // stride * stride + stride // 2, length - 1)
    start = min(max(leader - window // 2, 0), length - window)
    return start <= j < start + window


def neighborhood_1d(i, j):
    return axis(i, j, neighborhood_1d.length, 100, 16, causal=True)


def neighborhood_2d(i, j):
    (y, x), (v, u) = divmod(i, 24), divmod(j, 24)
    return axis(y, v, 20, 7) and x % 2 == u % 2 and axis(x // 2, u // 2, 12, 9)


def neighborhood_3d(i, j):
    (t, y, x), (s, v, u) = (np.unravel_index(k, (6, 9, 8)) for k in (i, j))
    return axis(t, s, 6, 3, causal=True) and axis(y, v, 9, 5, 3) and axis(x, u, 8, 4, 2)


def sliding_tiles(i, j):
    if max(i, j) >= 4 * 12 * 16:
        return True
    # Tiles of the query and of the key on each axis, how many there are and are seen.
    places = (np.unravel_index(token, (4, 12, 16)) for token in (i, j))
    own, other = (np.array(place) // (2, 4, 4) for place in places)
    tiles, seen = np.array((2, 3, 4)), np.array((1, 3, 3))
    first = np.clip(own - seen // 2, 0, tiles - seen)
    return bool(np.all((first <= other) & (other < first + seen)))


def criss_cross(i, j):
    return i // 24 == j // 24 or i % 24 == j % 24


def halo(i, j):
    (y, x), (v, u) = divmod(i, 24), divmod(j, 24)
    return -3 <= v - y // 4 * 4 < 7 and -3 <= u - x // 4 * 4 < 7


def sparse_transformer(i, j):
    return j <= i and (i // 32 == j // 32 or j % 32 >= 28)


def s2_attention(i, j, head):
    stride, offset = [(4, 0), (2, 1)][head]
    return j <= i and (i - j < 64 or (j // 16 + offset) % stride == 0)


# Of one token, none, and more than a tile of queries; behind the last is padding.
DOCUMENTS = [0, 1, 130, 130, 333, 480]


def packed_documents(i, j):
    return any(a <= j <= i < b for a, b in itertools.pairwise(DOCUMENTS))


# Blocks that a query, or a block of queries, has selected: some few, its own with them.
SELECTED = [sorted({0, i // 32, i * i % (i // 32 + 1)}) for i in range(300)]
LISTED = [[1, 3, 4], [], [0, 1, 2, 3, 4, 5], [5]]
DRAWN = [sorted({5 * b * b % 11, (3 * b + 7) % 11}) for b in range(11)]
ROUTED = [sorted({r, (5 * r + 1) % 12, (7 * r + 2) % 12}) for r in range(12)]


# Of each block of queries the blocks that lines at these distances cross, and tokens.
CROSSED = [
    sorted({(row - d) // 32 for d in (0, 37, 150) for row in (32 * b, 32 * b + 31) if row >= d})
    for b in range(12)
]
COLUMNS = [sorted({0, 1, 7, 33, 40, 90, 91, 200, (b * b * 17) % 370}) for b in range(12)]


def vertical_slash(i, j):
    return j <= i and (j // 32 in CROSSED[i // 32] or j in COLUMNS[i // 32])


def moba(i, j):
    return j <= i and j // 32 in SELECTED[i]


def block_lists(i, j):
    return j // 64 in LISTED[i // 64]


def big_bird(i, j):
    near = abs(i // 32 - j // 32) <= 1
    return i < 32 or j < 32 or near or j // 32 in DRAWN[i // 32]


# Of each token, and where the prefix of its document ends.
DOCUMENT_OF = np.repeat([4, 4, 1, 9, 2], [60, 1, 130, 59, 90])
PREFIX_END = np.repeat([20, 0, 131, 400, 250], [60, 1, 130, 59, 90])


def flex_documents(i, j):
    return DOCUMENT_OF[i] == DOCUMENT_OF[j] and (j <= i or j < PREFIX_END[j])


def region(token):
    return token // 24 // 4 * 3 + token % 24 // 8


def biformer(i, j):
    return region(j) in ROUTED[region(i)]


def cluster(token):
    return token * token % 7


def routing_transformer(i, j):
    return j <= i and cluster(i) == cluster(j)


def stacked(lists):
    """Rows of one length, filled up with -1."""
    length = max(map(len, lists))
    return np.array([row + [-1] * (length - len(row)) for row in lists], np.int32)


def joined(lists):
    """Offsets and entries."""
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int32)
    return offsets, np.array([entry for row in lists for entry in row], np.int32)


# The mask and how many tokens there are: on a grid all of it.
OPERATORS = {
    "longformer": (longformer, 600),
    "prefix-lm": (prefix_lm, 250),
    "power-attention": (power_attention, 700),
    "radial": (radial, 17 * 24),
    "neighborhood-1d": (neighborhood_1d, 413),
    "neighborhood-2d": (neighborhood_2d, 20 * 24),
    "neighborhood-3d": (neighborhood_3d, 6 * 9 * 8),
    "sliding-tiles": (sliding_tiles, 4 * 12 * 16 + 40),
    "criss-cross": (criss_cross, 20 * 24),
    "halo": (halo, 16 * 24),
    "sparse-transformer": (sparse_transformer, 400),
    "s2-attention": (s2_attention, 400),
    "packed-documents": (packed_documents, 500),
    "flex-documents": (flex_documents, 340),
    "moba": (moba, 300),
    "block-lists": (block_lists, 256),
    "big-bird": (big_bird, 340),
    "vertical-slash": (vertical_slash, 370),
    "biformer": (biformer, 16 * 24),
    "routing-transformer": (routing_transformer, 260),
}
# Those whose mask is another one in each of the two heads.
BY_HEAD = {"s2-attention"}
# What a file takes beside queries, keys and values.
OPERANDS = {
    "packed-documents": [np.array(DOCUMENTS, np.int32)],
    "flex-documents": [DOCUMENT_OF.astype(np.int32), PREFIX_END.astype(np.int32)],
    "moba": [np.stack([x, x]) for x in joined(SELECTED)],
    "big-bird": joined(DRAWN),
    "block-lists": joined([[b for b in row if b < 4] for row in LISTED]),
    "vertical-slash": [*joined(CROSSED), stacked(COLUMNS)],
    "biformer": [stacked([
        [j for j in range(384) if region(j) in ROUTED[region(8 * g)]] for g in range(48)
    ])],
    "routing-transformer": [stacked([
        [j for j in range(260) if cluster(j) == cluster(i)] for i in range(260)
    ])],
}  # fmt: skip


@pytest.mark.parametrize("name", list(OPERATORS))
def test_example(kernels, name, seed):
    mask, tokens = OPERATORS[name]
    neighborhood_1d.length = tokens

    def draw(*head):
        points = [[bool(mask(i, j, *head)) for j in range(tokens)] for i in range(tokens)]
        live = np.array(points)
        return lambda m, n: live[m, n]

    by_head = name in BY_HEAD
    where = reference.PerHead((draw(0), draw(1))) if by_head else draw()
    rng = np.random.default_rng([seed, tokens])
    q, k, v = (rng.standard_normal((1, 2, tokens, 32), np.float32) for _ in range(3))
    operator = reference.Operator(where=where, align="top_left")
    kernel = kernels.compile((FOLDER / f"{name}.mlir").read_text(), name)
    out = np.full_like(q, np.nan)
    Counter.executions += 1
    kernel.run([q, k, v, *OPERANDS.get(name, []), out])
    contract.check_attention(q, k, v, operator, out, None)


def test_every_file_is_tested():
    assert {path.stem for path in FOLDER.glob("*.mlir")} == set(OPERATORS)
