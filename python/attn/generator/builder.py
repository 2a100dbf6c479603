# ===- builder.py - Writing random cascades ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What the generators share: names, maps, inputs, extents."""

from __future__ import annotations

import random

from .ir import (
    Access, Cascade, Combiner, Einsum, Expr, Map, Op, Plane, Tensor, Term, binary, compute_type, const,
    extent, is_float, rank,
)  # fmt: skip

# Static extents of features, and what dynamic ranks are run at: nothing, one
# point, primes, and both sides of every tile size.
STATIC = (1, 2, 3, 5, 7, 8, 12, 16, 17, 24, 33)
DYNAMIC = (0, 1, 2, 3, 5, 7, 13, 15, 16, 17, 31, 32, 33, 47, 48, 49, 61, 64, 65, 97, 130)
BATCH = (0, 1, 1, 2, 2, 3)


class MapWriter:
    """Builds a map operation by operation."""

    def __init__(self, dtype: str = "f32"):
        self.dtype = dtype
        self.arguments: list[tuple[str, str]] = []
        self.ops: list[Op] = []

    def argument(self, dtype: str | None = None) -> str:
        name = f"a{len(self.arguments)}"
        self.arguments.append((name, dtype or self.dtype))
        return name

    def op(self, name: str, *args: str, type: str | None = None, attr=None) -> str:
        result = f"v{len(self.ops)}"
        self.ops.append(Op(result, name, args, type or self.dtype, attr))
        return result

    def const(self, value, dtype: str | None = None) -> str:
        return self.op("const", type=dtype, attr=value)

    def compare(self, predicate: str, a: str, b: str, kind: str = "cmpf") -> str:
        return self.op(kind, a, b, type="i1", attr=predicate)

    def index(self, r: str, integer: str = "i32") -> str:
        at = self.op("index", type="index", attr=r)
        return self.op("index_cast", at, type=integer)

    def index_float(self, r: str) -> str:
        return self.op("sitofp", self.index(r))

    def finish(self, result: str) -> Map:
        return Map(self.arguments, self.ops, result)


def _largest(w: MapWriter, a: str, b: str) -> str:
    """The value of the larger magnitude, of equal ones the larger value."""
    size, other = w.op("absf", a), w.op("absf", b)
    one = w.op("select", w.compare("ogt", size, other), a, b)
    return w.op("select", w.compare("oeq", size, other), w.op("maximumf", a, b), one)


def _last(w: MapWriter, a: str, b: str) -> str:
    zero = w.const(0.0 if is_float(w.dtype) else 0)
    kind = ("one", "cmpf") if is_float(w.dtype) else ("ne", "cmpi")
    return w.op("select", w.compare(kind[0], b, zero, kind[1]), b, a)


# Reductions without a name: the element types, whether they commute, and how two values
# are combined. 0 is the identity of each, and none rounds.
REGIONS = {
    "largest": ("float", True, _largest),
    "last": ("any", False, _last),
    "first": ("any", False, lambda w, a, b: _last(w, b, a)),
    "parity": ("int", True, lambda w, a, b: w.op("xori", a, b)),
}


def make_region(name: str, dtype: str) -> Combiner:
    _, commutative, body = REGIONS[name]
    writer = MapWriter(dtype)
    function = writer.finish(body(writer, writer.argument(), writer.argument()))
    return Combiner(0.0 if is_float(dtype) else 0, function, commutative)


