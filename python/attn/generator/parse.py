# ===- parse.py - Cascades from text -------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Reads a function with one cascade, as attn-opt prints it or as `Cascade.text`
writes it, so that a file can be interpreted: one that attn-reduce made, say.
"""

from __future__ import annotations

import re

from .ir import (
    BINARY_FLOAT,
    CASTS,
    Access,
    Cascade,
    Combiner,
    Einsum,
    Expr,
    Iterate,
    Map,
    Op,
    Plane,
    Tensor,
    Term,
    compute_type,
    is_float,
)  # fmt: skip

_TOKEN = re.compile(
    r"""\s*(?://[^\n]*\n\s*)*
    (?:(?P<value>%[A-Za-z0-9_$.#-]+)|(?P<block>\^[A-Za-z0-9_]+)|(?P<at>@[A-Za-z0-9_]+)
     |(?P<type>tensor<[^>]*>)|(?P<number>-?0x[0-9A-Fa-f]+|-?\d+\.\d*(?:[eE][-+]?\d+)?|\d+)
     |(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign>->|[-+*(){}\[\]<>=:,\#"|&!]))""",
    re.VERBOSE,
)
_SHORT = {"mul": ("mulf", "muli"), "add": ("addf", "addi"), "sub": ("subf", "subi"),
          "div": ("divf", None), "max": ("maximumf", None), "min": ("minimumf", None)}  # fmt: skip


class ParseError(ValueError):
    """Text that is no cascade this module knows."""


class Parser:
    def __init__(self, text: str):
        self.tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip() + "\n"
        while at < len(text) and text[at:].strip():
            match = _TOKEN.match(text, at)
            if not match:
                raise ParseError(f"cannot read: {text[at : at + 40]!r}")
            kind = match.lastgroup
            self.tokens.append((kind, match[kind]))
            at = match.end()
        self.at = 0
        self.cascade = Cascade([], [], [])
        self.types: dict[str, tuple[list, str]] = {}
        self.dims: dict[str, list[str | None]] = {}
        self.constants: dict[str, Op] = {}

    # -- Tokens ---------------------------------------------------------------

    def peek(self, text: str | None = None):
        token = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")
        return token if text is None else token[1] == text

    def next(self) -> str:
        token = self.peek()
        self.at += 1
        return token[1]

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += 1
            return True
        return False

    def expect(self, text: str):
        if not self.take(text):
            raise ParseError(f"expected {text!r} at {self.tokens[self.at : self.at + 5]}")

    def skip_to(self, text: str):
        while not self.take(text):
            if self.next() == "":
                raise ParseError(f"expected {text!r} further on")

    def list(self, item, end: str) -> list:
        items = []
        while not self.take(end):
            items.append(item())
            self.take(",")
        return items

    def value(self) -> str:
        return self.next().lstrip("%")

    # -- Structure ------------------------------------------------------------

    def parse(self) -> Cascade:
        self.skip_to("attn.cascade")
        c = self.cascade
        self.expect("(")

        def binding():
            name = self.value()
            self.expect("=")
            self.next()
            return name

        names = self.list(binding, ")")
        self.plane()
        if self.take("mapping"):
            words = ["mapping"]
            while not self.peek(":"):
                words.append(self.next())
            c.mapping = " ".join(words)
        self.expect(":")
        self.expect("(")
        types = self.list(self.type, ")")
        self.expect("->")
        if self.take("("):
            self.list(self.type, ")")
        else:
            self.type()
        self.expect("{")
        for name, (shape, dtype) in zip(names, types, strict=True):
            self.types[name] = (shape, dtype)
            self.dims[name] = [None] * len(shape)
            c.inputs.append(Tensor(name, [], dtype))
        c.statements, c.results = self.block()
        self.name_dims()
        return c

    def plane(self):
        where = self.term() if self.take("where") else None
        if not self.take("over"):
            return
        self.expect("(")
        query, key = self.list(self.next, ")")
        align = self.next() if self.take("align") else "bottom_right"
        plane = Plane(query, key, align, where)
        if self.take("lengths"):
            for kind in ("key", "query"):
                if self.take(kind):
                    self.expect("(")
                    name = self.value()
                    self.expect("[")
                    ranks = self.list(self.next, "]")
                    self.expect(")")
                    setattr(plane, f"{kind}_lengths", (name, ranks))
        self.cascade.plane = plane

    def term(self, level: int = 0) -> Term:
        if level < 2:
            word = ("or", "and")[level]
            terms = [self.term(level + 1)]
            while self.take(word):
                terms.append(self.term(level + 1))
            return terms[0] if len(terms) == 1 else Term(word, (), tuple(terms))
        if self.take("not"):
            return Term("not", (), (self.term(2),))
        if self.take("("):
            inner = self.term()
            self.expect(")")
            return inner
        name = self.next()
        numbers = ()
        if self.take("("):
            numbers = tuple(int(x) for x in self.list(self.next, ")"))
        return Term(name, numbers)

    def type(self) -> tuple[list, str]:
        text = self.next()
        if not text.startswith("tensor<"):
            raise ParseError(f"expected a tensor type, not {text!r}")
        *dims, dtype = text[len("tensor<") : -1].split("x")
        return [None if d == "?" else int(d) for d in dims], dtype

    def block(self):
        statements = []
        while True:
            if self.take("attn.yield"):
                results = []
                while not self.take(":"):
                    results.append(self.value())
                    self.take(",")
                for _ in results:
                    self.type()
                    self.take(",")
                self.expect("}")
                return statements, results
            names = [self.value()]
            count = None
            while not self.take("="):
                if self.take(":"):
                    count = int(self.next())
                else:
                    self.expect(",")
                    names.append(self.value())
            if count is not None:
                names = [f"{names[0]}#{i}" for i in range(count)]
            word = self.next()
            if word == "attn.einsum":
                statements.append(self.einsum(names[0]))
            elif word == "attn.iterate":
                statements.append(self.iterate(names))
            elif word == "arith.constant":
                self.constants[names[0]] = self.constant(names[0])
            else:
                raise ParseError(f"no statement {word!r}")

    def iterate(self, names) -> Iterate:
        step = self.next()
        self.expect("of")
        parent = self.next()
        self.expect("by")
        point = self.next()
        if self.take("split"):
            self.next()
            self.expect("by")
            self.next()
        self.expect("init")
        self.expect("(")
        inits = []
        while not self.take(":"):
            inits.append(self.value())
            self.take(",")
        types = self.list(self.type, ")")
        self.skip_to("{")  # past a plan
        self.next()  # the block
        self.expect("(")
        arguments = []
        for init, (shape, dtype) in zip(inits, types, strict=True):
            name = self.value()
            self.expect(":")
            self.type()
            self.take(",")
            arguments.append(name)
            self.types[name] = (shape, dtype)
            self.dims[name] = list(self.dims[init])
        self.expect(")")
        self.expect(":")
        body, yields = self.block()
        for name, init in zip(names, inits, strict=True):
            self.types[name], self.dims[name] = self.types[init], list(self.dims[init])
        return Iterate(step, parent, point, inits, arguments, body, yields, list(names))

    def einsum(self, result: str) -> Einsum:
        self.expect("[")
        ranks = self.list(self.next, "]")
        self.expect("=")
        form = None
        if self.peek()[0] == "word":
            form = self.next()
            self.expect("(")
            accesses = self.list(self.access, ")")
        else:
            accesses = [self.access()]
        region = self.region() if form == "map" else None
        reduction = None
        if self.take("reduce"):
            kind = self.next()
            self.expect("(")
            reduction = (kind, self.list(self.next, ")"))
        combiner = self.combiner() if reduction and reduction[0] == "associative" else None
        self.expect(":")
        self.expect("(")
        sources = self.list(self.type, ")")[: len(accesses)]  # those of index tensors follow
        self.expect("->")
        shape, dtype = self.type()
        self.types[result], self.dims[result] = (shape, dtype), list(ranks)
        for r, size in zip(ranks, shape, strict=True):
            if size is not None:
                self.cascade.extents[r] = size
        if region is None:
            target = compute_type(dtype) if is_float(dtype) else "f32"
            kinds = [target if is_float(t) else t for _, t in sources]
            names = [f"a{i}" for i in range(len(kinds))]
            ops = []
            if form:
                name = _SHORT[form][0 if is_float(kinds[0]) else 1]
                ops = [Op("r", name, tuple(names), kinds[0])]
            region = Map(list(zip(names, kinds, strict=True)), ops, "r" if form else names[0])
        return Einsum(result, ranks, accesses, region, reduction, dtype, combiner)

    def combiner(self) -> Combiner:
        self.expect("identity")
        self.expect("(")
        identity = self.constant("").attr
        self.expect(")")
        commutative = self.take("commutative")
        return Combiner(identity, self.region(), commutative)

    def access(self) -> Access:
        name = self.value()
        self.expect("[")
        exprs = self.list(self.expr, "]")
        self.note_dims(name, exprs)
        return Access(name, exprs)

    def note_dims(self, name: str, exprs: list[Expr]):
        for dim, e in enumerate(exprs):
            if e.plain:
                if self.dims[name][dim] is None:
                    self.dims[name][dim] = e.value
                size = self.types[name][0][dim]
                if size is not None:
                    self.cascade.extents[e.value] = size

    def expr(self) -> Expr:
        negative = self.take("-")
        left = self.product()
        if negative:
            left = Expr("mul", None, (left, Expr("const", -1)))
        while self.peek()[1] in ("+", "-") or re.fullmatch(r"-\d+", self.peek()[1]):
            sign = self.next()
            left = Expr("add" if sign == "+" else "sub", None, (left, self.product()))
        return left

    def product(self) -> Expr:
        left = self.factor()
        while self.peek()[1] in ("*", "mod", "floordiv"):
            kind = self.next()
            left = Expr("mul" if kind == "*" else kind, None, (left, self.factor()))
        return left

    def factor(self) -> Expr:
        if self.take("("):
            inner = self.expr()
            self.expect(")")
            return inner
        if self.peek()[0] == "value":
            name = self.value()
            self.expect("[")
            exprs = self.list(self.expr, "]")
            self.note_dims(name, exprs)
            return Expr("data", name, tuple(exprs))
        text = self.next()
        if text.isdigit():
            return Expr("const", int(text))
        if text[0].isupper():
            return Expr("extent", text[0].lower() + text[1:])
        return Expr("rank", text)

    # -- Maps -----------------------------------------------------------------

    def region(self) -> Map:
        self.expect("{")
        arguments, ops = [], []
        if self.peek()[0] == "block":
            self.next()
            if self.take("("):

                def argument():
                    name = self.value()
                    self.expect(":")
                    return name, self.next()

                arguments = self.list(argument, ")")
            self.expect(":")
        while not self.take("attn.yield"):
            result = self.value()
            self.expect("=")
            ops.append(self.operation(result))
        value = self.value()
        self.expect(":")
        self.next()
        self.expect("}")
        known = {a for a, _ in arguments} | {op.result for op in ops}
        used = {a for op in ops for a in op.args} | {value}
        outer = [op for name, op in self.constants.items() if name in used - known]
        return Map(arguments, outer + ops, value)

    def constant(self, result: str) -> Op:
        negative = self.take("-")
        text = self.next()
        if text in ("true", "false"):
            return Op(result, "const", (), "i1", text == "true")
        self.expect(":")
        dtype = self.next()
        if text.startswith("0x"):
            import struct

            size, code = (4, "f") if dtype == "f32" else (8, "d")
            number = struct.unpack(f"<{code}", int(text, 16).to_bytes(size, "little"))[0]
        else:
            number = float(text) if is_float(dtype) else int(text)
        return Op(result, "const", (), dtype, -number if negative else number)

    def operation(self, result: str) -> Op:
        name = self.next()
        if name == "arith.constant":
            return self.constant(result)
        if name == "attn.index":
            r = self.next()
            self.expect(":")
            self.next()
            return Op(result, "index", (), "index", r)
        short = name.split(".")[1]
        attr = None
        if short in ("cmpf", "cmpi"):
            attr = self.next()
            self.expect(",")
        args = []
        while not self.take(":"):
            if self.peek()[0] == "value":
                args.append(self.value())
            else:
                self.next()
        dtype = self.next()
        if short in CASTS:
            self.expect("to")
            dtype = self.next()
        if short in ("cmpf", "cmpi"):
            dtype = "i1"
        if short not in BINARY_FLOAT and name.startswith("arith.") and "fastmath" in dtype:
            raise ParseError("fast-math flags are not read")
        return Op(result, short, tuple(args), dtype, attr)

    # -- Ranks of inputs ------------------------------------------------------

    def name_dims(self):
        """Dimensions that no rank indexes by itself have a name of their own, or
        that of the parent of the partition that walks them."""
        parents = {i.point: i.parent for i in self.cascade.iterations()}
        for x in self.cascade.einsums():
            for a in x.accesses:
                for dim, e in enumerate(a.exprs):
                    if self.dims[a.tensor][dim] is None:
                        points = [parents[r] for r in e.extents() if r in parents]
                        if points:
                            self.dims[a.tensor][dim] = points[0]
        plane = self.cascade.plane
        for side in ("key", "query"):
            lengths = plane and getattr(plane, f"{side}_lengths")
            if lengths:
                self.dims[lengths[0]] = list(lengths[1])
        for t in self.cascade.inputs:
            for dim, (name, size) in enumerate(
                zip(self.dims[t.name], self.types[t.name][0], strict=True)
            ):
                name = name or f"dim_{t.name}_{dim}"
                t.ranks.append(name)
                if size is not None:
                    self.cascade.extents[name] = size
            for side, r in (("key", plane and plane.key), ("query", plane and plane.query)):
                lengths = plane and getattr(plane, f"{side}_lengths")
                if lengths and lengths[0] == t.name:
                    t.role = f"length {r}"


def parse(text: str) -> Cascade:
    return Parser(text).parse()
