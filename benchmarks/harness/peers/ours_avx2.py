# ===- ours_avx2.py - The kernel for AVX2 ------------------ -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The kernel compiled for x86-64-v3, where the machine has more than that."""

from pathlib import Path

from . import ours


class Peer(ours.Peer):
    def __init__(self, threads: int):
        if "avx512f" not in Path("/proc/cpuinfo").read_text().split():
            raise ImportError("this CPU has no AVX-512 to compare AVX2 with")
        super().__init__(threads)
        self.flags = ["--cpu=x86-64-v3"]
        self.setting = "attn-compile --cpu=x86-64-v3"