class Builder:
    def __init__(self, rng: random.Random):
        self.rng = rng
        self.taken: set[str] = set()
        self.inputs: list[Tensor] = []
        self.statements: list = []
        self.known: dict[str, Tensor] = {}
        self.extents: dict[str, int] = {}
        self.plane: Plane | None = None
        self.tags: set[str] = set()
        self.target = self.statements

    # -- Names ----------------------------------------------------------------

    def name(self, upper: bool = False) -> str:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ" if upper else "abcdefghijkmnpqrstuvwxyz"
        while True:
            length = self.rng.choice((1, 1, 2, 3))
            text = "".join(self.rng.choice(letters) for _ in range(length))
            if self.rng.random() < 0.3:
                text += self.rng.choice(("_", "2", "7", "_x"))
            # Values of maps are called a0, a1, ... and v0, v1, ...
            reserved = ("mod", "floordiv", "in", "out", "a2", "a7", "v2", "v7")
            if text.lower() not in self.taken and text not in reserved:
                self.taken.add(text.lower())
                return text

    def new_rank(self, static: int | None = None) -> str:
        name = self.name()
        if static is not None:
            self.extents[name] = static
        return name

    # -- Tensors --------------------------------------------------------------

    def input(self, ranks, dtype: str = "f32", role: str = "values") -> str:
        tensor = Tensor(self.name(upper=True), list(ranks), dtype, role)
        self.inputs.append(tensor)
        self.known[tensor.name] = tensor
        return tensor.name

    def access(self, tensor: str, exprs: list[Expr] | None = None) -> Access:
        ranks = self.known[tensor].ranks
        return Access(tensor, exprs if exprs is not None else [rank(r) for r in ranks])

    def einsum(
        self, ranks, accesses, function: Map, reduction=None, dtype="f32", combiner=None
    ) -> str:
        name = self.name()
        accesses = [self.access(a) if isinstance(a, str) else a for a in accesses]
        self.target.append(
            Einsum(name, list(ranks), accesses, function, reduction, dtype, combiner)
        )  # fmt: skip
        self.known[name] = Tensor(name, list(ranks), dtype)
        return name

    def argument_types(self, accesses, dtype: str) -> list[str]:
        types = []
        for a in accesses:
            source = self.known[a if isinstance(a, str) else a.tensor].dtype
            if is_float(source):
                source = compute_type(dtype) if is_float(dtype) else "f32"
            types.append(source)
        return types

    def apply(self, ranks, accesses, body, reduction=None, dtype="f32", region=None) -> str:
        """An einsum whose map `body(writer, arguments)` returns its result, reduced by
        the region of REGIONS of this name where there is one."""
        writer = MapWriter(compute_type(dtype) if is_float(dtype) else "f32")
        arguments = [writer.argument(t) for t in self.argument_types(accesses, dtype)]
        function = writer.finish(body(writer, *arguments))
        combiner = make_region(region, writer.dtype if is_float(dtype) else dtype) if region else None
        return self.einsum(ranks, accesses, function, reduction, dtype, combiner)

    def simple(self, operation: str, ranks, accesses, reduction=None, dtype="f32") -> str:
        def body(w, *arguments):
            return w.op(operation, *arguments) if operation else arguments[0]

        return self.apply(ranks, accesses, body, reduction, dtype)

    def boundary(self, results) -> list[str]:
        """The results as kernels may return them: truth values as numbers."""
        wide = []
        for name in results:
            tensor = self.known[name]
            if tensor.dtype == "i1":
                name = self.apply(
                    tensor.ranks, [name], lambda w, x: w.op("extui", x, type="i32"), None, "i32"
                )
            wide.append(name)
        return wide

    def finish(self, results) -> Cascade:
        return Cascade(
            self.inputs, self.statements, list(results), self.extents, self.plane, "", self.tags
        )  # fmt: skip

    # -- Random parts ---------------------------------------------------------

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def subset(self, ranks) -> list[str]:
        return [r for r in ranks if self.chance(0.5)]

    def constant(self, low=-1.0, high=1.0) -> float:
        return round(self.rng.uniform(low, high), 3) or 0.5

    def atom(self) -> Term:
        kind = self.rng.choice(("causal", "causal", "window", "window", "prefix"))
        reach = (0, 1, 3, 7, 16, 31, 64)
        if kind == "window":
            return Term(kind, (self.rng.choice(reach), self.rng.choice(reach)))
        return Term(kind, (self.rng.choice((0, 1, 5, 17, 50)),) if kind == "prefix" else ())

    def conjunction(self) -> Term:
        atoms = [self.atom() for _ in range(self.rng.choice((1, 1, 2, 3)))]
        return atoms[0] if len(atoms) == 1 else Term("and", (), tuple(atoms))

    def sparsity(self, depth: int = 2) -> Term:
        """Any expression of the algebra."""
        if depth == 0 or self.chance(0.35):
            return self.atom()
        kind = self.rng.choice(("and", "or", "not"))
        count = 1 if kind == "not" else self.rng.choice((2, 2, 3))
        return Term(kind, (), tuple(self.sparsity(depth - 1) for _ in range(count)))

    def tame(self, w: MapWriter, x: str, depth: int | None = None) -> str:
        """A function that keeps numbers of moderate size moderate."""
        for _ in range(self.rng.choice((0, 1, 1, 2, 3)) if depth is None else depth):
            x = self._tame_step(w, x)
        return x

    def _tame_step(self, w: MapWriter, x: str) -> str:
        kind = self.rng.choice(
            ("scale", "shift", "tanh", "sin", "cos", "max", "min", "abs", "neg", "cap", "leak",
             "root", "gelu", "mix", "erf")
        )  # fmt: skip
        c = w.const(self.constant(0.2, 1.5)) if kind not in ("tanh", "sin", "cos", "neg") else ""
        if kind == "scale":
            return w.op("mulf", x, c)
        if kind == "shift":
            return w.op(self.rng.choice(("addf", "subf")), x, c)
        if kind in ("tanh", "sin", "cos", "erf"):
            return w.op(kind, x)
        if kind in ("max", "min"):
            return w.op("maximumf" if kind == "max" else "minimumf", x, c)
        if kind == "abs":
            return w.op("absf", x)
        if kind == "neg":
            return w.op("negf", x)
        if kind == "cap":
            return w.op("mulf", w.op("tanh", w.op("divf", x, c)), c)
        if kind == "leak":
            zero = w.const(0.0)
            test = w.compare(self.rng.choice(("olt", "ogt", "ole", "oge")), x, zero)
            return w.op("select", test, x, w.op("mulf", x, c))
        if kind == "root":
            return w.op("sqrt", w.op("addf", w.op("absf", x), c))
        if kind == "gelu":
            one = w.const(1.0)
            return w.op("mulf", x, w.op("addf", one, w.op("tanh", w.op("mulf", x, c))))
        return w.op("addf", x, w.op("mulf", w.op("sin", x), c))

    def data(self, r: str, ranks: list[str]) -> Expr:
        """An index in the dimension of rank `r` that an input over `ranks` holds."""
        table = self.input(ranks, self.rng.choice(("i32", "i64")), f"index {r}")
        self.tags.add("index data")
        return Expr("data", table, tuple(map(rank, ranks)))

    def within(self, r: str, space: list[str]) -> Expr | None:
        """An index expression over `space` that stays in rank `r`'s dimension.

        It needs a static extent, except where it is the reversal."""
        size = self.extents.get(r)
        if r in space and self.chance(0.3):
            return binary("sub", binary("sub", extent(r), rank(r)), 1)
        # Everything is 0 mod 1: the rank would index nothing.
        if size is None or size == 1:
            return None
        others = [s for s in space if s in self.extents] or None
        if r in space and self.chance(0.6):
            return binary("mod", binary("add", rank(r), self.rng.randrange(size)), size)
        if others:
            other = self.rng.choice(others)
            kind = self.rng.choice(("mod", "pair", "floordiv"))
            if kind == "mod":
                return binary("mod", rank(other), size)
            if kind == "floordiv":
                # Steps of one would be the rank itself, whose extent is another.
                step = -(-self.extents[other] // size)
                return binary("floordiv", rank(other), max(2, step))
            if r in space and size % 2 == 0:
                # The other of a pair: 2*(r floordiv 2) + 1 - r mod 2.
                pair = binary("mul", binary("floordiv", rank(r), 2), 2)
                return binary("sub", binary("add", pair, 1), binary("mod", rank(r), 2))
        return const(self.rng.randrange(size))
