# ===- programs.py - Cascades as MLIR text --------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""A builder of `attn.cascade` programs, and the cascades that tests run.

Ranks are single letters while a program is built; `text` can rename them and the
tensors, and put independent einsums in another order.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Einsum:
    result: str
    ranks: str
    operation: str
    accesses: list[tuple[str, str]]
    reduction: tuple[str, str] | None
    body: tuple[list[str], str] | None
    element: str


@dataclass
class Program:
    """`extents` maps ranks to static extents; other ranks are dynamic."""

    extents: dict[str, int]
    where: str | None = None
    align: str = "bottom_right"
    inputs: list[tuple[str, str, str]] = field(default_factory=list)
    einsums: list[Einsum] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    # Everything is written in f32; an f64 program has f64 in its place.
    double: bool = False

    def input(self, name: str, ranks: str, element: str = "f32"):
        self.inputs.append((name, ranks, element))
        return self

    def einsum(self, result, ranks, operation, *accesses, reduce=None, body=None, element="f32"):
        """An access is a tensor's name and its index expressions by comma; `body`
        is the names of a map's arguments and its lines."""
        self.einsums.append(Einsum(result, ranks, operation, list(accesses), reduce, body, element))
        return self

    def returns(self, *names: str):
        self.results = list(names)
        return self

    def _tensor_type(self, ranks: str, element: str) -> str:
        extents = "".join(f"{self.extents.get(rank, '?')}x" for rank in ranks)
        return f"tensor<{extents}{element}>"

    def text(self, order=None, rank_names=None, tensor_names=None) -> str:
        rank_names, tensor_names = rank_names or {}, tensor_names or {}
        types = {name: self._tensor_type(ranks, e) for name, ranks, e in self.inputs}
        types |= {x.result: self._tensor_type(x.ranks, x.element) for x in self.einsums}

        def tensor(name):
            return tensor_names.get(name, name)

        def expression(text):
            # A rank is a letter that no letter or digit touches.
            out = ""
            for i, c in enumerate(text):
                before = text[i - 1] if i else " "
                after = text[i + 1] if i + 1 < len(text) else " "
                alone = c.isalpha() and not before.isalnum() and not after.isalnum()
                out += rank_names.get(c, c) if alone else c
            return out

        def bracket(ranks):
            return "[" + ",".join(rank_names.get(rank, rank) for rank in ranks) + "]"

        lines = []
        for x in (order and [self.einsums[i] for i in order]) or self.einsums:
            operands = ", ".join(f"%{tensor(n)}[{expression(a)}]" for n, a in x.accesses)
            call = f"{x.operation}({operands})" if x.operation else operands
            line = f"%{tensor(x.result)} = attn.einsum {bracket(x.ranks)} = {call}"
            if x.reduction:
                kind, rank = x.reduction
                line += f" reduce {kind}({rank_names.get(rank, rank)})"
            if x.body:
                arguments, body = x.body
                header = ", ".join(f"%{name}: f32" for name in arguments)
                inner = "\n".join(f"      {part.strip()}" for part in body.strip().splitlines())
                line += f" {{\n    ^bb0({header}):\n{expression(inner)}\n    }}"
            operand_types = ", ".join(types[name] for name, _ in x.accesses)
            lines.append(f"    {line} : ({operand_types}) -> {types[x.result]}")
        outside = ", ".join(f"%in_{name.lower()}: {types[name]}" for name, _, _ in self.inputs)
        binding = ", ".join(f"%{tensor(name)} = %in_{name.lower()}" for name, _, _ in self.inputs)
        input_types = ", ".join(types[name] for name, _, _ in self.inputs)
        result_types = ", ".join(types[name] for name in self.results)
        several = len(self.results) > 1
        arrow = f"({result_types})" if several else result_types
        values = ", ".join(f"%out#{i}" for i in range(len(self.results))) if several else "%out"
        bound = f"%out:{len(self.results)}" if several else "%out"
        clause = ""
        if self.where:
            m, n = rank_names.get("m", "m"), rank_names.get("n", "n")
            clause = f"\n      where {self.where} over ({m}, {n}) align {self.align}"
        yielded = ", ".join(f"%{tensor(name)}" for name in self.results)
        body = "\n".join(lines)
        text = (
            f"func.func @attention({outside}) -> {arrow} {{\n"
            f"  {bound} = attn.cascade ({binding}){clause}\n"
            f"      : ({input_types}) -> {arrow} {{\n{body}\n"
            f"    attn.yield {yielded} : {result_types}\n  }}\n"
            f"  return {values} : {result_types}\n}}\n"
        )
        return text.replace("f32", "f64") if self.double else text


