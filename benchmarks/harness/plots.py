# ===- plots.py - A run as pictures ----------------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Draws rates against the number of tokens, and a roofline, from a run's JSON.

    python plots.py RESULTS.json FOLDER

Runs under the Python of the peers, which has matplotlib.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from report import TITLES

# A colour for each peer, the same in every picture.
COLOURS = dict(zip(TITLES, pyplot.get_cmap("tab10").colors, strict=False))


def series(workloads) -> dict[str, list[dict]]:
    """Workloads that differ in the number of tokens alone, two or more of them."""
    found: dict[str, list[dict]] = {}
    for workload in workloads:
        name = re.sub(r" N\d+", "", workload["name"])
        if workload["group"] != "random" and " N" in workload["name"]:
            found.setdefault(name, []).append(workload)
    return {name: sorted(w, key=lambda w: w["tokens"]) for name, w in found.items() if len(w) > 1}


def draw_rates(part, file: Path):
    groups = series(part["workloads"])
    if not groups:
        return
    columns = min(4, len(groups))
    rows = -(-len(groups) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(4 * columns, 3 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(groups) :]:
        axis.set_axis_off()
    for axis, (name, workloads) in zip(axes.flat, groups.items(), strict=False):
        for peer in part["versions"]:
            points = [
                (w["tokens"], w["peers"][peer]["gflops"])
                for w in workloads
                if w["peers"][peer]["gflops"]
            ]
            if points:
                axis.plot(*zip(*points, strict=True), "o-", color=COLOURS[peer], label=TITLES[peer])
        axis.set_xscale("log", base=2)
        axis.set_ylim(bottom=0)
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("tokens")
        axis.set_ylabel("GFLOP/s")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def draw_roofline(part, file: Path):
    figure, axis = pyplot.subplots(figsize=(7, 5), layout="constrained")
    intensities = [w["flops"] / w["bytes"] for w in part["workloads"]]
    low, high = min([0.25, *intensities]), max([100.0, *intensities])
    points = [low * (high / low) ** (step / 200) for step in range(201)]
    roof = [min(part["fma_gflops"], part["dram_gbs"] * x) for x in points]
    axis.plot(points, roof, color="black", label="f32 FMA and memory")
    for peer in part["versions"]:
        measured = [
            (w["flops"] / w["bytes"], w["peers"][peer]["gflops"])
            for w in part["workloads"]
            if w["peers"][peer]["gflops"]
        ]
        if measured:
            axis.scatter(
                *zip(*measured, strict=True), s=14, color=COLOURS[peer], label=TITLES[peer]
            )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("FLOP per byte of queries, keys, values and result")
    axis.set_ylabel("GFLOP/s")
    axis.legend(fontsize=8)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def main():
    run, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    for part in run["parts"]:
        stem = f"{Path(sys.argv[1]).stem}-{part['threads']}"
        draw_rates(part, folder / f"{stem}-rates.png")
        draw_roofline(part, folder / f"{stem}-roofline.png")


if __name__ == "__main__":
    main()
