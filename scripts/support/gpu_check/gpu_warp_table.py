# ===- gpu_warp_table.py - Instructions of several threads -----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The rest of gpu_instruction_table: warps, shared memory, and matrices."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_instruction_table import FULL, Instruction


def exchanges() -> Iterator[Instruction]:
    for mode in ("up", "down", "bfly", "idx"):
        # The last lane of a segment, and which bits of a lane name the segment.
        for clamp in ("0x0", "0x1800") if mode == "up" else ("0x1f", "0x181f", "0x100f"):
            body = (
                f"shfl.sync.{mode}.b32 %d0|%p0, %a0, %a1, {clamp}, {FULL};selp.b32 %d1, 1, 0, %p0;"
            )
            name = f"shfl.sync.{mode}.b32.{clamp}"
            draw = ("b32", "lane")
            yield Instruction(name, body, ("b32", "u32"), ("b32", "b32"), draw=draw)
    half = "0x55555555"
    body = (
        "and.b32 %t0, %lane, 1; setp.eq.u32 %p1, %t0, 0; mov.b32 %d0, 7;"
        f"@%p1 shfl.sync.bfly.b32 %d0, %a0, 2, 0x1f, {half};"
    )
    yield Instruction("shfl.sync.bfly.b32.half", body, ("b32",), ("b32",))
    for mode in ("all", "any", "uni"):
        body = (
            f"setp.ne.b32 %p0, %a0, 0; vote.sync.{mode}.pred %p1, %p0, {FULL};"
            "selp.b32 %d0, 1, 0, %p1;"
        )
        yield Instruction(f"vote.sync.{mode}.pred", body, ("b32",), ("b32",), draw=("warpbit",))
    body = f"setp.ne.b32 %p0, %a0, 0; vote.sync.ballot.b32 %d0, %p0, {FULL};"
    yield Instruction("vote.sync.ballot.b32", body, ("b32",), ("b32",), draw=("bit",))
    for kind in ("b32", "b64"):
        body = f"match.any.sync.{kind} %d0, %a0, {FULL};"
        yield Instruction(f"match.any.sync.{kind}", body, (kind,), ("b32",), draw=("few",))
        body = f"match.all.sync.{kind} %d0|%p0, %a0, {FULL}; selp.b32 %d1, 1, 0, %p0;"
        yield Instruction(
            f"match.all.sync.{kind}", body, (kind,), ("b32", "b32"), draw=("warpbit",)
        )
    for mode in ("add", "min", "max"):
        for kind in ("u32", "s32"):
            body = f"redux.sync.{mode}.{kind} %d0, %a0, {FULL};"
            yield Instruction(f"redux.sync.{mode}.{kind}", body, (kind,), (kind,))
    for mode in ("and", "or", "xor"):
        body = f"redux.sync.{mode}.b32 %d0, %a0, {FULL};"
        yield Instruction(f"redux.sync.{mode}.b32", body, ("b32",), ("b32",))
    yield Instruction("activemask.b32", "activemask.b32 %d0;", ("b32",), ("b32",))
    for mask in ("eq", "le", "lt", "ge", "gt"):
        body = f"mov.u32 %d0, %lanemask_{mask};"
        yield Instruction(f"lanemask_{mask}", body, ("b32",), ("b32",))
    for mode in ("popc.u32", "and.pred", "or.pred"):
        name, kind = mode.split(".")
        store = "%d0" if kind == "u32" else "%p1"
        body = f"setp.ne.b32 %p0, %a0, 0; barrier.cta.red.{mode} {store}, 0, %p0;"
        body += "" if kind == "u32" else "selp.b32 %d0, 1, 0, %p1;"
        draw = ("bit" if name == "popc" else "blockbit",)
        yield Instruction(f"barrier.cta.red.{mode}", body, ("b32",), ("b32",), draw=draw)


def _atomics() -> Iterator[Instruction]:
    """On a word of each thread, whose old and new values are both known."""
    operations = {
        "add": ("u32", "s32", "u64", "f32", "f64"),
        "min": ("u32", "s32", "u64", "s64"),
        "max": ("u32", "s32", "u64", "s64"),
        "inc": ("u32",), "dec": ("u32",),
        "and": ("b32", "b64"), "or": ("b32", "b64"), "xor": ("b32", "b64"),
        "exch": ("b32", "b64"),
    }  # fmt: skip
    for operation, kinds in operations.items():
        for kind in kinds:
            bits = f"b{kind[1:]}"
            for space, word in (("shared", "%mine"), ("global", "%gd1")):
                body = (
                    f"st.{space}.{bits} [{word}], %a0;"
                    f"atom.{space}.{operation}.{kind} %d0, [{word}], %a1;"
                    f"ld.{space}.{bits} %d1, [{word}];"
                )
                # Atomics on floats in global memory flush subnormal numbers.
                draw = ("f32n", "f32n") if kind == "f32" else ()
                name = f"atom.{space}.{operation}.{kind}"
                yield Instruction(name, body, (kind, kind), (kind, kind), draw=draw)
    for kind in ("b32", "b64"):
        body = (
            f"st.shared.{kind} [%mine], %a0; atom.shared.cas.{kind} %d0, [%mine], %a1, %a2;"
            f"ld.shared.{kind} %d1, [%mine];"
        )
        name = f"atom.shared.cas.{kind}"
        yield Instruction(name, body, (kind,) * 3, (kind,) * 2, draw=("few",) * 3)
    for operation in ("add.u32", "max.s32", "or.b32"):
        body = (
            "st.shared.b32 [%mine], %a0; bar.sync 0;"
            f"red.shared.{operation} [%smem], %a0; bar.sync 0; ld.shared.b32 %d0, [%smem];"
        )
        yield Instruction(f"red.shared.{operation}.all", body, ("b32",), ("b32",))


