# ===- ir.py - Cascades as data ------------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Cascades as data, and their text.

A cascade here is what docs/spec.md describes, in CL, EI, IT and MR: einsums over
named ranks with scalar maps. The module knows how to write one; what it computes
is in interpreter.py, and nothing in either comes from the compiler.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Element types; maps also hold i1 and index.
FLOATS = ("f64", "f32", "bf16", "f16")
INTEGERS = ("i64", "i32", "i16", "i8", "i1")


def is_float(dtype: str) -> bool:
    return dtype in FLOATS


def compute_type(dtype: str) -> str:
    """spec: NU-1"""
    return dtype if dtype in ("f64", "f32") or not is_float(dtype) else "f32"


# ===----------------------------------------------------------------------===//
# Index expressions (CL-3)
# ===----------------------------------------------------------------------===//


@dataclass(frozen=True)
class Expr:
    """`kind` is rank, extent, const, data, add, sub, mul, mod or floordiv.

    Data is the element of the integer tensor `value` at the indices `args` (CL-10)."""

    kind: str
    value: object = None
    args: tuple[Expr, ...] = ()

    def __str__(self):
        if self.kind == "rank":
            return str(self.value)
        if self.kind == "extent":
            # spec: CL-3
            return str(self.value)[0].upper() + str(self.value)[1:]
        if self.kind == "const":
            return str(self.value)
        if self.kind == "data":
            return f"%{self.value}[{', '.join(map(str, self.args))}]"
        left, right = (
            f"({a})" if a.args and a.kind != "data" else str(a) for a in self.args
        )  # fmt: skip
        sign = {"add": "+", "sub": "-", "mul": "*"}.get(self.kind, self.kind)
        return f"{left} {sign} {right}"

    def ranks(self) -> set[str]:
        own = {self.value} if self.kind == "rank" else set()
        return own.union(*(a.ranks() for a in self.args))

    def extents(self) -> set[str]:
        own = {self.value} if self.kind == "extent" else set()
        return own.union(*(a.extents() for a in self.args))

    def data(self) -> list[Expr]:
        """The data that it holds, in the order of the text."""
        own = [self] if self.kind == "data" else []
        return own + [d for a in self.args for d in a.data()]

    @property
    def plain(self) -> bool:
        return self.kind == "rank"


def rank(name: str) -> Expr:
    return Expr("rank", name)


def const(value: int) -> Expr:
    return Expr("const", value)


def extent(name: str) -> Expr:
    return Expr("extent", name)


def binary(kind: str, left: Expr, right: Expr | int) -> Expr:
    return Expr(kind, None, (left, const(right) if isinstance(right, int) else right))


def split(step: str, point: str) -> Expr:
    """step*POINT+point, which walks a dimension in steps and points (CL-4)."""
    return binary("add", binary("mul", rank(step), extent(point)), rank(point))


# ===----------------------------------------------------------------------===//
# Maps
# ===----------------------------------------------------------------------===//

BINARY_FLOAT = ("addf", "subf", "mulf", "divf", "maximumf", "minimumf")
UNARY_MATH = ("exp", "exp2", "log", "log2", "sqrt", "absf", "tanh", "sin", "cos", "erf")
BINARY_INT = ("addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi")
CASTS = ("extf", "truncf", "index_cast", "sitofp", "uitofp", "extui", "extsi", "trunci")


@dataclass(frozen=True)
class Op:
    """An operation of a map: a result, an operation, its operands' names.

    `type` is the result's type; `attr` a predicate, a constant or a rank.
    """

    result: str
    name: str
    args: tuple[str, ...] = ()
    type: str = "f32"
    attr: object = None

    def text(self, types: dict[str, str]) -> str:
        operands = ", ".join(f"%{a}" for a in self.args)
        start = f"%{self.result} = "
        if self.name == "const":
            return f"{start}arith.constant {literal(self.attr, self.type)}"
        if self.name == "index":
            return f"{start}attn.index {self.attr} : index"
        if self.name in ("cmpf", "cmpi"):
            return f"{start}arith.{self.name} {self.attr}, {operands} : {types[self.args[0]]}"
        if self.name in CASTS:
            source = types[self.args[0]]
            return f"{start}arith.{self.name} {operands} : {source} to {self.type}"
        dialect = "math" if self.name in UNARY_MATH else "arith"
        return f"{start}{dialect}.{self.name} {operands} : {self.type}"


def literal(value, dtype: str) -> str:
    if dtype == "i1":
        return "true" if value else "false"
    if not is_float(dtype):
        return f"{int(value)} : {dtype}"
    if value == float("-inf"):
        return {"f32": "0xFF800000", "f64": "0xFFF0000000000000"}[dtype] + f" : {dtype}"
    text = repr(float(value))
    mantissa, _, exponent = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return mantissa + (f"e{exponent}" if exponent else "") + f" : {dtype}"


