# ===- scalars.py - Random scalar regions --------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random choices, and the bodies of maps: straight lines of scalar operations."""

from __future__ import annotations

import random

FLOATS = ("f32", "bf16", "f16", "f64")
ODD_TYPES = ("i1", "i8", "i32", "i64", "index", "f8E4M3FN", "f80", "tf32", "complex<f32>", "si32")
ALIGNMENTS = ("top_left", "bottom_right")
BINARY = ("addf", "subf", "mulf", "divf", "maximumf", "minimumf", "maxnumf", "minnumf", "remf")
UNARY = (
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sqrt", "rsqrt", "absf"),
    *("sin", "cos", "erf", "floor", "ceil", "round", "roundeven", "trunc", "cbrt", "sinh", "atan"),
)
INTEGER = ("addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minui", "shli", "shrsi")
QUOTIENTS = ("divsi", "remsi", "divui", "remui", "floordivsi", "ceildivsi")
PREDICATES = ("eq", "ne", "slt", "sle", "ult", "uge")
FLOAT_PREDICATES = ("oeq", "ogt", "ole", "une", "ord", "uno", "ult")
CONSTANTS = ("0.0", "1.0", "-1.0", "0.5", "2.0", "-0.0", "3.1e38", "1.0e-42", "-7.25")
BITS = {
    "f16": ("0x7C00", "0xFC00", "0x7E00"),
    "bf16": ("0x7F80", "0xFF80", "0x7FC0"),
    "f32": ("0x7F800000", "0xFF800000", "0x7FC00000"),
    "f64": ("0x7FF0000000000000", "0xFFF0000000000000", "0x7FF8000000000000"),
}


class Dice:
    """Random choices. `wrong` is how often a choice breaks a rule on purpose."""

    def __init__(self, seed, wrong=0.0):
        self.random = random.Random(seed)
        self.wrong = wrong

    def chance(self, probability):
        return self.random.random() < probability

    def errs(self):
        return self.wrong > 0 and self.random.random() < self.wrong

    def pick(self, *choices):
        return self.random.choice(choices)

    def of(self, sequence):
        return self.random.choice(list(sequence))

    def int(self, low, high):
        return self.random.randint(low, high)

    def some(self, sequence, low=0, high=None):
        """Some of the elements, in any order."""
        sequence = list(sequence)
        high = len(sequence) if high is None else min(high, len(sequence))
        return self.random.sample(sequence, self.int(min(low, high), high))

    def extent(self):
        if self.errs():
            return self.pick("0", "1", "99999999999", "-1", "9223372036854775807")
        return self.pick("?", "?", "?", "1", "2", "3", "5", "16", "17", "64")

    def integer(self):
        if self.errs():
            return self.pick(-1, -128, 2**31, 2**63 - 1, -(2**63), 2**64)
        return self.pick(0, 1, 2, 7, 16, 127, 255, 4096)

    def number(self):
        if self.errs():
            return self.pick("0x7FF0000000000000", "0x7FF8000000000000", "0.0", "-1.0", "1.0e400")
        return self.pick("0.125", "1.0", "30.0", "0.08838834764831845", "2.0", "1.0e-30", "5.0e10")


def compute_type(element):
    """What a map computes in for a tensor of this element type."""
    if element in FLOATS:
        return "f64" if element == "f64" else "f32"
    return element


