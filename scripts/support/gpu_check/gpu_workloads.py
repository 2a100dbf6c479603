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

from dataclasses import dataclass

from operators import Spec

DOCUMENTS = 8
SOFTCAP = 20.0
WINDOW = 1024


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
    found["window128"] = _spec(128, where=(("causal",), ("window", WINDOW, 0)))
    found["documents128"] = _spec(128, where=causal, segments=(("both", ""),))
    found["alibi128"] = _spec(128, where=causal, region="alibi")
    found["softcap128"] = _spec(128, where=causal, softcap=SOFTCAP)
    found["decode128"] = _spec(128, heads=64, key_heads=8, queries=1)
    return found


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

    @property
    def live_pairs(self) -> float:
        """Pairs of a query and a key that are not masked, of one head and row."""
        m, n = self.queries, self.keys
        if self.kernel.startswith("documents"):
            length = m // DOCUMENTS
            return DOCUMENTS * length * (length + 1) / 2
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
        square(kernel, 8192)
        for kernel in ("window128", "documents128", "alibi128", "softcap128", "causal128")
    ]
    found += [Workload("decode128", 16, 1, keys) for keys in (8192, 32768, 2048)]
    for length in (8192, 2048, 16384):
        found += [square(k, length) for k in ("plain128", "causal128", "plain64", "causal64")]
    return list(dict.fromkeys(found))
