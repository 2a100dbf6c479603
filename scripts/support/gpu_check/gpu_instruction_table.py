# ===- gpu_instruction_table.py - Instructions of PTX ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""One small kernel for each form of an instruction that the simulator knows.

In a body %a0, %a1 ... are a thread's inputs and %d0, %d1 ... its outputs, as
registers of bits; %p0 to %p3, %t0 to %t7 (32 bits), %u0 to %u3 (64 bits) are free.
%thread and %lane count threads, %smem is an address in shared memory, %mine that of
the thread's own 16 bytes there, %ga0 and %gd0 those of its input and output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FULL = "0xffffffff"


@dataclass(frozen=True)
class Instruction:
    """`bound` is how far results may lie apart: None (the same bits, any NaN for a
    NaN), ("ulp", n), ("relative", x) or ("absolute", x)."""

    name: str
    body: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    bound: tuple | None = None
    chip: int = 80
    # Inputs drawn by another rule than their type says.
    draw: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.draw or self.inputs


def _plain(opcode: str, types: str, result: str, **more) -> Instruction:
    """An instruction of registers alone."""
    inputs = tuple(types.split())
    operands = ", ".join(["%d0", *(f"%a{i}" for i in range(len(inputs)))])
    return Instruction(opcode, f"{opcode} {operands};", inputs, (result,), **more)


def _same(opcode: str, kind: str, count: int, **more) -> Instruction:
    return _plain(opcode, " ".join([kind] * count), kind, **more)


_ROUNDINGS = ("rn", "rz", "rm", "rp")


def _floats() -> Iterator[Instruction]:
    for kind in ("f32", "f64"):
        for mode in _ROUNDINGS:
            for opcode, count in [("add", 2), ("sub", 2), ("mul", 2), ("fma", 3), ("div", 2)]:
                yield _same(f"{opcode}.{mode}.{kind}", kind, count)
            for opcode in ("rcp", "sqrt"):
                yield _same(f"{opcode}.{mode}.{kind}", kind, 1)
        for opcode in ("min", "max", "copysign"):
            yield _same(f"{opcode}.{kind}", kind, 2)
        for opcode in ("neg", "abs"):
            yield _same(f"{opcode}.{kind}", kind, 1)
    for opcode, count in [("add", 2), ("sub", 2), ("mul", 2), ("fma", 3)]:
        yield _same(f"{opcode}.rn.ftz.f32", "f32", count)
        yield _same(f"{opcode}.rn.sat.f32", "f32", count)
    for opcode, count in [("div", 2), ("rcp", 1), ("sqrt", 1)]:
        yield _same(f"{opcode}.rn.ftz.f32", "f32", count)
    for kind in ("f16", "bf16"):
        for mode in (*_ROUNDINGS, "rn.sat"):
            for opcode, halves in [("add", 1), ("sub", 1), ("fma", 2)]:
                inputs = " ".join([kind] * halves + ["f32"])
                yield _plain(f"{opcode}.{mode}.f32.{kind}", inputs, "f32", chip=100)
    for opcode in ("min", "max"):
        for modifiers in ("ftz", "NaN", "ftz.NaN", "xorsign.abs", "NaN.xorsign.abs"):
            chip = 86 if "xorsign" in modifiers else 80
            yield _same(f"{opcode}.{modifiers}.f32", "f32", 2, chip=chip)


def _halves() -> Iterator[Instruction]:
    for kind in ("f16", "f16x2", "bf16", "bf16x2"):
        new = 90 if kind.startswith("b") else 80
        for opcode in ("add", "sub", "mul"):
            yield _same(f"{opcode}.rn.{kind}", kind, 2, chip=new)
        yield _same(f"fma.rn.{kind}", kind, 3)
        yield _same(f"fma.rn.relu.{kind}", kind, 3)
        for opcode in ("min", "max"):
            yield _same(f"{opcode}.{kind}", kind, 2)
            yield _same(f"{opcode}.NaN.{kind}", kind, 2)
        for opcode in ("neg", "abs"):
            yield _same(f"{opcode}.{kind}", kind, 1)
        if new == 80:
            for opcode, count in [("add", 2), ("mul", 2), ("fma", 3)]:
                yield _same(f"{opcode}.rn.ftz.{kind}", kind, count)
                yield _same(f"{opcode}.rn.sat.{kind}", kind, count)


