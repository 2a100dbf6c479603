# ===- test_positions.py - Origins and offsets ----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Parts of an operator: with origins, they compute what the whole computes."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from attn import contract, reference
from operators import Spec, operands, position, reference_operator
from runner import Counter, judge, run, run_guarded
from test_merge import text as merge_text

PART = Spec(40, 40, heads=4, key_heads=2, lse=True)
LOCAL = (("causal",), ("window", 37, 5))

# Each with every way of giving a number somewhere.
OPERATORS = {
    "causal": replace(
        PART, where=(("causal",),), align="offset", offset="tensor",
        origins=(("m", "index"), ("n", "tensor")),
    ),
    "window_rows": replace(
        PART, where=LOCAL, align="offset", offset="row", origins=(("m", "row"), ("n", "row")),
    ),
    "key_origin": replace(
        PART, where=(("causal",), ("prefix", 60)), align="top_left", origins=(("n", "index"),),
    ),
    "row_origin": replace(
        PART, where=(("window", 20, 20),), align="top_left", origins=(("m", "tensor"),),
    ),
    "offset": replace(PART, where=LOCAL, align="offset", offset="index", sinks=True),
    "lengths": replace(
        PART, where=(("causal",),), origins=(("m", "tensor"), ("n", "row")),
        key_lengths=True, query_lengths=True,
    ),
    "key_lengths": replace(
        PART, where=(("window", 30, 3),), align="top_left", key_lengths=True,
        origins=(("m", "index"), ("n", "index")),
    ),
    "only_lengths": replace(
        PART, origins=(("m", "tensor"), ("n", "tensor")), key_lengths=True, query_lengths=True,
    ),
    "indices": replace(
        PART, region="every_third", where=(("causal",),), align="offset", offset="tensor",
        origins=(("b", "tensor"), ("h", "index"), ("m", "row"), ("n", "tensor")),
    ),
    "alibi": replace(PART, region="alibi", origins=(("m", "index"), ("n", "tensor"))),
    "bf16": replace(
        PART, dtype="bf16", where=(("causal",),), align="offset", offset="row",
        origins=(("n", "row"),),
    ),
}  # fmt: skip
SIZES = [(1, 1), (1, 130), (70, 1), (65, 113), (113, 65), (48, 239), (200, 200)]


@pytest.mark.parametrize("form", ["fused", "unfused"])
@pytest.mark.parametrize("name", OPERATORS)
def test_against_the_definition(kernels, name, form, seed):
    spec = OPERATORS[name]
    kernel = kernels.get(spec, f"--form={form}")
    for queries, keys in SIZES if form == "fused" else SIZES[3:5]:
        rng = np.random.default_rng([seed, queries, keys])
        batch = int(rng.integers(1, 4))
        case = operands(spec, batch, queries, keys, rng)
        for rank, kind in spec.origins:
            if kind == "row":
                case.arrays[f"origin_{rank}"] = rng.integers(0, 60, batch)
        if spec.offset == "row":
            case.arrays["offset"] = rng.integers(-60, 60, batch)
        # Lengths count tokens of the whole.
        for lengths, extent in (("kl", keys), ("ql", queries)):
            if lengths in case.arrays:
                drawn = rng.integers(0, extent + 80, batch)
                case.arrays[lengths] = drawn.astype(np.int32)
        outputs = run(kernel, case)
        judge(case, outputs, seed)


@pytest.mark.parametrize("far", [2**33, -(2**33), 2**62, -(2**62)])
def test_far_positions(kernels, far):
    """Positions do not wrap around, whatever the number is."""
    spec = OPERATORS["causal"]
    kernel = kernels.get(spec)
    for name in ("offset", "origin_n"):
        case = operands(spec, 1, 33, 70, np.random.default_rng(1))
        for key in ("offset", "origin_m", "origin_n"):
            case.arrays[key] = np.zeros_like(case.arrays[key])
        case.arrays[name] = np.asarray(far, np.int64)
        out, lse = run(kernel, case)
        everything = (far > 0) == (name == "offset")
        if not everything:
            assert (out == 0).all() and np.isneginf(lse).all()
            continue
        expected = reference.attention(*(case.arrays[x] for x in "qkv"))
        assert np.abs(out - expected.out).max() < 1e-5


def test_guarded(kernels):
    """Numbers of one element, too, lie at the end of what may be read."""
    for name in ("causal", "window_rows"):
        spec = OPERATORS[name]
        case = operands(spec, 2, 50, 70, np.random.default_rng(3))
        judge(case, run_guarded(kernels.get(spec), case, "bhmd", "end", 1))


