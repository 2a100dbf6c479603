# ===- cascades.py - Random cascades --------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random attn.cascade operations: graphs of einsums without a plan, and the shape
that fuses (scores, statistics of rows, weights, a weighted sum) with random maps
in the place of softmax's."""

from __future__ import annotations

from dataclasses import dataclass

from scalars import ALIGNMENTS, FLOATS, ODD_TYPES, Body, compute_type

REDUCTIONS = ("add", "mul", "max", "min")
SHORT = ("mul", "add", "sub", "div", "max", "min")
RANKS = ("b", "h", "m", "n", "e", "f", "k", "g", "row", "j2")


@dataclass
class Tensor:
    name: str
    ranks: list[str]
    element: str


class Cascade:
    def __init__(self, function, sparsity):
        self.function, self.dice, self.sparsity = function, function.dice, sparsity
        dice = self.dice
        self.extents = {}
        for rank in RANKS:
            static = rank in "efhk" and dice.chance(0.8)
            self.extents[rank] = dice.pick("1", "2", "8", "16", "33") if static else dice.extent()
        self.inputs, self.lines, self.pool = [], [], []
        self.bodies = 0
        self.space = None

    def type(self, ranks, element):
        dice = self.dice
        if dice.errs():
            element = dice.of(FLOATS + ODD_TYPES)
        extents = [dice.extent() if dice.errs() else self.extents.get(r, "?") for r in ranks]
        return f"tensor<{''.join(f'{extent}x' for extent in extents)}{element}>"

    def input(self, ranks, element="f32"):
        tensor = Tensor(f"%I{len(self.inputs)}", list(ranks), element)
        kind = self.type(tensor.ranks, element)
        self.inputs.append((tensor.name, self.function.argument(kind), kind))
        self.pool.append(tensor)
        return tensor

    # ---- index expressions ---- #

    def index(self, rank):
        dice = self.dice
        if dice.errs():
            return dice.pick("z", "n*m", f"{rank}*2", f"{rank} mod 0", f"{rank}+1000", "Q9", "-1")
        extent = self.extents.get(rank, "?")
        if not extent.isdigit() or not dice.chance(0.1):
            return rank
        size = int(extent)
        shift = dice.int(0, max(size, 1))
        return dice.pick(
            f"({rank}+{shift}) mod {max(size, 1)}",
            f"{rank} floordiv {dice.int(1, 4)}",
            f"{rank} mod {dice.int(1, 4)}",
            "0",
            f"{rank}*0",
            f"{size - 1}-{rank}",
            f"{rank.capitalize()}-{rank}-1",
        )

    def access(self, tensor, spelled=None, data=None):
        """`data` takes the types of index tensors, by their text."""
        dice = self.dice
        names = spelled or [self.index(rank) for rank in tensor.ranks]
        if data is not None and names and dice.chance(0.08):
            names[dice.int(0, len(names) - 1)] = self.datum(tensor.ranks, data)
        if dice.errs():
            names = names[:-1]
        return f"{tensor.name}[{','.join(names)}]"

    def datum(self, ranks, data):
        """An index that an integer tensor holds."""
        dice = self.dice
        element = dice.pick("i32", "i64", "index") if not dice.errs() else dice.of(ODD_TYPES)
        read = dice.some(ranks, 0, 2)
        tensor = self.input(read, element)
        self.pool.remove(tensor)
        text = f"{tensor.name}[{','.join(self.index(rank) for rank in read)}]"
        data.setdefault(text, self.type(read, element))
        if dice.errs():
            text = dice.pick(f"{text}*m", f"{tensor.name}[{text}]", tensor.name)
        return dice.pick(text, text, f"{text} mod 4", f"2*{text}+1", f"{text} - {text}")

    def combiner(self, element):
        """What an associative reduction has behind its ranks."""
        dice = self.dice
        self.bodies += 1
        mark = f"y{self.bodies}_"
        kind = compute_type(element) if element in FLOATS else element
        if dice.errs():
            kind = dice.of(FLOATS + ODD_TYPES)
        header = [(f"%{mark}a", kind), (f"%{mark}b", kind)]
        body = Body(dice, header, ["m"] if dice.errs() else [], [], prefix=f"{mark}v")
        lines = "\n".join(f"      {x}" for x in body.finish(kind).split("\n"))
        arguments = ", ".join(f"{name}: {type}" for name, type in header)
        identity = "0.0" if kind in FLOATS else "0"
        word = " commutative" if dice.chance(0.6) else ""
        return f" identity({identity} : {kind}){word} {{\n    ^bb0({arguments}):\n{lines}\n    }}"

    # ---- einsums ---- #

    def map(self, operands, element, result_ranks, fixed=None):
        """A map's region. `fixed` is text over %a0, %a1, ... instead of a random
        one."""
        dice = self.dice
        self.bodies += 1
        mark = f"x{self.bodies}_"
        # Floats arrive in the compute type of the result.
        header = [
            (f"%{mark}{i}", compute_type(element) if t.element in FLOATS else t.element)
            for i, t in enumerate(operands)
        ]
        if fixed:
            lines = fixed.replace("%", f"%{mark}").replace(f"%{mark}a", f"%{mark}")
        else:
            outside = [(name, kind) for name, _, kind in self.inputs]
            body = Body(dice, header, result_ranks, outside, prefix=f"{mark}v")
            lines = body.finish(compute_type(element))
        if dice.errs():
            header = dice.some(header)
        arguments = ", ".join(f"{name}: {kind}" for name, kind in header)
        opening = f"^bb0({arguments}):\n" if header else ""
        return " {\n    " + opening + "\n".join(f"      {x}" for x in lines.split("\n")) + "\n    }"

    def einsum(self, operands, ranks, operation, reduce=None, body="", element="f32", spelled=None):
        """Appends an einsum; returns its tensor."""
        dice = self.dice
        result = Tensor(f"%t{len(self.lines)}_{self.bodies}", list(ranks), element)
        data = {}
        accesses = [
            self.access(tensor, spelled and spelled[i], data) for i, tensor in enumerate(operands)
        ]
        call = f"{operation}({', '.join(accesses)})" if operation else ", ".join(accesses)
        reduction = f" reduce {reduce[0]}({','.join(reduce[1])})" if reduce else ""
        if reduce and (reduce[0] == "associative" or dice.errs()):
            reduction += self.combiner(element)
        types = ", ".join([*(self.type(t.ranks, t.element) for t in operands), *data.values()])
        listed = dice.some(ranks) if dice.errs() else ranks
        self.lines.append(
            f"{result.name} = attn.einsum [{','.join(listed)}] = {call}{body}{reduction}\n"
            f"      : ({types}) -> {self.type(ranks, element)}"
        )
        self.pool.append(result)
        return result

    def random_einsum(self):
        dice = self.dice
        operands = [dice.of(self.pool[-4:]) for _ in range(dice.pick(1, 1, 2, 2, 2, 3))]
        union = list(dict.fromkeys(rank for tensor in operands for rank in tensor.ranks))
        if dice.chance(0.1):
            union += [rank for rank in dice.some(RANKS, 0, 1) if rank not in union]
        element = dice.pick("f32", "f32", "f32", *FLOATS) if dice.chance(0.95) else "i32"
        reduce = None
        ranks = dice.some(union, len(union), len(union)) if dice.chance(0.2) else union
        read = [rank for rank in union if any(rank in t.ranks for t in operands)]
        if dice.chance(0.6) and read:
            reduced = dice.some(read, 1, 2)
            ranks = [rank for rank in ranks if rank not in reduced]
            kinds = (*REDUCTIONS, "associative", *(("and", "or", "avg") if dice.errs() else ()))
            reduce = (dice.of(kinds), reduced)
        operation, body = "", ""
        floats = all(t.element in FLOATS for t in operands) and element in FLOATS
        if len(operands) == 2 and dice.chance(0.6) and (floats or dice.errs()):
            operation = dice.of(SHORT)
        elif len(operands) != 1 or dice.chance(0.6):
            operation, body = "map", self.map(operands, element, ranks)
        return self.einsum(operands, ranks, operation, reduce, body, element)

    def random_graph(self):
        dice = self.dice
        ranks = dice.some(RANKS, 2, 5)
        for _ in range(dice.int(1, 4)):
            self.input(dice.some(ranks, 0, 4), dice.pick("f32", "f32", "f32", *FLOATS))
        for _ in range(dice.int(1, 6)):
            self.random_einsum()
            if dice.chance(0.1):
                self.iterate()
        if dice.chance(0.4) and len(ranks) >= 2:
            self.space = tuple(dice.some(ranks, 2, 2))
        return dice.some(self.pool[len(self.inputs) :], 1, 2)

    # ---- the shape that fuses ---- #

    def modified(self, tensor, chance=0.3):
        """The tensor, or a random map of it."""
        if not self.dice.chance(chance):
            return tensor
        operands = [tensor]
        if self.dice.chance(0.4):
            operands.append(self.input(self.dice.some(tensor.ranks)))
        body = self.map(operands, "f32", tensor.ranks)
        return self.einsum(operands, tensor.ranks, "map", body=body)

    def weights(self, scores, row):
        """Weights of scores, and the divisor of rows or None."""
        dice = self.dice
        exp = "%d = arith.subf %a0, %a1 : f32\n%p = math.exp %d : f32\nattn.yield %p : f32"
        ranks = scores.ranks
        kind = dice.int(0, 4)
        if kind == 0:
            body = self.map([scores], "f32", ranks)
            weights = self.einsum([scores], ranks, "map", body=body)
        else:
            reduction = "max" if dice.chance(0.8) else dice.of(REDUCTIONS)
            peak = self.einsum([scores], row, "", (reduction, ["n"]))
            peak = self.modified(peak, 0.15)
            fixed = exp if kind <= 3 else None
            body = self.map([scores, peak], "f32", ranks, fixed)
            weights = self.einsum([scores, peak], ranks, "map", body=body)
        weights = self.modified(weights, 0.1)
        divisor = None
        if dice.chance(0.8):
            source = self.modified(weights, 0.15)
            divisor = self.einsum([source], row, "", (dice.pick("add", "add", "max"), ["n"]))
            divisor = self.modified(divisor, 0.15)
        return weights, divisor

    def streaming(self):
        dice = self.dice
        batch = dice.some(["b", "h", "k"], 0, 2)
        element = dice.pick("f32", "f32", "bf16", *FLOATS)
        q = self.modified(self.input([*batch, "m", "e"], element), 0.15)
        k = self.modified(self.input([*dice.some(batch), "n", "e"], element), 0.15)
        v = self.input([*dice.some(batch), "n", "f"], element)
        row = [*batch, "m"]
        ranks = dice.pick([*row, "n"], [*batch, "n", "m"])
        scores = self.einsum([q, k], ranks, "mul", ("add", ["e"]))
        for _ in range(dice.pick(0, 1, 1, 2)):
            scores = self.modified(scores, 0.8)
        weights, divisor = self.weights(scores, row)
        late = divisor is not None and dice.chance(0.4)
        if divisor is not None and not late:
            weights = self.einsum([weights, divisor], ranks, dice.pick("div", "div", "mul"))
        result = self.einsum(
            [weights, v], [*row, "f"], "mul", ("add", ["n"]), element=dice.pick("f32", element)
        )
        if late:
            result = self.einsum([result, divisor], [*row, "f"], "div", element=element)
        if dice.chance(0.5):
            self.space = ("m", "n") if dice.chance(0.9) else tuple(dice.some("mnef", 2, 2))
        if dice.chance(0.1):
            self.iterate()
        return [result, *dice.some([divisor] if divisor else [], 0, 1)]

    def iterate(self):
        """An iteration over a rank of some tensor, with one or two carried ones."""
        dice = self.dice
        sources = [tensor for tensor in self.pool if tensor.ranks]
        if not sources:
            return
        source = dice.of(sources)
        rank = dice.of(source.ranks)
        step, point = f"{rank}1", f"{rank}0"
        rest = [other for other in source.ranks if other != rank]
        self.bodies += 1
        mark = f"c{self.bodies}"
        constant = dice.of(("0.0", "0xFF800000", "1.0"))
        kind, source_kind = self.type(rest, "f32"), self.type(source.ranks, source.element)
        partition = f"{step}*{point.upper()}+{point}" if not dice.errs() else f"{step}+{point}"
        spelled = ",".join(partition if r == rank else r for r in source.ranks)
        ranks = ",".join(rest)
        reduction = dice.of(REDUCTIONS)
        joined = dice.pick("max", "add", "mul")
        self.lines.append(
            f"%{mark}i = attn.einsum [{ranks}] = map() {{\n"
            f"      %{mark}k = arith.constant {constant} : f32\n"
            f"      attn.yield %{mark}k : f32\n    }} : () -> {kind}"
        )
        self.lines.append(
            f"%{mark} = attn.iterate {step} of {rank} by {point} init(%{mark}i : {kind}) {{\n"
            f"    ^bb0(%{mark}r: {kind}):\n"
            f"      %{mark}l = attn.einsum [{ranks}] = {source.name}[{spelled}] "
            f"reduce {reduction}({point}) : ({source_kind}) -> {kind}\n"
            f"      %{mark}n = attn.einsum [{ranks}] = {joined}(%{mark}r[{ranks}], "
            f"%{mark}l[{ranks}]) : ({kind}, {kind}) -> {kind}\n"
            f"      attn.yield %{mark}n : {kind}\n    }}"
        )
        self.pool.append(Tensor(f"%{mark}", rest, "f32"))

    # ---- the operation ---- #

    def clauses(self):
        dice, text = self.dice, ""
        if self.space:
            m, n = self.space
            if dice.chance(0.9):
                text += f" where {self.sparsity(dice)}"
                if dice.chance(0.15):
                    text += f" {dice.pick('and', 'and', 'or')} {self.predicate(m, n)}"
            text += f" over ({m}, {n})"
            if not dice.errs():
                text += f" align {dice.of(ALIGNMENTS)}"
            if dice.chance(0.2):
                ranks = dice.some(["b"], 0, 1) if dice.errs() else ["b"]
                lengths = self.input(ranks, dice.pick("i32", "i64"))
                spelled = f"{lengths.name}[{','.join(ranks)}]"
                text += f" lengths {dice.pick('key', 'query')}({spelled})"
            if dice.chance(0.15):
                ranks = dice.some(["b"], 0, 1)
                offsets = self.input([*ranks, "s"], dice.pick("i32", "i64"))
                spelled = f"({offsets.name}[{','.join(ranks)}])"
                sides = [dice.pick("query", "key")] if dice.errs() else ["query", "key"]
                text += " segments " + " ".join(side + spelled for side in sides)
        if dice.chance(0.1):
            lanes = dice.pick("[48, 32, 16]", "[16]", "[32]")
            numbers = f"stream = {dice.integer()}, rows = {dice.int(0, 9)}"
            parallel = ", ".join(dice.some("bhkm", 0, 2))
            rank = dice.of("mnbf")
            text += f" mapping <lanes = {rank} by {lanes}, {numbers}, parallel = [{parallel}]>"
        return text

    def predicate(self, m, n):
        """An atom that names a region."""
        dice = self.dice
        operands, header = [], []
        for i in range(dice.pick(0, 1, 2)):
            ranks = dice.some([m, n], 0, 2)
            element = dice.pick("f32", "bf16", "i8", "i32", "i64")
            read = self.input(ranks, element)
            operands.append(f"{read.name}[{','.join(ranks)}]")
            header.append((f"%x{i}", "f32" if element == "bf16" else element))
        indices = dice.some(["z", m, n]) if dice.errs() else dice.some([m, n], 0, 2)
        header += [(f"%i{rank}", "index") for rank in indices]
        lines = Body(dice, header).finish("i1").replace("\n", "\n      ")
        arguments = ", ".join(f"{name}: {kind}" for name, kind in header)
        begin = f"^bb0({arguments}):\n      " if header else ""
        return f"predicate({', '.join([*operands, *indices])}) {{\n    {begin}{lines}\n    }}"

    def emit(self):
        dice, function = self.dice, self.function
        results = self.streaming() if dice.chance(0.6) else self.random_graph()
        clauses = self.clauses()
        kinds = [self.type(tensor.ranks, tensor.element) for tensor in results]
        bound = function.fresh()
        binding = ", ".join(f"{inner} = {outer}" for inner, outer, _ in self.inputs)
        inputs = ", ".join(kind for _, _, kind in self.inputs)
        arrow = kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"
        label = bound if len(kinds) == 1 else f"{bound}:{len(kinds)}"
        lines = "\n".join(f"    {line}" for line in self.lines)
        yielded = ", ".join(tensor.name for tensor in results)
        function.lines.append(
            f"{label} = attn.cascade ({binding}){clauses}\n      : ({inputs}) -> {arrow} {{\n"
            f"{lines}\n    attn.yield {yielded} : {', '.join(kinds)}\n  }}"
        )
        names = [bound] if len(kinds) == 1 else [f"{bound}#{i}" for i in range(len(kinds))]
        return list(zip(names, kinds, strict=True))


def emit(function, sparsity):
    """Appends a cascade; returns its results with their types."""
    return Cascade(function, sparsity).emit()
