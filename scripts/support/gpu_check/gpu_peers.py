# ===- gpu_peers.py - What else computes attention on a GPU ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The operands of workloads as tensors of PyTorch, what PyTorch makes of them, and
the reference on some rows."""

from __future__ import annotations

import functools

import torch
from gpu_workloads import DOCUMENTS, SOFTCAP, WINDOW, Workload

_ROWS = 32


class NotOfferedError(RuntimeError):
    """A peer that has no such operator."""


def operands(workload: Workload, seed: int) -> dict[str, torch.Tensor]:
    """Inputs by name, in the order of the kernel, and the output `out`."""
    spec = workload.spec
    generator = torch.Generator(device="cuda")
    generator.manual_seed(seed)

    def normal(*shape):
        drawn = torch.randn(shape, generator=generator, device="cuda", dtype=torch.float32)
        return drawn.to(torch.bfloat16)

    b, m, n = workload.batch, workload.queries, workload.keys
    found = {
        "q": normal(b, spec.heads, m, spec.e),
        "k": normal(b, spec.key_heads, n, spec.e),
        "v": normal(b, spec.key_heads, n, spec.f),
    }
    if spec.region == "alibi":
        powers = torch.arange(1, spec.heads + 1, device="cuda", dtype=torch.float32)
        found["table"] = torch.exp2(-8 * powers / spec.heads)
    if spec.segments:
        found["segments"] = (
            m // DOCUMENTS * torch.arange(DOCUMENTS + 1, device="cuda", dtype=torch.int32)
        )
    found["out"] = torch.zeros_like(found["q"])
    return found


def masks(workload: Workload):
    """Which keys a query sees, as a function of indices, or None for all."""
    kind = workload.kernel
    if kind.startswith(("plain", "decode")):
        return None
    if kind.startswith("window"):
        return lambda b, h, m, n: (m >= n) & (m - n <= WINDOW)
    if kind.startswith("documents"):
        length = workload.queries // DOCUMENTS
        return lambda b, h, m, n: (m >= n) & (m // length == n // length)
    return lambda b, h, m, n: m >= n


def scores(workload: Workload, tensors):
    """What is done to a scaled score, or None for nothing."""
    if workload.kernel.startswith("alibi"):
        table = tensors["table"]
        return lambda s, b, h, m, n: s + table[h] * (n - m)
    if workload.kernel.startswith("softcap"):
        return lambda s, b, h, m, n: SOFTCAP * torch.tanh(s / SOFTCAP)
    return None


def reference_error(workload: Workload, tensors, out) -> float:
    """The greatest error of `out` on some rows of one head, against float64, relative
    to the greatest value of the row."""
    spec = workload.spec
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(0, workload.queries, (_ROWS,), generator=generator).tolist()
    rows = torch.tensor(sorted({0, workload.queries - 1, *drawn}), device="cuda")
    batch, head = workload.batch - 1, spec.heads - 1
    key_head = head * spec.key_heads // spec.heads
    q = tensors["q"][batch, head, rows].double()
    k, v = (tensors[name][batch, key_head].double() for name in "kv")
    s = q @ k.T * spec.e**-0.5
    m, n = rows[:, None], torch.arange(workload.keys, device="cuda")[None, :]
    edit, mask = scores(workload, tensors), masks(workload)
    if edit is not None:
        s = edit(s, batch, head, m, n)
    if mask is not None:
        s = s.masked_fill(~mask(batch, head, m, n), float("-inf"))
    exact = torch.softmax(s, -1) @ v
    actual = out[batch, head, rows].double()
    return float(((actual - exact).abs().amax(-1) / exact.abs().amax(-1)).max())


# ===----------------------------------------------------------------------===//
# The peers: functions of a workload and its tensors that return a call
# ===----------------------------------------------------------------------===//


def _sdpa(backend: str, workload: Workload, tensors):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    kind, spec = workload.kernel, workload.spec
    if not kind.startswith(("plain", "causal", "decode")):
        raise NotOfferedError("no such operator without a dense mask")
    q, k, v = tensors["q"], tensors["k"], tensors["v"]
    grouped = {"enable_gqa": True} if spec.heads != spec.key_heads else {}
    chosen = getattr(SDPBackend, backend)
    attention = torch.nn.functional.scaled_dot_product_attention

    def call():
        with sdpa_kernel(chosen):
            return attention(q, k, v, is_causal=bool(spec.where), **grouped)

    return call


def _flex(workload: Workload, tensors):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    q, k, v = tensors["q"], tensors["k"], tensors["v"]
    mask = masks(workload)
    options = {}
    if mask is not None:
        options["block_mask"] = create_block_mask(
            mask, None, None, workload.queries, workload.keys, device="cuda"
        )
    edit = scores(workload, tensors)
    if edit is not None:
        options["score_mod"] = edit
    if workload.spec.heads != workload.spec.key_heads:
        options["enable_gqa"] = True
    # Shapes and masks differ between workloads: after some compilations PyTorch would
    # go on without any.
    torch._dynamo.reset()
    compiled = torch.compile(flex_attention, dynamic=False, fullgraph=True)
    return lambda: compiled(q, k, v, **options)


def _varlen(workload: Workload, tensors):
    """FlashAttention on packed tokens, where a row of the batch is a document, too."""
    documents = workload.kernel.startswith("documents")
    if not documents and not workload.kernel.startswith("window"):
        raise NotOfferedError("no such operator for packed tokens")
    from torch.nn.attention.varlen import varlen_attn

    spec = workload.spec
    length = workload.queries // DOCUMENTS if documents else workload.queries
    total = workload.batch * workload.queries
    packed = [
        tensors[name].transpose(1, 2).reshape(total, spec.heads, spec.e).contiguous()
        for name in "qkv"
    ]
    ends = torch.arange(0, total + 1, length, device="cuda", dtype=torch.int32)
    window = (-1 if documents else WINDOW, 0)
    shape = (workload.batch, workload.queries, spec.heads, spec.f)

    def call():
        out = varlen_attn(*packed, ends, ends, length, length, window_size=window)
        return out.reshape(shape).transpose(1, 2)

    return call


PEERS = {
    "FlashAttention": functools.partial(_sdpa, "FLASH_ATTENTION"),
    "cuDNN": functools.partial(_sdpa, "CUDNN_ATTENTION"),
    "FlexAttention": _flex,
    "FlashAttention, packed": _varlen,
}
