# ===- grammar.py - Random operators --------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random modules: operators of attention, merges, and the cascades of
cascades.py. With a `wrong` of 0 most of them verify; above it choices break
rules now and then."""

from __future__ import annotations

import cascades
from scalars import ALIGNMENTS, FLOATS, ODD_TYPES, Body, Dice, compute_type


def tensor(extents, element):
    return f"tensor<{''.join(f'{extent}x' for extent in extents)}{element}>"


def grid_atom(dice):
    axes = dice.int(1, 3)

    def numbers(most):
        return f"[{', '.join(str(dice.int(0 if dice.errs() else 1, most)) for _ in range(axes))}]"

    text = f"neighborhood({numbers(3)}"
    if axes > 1 or dice.int(0, 1):
        text += f", grid {numbers(9)}"
    for option, most in (("stride", 3), ("dilation", 2), ("causal", 1)):
        if dice.int(0, 3) == 0:
            text += f", {option} {numbers(most)}"
    return text + (", clipped)" if dice.int(0, 3) == 0 else ")")


def head_atom(dice, heads):
    """An atom with parameters of its own in every head."""

    def array(least, most):
        count = heads + dice.errs()
        return f"[{', '.join(str(dice.int(least, most)) for _ in range(count))}]"

    return dice.pick(
        f"window({array(0, 99)}, {dice.pick('0', array(0, 9))})",
        f"prefix({array(0, 99)})",
        f"block_diagonal({array(1, 20)})",
        f"dilated(9, {array(1, 4)})",
        f"strided({array(3, 5)}, {array(0, 2)}, block {dice.pick('4', array(1, 9))})",
        "affine_set(affine_map<(m, n)[h] -> (m - n - 3 * h)>)",
    )


def atom(dice, heads=0):
    """One of the atoms that are more than a window."""
    if heads and dice.chance(0.2):
        return head_atom(dice, heads)
    number, small = dice.integer(), dice.int(0 if dice.errs() else 1, 9)
    return dice.pick(
        f"leading({number})",
        f"block_diagonal({small})",
        f"dilated({number}, {small})",
        f"strided({small}, 0)",
        f"strided({small}, 0, block {small})",
        grid_atom(dice),
        f"power_of_two({small})",
        f"radial({small}, {small}, 0.5, {small})",
        f"affine_set(affine_map<(m, n) -> (m - {small} * n, (m + n) mod {small + 1} - 1)>)",
    )


def sparsity(dice, depth=0, permuted=False, heads=0):
    """A sparsity expression as it stands after `where`; with `permuted` some of its
    atoms read slots, with `heads` some differ by head."""
    if permuted and dice.chance(0.3):
        return f"{dice.pick('causal', 'window(3, 4)', 'prefix(9)')} in permuted"
    kind = dice.int(0, 9 if depth < 4 else 4)
    if dice.int(0, 3) == 0:
        return atom(dice, heads)
    if kind <= 1:
        return "causal"
    if kind <= 3:
        return f"window({dice.integer()}, {dice.integer()})"
    if kind == 4:
        return dice.pick("casual", "5", "()") if dice.errs() else f"prefix({dice.integer()})"
    terms = [sparsity(dice, depth + 1, permuted, heads) for _ in range(dice.int(2, 3))]
    if kind <= 7:
        return " and ".join(terms)
    if kind == 8:
        return f"({' or '.join(terms)})"
    return f"not {terms[0]}"


class Function:
    """One function on tensors, built operation by operation; with `cores` its operators
    have the types and features that tensor cores multiply."""

    def __init__(self, dice, name, cores=False):
        self.dice = dice
        self.name = name
        self.cores = cores
        self.arguments = []
        self.lines = []
        self.count = 0

    def argument(self, kind):
        name = f"%arg{len(self.arguments)}"
        self.arguments.append((name, kind))
        return name

    def fresh(self):
        self.count += 1
        return f"%r{self.count}"

    def text(self, results):
        dice = self.dice
        arguments = [
            f"{name}: {kind}" + (f' {{attn.name = "n{i}"}}' if dice.chance(0.05) else "")
            for i, (name, kind) in enumerate(self.arguments)
        ]
        kinds = ", ".join(kind for _, kind in results)
        values = ", ".join(name for name, _ in results)
        end = f"  return {values} : {kinds}" if results else "  return"
        body = "\n".join(f"  {line}" for line in [*self.lines])
        visibility = "private " if dice.errs() else ""
        return (
            f"func.func {visibility}@{self.name}({', '.join(arguments)}) -> ({kinds}) {{\n"
            f"{body}\n{end}\n}}\n"
        )


def operand_extents(dice, features=(1, 2, 3, 8, 16, 17, 32, 64, 128)):
    """Extents by rank; heads and features are static."""
    groups, key_heads = dice.pick(1, 1, 2, 4), dice.pick(1, 2, 3)
    extents = {
        "b": dice.extent(),
        "h": groups * key_heads,
        "k": key_heads,
        "m": dice.extent(),
        "n": dice.extent(),
        "s": dice.extent(),
        "e": dice.of(features),
        "f": dice.of(features),
    }
    if dice.errs():
        extents[dice.of(extents)] = dice.pick("?", 0, 7, "*")
    return extents


class Attention:
    """Appends one attn.attention; `results` are its values and types."""

    def __init__(self, function, query=None):
        self.function, self.dice = function, function.dice
        dice = self.dice
        if function.cores:
            self.extents = operand_extents(dice, features=(16, 32, 48, 64))
            self.element = dice.pick("bf16", "f16")
        else:
            self.extents = operand_extents(dice)
            self.element = dice.pick("f32", "f32", *FLOATS)
        if query:
            self.extents |= dict(zip("bhme", query[2], strict=True))
            self.extents["k"] = self.extents["h"] if dice.chance(0.5) else 1
            self.element = query[3]
        self.compute = compute_type(self.element)
        self.query = query
        self.results = []
        self.emit()

    def type(self, ranks, element):
        dice = self.dice
        if dice.errs():
            element = dice.of(FLOATS + ODD_TYPES)
        extents = [dice.extent() if dice.errs() else self.extents[rank] for rank in ranks]
        if dice.errs():
            extents = extents[:-1] if dice.chance(0.5) else [*extents, 3]
        return tensor(extents, element)

    def extra(self, kinds):
        """An operand of the score with the ranks that index it."""
        dice = self.dice
        ranks = dice.some("bhmn")
        element = dice.of(kinds)
        kind = self.type(ranks, element)
        name = self.function.argument(kind)
        if dice.errs():
            ranks = dice.some("bhmnefz", 0, 4)
        return f"{name}[{', '.join(ranks)}] : {kind}", element

    def modifier(self, position):
        dice, kind = self.dice, self.dice.int(0, 4)
        if kind == 0:
            return f"scale({dice.number()})"
        if kind == 1:
            return f"softcap({dice.number()})"
        if kind == 2:
            return f"bias({self.extra(FLOATS)[0]})"
        return "map" + self.region()

    def region(self):
        dice = self.dice
        kinds = FLOATS if dice.chance(0.8) else ("i32", "i1", "index", "i8")
        operands = [self.extra(kinds) for _ in range(dice.pick(0, 0, 1, 2))]
        values = [("%s", self.compute)]
        values += [
            (f"%x{i}", self.compute if element in FLOATS else element)
            for i, (_, element) in enumerate(operands)
        ]
        indices = [(f"%i{rank}", "index") for rank in "bhmn"]
        header = [*values, *indices]
        if dice.errs():
            header = dice.some(header)
        outside = [(name, kind) for name, kind in self.function.arguments]
        body = Body(dice, header, ranks=["m"] if dice.errs() else [], outside=outside)
        lines = body.finish(self.compute).replace("\n", "\n          ")
        arguments = ", ".join(f"{name}: {kind}" for name, kind in header)
        listed = ", ".join(text for text, _ in operands)
        return f"({listed}) {{\n        ^bb0({arguments}):\n          {lines}\n      }}"

    def lists(self):
        """An atom that names lists of keys."""
        dice = self.dice
        ranks = "".join(dice.some("bhm")) if dice.errs() else dice.pick("", "h", "bh")

        def operand(own, tail):
            kind = self.type(own + tail, dice.pick("i32", "i64"))
            return f"{self.function.argument(kind)}[{', '.join(own)}] : {kind}"

        if dice.chance(0.5):
            return f"indices({dice.pick(1, 16, 0)}, {operand(ranks, 'ss')})"
        flat = "" if dice.chance(0.3) else ranks
        sizes = f"{dice.pick(1, 64)}, {dice.pick(1, 32)}"
        return f"blocks({sizes}, {operand(ranks, 's')}, {operand(flat, 's')})"

    def mask(self):
        """An atom that names a dense mask."""
        ranks = self.dice.some("bhmn")
        kind = self.type(ranks, "i32" if self.dice.errs() else "i8")
        return f"mask({self.function.argument(kind)}[{', '.join(ranks)}] : {kind})"

    def predicate(self):
        """An atom that names a region."""
        dice = self.dice
        kinds = (*FLOATS, "i8", "i32", "i64", *(("i1",) if dice.errs() else ()))
        operands = [self.extra(kinds) for _ in range(dice.pick(0, 1, 2, 2))]
        values = [
            (f"%x{i}", "f32" if element in ("bf16", "f16") else element)
            for i, (_, element) in enumerate(operands)
        ]
        header = [*values, *((f"%i{rank}", "index") for rank in "bhmn")]
        if dice.errs():
            header = dice.some(header)
        body = Body(dice, header, outside=self.function.arguments)
        lines = body.finish("i8" if dice.errs() else "i1").replace("\n", "\n          ")
        arguments = ", ".join(f"{name}: {kind}" for name, kind in header)
        listed = [text for text, _ in operands] + (["m"] if dice.errs() else [])
        return (
            f"predicate({', '.join(listed)}) {{\n        ^bb0({arguments}):\n          {lines}"
            "\n      }"
        )

    def segments(self):
        dice = self.dice

        def offsets():
            kind = self.type(dice.pick("s", "s", "bs"), dice.pick("i32", "i64"))
            return f"({self.function.argument(kind)} : {kind})"

        if dice.chance(0.5):
            return f"segments{offsets()}"
        which = dice.pick("query", "key") if dice.errs() else "both"
        parts = [f"{side}{offsets()}" for side in ("query", "key") if which in ("both", side)]
        return f"segments {' '.join(parts)}"

    def permutation(self):
        dice = self.dice

        def order(token):
            ranks = dice.pick("", "b", "h", "bh")
            kind = self.type(ranks + token, dice.pick("i32", "i64"))
            listed = f"[{', '.join(dice.some('bh') if dice.errs() else ranks)}]" if ranks else ""
            return f"({self.function.argument(kind)}{listed} : {kind})"

        which = dice.pick("both", "query", "key", "apart")
        if which == "both":
            return f"permute{order('m')}"
        if which == "apart":
            return f"permute query{order('m')} key{order('n')}"
        return f"permute {which}{order('m' if which == 'query' else 'n')}"

    def gate(self):
        dice = self.dice
        places = {
            "query": "bhme", "key": "bkne", "value": "bknf",
            "score": "bhmn", "weight": "bhmn", "output": "bhmf",
        }  # fmt: skip
        place = dice.of(list(places))
        ranks = dice.some(places[place])
        kind = self.type(ranks, dice.of(FLOATS))
        name = self.function.argument(kind)
        activation = dice.pick("none", "sigmoid", "silu", "tanh", "softplus", "exp")
        if dice.errs():
            ranks = dice.some("bhkmnefz", 0, 4)
        end = " renormalised" if dice.chance(0.5 if place == "weight" else 0.05) else ""
        return f"gate {place} {activation}({name}[{', '.join(ranks)}] : {kind}){end}"

    def emit(self):
        dice, function = self.dice, self.function
        types = [self.type("bhme", self.element), self.type("bkne", self.element)]
        types.append(self.type("bknf", self.element))
        names = [self.query[0] if self.query else function.argument(types[0])]
        if self.query:
            types[0] = self.query[1]
        names += [function.argument(kind) for kind in types[1:]]
        clauses = []
        if dice.chance(0.6):
            modifiers = [self.modifier(i) for i in range(dice.int(0, 3))]
            clauses.append(f"score [{', '.join(modifiers)}]")
        if dice.chance(0.6):
            heads = self.extents["h"] if isinstance(self.extents["h"], int) else 0
            where = sparsity(dice, permuted=dice.chance(0.3), heads=heads)
            if dice.chance(0.15):
                where = f"({where}) {dice.pick('and', 'and', 'or')} {self.lists()}"
            if dice.chance(0.15):
                where = f"({where}) {dice.pick('and', 'and', 'or')} {self.mask()}"
            elif dice.chance(0.2):
                negation = dice.pick("", "", "not ")
                atom = f"{negation}{self.predicate()}"
                where = f"({where}) {dice.pick('and', 'and', 'or')} {atom}"
            clauses.append(f"where {where}")
        if dice.chance(0.6):
            clauses.append(f"align {'middle' if dice.errs() else dice.of(ALIGNMENTS)}")
        lengths = []
        for which in ("key", "query"):
            if dice.chance(0.2):
                kind = self.type("b", dice.pick("i32", "i64"))
                lengths.append(f"{which}({function.argument(kind)} : {kind})")
        if lengths or dice.errs():
            clauses.append(f"lengths {' '.join(lengths)}")
        if dice.chance(0.1):
            clauses.append(self.segments())
        if "in permuted" in "".join(clauses) or dice.chance(0.1):
            clauses.append(self.permutation())
        if dice.chance(0.2):
            kind = self.type("h", dice.of(FLOATS))
            clauses.append(f"sinks({function.argument(kind)} : {kind})")
        if dice.chance(0.2):
            known = "softmax_plus_one", "sigmoid", "none", "sum", "l1", "l2"
            clauses.append(f"normalise {'sparsemax' if dice.errs() else dice.of(known)}")
        if dice.chance(0.15):
            clauses.append("weights" + self.region())
        while dice.chance(0.2):
            clauses.append(self.gate())
        results = [self.type("bhmf", self.element if dice.chance(0.9) else dice.of(FLOATS))]
        bound = function.fresh()
        if dice.chance(0.3):
            results.append(self.type("bhm", self.compute))
        arrow = f"({', '.join(results)})" if len(results) > 1 else results[0]
        if len(results) > 1:
            names_of = [f"{bound}#{i}" for i in range(len(results))]
            bound = f"{bound}:{len(results)}"
        else:
            names_of = [bound]
        middle = "".join(f"\n      {clause}" for clause in clauses)
        function.lines.append(
            f"{bound} = attn.attention({', '.join(names)}){middle}\n"
            f"      : ({', '.join(types)}) -> {arrow}"
        )
        self.results = list(zip(names_of, results, strict=True))


def merge(function):
    """Appends an attn.merge of arguments."""
    dice = function.dice
    element, heads, feature = dice.of(FLOATS), dice.pick(1, 2, 8), dice.pick(1, 8, 33, 64)
    batch, rows, count = dice.extent(), dice.extent(), dice.int(0 if dice.errs() else 1, 3)

    def kind(extents, element):
        if dice.errs():
            element = dice.of(FLOATS + ODD_TYPES)
        return tensor([*extents, 3] if dice.errs() else extents, element)

    o_type = kind([batch, heads, rows, feature], element)
    l_type = kind([batch, heads, rows], compute_type(element))
    parts = [function.argument(o_type) for _ in range(count)]
    sums = [function.argument(l_type) for _ in range(count + int(dice.errs()))]
    operands, types = "", [o_type] * len(parts) + [l_type] * len(sums)
    if dice.chance(0.3):
        sink = kind([heads], dice.of(FLOATS))
        operands = f" sinks({function.argument(sink)})"
        types.append(sink)
    results = [o_type, l_type][: dice.int(1, 2)]
    bound = function.fresh()
    names = [bound] if len(results) == 1 else [f"{bound}#{i}" for i in range(2)]
    label = bound if len(results) == 1 else f"{bound}:2"
    function.lines.append(
        f"{label} = attn.merge({', '.join(parts)}) lse({', '.join(sums)}){operands}\n"
        f"      : ({', '.join(types)}) -> ({', '.join(results)})"
    )
    return list(zip(names, results, strict=True))


def mix(function):
    """Appends an attn.mix of an attention's result and arguments."""
    dice = function.dice
    first = Attention(function)
    name, kind = first.results[0]
    extents = [first.extents[rank] for rank in "bhmf"]
    branches = [(name, kind)]
    for _ in range(dice.int(0, 3)):
        other = tensor(extents, dice.of(FLOATS))
        branches.append((function.argument(other), other))
    if dice.chance(0.2):
        branches.append((name, kind))
    out = tensor([*extents, 3] if dice.errs() else extents, dice.of(FLOATS))
    bound = function.fresh()
    function.lines.append(
        f"{bound} = attn.mix {', '.join(one for one, _ in branches)}\n"
        f"      : ({', '.join(one for _, one in branches)}) -> {out}"
    )
    return [(bound, out), *dice.some(first.results)]