EXP_OF_DIFFERENCE = (
    ["s", "x"],
    """%d = arith.subf %s, %x : f32
       %p = math.exp %d : f32
       attn.yield %p : f32""",
)


def scale_body(factor: float):
    return (
        ["s"],
        f"""%c = arith.constant {factor!r} : f32
            %r = arith.mulf %s, %c : f32
            attn.yield %r : f32""",
    )


def _operands(heads, e, f, where, element, align="bottom_right"):
    program = Program({"h": heads, "e": e, "f": f}, where, align, double=element == "f64")
    program.input("Q", "bhme", element).input("K", "bhne", element).input("V", "bhnf", element)
    return program


def _scores(program, factor, q="Q", k="K"):
    program.einsum("qk", "bhmn", "mul", (q, "b,h,m,e"), (k, "b,h,n,e"), reduce=("add", "e"))
    return program.einsum("ss", "bhmn", "map", ("qk", "b,h,m,n"), body=scale_body(factor))


def _softmax(program, element):
    program.einsum("gm", "bhm", "", ("ss", "b,h,m,n"), reduce=("max", "n"))
    program.einsum("sn", "bhmn", "map", ("ss", "b,h,m,n"), ("gm", "b,h,m"), body=EXP_OF_DIFFERENCE)
    return _normalise(program, element)


def _normalise(program, element):
    """Sum, divide, weigh: what follows the weights `sn`."""
    program.einsum("sd", "bhm", "", ("sn", "b,h,m,n"), reduce=("add", "n"))
    program.einsum("a", "bhmn", "div", ("sn", "b,h,m,n"), ("sd", "b,h,m"))
    program.einsum(
        "av", "bhmf", "mul", ("a", "b,h,m,n"), ("V", "b,h,n,f"),
        reduce=("add", "n"), element=element,
    )  # fmt: skip
    return program.returns("av")


def softmax(heads, e, f, factor, where=None, element="f32", align="bottom_right") -> Program:
    """The 3-pass cascade, einsum by einsum as the textbook has it."""
    return _softmax(_scores(_operands(heads, e, f, where, element, align), factor), element)


def relu(heads, e, f, factor, where=None, element="f32") -> Program:
    program = _scores(_operands(heads, e, f, where, element), factor)
    body = (
        ["s"],
        """%zero = arith.constant 0.0 : f32
           %r = arith.maximumf %s, %zero : f32
           attn.yield %r : f32""",
    )
    program.einsum("sn", "bhmn", "map", ("ss", "b,h,m,n"), body=body)
    return _normalise(program, element)


def _weigh_scores(program, weights, element):
    program.einsum(
        "av", "bhmf", "mul", (weights, "b,h,m,n"), ("V", "b,h,n,f"),
        reduce=("add", "n"), element=element,
    )  # fmt: skip
    return program.returns("av")


def linear(heads, e, f, factor, where=None, element="f32") -> Program:
    program = _scores(_operands(heads, e, f, where, element), factor)
    return _weigh_scores(program, "ss", element)


def sigmoid(heads, e, f, factor, where=None, element="f32") -> Program:
    program = _scores(_operands(heads, e, f, where, element), factor)
    body = (
        ["s"],
        """%one = arith.constant 1.0 : f32
           %neg = arith.negf %s : f32
           %exp = math.exp %neg : f32
           %den = arith.addf %one, %exp : f32
           %r = arith.divf %one, %den : f32
           attn.yield %r : f32""",
    )
    program.einsum("sn", "bhmn", "map", ("ss", "b,h,m,n"), body=body)
    return _weigh_scores(program, "sn", element)