class Body:
    """Builds one region's lines over typed values."""

    def __init__(self, dice, values, ranks=(), outside=(), prefix="v"):
        self.dice = dice
        self.values = list(values)
        self.ranks = list(ranks)
        self.outside = list(outside)
        self.prefix = prefix
        self.lines = []

    def emit(self, text, kind):
        name = f"%{self.prefix}{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        self.values.append((name, kind))
        return name

    def value(self, kind):
        """A value of this type, made if there is none."""
        known = [name for name, other in self.values if other == kind]
        if known and not self.dice.chance(0.1):
            # The newest are the likeliest, so that lines build on each other.
            return known[-1] if self.dice.chance(0.5) else self.dice.of(known)
        if self.dice.errs() and self.values:
            return self.dice.of(self.values)[0]
        return self.constant(kind)

    def constant(self, kind):
        if kind in FLOATS:
            special = self.dice.chance(0.1)
            number = self.dice.of(BITS[kind]) if special else self.dice.of(CONSTANTS)
            return self.emit(f"arith.constant {number} : {kind}", kind)
        if kind == "i1":
            return self.emit(f"arith.constant {self.dice.pick('true', 'false')}", kind)
        if kind in ("index", "i8", "i32", "i64"):
            return self.emit(f"arith.constant {self.dice.pick(0, 1, 3, 8, -2)} : {kind}", kind)
        return "%unknown"

    def step(self):
        dice = self.dice
        kinds = sorted({kind for _, kind in self.values if kind in FLOATS})
        f = dice.of(kinds) if kinds else "f32"
        match dice.int(0, 13):
            case 0 | 1 | 2 | 3:
                op = dice.of(BINARY)
                flags = " fastmath<fast>" if dice.chance(0.05) else ""
                self.emit(f"arith.{op} {self.value(f)}, {self.value(f)}{flags} : {f}", f)
            case 4 | 5:
                self.emit(f"math.{dice.of(UNARY)} {self.value(f)} : {f}", f)
            case 6:
                comparison = f"{dice.of(FLOAT_PREDICATES)}, {self.value(f)}, {self.value(f)}"
                self.emit(f"arith.cmpf {comparison} : {f}", "i1")
            case 7:
                condition = self.value("i1")
                chosen = f"{condition}, {self.value(f)}, {self.value(f)}"
                self.emit(f"arith.select {chosen} : {f}", f)
            case 8 if self.ranks:
                name = "q9" if dice.errs() else dice.of(self.ranks)
                self.emit(f"attn.index {name} : index", "index")
            case 9:
                i = dice.pick("index", "index", "i32")
                self.emit(f"arith.{dice.of(INTEGER)} {self.value(i)}, {self.value(i)} : {i}", i)
            case 10:
                i = dice.pick("index", "i32")
                divisor = self.value(i)
                if not dice.errs():
                    divisor = self.emit(f"arith.constant {dice.pick(1, 2, 3, 64)} : {i}", i)
                self.emit(f"arith.{dice.of(QUOTIENTS)} {self.value(i)}, {divisor} : {i}", i)
            case 11:
                i = dice.pick("index", "i32")
                comparison = f"{dice.of(PREDICATES)}, {self.value(i)}, {self.value(i)}"
                self.emit(f"arith.cmpi {comparison} : {i}", "i1")
            case 12:
                cast = self.emit(f"arith.index_cast {self.value('index')} : index to i32", "i32")
                op = dice.pick("sitofp", "uitofp")
                self.emit(f"arith.{op} {cast} : i32 to {f}", f)
            case _ if dice.errs():
                self.wrong_step(f)
            case _:
                self.emit(f"arith.negf {self.value(f)} : {f}", f)

    def wrong_step(self, f):
        """What a map may not hold."""
        dice = self.dice
        match dice.int(0, 5):
            case 0:
                self.emit("memref.alloc() : memref<4xf32>", "memref<4xf32>")
            case 1:
                self.emit(f"func.call @f({self.value(f)}) : ({f}) -> {f}", f)
            case 2:
                self.emit("tensor.empty() : tensor<4xf32>", "tensor<4xf32>")
            case 3 if self.outside:
                self.values.append(dice.of(self.outside))
            case 4:
                self.emit(f"math.fpowi {self.value(f)}, {self.value('i32')} : {f}, i32", f)
            case _:
                self.emit(f"arith.bitcast {self.value(f)} : {f} to i32", "i32")

    def finish(self, kind, steps=None):
        """The region's lines, with a yield of this type at the end."""
        for _ in range(self.dice.int(0, 6) if steps is None else steps):
            self.step()
        if self.dice.errs():
            kind = self.dice.of(FLOATS + ODD_TYPES)
        result = self.value(kind)
        return "\n".join([*self.lines, f"attn.yield {result} : {kind}"])
