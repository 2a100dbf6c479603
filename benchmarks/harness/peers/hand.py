# ===- hand.py - The kernel written by hand ------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""yardsticks/fa_hand: a process for each turn, which times itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
from attn.compiler import find_compiler

from .base import beyond, to_float


class Peer:
    def __init__(self, threads: int):
        self.threads = threads
        self.program = find_compiler().with_name("fa_hand")
        if not self.program.is_file():
            raise ImportError("fa_hand is not built: it needs AVX-512 with BF16")
        self.setting = "fa_hand"

    def version(self) -> str:
        return "benchmarks/yardsticks/fa_hand.c"

    def refuses(self, d):
        reason = beyond(d, ("window",), ("f32", "bf16"), "fa_hand")
        if reason:
            return reason
        if d["e"] not in (64, 128) or d["f"] != d["e"]:
            return "fa_hand has head sizes 64 and 128"
        if d["keys"] % 8 or (d["queries"] > 1 and d["queries"] % 16):
            return "fa_hand takes multiples of 8 keys and 16 queries"
        if d["queries"] == 1 and (d["e"] != 128 or d["heads"] != 4 * d["key_heads"]):
            return "fa_hand decodes four query heads of 128 to a key head"
        return None

    def prepare(self, d, arrays, folder):
        raw = Path(folder) / "raw"
        raw.mkdir(exist_ok=True)
        for name, array in zip("qkv", arrays.values(), strict=False):
            to_float(array, d["dtype"]).tofile(raw / f"{name}.bin")
        self.shape = (d["batch"], d["heads"], d["queries"], d["f"])
        self.result = raw / "o.bin"
        sizes = [d[name] for name in ("batch", "heads", "key_heads", "queries", "keys", "e")]
        causal = int(d["causal"] and d["queries"] > 1)
        window = d["window"] or 0
        command = [self.program, *sizes, causal, window, d["dtype"], self.threads, 0, self.result]
        environment = os.environ | {"ATTN_DATA": str(raw)}

        def call():
            done = subprocess.run(
                [str(part) for part in command],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            )
            return [ms * 1e-3 for ms in json.loads(done.stdout)["ms"]]

        return call

    def output(self):
        return np.fromfile(self.result, np.float32).reshape(self.shape)
