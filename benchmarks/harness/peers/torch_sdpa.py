# ===- torch_sdpa.py - PyTorch's scaled_dot_product_attention -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""torch.nn.functional.scaled_dot_product_attention, whose CPU form is a flash
kernel for whole and causal planes and takes other sparsity as a boolean mask."""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from .base import beyond
from .torch_common import DTYPES, TorchPeer, boolean_mask, tensor


class Peer(TorchPeer):
    setting = "scaled_dot_product_attention"

    def refuses(self, d):
        return beyond(d, ("window", "mask", "bias"), DTYPES, "it")

    def prepare(self, d, arrays, folder):
        q, k, v = (tensor(array, d["dtype"]) for array in list(arrays.values())[:3])
        # Its own flag is aligned at the top left.
        is_causal = d["causal"] and d["window"] == 0 and d["queries"] == d["keys"]
        mask = None if is_causal else boolean_mask(d, folder)
        if "bias" in arrays:
            bias = torch.from_numpy(arrays["bias"])[:, None, :].to(q.dtype)
            mask = bias if mask is None else torch.where(mask, bias, -torch.inf)
        grouped = d["heads"] != d["key_heads"]

        def call():
            self.result = scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=is_causal, scale=d["scale"], enable_gqa=grouped
            )

        return call
