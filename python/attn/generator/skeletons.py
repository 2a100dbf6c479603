# ===- skeletons.py - Cascades that may stream ---------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random cascades of the shape that one pass can compute: scores over a plane,
weights by a random activation, a normaliser, weighted values, extra statistics.

Nothing here is an operator by name: what the parts are is drawn one by one. An
`Obstacle` spoils one of them on purpose, so that the refusals are reached too.
"""

from __future__ import annotations

import random

from .builder import STATIC, Builder, MapWriter
from .ir import Access, Cascade, Plane, binary, const, rank

KEYS = (5, 16, 33, 64, 96)
OBSTACLES = (
    "weights as result", "column statistic", "unequal corrections", "sum of differences",
    "product of weights", "quotient", "neighbour", "diagonal", "entropy", "centred",
    "row total", "other row", "input as result", "negated sparsity", "order", "gather",
)  # fmt: skip


class Skeleton:
    def __init__(self, rng: random.Random, obstacle: str | None = None):
        self.rng = rng
        self.obstacle = obstacle
        self.b = Builder(rng)
        self.results: list[str] = []
        self.in_type = rng.choice(("f32", "f32", "f32", "bf16"))
        self.positive = False
        self.bounded = False

    def build(self) -> Cascade:
        b, rng = self.b, self.rng
        self.batch = [b.new_rank() for _ in range(rng.choice((0, 1, 1, 2)))]
        self.shared = [r for r in self.batch if rng.random() < 0.3]
        # Of a static number of keys one step may hold all.
        static = rng.choice(KEYS) if rng.random() < 0.3 else None
        self.m, self.n = b.new_rank(), b.new_rank(static)
        self.e, self.f = (b.new_rank(rng.choice(STATIC)) for _ in range(2))
        self.rows = [*self.batch, self.m]
        self.points = [*self.batch, self.m, self.n]
        self.key_batch = [r for r in self.batch if r not in self.shared]
        # Several heads of rows may share one of keys: its rank, and how many do.
        self.groups: dict[str, tuple[str, int]] = {}
        if self.key_batch and rng.random() < 0.3:
            heads, size = rng.choice(((4, 2), (6, 3), (6, 2)))
            b.extents[self.key_batch[-1]] = heads
            self.groups[self.key_batch[-1]] = b.new_rank(heads // size), size
        self.make_plane()
        score = self.make_scores()
        score = self.edit_scores(score)
        weights = self.make_weights(score)
        normalised = self.normalise(weights)
        self.weigh(normalised)
        self.extras(score, weights, normalised)
        if self.obstacle:
            getattr(self, "spoil_" + self.obstacle.replace(" ", "_"))(score, weights)
            b.tags.add(f"obstacle {self.obstacle}")
        rng.shuffle(self.results)
        cascade = b.finish(b.boundary(self.results))
        cascade.small = set(self.batch)
        if rng.random() < (0.3 if static else 0.7):
            cascade.mapping = self.mapping()
        return cascade

    def mapping(self) -> str:
        lanes = self.rng.choice(("16", "16", "32", "32, 16", "48", "48, 32, 16"))
        stream = self.rng.choice((1, 2, 5, 8, 16, 24, 64))
        parallel = ", ".join(self.batch)
        return (
            f"mapping <lanes = {self.m} by [{lanes}], stream = {stream}, "
            f"rows = {self.rng.randint(1, 8)}, parallel = [{parallel}]>"
        )

    def make_plane(self):
        b, rng = self.b, self.rng
        if rng.random() < 0.25:
            return
        draw = rng.choice((b.conjunction, b.conjunction, b.sparsity, lambda: None))
        where = draw()
        align = rng.choice(("top_left", "bottom_right"))
        plane = Plane(self.m, self.n, align, where)
        if self.batch and rng.random() < 0.35:
            ranks = self.batch[:1]
            dtype = rng.choice(("i32", "i64"))
            which = rng.choice(("key", "query", "both"))
            if which != "query":
                plane.key_lengths = (b.input(ranks, dtype, f"length {self.n}"), ranks)
            if which != "key":
                plane.query_lengths = (b.input(ranks, dtype, f"length {self.m}"), ranks)
        if where or plane.key_lengths or plane.query_lengths:
            b.plane = plane

    # -- Scores ---------------------------------------------------------------

    def prepared(self, ranks) -> str:
        """Queries or keys: an input, or one that is edited on the way."""
        b, rng = self.b, self.rng
        x = b.input(ranks, self.in_type)
        token, e = ranks[-2], ranks[-1]
        kind = rng.choice(
            ("plain", "plain", "plain", "map", "partner", "table", "factor", "listed", "norm")
        )
        if kind == "listed":
            return self.listed(ranks)
        if kind == "map":
            return b.apply(ranks, [x], b.tame)
        if kind == "norm":
            total = b.simple("mulf", ranks[:-1], [x, x], ("add", [e]))

            def root(w, y):
                return w.op("divf", w.const(1.0), w.op("sqrt", w.op("addf", y, w.const(0.5))))

            return b.simple("mulf", ranks, [x, b.apply(ranks[:-1], [total], root)])
        if kind == "partner":
            other = b.within(e, [e])
            if other is None:
                return x
            exprs = [*map(rank, ranks[:-1]), other]
            return b.apply(ranks, [x, b.access(x, exprs)], self.rotate)
        if kind == "table":
            table = b.input([token, e], "f32")
            return b.simple("mulf", ranks, [x, table])
        if kind == "factor":
            factor = b.input(ranks[:-1], "f32")
            return b.simple("mulf", ranks, [x, factor])
        return x

    def listed(self, ranks) -> str:
        """Rows that a table names, of as many as there may be."""
        b = self.b
        r = b.new_rank(self.rng.choice((None, *STATIC)))
        x = b.input([*ranks[:-2], r, ranks[-1]], self.in_type)
        at = b.data(r, [*b.subset(ranks[:-2]), ranks[-2]])
        return b.simple("", ranks, [Access(x, [*map(rank, ranks[:-2]), at, rank(ranks[-1])])])

    def rotate(self, w: MapWriter, x: str, y: str) -> str:
        c, s = w.const(self.b.constant()), w.const(self.b.constant())
        return w.op("addf", w.op("mulf", x, c), w.op("mulf", y, s))

    def contraction(self) -> str:
        b = self.b
        heads = [self.groups.get(r, (r, 1)) for r in self.key_batch]
        keys = self.prepared([*(r for r, _ in heads), self.n, self.e])

        def read(tokens: str) -> Access:
            exprs = [
                rank(h) if size == 1 else binary("floordiv", rank(h), size)
                for h, (_, size) in zip(self.key_batch, heads, strict=True)
            ]
            return Access(keys, [*exprs, rank(tokens), rank(self.e)])

        k = read(self.n)
        if self.n not in b.extents and self.rng.random() < 0.1:
            # An input says how many there are of each rank (CA-6).
            factor = b.input(self.rows, "f32")
            q = b.simple("mulf", [*self.rows, self.e], [read(self.m), factor])
            b.tags.add("one tensor for queries and keys")
        else:
            q = self.prepared([*self.rows, self.e])
        if self.groups:
            b.tags.add("grouped heads")
        order = [q, k] if self.rng.random() < 0.7 else [k, q]
        return b.simple("mulf", self.points, order, ("add", [self.e]))

    def make_scores(self) -> str:
        b, rng = self.b, self.rng
        score = self.contraction()
        if rng.random() < 0.2:
            other = self.contraction()
            score = b.simple(rng.choice(("addf", "subf", "maximumf")), self.points, [score, other])
            b.tags.add("two contractions")
        return score

    def edit_scores(self, score: str) -> str:
        """Scale, bias, positions, random functions."""
        b, rng = self.b, self.rng
        for _ in range(rng.choice((0, 1, 1, 2))):
            extra = []
            if rng.random() < 0.4:
                extra.append(b.input(b.subset(self.points), rng.choice(("f32", self.in_type))))
                b.tags.add("bias")

            def body(w, x, *bias):
                x = b.tame(w, w.op("mulf", x, w.const(b.constant(0.2, 0.8))))
                for t in bias:
                    x = w.op("addf", x, t)
                if rng.random() < 0.3:
                    r = rng.choice((self.m, self.n))
                    slope = w.const(b.constant(-0.01, 0.01))
                    x = w.op("addf", x, w.op("mulf", w.index_float(r), slope))
                    b.tags.add("positions")
                return x

            score = b.apply(self.points, [score, *extra], body)
        return score

    # -- Weights --------------------------------------------------------------

    def make_weights(self, score: str) -> str:
        b, rng = self.b, self.rng
        self.top = None
        if rng.random() < 0.6:
            return self.shifted_exponential(score)
        kind = rng.choice(("relu", "sigmoid", "square", "abs", "exp", "signed"))
        self.positive = kind != "signed"
        b.tags.add(f"weights {kind}")

        def body(w, x):
            zero, one = w.const(0.0), w.const(1.0)
            if kind == "relu":
                return w.op("maximumf", x, zero)
            if kind == "sigmoid":
                return w.op("divf", one, w.op("addf", one, w.op("exp", w.op("negf", x))))
            if kind == "square":
                return w.op("mulf", x, x)
            if kind == "abs":
                return w.op("absf", x)
            if kind == "exp":
                return w.op("exp", w.op("mulf", x, w.const(0.2)))
            return b.tame(w, x, 1)

        return b.apply(self.points, [score], body)

    def shifted_exponential(self, score: str) -> str:
        b, rng = self.b, self.rng
        self.positive = self.bounded = True
        self.top = b.simple("", self.rows, [score], ("max", [self.n]))
        shift = self.top
        if rng.random() < 0.25:
            sink = b.input(b.subset(self.batch), "f32")
            shift = b.simple("maximumf", self.rows, [self.top, sink])
            self.sink = sink
            b.tags.add("sink")
        else:
            self.sink = None
        self.shift = shift
        function = rng.choice(("exp", "exp", "exp2"))
        self.base = function
        temperature = rng.choice(("none", "none", "constant", "uniform"))
        operands = [score, shift]
        if temperature == "uniform":
            operands.append(b.input(b.subset(self.rows), "f32", "positive"))
        b.tags.add(f"weights {function} {temperature}")
        inner = rng.random() < 0.3
        several = rng.random() < 0.3

        def scale(w, x, t):
            if temperature == "constant":
                return w.op("mulf", x, w.const(self.temperature))
            return w.op("mulf", x, t[0]) if t else x

        self.temperature = b.constant(0.3, 1.3)
        if several and temperature != "uniform":
            # The exponent as an einsum of its own.
            d = b.apply(self.points, operands, lambda w, x, r: w.op("subf", x, r))
            return b.apply(self.points, [d], lambda w, x: w.op(function, scale(w, x, ())))

        def body(w, x, r, *t):
            if inner:
                return w.op(function, w.op("subf", scale(w, x, t), scale(w, r, t)))
            return w.op(function, scale(w, w.op("subf", x, r), t))

        return b.apply(self.points, operands, body)

    def normalise(self, weights: str) -> str:
        b, rng = self.b, self.rng
        kind = rng.choice(("sum", "sum", "sum", "l1", "l2", "none", "one", "reciprocal"))
        b.tags.add(f"normaliser {kind}")
        self.total = None
        if kind == "none":
            return weights
        if kind == "l2":
            squares = b.simple("mulf", self.rows, [weights, weights], ("add", [self.n]))
            norm = b.apply(self.rows, [squares], lambda w, x: w.op("sqrt", x))
            return b.simple("divf", self.points, [weights, norm])
        if kind == "l1" or not self.positive:
            size = b.apply(
                self.rows, [weights], lambda w, x: w.op("absf", x), ("add", [self.n])
            )  # fmt: skip
            return b.simple("divf", self.points, [weights, size])
        total = b.simple("", self.rows, [weights], ("add", [self.n]))
        self.total = total
        if kind == "one":
            if self.top is not None and self.sink is not None:
                total = b.apply(
                    self.rows,
                    [total, self.shift, self.sink],
                    lambda w, d, x, s: w.op("addf", d, w.op("exp", w.op("subf", s, x))),
                )
            else:
                total = b.apply(
                    self.rows, [total], lambda w, d: w.op("addf", d, w.const(1.0))
                )  # fmt: skip
        if kind == "reciprocal":
            inverse = b.apply(
                self.rows, [total], lambda w, d: w.op("divf", w.const(1.0), d)
            )  # fmt: skip
            return b.simple("mulf", self.points, [weights, inverse])
        return b.simple("divf", self.points, [weights, total])

    # -- Results --------------------------------------------------------------

    def weigh(self, weights: str):
        b, rng = self.b, self.rng
        for index in range(rng.choice((1, 1, 1, 2))):
            f = self.f if index == 0 else b.new_rank(rng.choice(STATIC))
            values = b.input([*self.key_batch, self.n, f], self.in_type)
            dtype = rng.choice(("f32", self.in_type))
            out = [*self.rows, f]
            order = [weights, values] if rng.random() < 0.7 else [values, weights]
            result = b.simple("mulf", out, order, ("add", [self.n]), dtype)
            if rng.random() < 0.25:
                gate = b.input([self.m, f], "f32")
                result = b.apply(
                    out, [result, gate], lambda w, x, g: w.op("mulf", b.tame(w, x, 1), g)
                )  # fmt: skip
            if index:
                b.tags.add("two values")
            self.results.append(result)

    def extras(self, score: str, weights: str, normalised: str):
        b, rng = self.b, self.rng
        over = [self.n]
        choices = ["mul", "min", "max", "count", "any", "all", "last", "squares", "largest"]
        if self.top is not None:
            choices += ["top", "spread", "spread", "logsum"]
        if self.positive and self.total is not None and normalised != weights:
            choices += ["peak"] * 4
        for kind in rng.sample(choices, rng.choice((0, 1, 1, 2))):
            b.tags.add(f"extra {kind}")
            if kind == "mul":
                result = b.apply(
                    self.rows, [score], self.near_one, ("mul", over)
                )  # fmt: skip
            elif kind in ("min", "max"):
                result = b.simple("", self.rows, [score], (kind, over))
            elif kind == "count":
                result = b.apply(
                    self.rows, [score],
                    lambda w, x: w.op("extui", w.compare("ogt", x, w.const(0.0)), type="i32"),
                    ("add", over), rng.choice(("i32",)),
                )  # fmt: skip
            elif kind in ("any", "all"):
                result = b.apply(
                    self.rows, [score], lambda w, x: w.compare("olt", x, w.const(0.3)),
                    ("or" if kind == "any" else "and", over), "i1",
                )  # fmt: skip
            elif kind == "last":
                result = b.apply(
                    self.rows, [score], self.index_of_positive,
                    (rng.choice(("max", "min", "or", "and")), over), "i32",
                )  # fmt: skip
            elif kind == "squares":
                result = b.simple("mulf", self.rows, [weights, weights], ("add", over))
            elif kind == "largest":
                result = b.apply(
                    self.rows, [score], lambda w, x: x, ("associative", over), "f32", "largest"
                )  # fmt: skip
            elif kind == "top":
                result = self.top
            elif kind == "spread":
                gap = b.simple("subf", self.points, [score, self.top])
                result = b.simple("", self.rows, [gap], ("min", over))
            elif kind == "logsum":
                total = b.simple("", self.rows, [weights], ("add", over))
                result = b.apply(
                    self.rows, [total, self.top],
                    lambda w, d, x: w.op("addf", w.op("log", d), x),
                )  # fmt: skip
            else:
                result = b.simple("", self.rows, [normalised], ("max", over))
            if result not in self.results:
                self.results.append(result)

    def near_one(self, w: MapWriter, x: str) -> str:
        small = w.op("mulf", w.op("tanh", x), w.const(0.01))
        return w.op("addf", small, w.const(1.0))

    def index_of_positive(self, w: MapWriter, x: str) -> str:
        at = w.index(self.n)
        return w.op("select", w.compare("ogt", x, w.const(0.0)), at, w.const(-1, "i32"), type="i32")

    # -- Obstacles ------------------------------------------------------------

    def spoil_weights_as_result(self, score, weights):
        self.results.append(weights)

    def spoil_column_statistic(self, score, weights):
        b = self.b
        columns = [*self.batch, self.n]
        c = b.simple("", columns, [weights], ("add", [self.m]))
        self.results.append(b.simple("mulf", self.rows, [weights, c], ("add", [self.n])))

    def spoil_unequal_corrections(self, score, weights):
        mixed = self.b.apply(
            self.points, [weights], lambda w, x: w.op("addf", x, w.op("mulf", x, x))
        )  # fmt: skip
        self.add(mixed)

    def shifted(self, score):
        top = self.top or self.b.simple("", self.rows, [score], ("max", [self.n]))
        return self.b.simple("subf", self.points, [score, top])

    def add(self, tensor, kind="add"):
        self.results.append(self.b.simple("", self.rows, [tensor], (kind, [self.n])))

    def spoil_sum_of_differences(self, score, weights):
        self.add(self.shifted(score))

    def spoil_product_of_weights(self, score, weights):
        near = self.b.apply(
            self.points, [self.shifted(score)],
            lambda w, d: w.op("exp", w.op("mulf", d, w.const(0.01))),
        )  # fmt: skip
        self.add(near, "mul")

    def spoil_quotient(self, score, weights):
        total = self.b.apply(
            self.rows, [weights], lambda w, x: w.op("absf", x), ("add", [self.n])
        )  # fmt: skip
        self.add(self.b.simple("divf", self.points, [score, total]), "max")

    def spoil_neighbour(self, score, weights):
        following = binary("add", rank(self.n), 1)
        if self.n in self.b.extents:
            following = binary("mod", following, self.b.extents[self.n])
        at = [*map(rank, self.points[:-1]), following]
        gap = self.b.simple("subf", self.points, [score, Access(score, at)])
        self.add(gap)

    def spoil_diagonal(self, score, weights):
        at = [*map(rank, self.points[:-1]), const(0)]
        self.add(self.b.simple("subf", self.points, [score, Access(score, at)]))

    def spoil_entropy(self, score, weights):
        self.add(self.b.simple("mulf", self.points, [weights, self.shifted(score)]))

    def spoil_centred(self, score, weights):
        """A variance in two passes."""
        b = self.b
        total = b.simple("", self.rows, [score], ("add", [self.n]))
        mean = b.apply(self.rows, [total], lambda w, x: w.op("mulf", x, w.const(0.01)))
        off = b.simple("subf", self.points, [score, mean])
        self.results.append(b.simple("mulf", self.rows, [off, off], ("add", [self.n])))

    def spoil_row_total(self, score, weights):
        """A result without the rank that is worked on in parallel."""
        rest = self.batch
        self.results.append(self.b.simple("", rest, [weights], ("add", [self.m, self.n])))

    def spoil_other_row(self, score, weights):
        """A statistic of all rows, read at a rank of its own, that each row takes part of."""
        b, t = self.b, self.b.new_rank()
        batch = [r for r in self.batch if self.rng.random() < 0.7]
        top = b.simple("", self.rows, [score], ("max", [self.n]))
        other = Access(top, [*map(rank, self.batch), rank(t)])
        reduced = [t, *(r for r in self.batch if r not in batch)]
        most = b.simple("", batch, [other], ("max", reduced))
        self.results.append(b.apply(self.rows, [top, most], lambda w, x, y: w.op("subf", x, y)))

    def spoil_input_as_result(self, score, weights):
        tensor = next(t for t in self.b.inputs if t.role == "values")
        self.results.append(tensor.name)

    def spoil_order(self, score, weights):
        """A reduction that keeps the order of the points."""
        region = self.rng.choice(("last", "first"))
        self.results.append(
            self.b.apply(
                self.rows, [score], lambda w, x: x, ("associative", [self.n]), "f32", region
            )
        )

    def spoil_gather(self, score, weights):
        """Values of which every row has a list of its own."""
        b = self.b
        r = b.new_rank(self.rng.choice((None, *STATIC)))
        values = b.input([r, self.f], "f32")
        at = b.data(r, [*b.subset(self.batch), self.m, self.n])
        listed = Access(values, [at, rank(self.f)])
        out = [*self.rows, self.f]
        self.results.append(b.simple("mulf", out, [weights, listed], ("add", [self.n])))

    def spoil_negated_sparsity(self, score, weights):
        from .ir import Term

        plane = self.b.plane or Plane(self.m, self.n, "bottom_right")
        extra = Term(self.rng.choice(("not", "or")), (), (self.b.atom(),))
        if extra.kind == "or":
            extra = Term("or", (), (self.b.atom(), self.b.atom()))
        plane.where = Term("and", (), (plane.where, extra)) if plane.where else extra
        self.b.plane = plane


def streaming(rng: random.Random) -> Cascade:
    return Skeleton(rng).build()


def obstructed(rng: random.Random, obstacle: str) -> Cascade:
    return Skeleton(rng, obstacle).build()
