# ===- graphs.py - Cascades of any shape ---------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random graphs of einsums over random ranks, and iterations over steps.

They exercise the language rather than the derivation: every element type and
reduction, index expressions, sparsity over any two ranks, partitions.
"""

from __future__ import annotations

import random

from .builder import STATIC, Builder
from .ir import (
    Access,
    Cascade,
    Iterate,
    Map,
    Op,
    Plane,
    Tensor,
    binary,
    is_float,
    rank,
    split,
)  # fmt: skip

PARTITIONS = (
    "running", "softmax", "recurrence", "prefix", "nested", "tiles", "weighted", "stated",
)  # fmt: skip
_INTEGER_TYPES = ("i32", "i32", "i64")


class Graph:
    def __init__(self, rng: random.Random):
        self.rng = rng
        self.b = Builder(rng)
        self.float_types = rng.choice(
            (("f32",), ("f32",), ("f32", "bf16"), ("f64",), ("f32", "f64"), ("f32", "f16"))
        )

    def build(self) -> Cascade:
        b, rng = self.b, self.rng
        count = rng.choice((2, 3, 3, 4))
        self.ranks = [
            b.new_rank(rng.choice(STATIC) if rng.random() < 0.4 else None) for _ in range(count)
        ]
        # A dimension may be read at one rank here and at another there.
        self.twins: dict[str, str] = {}
        if rng.random() < 0.35:
            r = rng.choice(self.ranks)
            twin = b.new_rank(b.extents.get(r))
            self.ranks.append(twin)
            self.twins = {r: twin, twin: r}
        # Every rank is stated by an input.
        pools = [
            [r for r in self.ranks if rng.random() < 0.6] for _ in range(rng.choice((1, 2, 3)))
        ]
        missing = [r for r in self.ranks if not any(r in pool for pool in pools)]
        if missing:
            pools.append(missing)
        for pool in pools:
            rng.shuffle(pool)
            dtype = rng.choice(self.float_types) if rng.random() < 0.8 else self.integer()
            b.input(pool, dtype)
        if count >= 2 and rng.random() < 0.5:
            m, n = rng.sample(self.ranks, 2)
            where = b.sparsity() if rng.random() < 0.85 else None
            b.plane = Plane(m, n, rng.choice(("top_left", "bottom_right")), where)
        made = [self.statement() for _ in range(rng.choice((2, 3, 4, 6)))]
        results = {made[-1]}
        results.update(x for x in made if rng.random() < 0.25)
        cascade = b.finish(b.boundary(sorted(results)))
        _prune(cascade)
        if b.plane and not {b.plane.query, b.plane.key} <= _used(cascade):
            cascade.plane = None
        return cascade

    def integer(self) -> str:
        return self.rng.choice(_INTEGER_TYPES)

    def statement(self) -> str:
        b, rng = self.b, self.rng
        known = list(b.known)
        operands = [rng.choice(known[-4:] if rng.random() < 0.6 else known) for _ in range(
            rng.choice((1, 1, 2, 2, 3)))]  # fmt: skip
        kinds = {is_float(b.known[x].dtype) for x in operands}
        if len(kinds) == 2:
            operands = [x for x in operands if is_float(b.known[x].dtype)]
        space, names = [], {}
        for x in operands:
            names[x] = [self.read_at(r) for r in b.known[x].ranks]
            space += [r for r in dict.fromkeys(names[x]) if r not in space]
        if rng.random() < 0.2:
            extra = rng.choice(self.ranks)
            space += [extra] if extra not in space else []
        reduced = [r for r in space if rng.random() < 0.4]
        out = [r for r in space if r not in reduced]
        rng.shuffle(out)
        accesses = [self.access(x, names[x], space) for x in operands]
        indexed = set().union(*(e.ranks() for a in accesses for e in a.exprs), set())
        out += [r for r in reduced if r not in indexed]
        reduced = [r for r in reduced if r in indexed]
        if kinds == {False}:
            return self.integers(out, accesses, reduced)
        if rng.random() < 0.15:
            return self.test(out, accesses, reduced)
        dtype = rng.choice(self.float_types)
        kind = rng.choice(("add", "add", "mul", "max", "min")) if reduced else None

        def body(w, *args):
            x = args[0]
            for y in args[1:]:
                x = w.op(rng.choice(("addf", "subf", "mulf", "maximumf", "minimumf")), x, y)
            if rng.random() < 0.2:
                r = rng.choice([*out, *reduced]) if [*out, *reduced] else None
                if r:
                    x = w.op("addf", x, w.op("mulf", w.index_float(r), w.const(0.03)))
            if rng.random() < 0.25 and len(args) > 1:
                x = w.op("divf", x, args[-1])
            x = b.tame(w, x)
            if kind == "mul":
                x = w.op("addf", w.op("mulf", w.op("tanh", x), w.const(0.02)), w.const(1.0))
            elif len(args) > 1:
                x = w.op("tanh", w.op("mulf", x, w.const(0.25)))
            return x

        reduction = (kind, reduced) if kind else None
        if reduction and kind != "mul" and rng.random() < 0.12:
            region = rng.choice(("largest", "last", "first"))
            return b.apply(out, accesses, body, ("associative", reduced), dtype, region)
        if len(operands) == 1 and kind in (None, "max", "min") and rng.random() < 0.2:
            return b.simple("", out, accesses, reduction, dtype)
        return b.apply(out, accesses, body, reduction, dtype)

    def read_at(self, r: str) -> str:
        """The rank that reads a dimension of rank `r`."""
        if r in self.twins and self.rng.random() < 0.4:
            self.b.tags.add("other rank")
            return self.twins[r]
        return r

    def access(self, x: str, names, space) -> Access:
        b, rng = self.b, self.rng
        exprs = []
        for r in names:
            other = b.within(r, space) if rng.random() < 0.15 else None
            if other is None and rng.random() < 0.05 and r not in b.extents:
                # Past the end the nearest element is read.
                other = binary("add", rank(r), rng.choice((1, 2)))
            exprs.append(other or rank(r))
            if other is not None:
                b.tags.add("index expression")
        if exprs and rng.random() < 0.06:
            at = rng.randrange(len(exprs))
            exprs[at] = b.data(b.known[x].ranks[at], rng.sample(space, min(len(space), 2)))
        return Access(x, exprs)

    def integers(self, out, accesses, reduced) -> str:
        b, rng = self.b, self.rng
        types = {b.known[a.tensor].dtype for a in accesses}
        source = sorted(types)[0]
        accesses = [a for a in accesses if b.known[a.tensor].dtype == source]
        indexed = set().union(*(e.ranks() for a in accesses for e in a.exprs), set())
        out = [*out, *(r for r in reduced if r not in indexed)]
        reduced = [r for r in reduced if r in indexed]
        # Those that are rare elsewhere come more often here.
        kinds = ["add", *6 * ["mul"], "max", "min", "and", "or"]
        kind = rng.choice(kinds) if reduced else None
        if source == "i1" and rng.random() < 0.5:
            kind = rng.choice(("and", "or")) if reduced else None

        def body(w, *args):
            x = args[0]
            for y in args[1:]:
                operations = ("andi", "ori", "xori") if source == "i1" else (
                    "addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi")  # fmt: skip
                x = w.op(rng.choice(operations), x, y, type=source)
            if source in ("i32", "i64", "i8") and rng.random() < 0.4:
                c = w.const(rng.randint(-5, 5), source)
                x = w.op(rng.choice(("addi", "muli", "xori")), x, c, type=source)
            return x

        if kind and source != "i1" and rng.random() < 0.5:
            region = rng.choice(("last", "first", "parity"))
            return b.apply(out, accesses, body, ("associative", reduced), source, region)
        return b.apply(out, accesses, body, (kind, reduced) if kind else None, source)

    def test(self, out, accesses, reduced) -> str:
        """From numbers to truth values, counts or positions."""
        b, rng = self.b, self.rng
        dtype = rng.choice(("i1", "i32", "i64"))
        kinds = ["and", "or"]
        if dtype != "i1":
            kinds += ["add", *3 * ["mul"], "max", "min"]
        kind = rng.choice(kinds) if reduced else None

        def body(w, *args):
            first = w.arguments[0][1]
            c = w.op("const", type=first, attr=b.constant(-0.7, 0.7))
            other = args[1] if len(args) > 1 and w.arguments[1][1] == first else c
            predicate = rng.choice(("olt", "ole", "ogt", "oge"))
            truth = w.compare(predicate, args[0], other)
            return truth if dtype == "i1" else w.op("extui", truth, type=dtype)

        return b.apply(out, accesses, body, (kind, reduced) if kind else None, dtype)


def _prune(cascade: Cascade):
    """Leaves out what no result needs; it would take the extents it states along
    when the compiler does so."""
    needed, kept = set(cascade.results), []
    for x in reversed(cascade.statements):
        if x.result in needed:
            kept.append(x)
            needed |= set(x.reads())
    cascade.statements = kept[::-1]


def _used(cascade: Cascade) -> set[str]:
    return {
        r for x in cascade.einsums() for r in [*x.ranks, *(x.reduction[1] if x.reduction else [])]
    }


def _is_stated(cascade: Cascade) -> bool:
    """Whether a dimension states the extent of every rank (CA-6): one of an input
    where it is dynamic."""
    inputs = {t.name for t in cascade.inputs}
    stated = set()
    for x in cascade.einsums():
        stated |= {r for r in x.ranks if r in cascade.extents}
        for a in x.accesses:
            stated |= {
                e.value
                for e in a.exprs
                if e.plain and (a.tensor in inputs or e.value in cascade.extents)
            }
    named = {r for x in cascade.einsums() for a in x.accesses for e in a.exprs for r in e.extents()}
    return _used(cascade) | named <= stated


def graph(rng: random.Random) -> Cascade:
    while True:
        cascade = Graph(rng).build()
        if _is_stated(cascade):
            return cascade


# ===----------------------------------------------------------------------===//
# Partitions
# ===----------------------------------------------------------------------===//


class Partition:
    """Iterations whose meaning does not depend on the step that a mapping takes,
    or whose step a tensor fixes."""

    def __init__(self, rng: random.Random, kind: str):
        self.rng, self.kind = rng, kind
        self.b = Builder(rng)
        self.b.tags.add(f"partition {kind}")

    def build(self) -> Cascade:
        b, rng = self.b, self.rng
        self.m, self.n = b.new_rank(), b.new_rank()
        self.n1, self.n0 = b.new_rank(), b.new_rank()
        self.rows = [*([b.new_rank()] if rng.random() < 0.4 else []), self.m]
        self.s = b.input([*self.rows, self.n], rng.choice(("f32", "f32", "bf16", "f64")))
        self.type = "f64" if b.known[self.s].dtype == "f64" else "f32"
        if rng.random() < 0.6 and self.kind not in ("nested", "tiles"):
            where = b.sparsity() if rng.random() < 0.6 else b.conjunction()
            b.plane = Plane(self.m, self.n, rng.choice(("top_left", "bottom_right")), where)
        results = getattr(self, "make_" + self.kind)()
        cascade = b.finish(results)
        cascade.small = set(self.rows[:-1])
        if b.plane and not {self.m, self.n} & {r for x in cascade.einsums() for r in x.ranks}:
            cascade.plane = None
        return cascade

    def start(self, ranks, value: float) -> str:
        w = [Op("v0", "const", (), self.type, value)]
        return self.b.einsum(ranks, [], Map([], w, "v0"), None, self.type)

    def tile(self, tensor: str) -> Access:
        exprs = [
            split(self.n1, self.n0) if r == self.n else rank(r) for r in self.b.known[tensor].ranks
        ]
        return Access(tensor, exprs)

    def loop(self, inits, body, names=None) -> list[str]:
        """An iteration; `body(arguments)` writes the step and returns its yields."""
        b = self.b
        step, parent, point = names or (self.n1, self.n, self.n0)
        arguments = [b.name() for _ in inits]
        for name, init in zip(arguments, inits, strict=True):
            known = b.known[init]
            b.known[name] = Tensor(name, known.ranks, known.dtype)
        outer, b.target = b.target, []
        yields = body(*arguments)
        statements, b.target = b.target, outer
        results = [b.name() for _ in inits]
        for name, init in zip(results, inits, strict=True):
            b.known[name] = Tensor(name, b.known[init].ranks, b.known[init].dtype)
        b.target.append(
            Iterate(step, parent, point, list(inits), arguments, statements, list(yields), results)
        )
        return results

    def make_running(self):
        """Several running reductions at once."""
        b, rng = self.b, self.rng
        kinds = rng.sample(("add", "mul", "max", "min"), rng.choice((1, 2, 3)))
        limits = {"add": 0.0, "mul": 1.0, "max": -3.0e38, "min": 3.0e38}
        inits = [self.start(self.rows, limits[kind]) for kind in kinds]

        def step(*carried):
            yields = []
            for kind, old in zip(kinds, carried, strict=True):
                edit = (lambda w, x: w.op("addf", w.op("mulf", w.op("tanh", x), w.const(0.02)),
                    w.const(1.0))) if kind == "mul" else (lambda w, x: b.tame(w, x, 1))  # fmt: skip
                new = b.apply(
                    self.rows, [self.tile(self.s)], edit, (kind, [self.n0]), self.type
                )  # fmt: skip
                name = {"add": "addf", "mul": "mulf", "max": "maximumf", "min": "minimumf"}[kind]
                yields.append(b.simple(name, self.rows, [old, new], None, self.type))
            return yields

        return self.loop(inits, step)

    def make_softmax(self):
        """FuseMax's one pass, written by hand."""
        b, rng = self.b, self.rng
        f = b.new_rank(rng.choice(STATIC))
        v = b.input([self.n, f], "f32")
        rows = self.rows
        inits = [
            self.start(rows, -3.0e38), self.start(rows, 0.0), self.start([*rows, f], 0.0)
        ]  # fmt: skip

        def exponential(w, x, r):
            return w.op("exp", w.op("subf", x, r))

        def step(top, total, out):
            t, n0 = self.type, self.n0
            local = b.simple("", rows, [self.tile(self.s)], ("max", [n0]), t)
            new = b.simple("maximumf", rows, [top, local], None, t)
            p = b.apply([*rows, n0], [self.tile(self.s), new], exponential, None, t)
            d = b.simple("", rows, [p], ("add", [n0]), t)
            c = b.apply(rows, [top, new], exponential, None, t)
            old = b.simple("mulf", rows, [total, c], None, t)
            total = b.simple("addf", rows, [d, old], None, t)
            o = b.simple("mulf", [*rows, f], [p, self.tile(v)], ("add", [n0]), t)
            kept = b.simple("mulf", [*rows, f], [out, c], None, t)
            return new, total, b.simple("addf", [*rows, f], [o, kept], None, t)

        _, total, out = self.loop(inits, step)
        return [b.simple("divf", [*rows, f], [out, total], None, self.type), total]

    def fixed(self) -> str:
        """A tensor over the points, which fixes how many a step takes."""
        self.b.extents[self.n0] = self.rng.choice((1, 2, 3, 4, 7))
        self.b.tags.add("partition fixed")
        return self.b.input([self.n0], "f32")

    def make_recurrence(self):
        """State' = decay * state + sum of a step, weighted by the point."""
        b = self.b
        weight = self.fixed()
        decay = b.constant(0.3, 0.95)

        def step(old):
            new = b.simple(
                "mulf", self.rows, [self.tile(self.s), weight], ("add", [self.n0]), self.type
            )
            return [
                b.apply(
                    self.rows, [old, new],
                    lambda w, x, y: w.op("addf", w.op("mulf", x, w.const(decay)), w.op("tanh", y)),
                    None, self.type,
                )
            ]  # fmt: skip

        return self.loop([self.start(self.rows, 0.0)], step)

    def make_prefix(self):
        """A sum of all prefix sums: the carried sum enters each step."""
        b = self.b
        weight = self.fixed()

        def step(running, total):
            new = b.simple(
                "mulf", self.rows, [self.tile(self.s), weight], ("add", [self.n0]), self.type
            )
            running = b.simple("addf", self.rows, [running, new], None, self.type)
            return running, b.simple("addf", self.rows, [total, running], None, self.type)

        return self.loop([self.start(self.rows, 0.0), self.start(self.rows, 0.0)], step)

    def make_weighted(self):
        """The coordinate of the parent and of the step enter the map."""
        b = self.b
        self.fixed()
        weight = b.inputs[-1].name

        def body(w, x, y):
            at = w.op("mulf", w.index_float(self.n), w.const(0.01))
            if self.type == "f64":
                at = w.op("tanh", at)
            return w.op("mulf", w.op("addf", x, at), y)

        def step(old):
            new = b.apply(
                self.rows, [self.tile(self.s), weight], body, ("add", [self.n0]), self.type
            )
            return [b.simple("addf", self.rows, [old, new], None, self.type)]

        return self.loop([self.start(self.rows, 0.0)], step)

    def make_stated(self):
        """What a step makes states its points: the squares of their sums are summed."""
        b = self.b
        b.extents[self.n0] = self.rng.choice((4, 7, 16, 24, 32, 40, 64))

        def step(old):
            points = b.apply(
                [*self.rows, self.n0], [self.tile(self.s)], lambda w, x: b.tame(w, x, 1), None,
                self.type,
            )  # fmt: skip
            new = b.simple("", self.rows, [points], ("add", [self.n0]), self.type)
            return [
                b.apply(
                    self.rows, [old, new],
                    lambda w, x, y: w.op("addf", x, w.op("tanh", w.op("mulf", y, y))),
                    None, self.type,
                )
            ]  # fmt: skip

        return self.loop([self.start(self.rows, 0.0)], step)

    def make_nested(self):
        """Steps within steps: a reduction of both ranks, tile by tile."""
        b = self.b
        m1, m0 = b.new_rank(), b.new_rank()
        rest = self.rows[:-1]
        exprs = [*map(rank, rest), split(m1, m0), split(self.n1, self.n0)]

        def inner(old):
            new = b.apply(
                rest, [Access(self.s, exprs)], lambda w, x: b.tame(w, x, 1),
                ("add", [m0, self.n0]), self.type,
            )  # fmt: skip
            return [b.simple("addf", rest, [old, new], None, self.type)]

        def outer(old):
            return self.loop([old], inner)

        return self.loop([self.start(rest, 0.0)], outer, (m1, self.m, m0))

    def make_tiles(self):
        """A rank split in two ordinary ones, without an iteration."""
        b, rng = self.b, self.rng
        steps, points = rng.choice((1, 2, 3, 5)), rng.choice((1, 2, 4, 8))
        b.extents[self.n] = steps * points
        b.extents[self.n1], b.extents[self.n0] = steps, points
        u, v = b.input([self.n1], "f32"), b.input([self.n0], "f32")
        tiles = b.apply(
            [*self.rows, self.n1, self.n0], [self.tile(self.s), u, v],
            lambda w, x, y, z: w.op("addf", w.op("mulf", x, y), z), None, self.type,
        )  # fmt: skip
        local = b.simple("", [*self.rows, self.n1], [tiles], ("max", [self.n0]), self.type)
        kind = rng.choice(("add", "min"))
        edit = lambda w, x: w.op("tanh", x)  # noqa: E731
        return [b.apply(self.rows, [local], edit, (kind, [self.n1]), self.type)]


def partition(rng: random.Random, kind: str) -> Cascade:
    return Partition(rng, kind).build()