def chain(function):
    """One attention reads another's result."""
    dice = function.dice
    first = Attention(function)
    name, kind = first.results[0]
    extents = [first.extents[rank] for rank in "bhmf"]
    second = Attention(function, (name, kind, extents, first.element))
    return [*second.results, *dice.some(first.results)]


def follow(function):
    """A merge or a cascade reads what one attention gives, and others may, too."""
    dice = function.dice
    first = Attention(function)
    (out, out_type), *sums = first.results
    bound = function.fresh()
    if sums and dice.chance(0.4):
        lse, lse_type = sums[0]
        count = dice.int(1, 2)
        types = ", ".join([out_type] * count + [lse_type] * count)
        function.lines.append(
            f"{bound} = attn.merge({', '.join([out] * count)}) lse({', '.join([lse] * count)})\n"
            f"      : ({types}) -> {out_type}"
        )
        return [(bound, out_type), *dice.some(first.results)]
    extents = [first.extents[rank] for rank in "bhmf"]
    gate = tensor(extents, first.element)
    inputs = [("%O", out, out_type), *(("%L", *one) for one in sums)]
    if dice.chance(0.4):
        inputs.append(("%G", function.argument(gate), gate))
    names = dice.pick("bhmf", "bhmf", "xyzw", "mhbn", "bhnm")
    types = {name: kind for name, _, kind in inputs}

    def access(name):
        ranks = names[:3] if name == "%L" else names
        return f"{name}[{','.join(dice.some(ranks) if dice.errs() else ranks)}]"

    last, lines = inputs[0][0], []
    for i, (name, _, kind) in enumerate(inputs[1:]):
        types[f"%z{i}"] = gate
        operation = dice.pick("mul", "add", "max")
        lines.append(
            f"%z{i} = attn.einsum [{','.join(names)}] = {operation}({access(last)}, {access(name)})"
            f" : ({types[last]}, {kind}) -> {gate}"
        )
        last = f"%z{i}"
    if not lines or dice.chance(0.3):
        types["%t"] = tensor(extents[:3], first.compute)
        lines.append(
            f"%t = attn.einsum [{','.join(names[:3])}] = {access(last)}"
            f" reduce {dice.pick('add', 'max')}({names[3]}) : ({types[last]}) -> {types['%t']}"
        )
        last = "%t"
    bindings = ", ".join(f"{name} = {value}" for name, value, _ in inputs)
    body = "".join(f"    {line}\n" for line in lines)
    function.lines.append(
        f"{bound} = attn.cascade ({bindings}) : ({', '.join(kind for _, _, kind in inputs)})"
        f" -> {types[last]} {{\n{body}    attn.yield {last} : {types[last]}\n  }}"
    )
    return [(bound, types[last]), *dice.some(first.results)]


def module(seed):
    """A module and whether it was meant to be well typed."""
    dice = Dice(seed)
    dice.wrong = dice.pick(0.0, 0.0, 0.0, 0.01, 0.05)
    functions = []
    for i in range(2 if dice.chance(0.05) else 1):
        function = Function(dice, "kernel" if i == 0 else f"other{i}")
        kind = dice.int(0, 11)
        if kind <= 4:
            results = Attention(function).results
        elif kind == 5:
            results = merge(function)
        elif kind == 6:
            results = dice.pick(chain, mix, follow)(function)
        else:
            results = cascades.emit(function, sparsity)
        functions.append(function.text(results))
    return "\n".join(functions), dice.wrong == 0
