# ===- report.py - A run as JSON and Markdown ------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Writes what a run measured: JSON with every sample, and a table to read."""

from __future__ import annotations

import json
import math
from pathlib import Path

# The heads of the table's columns.
TITLES = {
    "ours": "attn-mlir",
    "ours_avx2": "attn-mlir, AVX2",
    "hand": "by hand",
    "openblas": "OpenBLAS",
    "torch_sdpa": "PyTorch SDPA",
    "torch_flex": "FlexAttention",
    "onnxruntime_mha": "ONNX Runtime",
    "iree": "IREE",
}


def to_json(run: dict, file: Path):
    file.write_text(json.dumps(run, indent=1) + "\n")


def describe(workload, figures, peak: float) -> dict:
    """One workload of a run, as the JSON file holds it."""
    peers = {}
    for peer, figure in figures.items():
        known = bool(figure.seconds)
        peers[peer] = {
            "setting": figure.setting,
            "reason": figure.reason,
            "max_error": figure.error,
            "median_s": figure.median if known else None,
            "gflops": workload.flops / figure.median / 1e9 if known else None,
            "seconds": [round(second, 9) for second in figure.seconds],
        }
    return {
        "name": workload.name,
        "group": workload.group,
        "tokens": workload.keys,
        "flops": workload.flops,
        "bytes": workload.bytes,
        "live_fraction": workload.live / max(1, workload.queries * workload.keys),
        "peak_gflops": peak,
        "peers": peers,
    }


def row(described: dict) -> list[str]:
    """The cells of a workload: rates in GFLOP/s, the fastest in bold."""
    peers = described["peers"]
    rates = {peer: entry["gflops"] for peer, entry in peers.items() if entry["gflops"]}
    best = max(rates.values(), default=math.nan)
    cells = [described["name"]]
    for peer, entry in peers.items():
        rate = rates.get(peer)
        if rate is None:
            cells.append(entry["reason"] or "not measured")
        else:
            text = f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"
            cells.append(f"**{text}**" if rate == best else text)
    # What is short of the best other peer is said, not left to be found.
    others = [rate for peer, rate in rates.items() if not peer.startswith("ours")]
    if "ours" in rates and others:
        cells.append(f"{rates['ours'] / max(others):.2f}")
    else:
        cells.append("")
    return cells


def line(cells) -> str:
    return "| " + " | ".join(cells) + " |"


def heading(peers) -> list[str]:
    titles = ["GFLOP/s", *(TITLES[peer] for peer in peers), "of the fastest other"]
    return [line(titles), line(["---"] * len(titles))]


def to_markdown(run: dict) -> str:
    machine = run["machine"]
    lines = [
        f"# {run['date']}: {machine['cpu']}, {machine['cores']} cores",
        "",
        f"{', '.join(machine['isa']) or 'no vector extensions'}; {machine['system']}; "
        f"revision {run['revision']}.",
    ]
    for part in run["parts"]:
        threads = part["threads"]
        lines += ["", f"## {threads} thread{'s' if threads > 1 else ''}", ""]
        lines += [
            f"FMA peak {part['fma_gflops']:.0f} GFLOP/s. Rates count live pairs; medians of "
            f"{run['rounds']} alternating rounds.",
            "",
        ]
        if part["is_void"]:
            lines += ["**Void**: two cores gave less than 1.8 times the rate of one.", ""]
        peers = list(part["versions"])
        lines += heading(peers)
        lines += [line(row(entry)) for entry in part["workloads"]]
        lines += ["", "| peer | version |", "|---|---|"]
        lines += [line([TITLES[peer], version]) for peer, version in part["versions"].items()]
        if part["bars"]:
            lines += ["", "| bar | limit | figure | |", "|---|---|---|---|"]
            lines += [
                line(
                    [
                        bar["bar"],
                        bar["limit"],
                        "" if bar["ratio"] is None else f"{bar['ratio']:.3f}",
                        bar["outcome"],
                    ]
                )
                for bar in part["bars"]
            ]
    return "\n".join(lines) + "\n"
