# ===- workloads.py - What is measured --------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The workloads: an operator and the sizes that it is called with.

Every workload belongs to a group, which `benchmarks/run` takes as an argument.
Inputs are drawn from the workload's name, so all kernels of a run, and runs on
other machines, see the same numbers.
"""

from __future__ import annotations

import functools
import math
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "test" / "execution")]
import operators  # noqa: E402
from attn.sparsity import Neighborhood  # noqa: E402
from operators import Spec  # noqa: E402

CAUSAL = (("causal",),)


@dataclass(frozen=True)
class Workload:
    name: str
    group: str
    spec: Spec
    batch: int
    queries: int
    keys: int

    def operands(self) -> operators.Operands:
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return operators.operands(self.spec, self.batch, self.queries, self.keys, rng)

    @property
    def live(self) -> int:
        """Live (query, key) pairs of one head, or their mean over heads and rows."""
        return _live_pairs(self.spec, self.queries, self.keys)

    @property
    def flops(self) -> int:
        """Two per multiply-add of both contractions; sums and maps do not count."""
        heads = self.batch * self.spec.heads
        return 2 * heads * self.live * (self.spec.e + self.spec.f)

    @property
    def bytes(self) -> int:
        """Bytes of the queries, keys, values and the result, each once."""
        spec, size = self.spec, operators.DTYPES[self.spec.dtype].itemsize
        rows = spec.heads * self.queries * (spec.e + spec.f)
        return size * self.batch * (rows + spec.key_heads * self.keys * (spec.e + spec.f))

    @property
    def window(self) -> int | None:
        """The keys of a causal window with the query's own; 0 without a window.

        None where the sparsity is neither nothing, causal, nor a causal window.
        """
        where = self.spec.where
        if not where or where == CAUSAL:
            return 0
        windows = [atom for atom in where if atom[0] == "window"]
        if len(where) == 2 and ("causal",) in where and windows and windows[0][2] == 0:
            return windows[0][1] + 1
        return None

    @property
    def is_plain(self) -> bool:
        """Whether nothing but scale and sparsity edits the scores."""
        bare = Spec(self.spec.e, self.spec.f)
        fields = ("softcap", "bias", "region", "sinks", "gates", "normaliser", "weights", "permute")
        return all(getattr(self.spec, name) == getattr(bare, name) for name in fields)


@functools.cache
def _live_pairs(spec: Spec, queries: int, keys: int) -> int:
    if not spec.where:
        return queries * keys
    if len(spec.where) == 1 and spec.where[0][0] == "neighborhood":
        kernel, options = spec.where[0][1:]
        atom = Neighborhood(kernel, **dict(options))
        if math.prod(atom.grid) == queries == keys:
            return atom.count_pairs()
    single = replace(spec, heads=1, key_heads=1, permute=spec.permute)
    operator = operators.operands(single, 1, queries, keys, np.random.default_rng(0)).operator()
    rows = (np.arange(first, min(first + 512, queries)) for first in range(0, queries, 512))
    return sum(int(operator.live(0, part, queries, keys).sum()) for part in rows)


def _spec(dtype="f32", e=64, f=None, heads=1, key_heads=None, **features) -> Spec:
    return Spec(e, f or e, heads, key_heads or heads, dtype, **features)


def _prefill() -> list[Workload]:
    heads = {1024: 8, 4096: 4, 16384: 1}
    return [
        Workload(
            f"prefill {dtype} D{e} N{tokens}{' causal' if where else ''}",
            "prefill",
            _spec(dtype, e, heads=heads[tokens], where=where),
            1,
            tokens,
            tokens,
        )
        for dtype in ("f32", "bf16")
        for e in (64, 128)
        for tokens in heads
        for where in ((), CAUSAL)
    ]


def _half() -> list[Workload]:
    return [
        Workload(
            f"prefill f16 D{e} N{tokens}", "f16", _spec("f16", e, heads=heads), 1, tokens, tokens
        )
        for e in (64, 128)
        for tokens, heads in ((1024, 8), (4096, 4))
    ]


def _window() -> list[Workload]:
    where = (*CAUSAL, ("window", 255, 0))
    return [
        Workload(
            f"window {dtype} N8192", "window", _spec(dtype, heads=4, where=where), 1, 8192, 8192
        )
        for dtype in ("f32", "bf16")
    ]


# Head sizes, the value's where it is another, and the plain size to compare with.
HEAD_SIZES = [(32, 32, 64), (80, 80, 64), (96, 96, 128), (160, 160, 128), (192, 192, 128)]
HEAD_SIZES += [(256, 256, 128), (192, 128, 128)]


def _heads() -> list[Workload]:
    named = [
        (f"head size {dtype} {e}" + (f"/{f}" if f != e else ""), dtype, e, f, 2048)
        for dtype in ("f32", "bf16")
        for e, f in [(64, 64), (128, 128)] + [(e, f) for e, f, _ in HEAD_SIZES]
    ]
    named += [
        (f"odd lengths {dtype} D{e}", dtype, e, e, 2029)
        for dtype in ("f32", "bf16")
        for e in (64, 128)
    ]
    return [
        Workload(name, "heads", _spec(dtype, e, f, heads=4), 1, tokens, tokens)
        for name, dtype, e, f, tokens in named
    ]


SHORT = (32, 64, 128, 197, 256, 512)


def _short() -> list[Workload]:
    models = [("BERT", 64), ("MiniLM", 32)]
    return [
        Workload(
            f"short {model} {dtype} N{tokens}",
            "short",
            _spec(dtype, e, heads=12),
            8,
            tokens,
            tokens,
        )
        for dtype in ("f32", "bf16")
        for model, e in models
        for tokens in (*SHORT, 4096)
        if tokens != 4096 or model == "BERT"
    ]


def _grouped() -> list[Workload]:
    return [
        Workload(
            f"grouped 32/{key_heads} {dtype}",
            "grouped",
            _spec(dtype, 128, heads=32, key_heads=key_heads),
            1,
            1024,
            1024,
        )
        for dtype in ("f32", "bf16")
        for key_heads in (8, 32)
    ]


def _decode() -> list[Workload]:
    return [
        Workload(
            f"decode {dtype} M{queries} N{keys}",
            "decode",
            _spec(dtype, 128, heads=32, key_heads=8, where=CAUSAL, queries=queries),
            1,
            queries,
            keys,
        )
        for dtype in ("f32", "bf16", "f16")
        for queries in (1, 4)
        for keys in (512, 2048, 8192, 32768)
    ]


MODIFIERS = {
    "bias": {"bias": "hn"},
    "ALiBi": {"region": "alibi"},
    "gate": {"gates": (("output", "sigmoid", "bhm", False),)},
    "sinks": {"sinks": True},
    "soft cap": {"softcap": 30.0},
}


def _modifiers() -> list[Workload]:
    return [
        Workload(
            f"{name} {dtype} D{e}", "modifiers", _spec(dtype, e, heads=4, **features), 1, 2048, 2048
        )
        for dtype in ("f32", "bf16")
        for e in (64, 128)
        for name, features in {"plain": {}, **MODIFIERS}.items()
    ]


# Where, tokens, and the most that a live pair may cost against a pair unmasked.
SPARSE = {
    "causal": (CAUSAL, 16384, 1.04),
    "causal window": ((*CAUSAL, ("window", 255, 0)), 16384, 1.30),
    "dilated": ((("dilated", 512, 4),), 16384, 1.35),
    "neighborhood 13x13": (
        (("neighborhood", (13, 13), (("grid", (128, 128)),)),), 16384, 1.9
    ),
    "neighborhood 16x16 stride 8x8": (
        (("neighborhood", (16, 16), (("grid", (128, 128)), ("stride", (8, 8)))),), 16384, 1.15
    ),
    "neighborhood 9x9x9 stride 3": (
        (("neighborhood", (9, 9, 9), (("grid", (30, 48, 80)), ("stride", (3, 3, 3)))),),
        30 * 48 * 80,
        1.4,
    ),
}  # fmt: skip


def _sparse() -> list[Workload]:
    listed = {"unmasked": ((), 16384, None)} | SPARSE
    return [
        Workload(f"sparse {name}", "sparse", _spec(where=where), 1, tokens, tokens)
        for name, (where, tokens, _) in listed.items()
    ]


def all_workloads() -> list[Workload]:
    parts = (_prefill, _half, _window, _heads, _short, _grouped, _decode, _modifiers, _sparse)
    return [workload for part in parts for workload in part()]


def random_workloads(count: int, seed: int) -> list[Workload]:
    """Shapes near those of the prefill: what holds on listed sizes alone is no speed."""
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(count):
        dtype, e = rng.choice(["f32", "bf16"]), int(rng.choice([64, 128]))
        # What the yardstick takes: lengths in multiples of 16 queries and 8 keys.
        tokens = 16 * int(rng.integers(48, 384))
        where = CAUSAL if rng.integers(2) else ()
        name = f"random {number} {dtype} D{e} N{tokens}{' causal' if where else ''}"
        heads = int(rng.integers(1, 9))
        drawn.append(
            Workload(
                name, "random", _spec(str(dtype), e, heads=heads, where=where), 1, tokens, tokens
            )
        )
    return drawn
