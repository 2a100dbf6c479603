# ===- bars.py - What has to hold -------------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The bars: ratios of figures of one run, each with what it may be at most or at
least. A bar that cannot be judged is void, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workloads import HEAD_SIZES, MODIFIERS, SHORT, SPARSE


@dataclass
class Verdict:
    bar: str
    limit: str
    ratio: float | None
    # "pass", "FAIL" or "void: why".
    outcome: str


class Results:
    """The figures of a run, by workload's name and peer, for one number of threads."""

    def __init__(self, workloads, figures, peaks, threads: int):
        self.workloads = {workload.name: workload for workload in workloads}
        self.figures, self.peaks, self.threads = figures, peaks, threads

    def seconds(self, name: str, peer: str = "ours") -> float:
        """The median; raises LookupError with the reason where there is none."""
        if name not in self.figures:
            raise LookupError(f"{name} was not measured")
        figure = self.figures[name].get(peer)
        if figure is None:
            raise LookupError(f"{peer} was not asked")
        if not figure.seconds:
            raise LookupError(f"{peer}: {figure.reason}")
        return figure.median

    def rate(self, name: str, peer: str = "ours") -> float:
        """GFLOP/s of live pairs."""
        return self.workloads[name].flops / self.seconds(name, peer) / 1e9

    def pair_seconds(self, name: str) -> float:
        """Seconds of a live pair of one head."""
        workload = self.workloads[name]
        return self.seconds(name) / (workload.live * workload.spec.heads * workload.batch)


class Judge:
    def __init__(self, results: Results):
        self.results, self.verdicts = results, []

    def at_least(self, bar: str, limit: float, ratio):
        self._judge(bar, f">= {limit:.2f}", ratio, lambda value: value >= limit)

    def at_most(self, bar: str, limit: float, ratio):
        self._judge(bar, f"<= {limit:.2f}", ratio, lambda value: value <= limit)

    def _judge(self, bar, limit, ratio, holds):
        results = self.results
        if results.threads > 1 and results.peaks.pair_is_void:
            self.verdicts.append(Verdict(bar, limit, None, "void: two cores give less than 1.8"))
            return
        try:
            value = ratio()
        except LookupError as error:
            self.verdicts.append(Verdict(bar, limit, None, f"void: {error.args[0]}"))
            return
        self.verdicts.append(Verdict(bar, limit, value, "pass" if holds(value) else "FAIL"))


def judge(results: Results) -> list[Verdict]:
    """All bars that concern a workload of this run."""
    judged = Judge(results)
    for part in (_prefill, _half, _heads, _short, _grouped, _decode, _modifiers, _sparse, _avx2):
        part(judged, results)
    return judged.verdicts


def _named(results: Results, group: str) -> Iterator:
    return (w for w in results.workloads.values() if w.group == group)


def _prefill(judged: Judge, results: Results):
    rate = results.rate
    for workload in [*_named(results, "prefill"), *_named(results, "random")]:
        name, spec = workload.name, workload.spec
        limit = 0.95 if spec.dtype == "f32" and spec.e == 64 and not spec.where else 0.97
        judged.at_least(
            f"{name} against the hand kernel",
            limit,
            lambda name=name: rate(name) / rate(name, "hand"),
        )
        plain = name.removesuffix(" causal")
        if spec.where and plain in results.workloads:
            judged.at_least(
                f"{name}, rate against unmasked",
                0.96 if workload.queries >= 4096 else 0.92,
                lambda name=name, plain=plain: rate(name) / rate(plain),
            )
    for workload in _named(results, "window"):
        judged.at_least(
            f"{workload.name} against the hand kernel",
            1.05,
            lambda name=workload.name: rate(name) / rate(name, "hand"),
        )


def _half(judged: Judge, results: Results):
    for workload in _named(results, "f16"):
        single = workload.name.replace("f16", "f32")
        judged.at_least(
            f"{workload.name} against f32",
            0.85,
            lambda name=workload.name, single=single: results.rate(name) / results.rate(single),
        )
    for workload in _named(results, "decode"):
        if workload.spec.dtype == "f16":
            single = workload.name.replace("f16", "f32")
            judged.at_least(
                f"{workload.name} against f32",
                1.0,
                lambda name=workload.name, single=single: results.rate(name) / results.rate(single),
            )