@dataclass
class Map:
    """A scalar function: the types of its arguments, its operations, its result."""

    arguments: list[tuple[str, str]]
    ops: list[Op]
    result: str

    def types(self) -> dict[str, str]:
        return dict(self.arguments) | {op.result: op.type for op in self.ops}

    def is_identity(self) -> bool:
        return len(self.arguments) == 1 and self.result == self.arguments[0][0]


# ===----------------------------------------------------------------------===//
# Einsums, iterations, cascades
# ===----------------------------------------------------------------------===//


@dataclass
class Access:
    tensor: str
    exprs: list[Expr]


@dataclass
class Combiner:
    """What an associative reduction is made of (CL-11)."""

    identity: float | int
    map: Map
    commutative: bool


@dataclass
class Einsum:
    result: str
    ranks: list[str]
    accesses: list[Access]
    map: Map
    reduction: tuple[str, list[str]] | None
    dtype: str
    combiner: Combiner | None = None

    def data(self) -> list[Expr]:
        """The data of the index expressions, each once."""
        found = []
        for d in (d for a in self.accesses for e in a.exprs for d in e.data()):
            if d not in found:
                found.append(d)
        return found

    def reads(self) -> list[str]:
        return [a.tensor for a in self.accesses] + [d.value for d in self.data()]


@dataclass
class Iterate:
    """Runs `body` for step = 0, 1, ...; spec: CL-7."""

    step: str
    parent: str
    point: str
    inits: list[str]
    arguments: list[str]
    body: list[Einsum | Iterate]
    yields: list[str]
    results: list[str]


@dataclass
class Tensor:
    """An input, or what a statement makes: a rank or nothing known per dimension.

    `role` says what an input's values are: values, lengths of a rank, or indices in
    the dimension of a rank."""

    name: str
    ranks: list[str]
    dtype: str
    role: str = "values"


@dataclass
class Plane:
    query: str
    key: str
    align: str
    where: Term | None = None
    query_lengths: tuple[str, list[str]] | None = None
    key_lengths: tuple[str, list[str]] | None = None


@dataclass(frozen=True)
class Term:
    """A sparsity: causal, window, prefix, and, or, not."""

    kind: str
    numbers: tuple[int, ...] = ()
    terms: tuple[Term, ...] = ()

    def __str__(self):
        if self.kind == "not":
            return f"not ({self.terms[0]})"
        if self.terms:
            return f" {self.kind} ".join(f"({t})" if t.terms else str(t) for t in self.terms)
        if self.numbers:
            return f"{self.kind}({', '.join(map(str, self.numbers))})"
        return self.kind

    def atoms(self) -> set[str]:
        return {self.kind}.union(*(t.atoms() for t in self.terms))