def _approximations() -> Iterator[Instruction]:
    """Bounds are those of the ISA, and one unit for the rounding of the simulator."""
    for ftz in ("", ".ftz"):
        yield _same(f"ex2.approx{ftz}.f32", "f32", 1, bound=("ulp", 3))
        yield _same(f"lg2.approx{ftz}.f32", "f32", 1, bound=("mixed", 2**-21.5))
        yield _same(f"rcp.approx{ftz}.f32", "f32", 1, bound=("ulp", 2))
        yield _same(f"rsqrt.approx{ftz}.f32", "f32", 1, bound=("relative", 2**-22))
        yield _same(f"sqrt.approx{ftz}.f32", "f32", 1, bound=("relative", 2**-22))
        for opcode in ("sin", "cos"):
            name = f"{opcode}.approx{ftz}.f32"
            yield _same(name, "f32", 1, bound=("absolute", 2**-20), draw=("angle",))
        yield _same(f"div.full{ftz}.f32", "f32", 2, bound=("ulp", 3), draw=("f32n", "f32n"))
        yield _same(f"div.approx{ftz}.f32", "f32", 2, bound=("ulp", 3), draw=("f32n", "f32n"))
    yield _same("tanh.approx.f32", "f32", 1, bound=("relative", 2**-10.5))
    for kind in ("f16", "f16x2"):
        yield _same(f"ex2.approx.{kind}", kind, 1, bound=("relative", 2**-9))
        yield _same(f"tanh.approx.{kind}", kind, 1, bound=("absolute", 2**-10))
    for kind in ("bf16", "bf16x2"):
        yield _same(f"ex2.approx.ftz.{kind}", kind, 1, bound=("relative", 2**-6.5), chip=90)
        yield _same(f"tanh.approx.{kind}", kind, 1, bound=("absolute", 2**-7), chip=90)
    for opcode in ("rcp", "rsqrt"):
        yield _same(f"{opcode}.approx.ftz.f64", "f64", 1, bound=("relative", 2**-19))


_INTEGERS = ("s16", "u16", "s32", "u32", "s64", "u64")


def _wide(kind: str) -> str:
    return f"{kind[0]}{2 * int(kind[1:])}"


def _integers() -> Iterator[Instruction]:
    for kind in _INTEGERS:
        for opcode in ("add", "sub", "mul.lo", "mul.hi", "min", "max"):
            yield _same(f"{opcode}.{kind}", kind, 2)
        for opcode in ("mad.lo", "mad.hi"):
            yield _same(f"{opcode}.{kind}", kind, 3)
        for opcode in ("div", "rem"):
            # What a division by zero gives is not said.
            yield _same(f"{opcode}.{kind}", kind, 2, draw=(kind, f"nz{kind}"))
        if kind[1:] != "64":
            yield _plain(f"mul.wide.{kind}", f"{kind} {kind}", _wide(kind))
            yield _plain(f"mad.wide.{kind}", f"{kind} {kind} {_wide(kind)}", _wide(kind))
        if kind[0] == "s":
            yield _same(f"neg.{kind}", kind, 1)
            yield _same(f"abs.{kind}", kind, 1)
        yield _plain(f"shr.{kind}", f"{kind} u32", kind, draw=(kind, "count"))
        if kind[1:] != "16":
            draw = (kind, "count", "count")
            yield _plain(f"bfe.{kind}", f"{kind} u32 u32", kind, draw=draw)
            yield _plain(f"bfind.{kind}", kind, "u32")
            yield _plain(f"bfind.shiftamt.{kind}", kind, "u32")
    for kind in ("s32", "u32"):
        yield _same(f"mul24.lo.{kind}", kind, 2)
        yield _same(f"sad.{kind}", kind, 3)
        yield _same(f"mad24.lo.{kind}", kind, 3)
    for opcode in ("min", "max"):
        yield _same(f"{opcode}.relu.s32", "s32", 2, chip=90)
    yield _same("add.sat.s32", "s32", 2)
    yield _same("sub.sat.s32", "s32", 2)
    for kind in ("u32", "s32"):
        yield _same(f"dp4a.{kind}.{kind}", kind, 3)