# ===----------------------------------------------------------------------===//
# Parts and the whole
# ===----------------------------------------------------------------------===//


def cut(extent: int, rng) -> list[tuple[int, int]]:
    """Consecutive pieces of [0, extent), of any size."""
    borders = sorted({0, extent, *rng.integers(0, extent + 1, 2).tolist()})
    return list(itertools.pairwise(borders))


def merge(kernels, parts):
    """The parts, by attn.merge."""
    kernel = kernels.compile(merge_text(len(parts), False), f"merge{len(parts)}False")
    out, lse = (np.full_like(array, np.nan) for array in parts[0])
    Counter.executions += 1
    kernel.run([*(array for part in parts for array in part), out, lse])
    return out, lse


@pytest.mark.parametrize("align", ["top_left", "bottom_right"])
@pytest.mark.parametrize(
    "where", [(("causal",),), LOCAL, (("window", 50, 9), ("prefix", 90))],
    ids=["causal", "local", "prefix"],
)  # fmt: skip
def test_tiles_and_splits_give_the_whole(kernels, where, align, seed):
    """A causal and windowed operator, cut into query tiles and key splits."""
    rng = np.random.default_rng([seed, len(where), len(align)])
    part = replace(
        PART, where=where, align="offset", offset="tensor",
        origins=(("m", "index"), ("n", "tensor")),
    )  # fmt: skip
    kernel = kernels.get(part)
    for _ in range(4):
        batch, queries, keys = (int(rng.integers(1, most)) for most in (3, 200, 260))
        whole = operands(replace(PART, where=where, align=align), batch, queries, keys, rng)
        out = np.full((batch, PART.heads, queries, PART.f), np.nan, np.float32)
        lse = np.full((batch, PART.heads, queries), np.nan, np.float32)
        for m0, m1 in cut(queries, rng):
            parts = []
            for n0, n1 in cut(keys, rng):
                case = operands(part, batch, m1 - m0, n1 - n0, rng)
                case.arrays["q"] = whole.arrays["q"][:, :, m0:m1].copy()
                case.arrays["k"] = whole.arrays["k"][:, :, n0:n1].copy()
                case.arrays["v"] = whole.arrays["v"][:, :, n0:n1].copy()
                offset = 0 if align == "top_left" else keys - queries
                case.arrays["offset"] = position("tensor", offset, batch)
                case.arrays["origin_m"] = position("index", m0, batch)
                case.arrays["origin_n"] = position("tensor", n0, batch)
                parts.append(run(kernel, case))
            out[:, :, m0:m1], lse[:, :, m0:m1] = merge(kernels, parts)
        arrays = whole.arrays
        contract.check_attention(
            arrays["q"], arrays["k"], arrays["v"], whole.operator(), out, lse,
            rng=np.random.default_rng(seed),
        )  # fmt: skip


def test_splits_of_rows_with_lengths(kernels, seed):
    """The same lengths, of the whole, go to every part of every row."""
    rng = np.random.default_rng(seed)
    spec = replace(PART, where=(("causal",),), key_lengths=True, query_lengths=True)
    part = replace(spec, origins=(("m", "tensor"), ("n", "tensor")))
    kernel = kernels.get(part)
    batch, queries, keys = 3, 77, 150
    whole = operands(spec, batch, queries, keys, rng)
    out = np.full((batch, PART.heads, queries, PART.f), np.nan, np.float32)
    lse = np.full((batch, PART.heads, queries), np.nan, np.float32)
    for m0, m1 in cut(queries, rng):
        parts = []
        for n0, n1 in cut(keys, rng):
            case = operands(part, batch, m1 - m0, n1 - n0, rng)
            case.arrays["q"] = whole.arrays["q"][:, :, m0:m1].copy()
            case.arrays["k"] = whole.arrays["k"][:, :, n0:n1].copy()
            case.arrays["v"] = whole.arrays["v"][:, :, n0:n1].copy()
            case.arrays["kl"], case.arrays["ql"] = whole.arrays["kl"], whole.arrays["ql"]
            case.arrays["origin_m"] = position("tensor", m0, batch)
            case.arrays["origin_n"] = position("tensor", n0, batch)
            parts.append(run(kernel, case))
        out[:, :, m0:m1], lse[:, :, m0:m1] = merge(kernels, parts)
    judge(whole, [out, lse], seed)


