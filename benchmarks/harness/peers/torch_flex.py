# ===- torch_flex.py - PyTorch's compiled FlexAttention -------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""flex_attention under torch.compile, with block masks; compiled before timing."""

from __future__ import annotations

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from .base import beyond
from .torch_common import DTYPES, TorchPeer, boolean_mask, tensor


def mask_mod(d, folder):
    offset = d["keys"] - d["queries"]
    if d["window"] is None:
        live = boolean_mask(d, folder)
        return lambda b, h, m, n: live[m, n]
    if d["window"]:
        width = d["window"]
        return lambda b, h, m, n: (n <= m + offset) & (n > m + offset - width)
    return (lambda b, h, m, n: n <= m + offset) if d["causal"] else None


def score_mod(d, arrays):
    if d["softcap"]:
        cap = d["softcap"]
        return lambda s, b, h, m, n: cap * torch.tanh(s / cap)
    if "bias" in arrays:
        bias = torch.from_numpy(arrays["bias"])
        return lambda s, b, h, m, n: s + bias[h, n]
    if d["region"] == "alibi":
        slopes = torch.from_numpy(arrays["table"])
        return lambda s, b, h, m, n: s + slopes[h] * (n - m)
    return None


class Peer(TorchPeer):
    setting = "torch.compile(flex_attention), block mask"

    def refuses(self, d):
        if d["region"] not in (None, "alibi"):
            return f"no FlexAttention form of {d['region']} is written here"
        known = ("window", "mask", "softcap", "bias", "region")
        return beyond(d, known, DTYPES, "it")

    def prepare(self, d, arrays, folder):
        q, k, v = (tensor(array, d["dtype"]) for array in list(arrays.values())[:3])
        live = mask_mod(d, folder)
        block_mask = None
        if live is not None:
            block_mask = create_block_mask(live, None, None, d["queries"], d["keys"], device="cpu")
        compiled = torch.compile(flex_attention, dynamic=False)
        edit = score_mod(d, arrays)
        grouped = d["heads"] != d["key_heads"]

        def call():
            self.result = compiled(
                q, k, v, score_mod=edit, block_mask=block_mask, scale=d["scale"], enable_gqa=grouped
            )

        return call
