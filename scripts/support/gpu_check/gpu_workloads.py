# ===- gpu_workloads.py - What is measured on a GPU ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The operators and sizes of `scripts/gpu-check bench`, in one place for those who
compile them and those who call them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from operators import Spec, text

DOCUMENTS = 8
SOFTCAP = 20.0
WINDOW = 1024
# Of Stochastic Attention (arXiv 2604.00754): slots on each side of a query, and as many
# tokens before it in the window that is added.
SLOTS = 256
# Of a neighborhood: tokens of an axis, and those of them that a query sees.
GRID, NEIGHBORS = 256, 80
# Of every STRIDE blocks of keys one is seen.
STRIDE, BLOCK = 8, 64

# Two branches, each with a gate for every head and query, in one call.
STOCHASTIC = """
func.func @attention(%q: tensor<?x16x?x128xbf16>, %k: tensor<?x16x?x128xbf16>,
                     %v: tensor<?x16x?x128xbf16>, %order: tensor<?xi32>,
                     %far: tensor<?x16x?xbf16>, %near: tensor<?x16x?xbf16>)
                     -> tensor<?x16x?x128xbf16> {
  %a = attn.attention(%q, %k, %v) where window(SLOTS, SLOTS) in permuted and causal
      permute(%order : tensor<?xi32>) gate output sigmoid(%far[b, h, m] : tensor<?x16x?xbf16>)
      : (tensor<?x16x?x128xbf16>, tensor<?x16x?x128xbf16>, tensor<?x16x?x128xbf16>)
        -> tensor<?x16x?x128xbf16>
  %b = attn.attention(%q, %k, %v) where window(SLOTS, 0) and causal
      gate output sigmoid(%near[b, h, m] : tensor<?x16x?xbf16>)
      : (tensor<?x16x?x128xbf16>, tensor<?x16x?x128xbf16>, tensor<?x16x?x128xbf16>)
        -> tensor<?x16x?x128xbf16>
  %o = attn.mix %a, %b
      : (tensor<?x16x?x128xbf16>, tensor<?x16x?x128xbf16>) -> tensor<?x16x?x128xbf16>
  return %o : tensor<?x16x?x128xbf16>
}
""".replace("SLOTS", str(SLOTS))


def _spec(e: int, **more) -> Spec:
    return Spec(e, e, dtype="bf16", **({"heads": 16, "key_heads": 16} | more))


def bench_specs() -> dict[str, Spec]:
    """The kernels by their names."""
    causal = (("causal",),)
    found = {}
    for e in (128, 64):
        found[f"plain{e}"] = _spec(e)
        found[f"causal{e}"] = _spec(e, where=causal)
    # Lengths without a mask: two keys back in a window are one less than its size.
    # With three blocks for each multiprocessor in place of two, and fewer registers; with
    # twice as many keys in a step.
    for name in ("plain64", "causal64"):
        found[f"{name}x3"] = found[f"{name}k128"] = found[name]
    found["window128"] = _spec(128, where=(("causal",), ("window", WINDOW, 0)))
    found["documents128"] = _spec(128, where=causal, segments=(("both", ""),))
    found["alibi128"] = _spec(128, where=causal, region="alibi")
    found["softcap128"] = _spec(128, where=causal, softcap=SOFTCAP)
    found["decode128"] = _spec(128, heads=64, key_heads=8, queries=1)
    found["gated128"] = _spec(
        128, where=causal, gates=(("output", "sigmoid", "bhmf", False),)
    )  # fmt: skip
    found["neighborhood128"] = _spec(
        128, where=(("neighborhood", (NEIGHBORS, NEIGHBORS), (("grid", (GRID, GRID)),)),)
    )
    found["strided128"] = _spec(128, where=(("causal",), ("strided", STRIDE, 0, BLOCK)))
    # Its shapes; the operator is STOCHASTIC.
    found["stochastic128"] = _spec(128, where=causal)
    return found


def bench_flags(kernel: str) -> tuple[str, ...]:
    """How a kernel is compiled: a name that ends in x and a number makes room for as many
    blocks, one that ends in k and a number has as many keys in a step."""
    flags = ["--form=fused"]
    for suffix, option in (("x", "--resident-blocks"), ("k", "--stream-tile")):
        if found := re.search(rf"\d{suffix}(\d+)$", kernel):
            flags.append(f"{option}={found[1]}")
    return tuple(flags)


def bench_text(kernel: str) -> str:
    return STOCHASTIC if kernel == "stochastic128" else text(bench_specs()[kernel])


@dataclass(frozen=True)
class Branch:
    """One attention of a workload: which keys a query sees, as a function of a batch, a
    head, and numbers of queries and keys, of NumPy or PyTorch (None: all); the operand
    whose sigmoid multiplies its result; and whether the numbers are slots of an order."""

    mask: Callable | None
    gate: str | None = None
    permuted: bool = False


