# ===- gpu_table.py - Measurements as text ---------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Times of contenders as a line and as a table; needs no PyTorch."""

from __future__ import annotations

OURS = "attn-mlir"


def line(rows: dict) -> str:
    """One row of the table, and notes of what failed."""
    own = rows[OURS].get("ms")
    parts, notes = [], []
    for name, row in rows.items():
        if "ms" not in row:
            if "no such operator" not in row["note"]:
                notes.append(f"{name}: {row['note']}")
            continue
        text = f"{name} {row['ms']:.3f} ms {row['tflops']:.1f} TFLOP/s {row['gbytes']:.0f} GB/s"
        if own and name != OURS:
            text += f" (ours x{row['ms'] / own:.2f})"
        parts.append(text)
    return "\n".join([" | ".join(parts), *notes])


def table(items: list[dict]) -> str:
    """All workloads in Markdown: milliseconds, TFLOP/s, and our speed over theirs."""
    names = list(dict.fromkeys([OURS, *(name for item in items for name in item["bench"])]))
    lines = [f"| workload | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for item in items:
        cells = [item["name"]]
        own = item["bench"].get(OURS, {}).get("ms")
        for name in names:
            row = item["bench"].get(name, {})
            if "ms" not in row:
                cells.append("-")
                continue
            cell = f"{row['ms']:.3f} ms, {row['tflops']:.1f}"
            cells.append(cell + (f", x{row['ms'] / own:.2f}" if own and name != OURS else ""))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
