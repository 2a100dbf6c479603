# ===- reduce.py - Smaller inputs with the same defect --------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Takes pieces away from an input while its defect stays."""

from __future__ import annotations

import time
from dataclasses import replace

from corrupt import TOKEN


def _pieces(parts, join, keeps, deadline):
    """Removes runs of parts, long ones first, as long as `keeps` holds."""
    length = max(len(parts) // 2, 1)
    while True:
        at, removed = 0, False
        while at < len(parts):
            if time.monotonic() > deadline:
                return parts
            shorter = parts[:at] + parts[at + length :]
            if len(shorter) < len(parts) and keeps(join(shorter)):
                parts, removed = shorter, True
            else:
                at += length
        if length > 1:
            length //= 2
        elif not removed:
            return parts


def _last(parts, join, keeps, deadline):
    """The fewest parts from the end, as long as `keeps` holds: what stands in front of
    them may be needed as a whole, to be read at all."""
    for at in range(len(parts) - 1, 0, -1):
        if time.monotonic() > deadline:
            break
        if keeps(join(parts[at:])):
            return parts[at:]
    return parts


def reduce(worker, request, what, seconds=30):
    """The smallest request found in this time that shows the same defect."""
    deadline = time.monotonic() + seconds

    def shows(candidate):
        return worker.run(candidate).what == what

    def keeps(text):
        return shows(replace(request, text=text))

    for simpler in (replace(request, cpu=""), replace(request, cpu="", pipeline="")):
        if simpler != request and shows(simpler):
            request = simpler
    text = request.text
    while True:
        before = text
        text = "\n".join(_pieces(text.split("\n"), "\n".join, keeps, deadline))
        text = "".join(_pieces(TOKEN.findall(text), "".join, keeps, deadline))
        text = "".join(_last(TOKEN.findall(text), "".join, keeps, deadline))
        if text == before or time.monotonic() > deadline:
            return replace(request, text=text)