def _bits() -> Iterator[Instruction]:
    for kind in ("b16", "b32", "b64"):
        for opcode in ("and", "or", "xor"):
            yield _same(f"{opcode}.{kind}", kind, 2)
        for opcode in ("not", "cnot"):
            yield _same(f"{opcode}.{kind}", kind, 1)
        yield _plain(f"shl.{kind}", f"{kind} u32", kind, draw=(kind, "count"))
    for kind in ("b32", "b64"):
        yield _plain(f"popc.{kind}", kind, "u32")
        yield _plain(f"clz.{kind}", kind, "u32")
        yield _same(f"brev.{kind}", kind, 1)
        draw = (kind, kind, "count", "count")
        yield _plain(f"bfi.{kind}", f"{kind} {kind} u32 u32", kind, draw=draw)
    yield _same("prmt.b32", "b32", 3)
    for mode in ("f4e", "b4e", "rc8", "ecl", "ecr", "rc16"):
        yield _same(f"prmt.b32.{mode}", "b32", 3)
    for table in ("0x1e", "0x80", "0x96", "0xca", "0xe8", "0xf8"):
        body = f"lop3.b32 %d0, %a0, %a1, %a2, {table};"
        yield Instruction(f"lop3.b32.{table}", body, ("b32",) * 3, ("b32",))
    for direction in ("l", "r"):
        for mode in ("wrap", "clamp"):
            draw = ("b32", "b32", "count")
            yield _plain(f"shf.{direction}.{mode}.b32", "b32 b32 u32", "b32", draw=draw)


def _selections() -> Iterator[Instruction]:
    ordered = ("eq", "ne", "lt", "le", "gt", "ge")
    floating = (*ordered, "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan")
    comparisons = {kind: floating for kind in ("f32", "f64", "f16")}
    comparisons |= {kind: ordered for kind in _INTEGERS}
    comparisons |= {kind: ("lo", "ls", "hi", "hs") for kind in ("u16 ", "u32 ", "u64 ")}
    comparisons |= {kind: ("eq", "ne") for kind in ("b16", "b32", "b64")}
    comparisons["bf16"] = floating
    for key, names in comparisons.items():
        kind = key.strip()
        for name in names:
            body = f"setp.{name}.{kind} %p0, %a0, %a1; selp.b32 %d0, 1, 0, %p0;"
            chip = 90 if kind == "bf16" else 80
            yield Instruction(f"setp.{name}.{kind}", body, (kind, kind), ("b32",), chip=chip)
    for kind in ("f32", "f16"):
        for name in ("eq", "lt", "geu"):
            body = f"setp.{name}.ftz.{kind} %p0, %a0, %a1; selp.b32 %d0, 1, 0, %p0;"
            yield Instruction(f"setp.{name}.ftz.{kind}", body, (kind, kind), ("b32",))
    for opcode in ("setp.lt.f16x2", "setp.lt.ftz.f16x2", "setp.lt.bf16x2"):
        kind = opcode.split(".")[-1]
        body = f"{opcode} %p0|%p1, %a0, %a1; selp.b32 %d0, 1, 0, %p0; selp.b32 %d1, 1, 0, %p1;"
        chip = 90 if kind == "bf16x2" else 80
        yield Instruction(opcode, body, (kind, kind), ("b32", "b32"), chip=chip)
    for boolean in ("and", "or", "xor"):
        body = (
            f"setp.ne.b32 %p1, %a2, 0; setp.lt.{boolean}.s32 %p0|%p2, %a0, %a1, %p1;"
            "selp.b32 %d0, 1, 0, %p0; selp.b32 %d1, 1, 0, %p2;"
        )
        draw = ("s32", "s32", "bit")
        yield Instruction(
            f"setp.lt.{boolean}.s32", body, ("s32", "s32", "b32"), ("b32", "b32"), draw=draw
        )
    yield _plain("set.lt.u32.f32", "f32 f32", "u32")
    yield _plain("set.geu.f32.f32", "f32 f32", "f32")
    yield _plain("set.lt.ftz.u32.f16", "f16 f16", "u32")
    for kind in ("b16", "b32", "b64", "f32", "f64"):
        body = f"setp.ne.b32 %p0, %a2, 0; selp.{kind} %d0, %a0, %a1, %p0;"
        draw = (kind, kind, "bit")
        yield Instruction(f"selp.{kind}", body, (kind, kind, "b32"), (kind,), draw=draw)
    yield _plain("slct.b32.s32", "b32 b32 s32", "b32")
    yield _plain("slct.f32.f32", "f32 f32 f32", "f32")
    yield _plain("slct.ftz.f32.f32", "f32 f32 f32", "f32")


