# ===- gpu_draw.py - Inputs of single instructions -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random bits of each type, special values among them."""

from __future__ import annotations

import zlib

import ml_dtypes
import numpy as np

BYTES = {
    **{kind: 2 for kind in ("f16", "bf16", "b16", "s16", "u16")},
    **{kind: 4 for kind in ("f32", "tf32", "f16x2", "bf16x2", "b32", "s32", "u32")},
    **{kind: 8 for kind in ("f64", "b64", "s64", "u64")},
}
_FLOATS = {
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
    "tf32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}
_WARP, _BLOCK = 32, 128


def draw_inputs(entry, count: int, seed: int) -> list[np.ndarray]:
    """The inputs of `count` threads as unsigned integers, the same for a name and a
    seed."""
    rng = np.random.default_rng([seed, zlib.crc32(entry.name.encode())])
    drawn = [
        draw(kind, BYTES[type_], count, rng)
        for kind, type_ in zip(entry.kinds, entry.inputs, strict=True)
    ]
    first = drawn[0] if drawn else None
    for other, kind in zip(drawn[1:], entry.kinds[1:], strict=True):
        if kind != entry.kinds[0] or kind[-1] == "i":
            continue
        # Operands that are equal, opposite, or next to each other.
        sign = first.dtype.type(1 << (8 * first.itemsize - 1))
        some = rng.random(count)
        other[some < 0.06] = first[some < 0.06]
        opposite = (some >= 0.06) & (some < 0.1)
        other[opposite] = first[opposite] ^ sign
        near = (some >= 0.1) & (some < 0.14)
        other[near] = first[near] ^ first.dtype.type(1)
    return drawn


def draw(kind: str, size: int, count: int, rng) -> np.ndarray:
    """Numbers of `size` bytes; `kind` is a type or one of the rules below."""
    unsigned = np.dtype(f"u{size}")
    rule = _RULES.get(kind)
    if rule is not None:
        return rule(count, rng, unsigned)
    if kind.startswith("nz"):
        drawn = draw(kind[2:], size, count, rng)
        drawn[drawn == 0] = 3
        # The quotient of the least number and -1 is no number.
        drawn[drawn == unsigned.type(2 ** (8 * size) - 1)] = 7
        return drawn
    base, rule_name = (kind[:-1], kind[-1]) if kind[-1] in "ni" else (kind, "")
    if base.endswith("x2"):
        return draw(base[:-2] + rule_name, 2, 2 * count, rng).view(unsigned)
    if base in _FLOATS:
        return _draw_floats(base, rule_name, unsigned, count, rng)
    return _draw_whole(unsigned, count, rng)


def _draw_floats(base: str, rule: str, unsigned, count: int, rng) -> np.ndarray:
    dtype = _FLOATS[base]
    if rule == "i":
        return rng.integers(-4, 5, count).astype(dtype).view(unsigned)
    normal = rng.standard_normal(count).astype(dtype)
    if rule == "n":
        bits = normal.view(unsigned)
        # A number of tf32 has ten bits behind the point.
        return bits & np.uint32(0xFFFFE000) if base == "tf32" else bits
    bits = rng.integers(0, 1 << (8 * dtype.itemsize), count, np.uint64).astype(unsigned) if (
        dtype.itemsize < 8
    ) else rng.integers(0, 2**64, count, np.uint64, endpoint=False)  # fmt: skip
    with np.errstate(all="ignore"):
        scaled = (normal.astype(np.float64) * 2.0 ** rng.integers(-24, 25, count)).astype(dtype)
    specials = _specials(dtype, unsigned)
    choice = rng.random(count)
    drawn = np.where(choice < 0.3, rng.choice(specials, count), bits)
    return np.where(choice > 0.55, scaled.view(unsigned), drawn).astype(unsigned)


def _specials(dtype, unsigned) -> np.ndarray:
    """Zeros, ends of ranges, halves between numbers, infinities and NaN."""
    info = ml_dtypes.finfo(dtype)
    values = [0.0, 1.0, 2.0, 0.5, 1.5, 2.5, 3.0, 127.5, 255.0, 256.0, 32767.5, 65535.0]
    values += [65536.0, 2.0**31, 2.0**32, 2.0**63, 2.0**64, 1 / 3, 2.0**-14, 2.0**-24]
    values += [float(info.max), float(info.smallest_normal), float(info.smallest_subnormal)]
    values += [float(info.smallest_normal) - float(info.smallest_subnormal)]
    values += [1 + float(info.eps), 1 - float(info.epsneg), np.inf, np.nan]
    with np.errstate(all="ignore"):
        numbers = np.array(values, np.float64).astype(dtype)
    return np.concatenate([numbers, -numbers]).view(unsigned)


def _draw_whole(unsigned, count: int, rng) -> np.ndarray:
    bits = 8 * unsigned.itemsize
    top = 2**bits
    specials = [0, 1, 2, 3, 7, 31, 32, 127, 128, 255, 256, 32767, 32768, 65535]
    specials += [top - 1, top - 2, top // 2, top // 2 - 1, top // 2 + 1, top // 4]
    specials = np.array([value % top for value in specials], np.uint64).astype(unsigned)
    drawn = rng.integers(0, top - 1, count, np.uint64, endpoint=True)
    # As many small numbers as large ones.
    drawn >>= rng.integers(0, bits, count).astype(np.uint64)
    drawn = drawn.astype(unsigned)
    negative = rng.random(count) < 0.3
    drawn = np.where(negative, ~drawn, drawn)
    return np.where(rng.random(count) < 0.3, rng.choice(specials, count), drawn).astype(unsigned)


def _groups(width: int):
    """0, 1, or either for each group of threads."""

    def rule(count, rng, unsigned):
        whole = np.repeat(rng.integers(0, 3, count // width), width)
        each = rng.integers(0, 2, count)
        return np.where(whole == 2, each, whole).astype(unsigned)

    return rule


def _below(limit: int):
    return lambda count, rng, unsigned: rng.integers(0, limit, count).astype(unsigned)


def _angles(count, rng, unsigned):
    return rng.uniform(-6.28, 6.28, count).astype(np.float32).view(unsigned)


_RULES = {
    "angle": _angles,
    "bit": _below(2),
    "blockbit": _groups(_BLOCK),
    "bytes": _below(21),
    "count": _below(72),
    "few": _below(4),
    "lane": _below(32),
    "warpbit": _groups(_WARP),
}
