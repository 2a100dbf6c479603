# ===- torch_common.py - Tensors for PyTorch --------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What both peers of PyTorch share."""

from __future__ import annotations

import numpy as np
import torch

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


class TorchPeer:
    def __init__(self, threads: int):
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.result = None

    def version(self) -> str:
        return f"PyTorch {torch.__version__}"

    def output(self):
        return self.result.float().numpy()


def tensor(array: np.ndarray, dtype: str):
    """A stored array; bfloat16 is stored as its bits."""
    if array.dtype == np.uint16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def boolean_mask(d, folder):
    """Live points as a tensor, or None where all are live."""
    if not d["causal"] and d["window"] == 0:
        return None
    if d["window"] is None:
        return torch.from_numpy(np.load(folder / "mask.npy"))
    offset = d["keys"] - d["queries"]
    m = torch.arange(d["queries"])[:, None] + offset
    n = torch.arange(d["keys"])[None, :]
    live = n <= m
    return live & (n > m - d["window"]) if d["window"] else live
