# ===- openblas.py - Two blocked products with softmax ------ -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Two products by BLAS around a softmax in NumPy, in blocks of queries that keep
the scores in the second level of cache. NumPy of PyPI carries OpenBLAS."""

from __future__ import annotations

import os

import numpy as np

from .base import beyond, to_float

BLOCK = 256


class Peer:
    def __init__(self, threads: int):
        # Read by OpenBLAS when NumPy was loaded; the session sets it, too.
        self.setting = f"NumPy, blocks of {BLOCK} queries"
        self.threads = threads

    def version(self) -> str:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        threads = os.environ.get("OPENBLAS_NUM_THREADS", "?")
        return f"NumPy {np.__version__}, {blas['name']} {blas['version']}, {threads} threads"

    def refuses(self, d):
        return beyond(d, ("window", "mask", "softcap", "bias"), ("f32",), "NumPy")

    def prepare(self, d, arrays, folder):
        q, k, v = (to_float(array, d["dtype"]) for array in list(arrays.values())[:3])
        bias = arrays.get("bias")
        group = d["heads"] // d["key_heads"]
        scale = np.float32(d["scale"])
        mask = np.load(folder / "mask.npy") if d["window"] is None else None
        offset = d["keys"] - d["queries"]
        self.result = np.empty((*q.shape[:3], d["f"]), np.float32)

        def block(b, h, first, last):
            begin, end = 0, d["keys"]
            if d["causal"]:
                end = min(end, last + offset)
            if d["window"]:
                begin = max(0, first + offset - d["window"] + 1)
            scores = q[b, h, first:last] @ k[b, h // group, begin:end].T
            scores *= scale
            if d["softcap"]:
                scores /= np.float32(d["softcap"])
                np.tanh(scores, out=scores)
                scores *= np.float32(d["softcap"])
            if bias is not None:
                scores += bias[h, begin:end]
            if d["causal"]:
                m = np.arange(first, last)[:, None] + offset
                n = np.arange(begin, end)[None, :]
                dead = n > m
                if d["window"]:
                    dead |= n <= m - d["window"]
                scores[dead] = -np.inf
            elif mask is not None:
                scores[~mask[first:last, begin:end]] = -np.inf
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            total = scores.sum(axis=1, keepdims=True)
            np.matmul(scores, v[b, h // group, begin:end], out=self.result[b, h, first:last])
            self.result[b, h, first:last] /= total

        def call():
            for b in range(d["batch"]):
                for h in range(d["heads"]):
                    for first in range(0, d["queries"], BLOCK):
                        block(b, h, first, min(first + BLOCK, d["queries"]))

        return call

    def output(self):
        return self.result