def _is_near(i, j):
    first = (i - NEIGHBORS // 2).clip(0, GRID - NEIGHBORS)
    return (j >= first) & (j < first + NEIGHBORS)


@dataclass(frozen=True)
class Workload:
    """Sizes for a kernel of `bench_specs`."""

    kernel: str
    batch: int
    queries: int
    keys: int

    @property
    def name(self) -> str:
        return f"{self.kernel} b{self.batch} {self.queries}x{self.keys}"

    @property
    def spec(self) -> Spec:
        return bench_specs()[self.kernel]

    def branches(self, order=None) -> list[Branch]:
        """The attentions whose gated results are added; `order` are the tokens of slots."""
        kind = self.kernel
        if kind.startswith(("plain", "decode")):
            return [Branch(None)]
        if kind.startswith("window"):
            return [Branch(lambda b, h, m, n: (m >= n) & (m - n <= WINDOW))]
        if kind.startswith("strided"):
            return [Branch(lambda b, h, m, n: (m >= n) & (n // BLOCK % STRIDE == 0))]
        if kind.startswith("documents"):
            length = self.queries // DOCUMENTS
            return [Branch(lambda b, h, m, n: (m >= n) & (m // length == n // length))]
        if kind.startswith("neighborhood"):
            return [Branch(lambda b, h, m, n: _is_near(m // GRID, n // GRID)
                                              & _is_near(m % GRID, n % GRID))]  # fmt: skip
        if kind.startswith("stochastic"):
            far = Branch(
                lambda b, h, m, n: (abs(m - n) <= SLOTS) & (order[m] >= order[n]), "far", True
            )
            return [far, Branch(lambda b, h, m, n: (m >= n) & (m - n <= SLOTS), "near")]
        return [Branch(lambda b, h, m, n: m >= n, "gate" if kind.startswith("gated") else None)]

    @property
    def live_pairs(self) -> float:
        """Pairs of a query and a key that are not masked, of one head and row."""
        m, n = self.queries, self.keys
        if self.kernel.startswith("neighborhood"):
            return float(m * NEIGHBORS**2)
        if self.kernel.startswith("stochastic"):
            # Of two tokens in a window one sees the other, whatever the order.
            w = min(SLOTS, m - 1)
            return 2 * (m + m * w - w * (w + 1) / 2)
        if self.kernel.startswith("documents"):
            length = m // DOCUMENTS
            return DOCUMENTS * length * (length + 1) / 2
        if self.kernel.startswith("strided"):
            firsts = range(0, m, STRIDE * BLOCK)
            return float(
                sum(m - n for first in firsts for n in range(first, min(first + BLOCK, m)))
            )
        if self.kernel.startswith("window"):
            w = WINDOW + 1
            return m * w - w * (w - 1) / 2 if m > w else m * (m + 1) / 2
        if self.spec.where:
            return m * (m + 1) / 2
        return float(m * n)

    @property
    def flops(self) -> float:
        spec = self.spec
        return 2.0 * self.batch * spec.heads * (spec.e + spec.f) * self.live_pairs

    @property
    def bytes(self) -> float:
        """What has to be read and written at least."""
        spec = self.spec
        queries = spec.heads * self.queries * (spec.e + spec.f)
        return 2.0 * self.batch * (queries + spec.key_heads * self.keys * (spec.e + spec.f))


def workloads() -> list[Workload]:
    """The most important first."""
    # 64 heads at least; fewer where they are long.
    batches = {2048: 8, 4096: 8, 8192: 4, 16384: 4}

    def square(kernel: str, length: int) -> Workload:
        return Workload(kernel, batches[length], length, length)

    found = [square(kernel, 4096) for kernel in ("plain128", "causal128", "plain64", "causal64")]
    found += [
        square(f"{kernel}64{how}", 4096) for kernel in ("plain", "causal") for how in ("x3", "k128")
    ]
    found += [
        square(kernel, 8192)
        for kernel in ("window128", "documents128", "alibi128", "softcap128", "causal128")
    ]
    found += [square(kernel, 8192) for kernel in ("gated128", "stochastic128", "strided128")]
    found.append(Workload("neighborhood128", 1, GRID * GRID, GRID * GRID))
    found += [Workload("decode128", 16, 1, keys) for keys in (8192, 32768, 2048)]
    for length in (8192, 2048, 16384):
        found += [square(k, length) for k in ("plain128", "causal128", "plain64", "causal64")]
    found += [square("causal64x3", 2048), square("causal64k128", 2048)]
    return list(dict.fromkeys(found))