def _heads(judged: Judge, results: Results):
    if not list(_named(results, "heads")):
        return
    for dtype in ("f32", "bf16"):
        pairs = [
            (f"head size {dtype} {e}" + (f"/{f}" if f != e else ""), f"head size {dtype} {base}")
            for e, f, base in HEAD_SIZES
        ]
        pairs += [(f"odd lengths {dtype} D{e}", f"head size {dtype} {e}") for e in (64, 128)]
        for name, base in pairs:
            judged.at_least(
                f"{name} against {base}",
                0.85,
                lambda name=name, base=base: results.rate(name) / results.rate(base),
            )


def _short(judged: Judge, results: Results):
    for workload in _named(results, "short"):
        name, tokens, spec = workload.name, workload.queries, workload.spec
        if tokens not in SHORT:
            continue
        if tokens >= 64:
            base = f"short BERT {spec.dtype} N4096"
            judged.at_least(
                f"{name} against N 4096",
                0.82 if tokens >= 256 else 0.65,
                lambda name=name, base=base: results.rate(name) / results.rate(base),
            )
        for peer in results.figures.get(name, {}):
            if not peer.startswith("ours"):
                judged.at_least(
                    f"{name} against {peer}",
                    1.0,
                    lambda name=name, peer=peer: results.rate(name) / results.rate(name, peer),
                )


def _grouped(judged: Judge, results: Results):
    for workload in _named(results, "grouped"):
        if workload.spec.key_heads == 8:
            base = workload.name.replace("32/8", "32/32")
            judged.at_least(
                f"{workload.name} against 32/32",
                0.95,
                lambda name=workload.name, base=base: results.rate(name) / results.rate(base),
            )


def _decode(judged: Judge, results: Results):
    for workload in _named(results, "decode"):
        name = workload.name

        def share(workload=workload):
            peaks, dtype = results.peaks, workload.spec.dtype
            bandwidth = peaks.load(workload.bytes, results.threads) * 1e9
            compute = peaks.fma(results.threads, dtype) * 1e9
            least = max(workload.bytes / bandwidth, workload.flops / compute)
            return least / results.seconds(workload.name)

        judged.at_least(f"{name}, share of bandwidth or peak", 0.80, share)
        if workload.keys >= 8192 and workload.spec.dtype != "f16" and workload.queries == 1:
            judged.at_least(
                f"{name} against the hand kernel",
                1.3,
                lambda name=name: results.rate(name) / results.rate(name, "hand"),
            )


def _modifiers(judged: Judge, results: Results):
    for workload in _named(results, "modifiers"):
        feature = next((name for name in MODIFIERS if workload.name.startswith(name)), None)
        if feature is None:
            continue
        spec = workload.spec
        limit = 1.10
        if feature == "soft cap":
            limit = 1.35 if spec.dtype == "bf16" and spec.e == 64 else 1.25
        base = f"plain {spec.dtype} D{spec.e}"
        judged.at_most(
            f"{workload.name}, time against plain",
            limit,
            lambda name=workload.name, base=base: results.seconds(name) / results.seconds(base),
        )


def _sparse(judged: Judge, results: Results):
    if not list(_named(results, "sparse")):
        return
    for name, (_, _, limit) in SPARSE.items():
        judged.at_most(
            f"sparse {name}, time of a live pair against unmasked",
            limit,
            lambda name=name: (
                results.pair_seconds(f"sparse {name}") / results.pair_seconds("sparse unmasked")
            ),
        )


def _avx2(judged: Judge, results: Results):
    for workload in _named(results, "prefill"):
        name = workload.name
        if "ours_avx2" not in results.figures.get(name, {}):
            continue
        judged.at_least(
            f"{name}, AVX2 against AVX-512",
            0.6 if workload.spec.dtype == "f32" else 0.3,
            lambda name=name: results.rate(name, "ours_avx2") / results.rate(name),
        )