def test_chunked_prefill(kernels, seed):
    """A prompt in chunks, each over the keys so far, at its own place per row."""
    rng = np.random.default_rng(seed)
    spec = replace(PART, where=(("causal",),), align="top_left")
    chunk = replace(spec, align="offset", offset="row")
    kernel = kernels.get(chunk)
    batch, tokens = 2, 150
    whole = operands(spec, batch, tokens, tokens, rng)
    arrays = whole.arrays
    out = np.full((batch, PART.heads, tokens, PART.f), np.nan, np.float32)
    lse = np.full((batch, PART.heads, tokens), np.nan, np.float32)
    for begin, end in cut(tokens, rng):
        case = operands(chunk, batch, end - begin, end, rng)
        case.arrays["q"] = arrays["q"][:, :, begin:end].copy()
        case.arrays["k"] = arrays["k"][:, :, :end].copy()
        case.arrays["v"] = arrays["v"][:, :, :end].copy()
        case.arrays["offset"] = position("row", begin, batch)
        out[:, :, begin:end], lse[:, :, begin:end] = run(kernel, case)
    contract.check_attention(
        arrays["q"], arrays["k"], arrays["v"], reference_operator(spec, arrays), out, lse,
        rng=rng,
    )  # fmt: skip


def test_a_row_keeps_its_bits_in_a_tile_of_queries(kernels):
    """Key blocks are anchored at the part's first key, whatever rows there are."""
    spec = OPERATORS["causal"]
    kernel = kernels.get(spec)
    whole = operands(spec, 1, 96, 200, np.random.default_rng(5))
    for name in ("offset", "origin_m", "origin_n"):
        whole.arrays[name] = np.zeros_like(whole.arrays[name])
    whole.arrays["offset"] = np.asarray(40, np.int64)
    expected, _ = run(kernel, whole)
    tile = operands(spec, 1, 48, 200, np.random.default_rng(5))
    tile.arrays.update(k=whole.arrays["k"], v=whole.arrays["v"])
    tile.arrays["q"] = whole.arrays["q"][:, :, 48:].copy()
    tile.arrays["offset"] = whole.arrays["offset"]
    tile.arrays["origin_m"] = np.asarray(48, np.int32)
    tile.arrays["origin_n"] = np.asarray(0, np.int64)
    out, _ = run(kernel, tile)
    assert (out.view(np.uint32) == expected[:, :, 48:].view(np.uint32)).all()


STEPS = """
func.func @steps(%a: tensor<?x?xf32>, %w: tensor<5xf32>, %o: tensor<?xi64>) -> tensor<?xf32> {
  %r = attn.cascade (%A = %a, %W = %w, %O = %o) origin(n = %O[b])
      : (tensor<?x?xf32>, tensor<5xf32>, tensor<?xi64>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %s0 = attn.einsum [b] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %s = attn.iterate n1 of n by n0 init(%s0 : tensor<?xf32>) {
    ^bb0(%S: tensor<?xf32>):
      %l = attn.einsum [b] = map(%A[b,n1*N0+n0], %W[n0]) {
      ^bb0(%x: f32, %y: f32):
        %n = attn.index n : index
        %n1 = attn.index n1 : index
        %n0 = attn.index n0 : index
        %c = arith.constant 100 : index
        %p = arith.muli %n1, %c : index
        %q = arith.addi %n, %p : index
        %d = arith.subi %q, %n0 : index
        %i = arith.index_cast %d : index to i64
        %f = arith.sitofp %i : i64 to f32
        %xy = arith.mulf %x, %y : f32
        %z = arith.mulf %xy, %f : f32
        attn.yield %z : f32
      } reduce add(n0) : (tensor<?x?xf32>, tensor<5xf32>) -> tensor<?xf32>
      %t = attn.einsum [b] = add(%S[b], %l[b]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %t : tensor<?xf32>
    }
    attn.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
"""


@pytest.mark.parametrize("form", ["auto", "unfused"])
def test_the_number_of_a_step_has_no_origin(kernels, form, seed):
    """The origin of a rank moves its coordinate, not those of its steps and points."""
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(STEPS, "steps", f"--form={form}")
    for batch, keys in ((3, 23), (2, 5), (1, 1), (2, 0)):
        a = rng.integers(-4, 5, (batch, keys)).astype(np.float32)
        w = rng.integers(-4, 5, 5).astype(np.float32)
        o = rng.integers(-40, 40, batch).astype(np.int64)
        out = np.full(batch, np.nan, np.float32)
        Counter.executions += 1
        kernel.run([a, w, o, out])
        n = np.arange(keys)
        number = o[:, None] + n + 100 * (n // 5) - n % 5
        assert (out == (a * w[n % 5] * number).sum(axis=1)).all()