def rotary_softmax(heads, e, f, factor, where=None, element="f32") -> Program:
    """Rotary embedding of Q and K before the scores, cos and sin as data."""
    program = _operands(heads, e, f, where, element)
    half = e // 2
    program.extents["r"] = half
    for table, rank in (("CM", "m"), ("SM", "m"), ("CN", "n"), ("SN", "n")):
        program.input(table, f"{rank}r")
    body = (
        ["x", "y", "cos", "sin"],
        f"""%i = attn.index e : index
            %half = arith.constant {half} : index
            %first = arith.cmpi ult, %i, %half : index
            %neg = arith.negf %y : f32
            %z = arith.select %first, %neg, %y : f32
            %xc = arith.mulf %x, %cos : f32
            %zs = arith.mulf %z, %sin : f32
            %r = arith.addf %xc, %zs : f32
            attn.yield %r : f32""",
    )
    for source, result, rank, table in (("Q", "rq", "m", "M"), ("K", "rk", "n", "N")):
        program.einsum(
            result, f"bh{rank}e", "map",
            (source, f"b,h,{rank},e"), (source, f"b,h,{rank},(e+{half}) mod {e}"),
            (f"C{table}", f"{rank},e mod {half}"), (f"S{table}", f"{rank},e mod {half}"),
            body=body,
        )  # fmt: skip
    return _softmax(_scores(program, factor, "rq", "rk"), element)


def norm_softmax(heads, e, f, factor, where=None, element="f32") -> Program:
    """QK-norm: per-token factors as data, and a weight for each feature."""
    program = _operands(heads, e, f, where, element)
    program.input("FQ", "bhm").input("FK", "bhn").input("W", "e")
    body = (
        ["x", "y", "w"],
        """%t = arith.mulf %x, %y : f32
           %r = arith.mulf %t, %w : f32
           attn.yield %r : f32""",
    )
    for source, result, rank in (("Q", "nq", "m"), ("K", "nk", "n")):
        program.einsum(
            result, f"bh{rank}e", "map",
            (source, f"b,h,{rank},e"), (f"F{source}", f"b,h,{rank}"), ("W", "e"), body=body,
        )  # fmt: skip
    return _softmax(_scores(program, factor, "nq", "nk"), element)


def softmax_cascade(name: str, where: str, operands: dict[str, str]) -> str:
    """Softmax attention of batch 2, head sizes 32 and 16, as a cascade whose clause
    `where` names further operands (upper case) of the given types."""
    types = {"q": "tensor<2x?x32xf32>", "k": "tensor<2x?x32xf32>", "v": "tensor<2x?x16xf32>"}
    types |= operands
    arguments = ", ".join(f"%{operand}: {kind}" for operand, kind in types.items())
    inputs = ", ".join(f"%{operand.upper()} = %{operand}" for operand in types)
    return f"""
func.func @{name}({arguments}) -> tensor<2x?x16xf32> {{
  %o = attn.cascade ({inputs})
      {where}
      : ({", ".join(types.values())}) -> tensor<2x?x16xf32> {{
    %qk = attn.einsum [b,m,n] = mul(%Q[b,m,e], %K[b,n,e]) reduce add(e)
        : (tensor<2x?x32xf32>, tensor<2x?x32xf32>) -> tensor<2x?x?xf32>
    %gm = attn.einsum [b,m] = %qk[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    %sn = attn.einsum [b,m,n] = map(%qk[b,m,n], %gm[b,m]) {{
    ^bb0(%s0: f32, %x: f32):
      %d = arith.subf %s0, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    }} : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>
    %sd = attn.einsum [b,m] = %sn[b,m,n] reduce add(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    %a = attn.einsum [b,m,n] = div(%sn[b,m,n], %sd[b,m])
        : (tensor<2x?x?xf32>, tensor<2x?xf32>) -> tensor<2x?x?xf32>
    %av = attn.einsum [b,m,f] = mul(%a[b,m,n], %V[b,n,f]) reduce add(n)
        : (tensor<2x?x?xf32>, tensor<2x?x16xf32>) -> tensor<2x?x16xf32>
    attn.yield %av : tensor<2x?x16xf32>
  }}
  return %o : tensor<2x?x16xf32>
}}
"""
