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
from gpu_workloads import DOCUMENTS, SOFTCAP, WINDOW, Branch, Workload

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
    if workload.kernel.startswith("stochastic"):
        order = torch.randperm(m, generator=generator, device="cuda")
        found["order"] = order.to(torch.int32)
    for branch in workload.branches():
        if branch.gate == "gate":
            found["gate"] = normal(b, spec.heads, m, spec.f)
        elif branch.gate:
            found[branch.gate] = normal(b, spec.heads, m)
    found["out"] = torch.zeros_like(found["q"])
    return found


def gated(out: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """What a gate of every element, or of every query, leaves of `out`."""
    return out * torch.sigmoid(gate if gate.ndim == out.ndim else gate[..., None])


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
    edit = scores(workload, tensors)
    if edit is not None:
        s = edit(s, batch, head, m, n)
    order = tensors.get("order")
    slots = None if order is None else torch.argsort(order)
    exact = torch.zeros(len(rows), spec.f, dtype=torch.float64, device="cuda")
    for branch in workload.branches(order):
        live = s
        if branch.mask is not None:
            at = (slots[m], slots[n]) if branch.permuted else (m, n)
            live = s.masked_fill(~branch.mask(batch, head, *at), float("-inf"))
        part = torch.softmax(live, -1) @ v
        if branch.gate is not None:
            part = gated(part, tensors[branch.gate][batch, head, rows].double())
        exact += part
    actual = out[batch, head, rows].double()
    return float(((actual - exact).abs().amax(-1) / exact.abs().amax(-1)).max())


# ===----------------------------------------------------------------------===//
# The peers: functions of a workload and its tensors that return a call
# ===----------------------------------------------------------------------===//


def _sdpa(backend: str, workload: Workload, tensors):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    kind, spec = workload.kernel, workload.spec
    if not kind.startswith(("plain", "causal", "decode", "gated")):
        raise NotOfferedError("no such operator without a dense mask")
    q, k, v = tensors["q"], tensors["k"], tensors["v"]
    grouped = {"enable_gqa": True} if spec.heads != spec.key_heads else {}
    chosen = getattr(SDPBackend, backend)
    attention = torch.nn.functional.scaled_dot_product_attention

    def call():
        with sdpa_kernel(chosen):
            return attention(q, k, v, is_causal=bool(spec.where), **grouped)

    if not kind.startswith("gated"):
        return call
    multiply = torch.compile(gated, dynamic=False)
    return lambda: multiply(call(), tensors["gate"])


def _flex_branch(workload: Workload, tensors, branch: Branch, compiled):
    """Tokens are brought into the order of slots, and results back, by kernels apart, and
    gates multiply in another."""
    from torch.nn.attention.flex_attention import create_block_mask

    q, k, v = tensors["q"], tensors["k"], tensors["v"]
    options = {}
    if branch.mask is not None:
        options["block_mask"] = create_block_mask(
            branch.mask, None, None, workload.queries, workload.keys, device="cuda"
        )
    edit = scores(workload, tensors)
    if edit is not None:
        options["score_mod"] = edit
    if workload.spec.heads != workload.spec.key_heads:
        options["enable_gqa"] = True
    if not branch.permuted:
        return lambda: compiled(q, k, v, **options)
    order = tensors["order"].long()
    slots = torch.argsort(order)

    def call():
        turned = (x.index_select(2, order) for x in (q, k, v))
        return compiled(*turned, **options).index_select(2, slots)

    return call


def _flex(workload: Workload, tensors):
    from torch.nn.attention.flex_attention import flex_attention

    # Shapes and masks differ between workloads: after some compilations PyTorch would
    # go on without any.
    torch._dynamo.reset()
    compiled = torch.compile(flex_attention, dynamic=False, fullgraph=True)
    branches = workload.branches(tensors.get("order"))
    calls = [_flex_branch(workload, tensors, branch, compiled) for branch in branches]
    gates = [tensors[branch.gate] for branch in branches if branch.gate]
    if not gates:
        return calls[0]

    def add(outs, gates):
        return sum(gated(out, gate) for out, gate in zip(outs, gates, strict=True))

    compiled_add = torch.compile(add, dynamic=False)
    return lambda: compiled_add([call() for call in calls], gates)


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