def memory() -> Iterator[Instruction]:
    yield from _atomics()
    four, registers = ("b32",) * 4, "{%a0, %a1, %a2, %a3}"
    fill = f"st.shared.v4.b32 [%mine], {registers}; bar.sync 0;"
    # The rows of matrices in another order than that of the lanes.
    row = "mad.lo.u32 %t4, %lane, 11, 5; and.b32 %t4, %t4, 31; shl.b32 %t4, %t4, 4;"
    warp = "and.b32 %t5, %thread, 96; shl.b32 %t5, %t5, 4; add.u32 %t4, %t4, %t5;"
    place = row + warp + "add.u32 %t4, %t4, %smem;"
    for count in (1, 2, 4):
        results = ", ".join(f"%d{i}" for i in range(count))
        sources = ", ".join(f"%a{i}" for i in range(count))
        for trans in ("", ".trans"):
            name = f"ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16"
            body = f"{fill} {place} {name} {{{results}}}, [%t4];"
            yield Instruction(name, body, four, ("b32",) * count)
            name = f"stmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16"
            body = (
                f"{fill} {place} {name} [%t4], {{{sources}}}; bar.sync 0;"
                "ld.shared.v4.b32 {%d0, %d1, %d2, %d3}, [%mine];"
            )
            yield Instruction(name, body, four, four, chip=90)
    for level, size in (("ca", 4), ("ca", 8), ("ca", 16), ("cg", 16)):
        words = size // 4
        loads = "".join(f"ld.shared.b32 %d{i}, [%mine+{4 * i}];" for i in range(words))
        for zero in (False, True):
            copy = f"cp.async.{level}.shared.global [%mine], [%u0], {size}"
            body = (
                f"mul.wide.u32 %u1, %thread, {size}; add.u64 %u0, %in0, %u1;"
                f"{copy}{', %t1' if zero else ''}; cp.async.commit_group; cp.async.wait_group 0;"
                f"bar.sync 0; {loads}"
            )
            if zero:
                body = f"min.u32 %t1, %a1, {size};" + body
            name = f"cp.async.{level}.shared.global.{size}{'.zfill' if zero else ''}"
            inputs, draw = (("b32", "u32"), ("b32", "bytes")) if zero else (("b32",), ())
            yield Instruction(name, body, inputs, ("b32",) * words, draw=draw)
    for kind, count in (("b32", 2), ("b32", 4), ("b64", 2)):
        inputs = (kind,) * count
        sources = ", ".join(f"%a{i}" for i in range(count))
        results = ", ".join(f"%d{i}" for i in range(count))
        body = (
            f"st.shared.v{count}.{kind} [%mine], {{{sources}}}; bar.sync 0;"
            f"ld.shared.v{count}.{kind} {{{results}}}, [%mine];"
        )
        yield Instruction(f"ld.shared.v{count}.{kind}", body, inputs, inputs)
    for kind in ("s8", "u8", "s16", "u16"):
        body = f"st.shared.b32 [%mine], %a0; ld.shared.{kind} %d0, [%mine];"
        yield Instruction(f"ld.shared.{kind}", body, ("b32",), ("b32",))
    yield Instruction("ld.global.nc.b32", "ld.global.nc.b32 %d0, [%ga0];", ("b32",), ("b32",))


def matrices() -> Iterator[Instruction]:
    """Of small whole numbers every sum is exact, so bits are the same."""
    shapes = {
        "m16n8k16.row.col.f32.bf16.bf16.f32": (4, 2, 4, "bf16x2"),
        "m16n8k16.row.col.f32.f16.f16.f32": (4, 2, 4, "f16x2"),
        "m16n8k16.row.col.f16.f16.f16.f16": (4, 2, 2, "f16x2"),
        "m16n8k8.row.col.f32.bf16.bf16.f32": (2, 1, 4, "bf16x2"),
        "m16n8k8.row.col.f32.f16.f16.f32": (2, 1, 4, "f16x2"),
        "m16n8k8.row.col.f16.f16.f16.f16": (2, 1, 2, "f16x2"),
        "m16n8k8.row.col.f32.tf32.tf32.f32": (4, 2, 4, "tf32"),
        "m16n8k4.row.col.f32.tf32.tf32.f32": (2, 1, 4, "tf32"),
    }
    for shape, (a, b, c, kind) in shapes.items():
        result = "f16x2" if c == 2 else "f32"
        groups, at = [", ".join(f"%d{i}" for i in range(c))], 0
        for count in (a, b, c):
            groups.append(", ".join(f"%a{i}" for i in range(at, at + count)))
            at += count
        operands = ", ".join(f"{{{group}}}" for group in groups)
        opcode = f"mma.sync.aligned.{shape}"
        inputs, outputs = (*[kind] * (a + b), *[result] * c), (result,) * c
        for suffix, rule in (("", "n"), (".whole", "i")):
            # Up to 16 products of normal numbers, in f32 or in f16.
            bound = None if rule == "i" else ("absolute", 2**-5 if c == 2 else 2**-15)
            draw = tuple(name + rule for name in inputs)
            yield Instruction(opcode + suffix, f"{opcode} {operands};", inputs, outputs, bound,
                              draw=draw)  # fmt: skip