def _conversions() -> Iterator[Instruction]:
    sizes = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8}
    for wide in ("f32", "f64"):
        for narrow in ("f16", "bf16", "f32"):
            if sizes[narrow] >= sizes[wide]:
                continue
            modes = _ROUNDINGS if narrow == "f32" or wide == "f32" else ("rn",)
            for mode in modes:
                chip = 90 if narrow == "bf16" and (mode != "rn" or wide == "f64") else 80
                yield _plain(f"cvt.{mode}.{narrow}.{wide}", wide, narrow, chip=chip)
            chip = 90 if narrow == "bf16" and wide == "f64" else 80
            yield _plain(f"cvt.{wide}.{narrow}", narrow, wide, chip=chip)
    yield _plain("cvt.rn.sat.f16.f32", "f32", "f16")
    yield _plain("cvt.rn.relu.f16.f32", "f32", "f16")
    yield _plain("cvt.rn.relu.bf16.f32", "f32", "bf16")
    yield _plain("cvt.rn.ftz.f32.f64", "f64", "f32")
    yield _plain("cvt.ftz.f32.f16", "f16", "f32")
    for pair in ("f16x2", "bf16x2"):
        for mode in ("rn", "rz", "rn.relu", "rz.relu"):
            yield _plain(f"cvt.{mode}.{pair}.f32", "f32 f32", pair)
    yield _plain("cvt.rna.tf32.f32", "f32", "tf32")
    yield _plain("cvt.rn.tf32.f32", "f32", "tf32", chip=90)
    yield _plain("cvt.rz.tf32.f32", "f32", "tf32", chip=90)
    for pair in ("e4m3x2", "e5m2x2"):
        yield _plain(f"cvt.rn.satfinite.{pair}.f32", "f32 f32", "b16", chip=89)
        yield _plain(f"cvt.rn.satfinite.{pair}.f16x2", "f16x2", "b16", chip=89)
        yield _plain(f"cvt.rn.f16x2.{pair}", "b16", "f16x2", chip=89)
    for kind in ("f16", "f32", "f64"):
        for mode in ("rni", "rzi", "rmi", "rpi"):
            yield _plain(f"cvt.{mode}.{kind}.{kind}", kind, kind)
            for whole in ("s16", "u16", "s32", "u32", "s64", "u64"):
                if mode != "rmi" or whole in ("s32", "u64"):
                    yield _plain(f"cvt.{mode}.{whole}.{kind}", kind, whole)
        for whole in ("s16", "u16", "s32", "u32", "s64", "u64"):
            for mode in _ROUNDINGS if whole == "s64" else ("rn",):
                yield _plain(f"cvt.{mode}.{kind}.{whole}", whole, kind)
    for to in _INTEGERS:
        for source in _INTEGERS:
            if to == source:
                continue
            yield _plain(f"cvt.{to}.{source}", source, to)
            narrower, same = int(to[1:]) < int(source[1:]), to[1:] == source[1:]
            loses_sign = to[0] == "u" and source[0] == "s"
            # Where a number may lie outside.
            if narrower or loses_sign or same:
                yield _plain(f"cvt.sat.{to}.{source}", source, to)
    for small in ("s8", "u8"):
        for source in ("s16", "u32", "s64"):
            body = f"cvt.{small}.{source} %t0, %a0; cvt.{small[0]}32.{small} %d0, %t0;"
            yield Instruction(f"cvt.{small}.{source}", body, (source,), (f"{small[0]}32",))
            body = f"cvt.sat.{small}.{source} %t0, %a0; cvt.{small[0]}32.{small} %d0, %t0;"
            yield Instruction(f"cvt.sat.{small}.{source}", body, (source,), (f"{small[0]}32",))


def _moves() -> Iterator[Instruction]:
    pack = "mov.b32 {%h0, %h1}, %a0; mov.b32 %d0, {%h1, %h0};"
    yield Instruction("mov.b32.halves", pack, ("b32",), ("b32",))
    pack = "mov.b64 {%t0, %t1}, %a0; mov.b64 %d0, {%t1, %t0};"
    yield Instruction("mov.b64.halves", pack, ("b64",), ("b64",))


def instructions(chip: int = 90) -> list[Instruction]:
    """All of them that a chip has."""
    from gpu_warp_table import exchanges, matrices, memory

    tables = (
        _floats, _halves, _approximations, _integers, _bits, _selections, _conversions, _moves,
        exchanges, memory, matrices,
    )  # fmt: skip
    found = [entry for table in tables for entry in table() if entry.chip <= chip]
    assert len({entry.name for entry in found}) == len(found)
    return found