@dataclass
class Cascade:
    """A function with one cascade.

    `extents` holds the static ones; a rank that is not there is dynamic. A tensor
    has the extents of the ranks that name its dimensions.
    """

    inputs: list[Tensor]
    statements: list[Einsum | Iterate]
    results: list[str]
    extents: dict[str, int] = field(default_factory=dict)
    plane: Plane | None = None
    mapping: str = ""
    tags: set[str] = field(default_factory=set)
    # Dynamic ranks that should be run at a few points only, such as batches.
    small: set[str] = field(default_factory=set)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name, iterations included."""
        known = {t.name: t for t in self.inputs}

        def walk(statements):
            for s in statements:
                if isinstance(s, Einsum):
                    known[s.result] = Tensor(s.result, s.ranks, s.dtype)
                    continue
                for name, init in zip(s.arguments, s.inits, strict=True):
                    known[name] = Tensor(name, known[init].ranks, known[init].dtype)
                walk(s.body)
                for name, init in zip(s.results, s.inits, strict=True):
                    known[name] = Tensor(name, known[init].ranks, known[init].dtype)

        walk(self.statements)
        return known

    def einsums(self) -> list[Einsum]:
        found = []

        def walk(statements):
            for s in statements:
                if isinstance(s, Einsum):
                    found.append(s)
                else:
                    walk(s.body)

        walk(self.statements)
        return found

    def iterations(self) -> list[Iterate]:
        found = []

        def walk(statements):
            for s in statements:
                if isinstance(s, Iterate):
                    found.append(s)
                    walk(s.body)

        walk(self.statements)
        return found

    def text(self) -> str:
        return Writer(self).text()


# ===----------------------------------------------------------------------===//
# Text
# ===----------------------------------------------------------------------===//


class Writer:
    def __init__(self, cascade: Cascade):
        self.cascade = cascade
        self.tensors = cascade.tensors()

    def type(self, name: str) -> str:
        tensor = self.tensors[name]
        dims = "".join(f"{self.cascade.extents.get(r, '?')}x" for r in tensor.ranks)
        return f"tensor<{dims}{tensor.dtype}>"

    def types(self, names) -> str:
        return ", ".join(self.type(name) for name in names)

    def results(self, names) -> str:
        text = self.types(names)
        return text if len(names) == 1 else f"({text})"

    def access(self, access: Access) -> str:
        return f"%{access.tensor}[{', '.join(map(str, access.exprs))}]"

    def region(self, f: Map, indent: str) -> list[str]:
        lines = []
        if f.arguments:
            arguments = ", ".join(f"%{n}: {t}" for n, t in f.arguments)
            lines.append(f"{indent}^bb0({arguments}):")
        types = f.types()
        lines += [f"{indent}  {op.text(types)}" for op in f.ops]
        return [*lines, f"{indent}  attn.yield %{f.result} : {types[f.result]}"]

    def einsum(self, x: Einsum, indent: str) -> list[str]:
        operands = ", ".join(self.access(a) for a in x.accesses)
        head = f"{indent}%{x.result} = attn.einsum [{','.join(x.ranks)}] = map({operands}) {{"
        lines = [head, *self.region(x.map, indent)]
        tail = f"{indent}}}"
        if x.reduction:
            tail += f" reduce {x.reduction[0]}({', '.join(x.reduction[1])})"
        if x.combiner:
            c = x.combiner
            tail += f" identity({literal(c.identity, c.map.arguments[0][1])})"
            lines.append(f"{tail}{' commutative' if c.commutative else ''} {{")
            lines += self.region(c.map, indent)
            tail = f"{indent}}}"
        sources = self.types(x.reads())
        lines.append(f"{tail} : ({sources}) -> {self.type(x.result)}")
        return lines

    def iterate(self, x: Iterate, indent: str) -> list[str]:
        inits = ", ".join(f"%{n}" for n in x.inits)
        names = ", ".join(f"%{n}" for n in x.results)
        lines = [
            f"{indent}{names} = attn.iterate {x.step} of {x.parent} by {x.point} "
            f"init({inits} : {self.types(x.inits)}) {{"
        ]
        arguments = ", ".join(f"%{n}: {self.type(n)}" for n in x.arguments)
        lines.append(f"{indent}^bb0({arguments}):")
        lines += self.block(x.body, indent + "  ")
        yields = ", ".join(f"%{n}" for n in x.yields)
        lines.append(f"{indent}  attn.yield {yields} : {self.types(x.yields)}")
        return [*lines, f"{indent}}}"]

    def block(self, statements, indent: str) -> list[str]:
        lines = []
        for s in statements:
            write = self.einsum if isinstance(s, Einsum) else self.iterate
            lines += write(s, indent)
        return lines

    def clause(self) -> str:
        plane = self.cascade.plane
        if plane is None:
            return ""
        text = f" where {plane.where}" if plane.where else ""
        text += f" over ({plane.query}, {plane.key}) align {plane.align}"
        lengths = []
        for kind, given in (("key", plane.key_lengths), ("query", plane.query_lengths)):
            if given:
                lengths.append(f"{kind}(%{given[0]}[{','.join(given[1])}])")
        if lengths:
            text += f" lengths {' '.join(lengths)}"
        return text

    def operation(self, bound: str, outside: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        """The cascade as an operation with the results `bound`, which reads the values
        `outside`, by the names of its inputs; and the values of its results."""
        cascade = self.cascade
        names = [t.name for t in cascade.inputs]
        binding = ", ".join(f"%{n} = {outside[n]}" for n in names)
        arrow = self.results(cascade.results)
        count = len(cascade.results)
        values = [bound] if count == 1 else [f"{bound}#{i}" for i in range(count)]
        declared = bound if count == 1 else f"{bound}:{count}"
        mapping = f" {cascade.mapping}" if cascade.mapping else ""
        op = f"  {declared} = attn.cascade ({binding}){self.clause()}{mapping}"
        types = f"      : ({self.types(names)}) -> {arrow} {{"
        yields = ", ".join(f"%{n}" for n in cascade.results)
        lines = [op, types, *self.block(cascade.statements, "    ")]
        lines += [f"    attn.yield {yields} : {self.types(cascade.results)}", "  }"]
        return lines, dict(zip(cascade.results, values, strict=True))

    def function(self, parts: list[Cascade]) -> str:
        """The function of this cascade with `parts` of it in its place, each of which
        reads what those before it give."""
        outside = {t.name: f"%in_{t.name}" for t in self.cascade.inputs}
        arguments = ", ".join(f"{outside[n]}: {self.type(n)}" for n in outside)
        lines = [f"func.func @cascade({arguments}) -> {self.results(self.cascade.results)} {{"]
        for i, part in enumerate(parts):
            bound = "%out" if len(parts) == 1 else f"%out_{i}"
            written, values = Writer(part).operation(bound, outside)
            lines += written
            outside |= values
        results = self.cascade.results
        values = ", ".join(outside[n] for n in results)
        return "\n".join([*lines, f"  return {values} : {self.types(results)}", "}", ""])

    def text(self) -> str:
        return self.function([self.cascade])
