# ===- operators.py - Operators under test -------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Attention operators as MLIR text, with their operands and their reference.

This is the one place of the execution tests that knows how `attn.attention` is
spelled. A `Spec` is what a compiled kernel is specialised for; batch and lengths
are dynamic in every one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from attn import reference
from regions import PREDICATES, REGIONS, WEIGHT_REGIONS, PredicateRegion, Region

DTYPES = {
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "f64": np.dtype(np.float64),
}


# ===----------------------------------------------------------------------===//
# Specs
# ===----------------------------------------------------------------------===//


@dataclass(frozen=True)
class Spec:
    """One operator. `scale` None leaves the score list without a scale."""

    e: int
    f: int
    heads: int = 1
    key_heads: int = 1
    dtype: str = "f32"
    scale: float | None = None
    softcap: float | None = None
    bias: str | None = None
    region: str | None = None
    where: tuple = ()
    align: str = "bottom_right"
    key_lengths: bool = False
    query_lengths: bool = False
    sinks: bool = False
    lse: bool = False
    # (place, activation, ranks, renormalised) of each gate.
    gates: tuple = ()
    normaliser: str = "softmax"
    # One of WEIGHT_REGIONS.
    weights: str | None = None
    # The result's type where it is not that of the operands.
    out_dtype: str | None = None
    # How the origin of a rank, as ("m", "index"), and the offset are given: as a
    # tensor of one number, of one for each batch "row", or as an "index".
    origins: tuple = ()
    offset: str | None = None
    # The ranks that index each order of tokens: one for both with ("both", "h"),
    # or ("query", "bh") and ("key", "").
    permute: tuple = ()
    # The ranks that index the offsets of segments in front: as of `permute`.
    segments: tuple = ()
    # What masks hold, "i8" or "i1".
    mask_dtype: str = "i8"
    # How many queries there are, where the type of the operator says so.
    queries: int | None = None

    @property
    def key(self) -> str:
        """A short name that is unique per spec."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:8]
        return f"e{self.e}_f{self.f}_{self.dtype}_{digest}"

    def describe(self) -> str:
        parts = [f"e={self.e}", f"f={self.f}", f"h={self.heads}/{self.key_heads}", self.dtype]
        for name in ("out_dtype", "scale", "softcap", "bias", "region", "weights"):
            if getattr(self, name) is not None:
                parts.append(f"{name}={getattr(self, name)}")
        if self.where:
            parts.append(" and ".join(atom_text(a) for a in self.where) + " " + self.align)
        for name in ("key_lengths", "query_lengths", "sinks", "lse"):
            if getattr(self, name):
                parts.append(name)
        if self.normaliser != "softmax":
            parts.append(self.normaliser)
        if self.queries is not None:
            parts.append(f"m={self.queries}")
        parts += [f"origin {rank} {kind}" for rank, kind in self.origins]
        parts += [f"permute {which} {ranks}" for which, ranks in self.permute]
        parts += [f"segments {which} {ranks}" for which, ranks in self.segments]
        parts += [f"gate {' '.join(map(str, gate))}" for gate in self.gates]
        return " ".join(parts)


def atom_text(atom: tuple, list_text: Callable | None = None) -> str:
    """An atom, or ("and", term, ...), ("or", term, ...), ("not", term).

    A neighborhood is ("neighborhood", kernel, options) with a tuple of pairs, an
    affine set ("affine_set", results) with functions of m and n as text. Lists are
    ("blocks", rows, keys, ranks), with "flat" behind where all share their entries,
    ("indices", group, ranks) and ("mask", ranks); `list_text` gives the text of their operands.
    A predicate is ("predicate", name) with one of PREDICATES.
    """
    name, *arguments = atom
    if name == "predicate":
        return "".join(list_text(atom)) if list_text else f"predicate({arguments[0]})"
    if name in ("blocks", "indices", "mask"):
        numbers = [str(number) for number in arguments if isinstance(number, int)]
        operands = list_text(atom) if list_text else [str(a) for a in arguments[len(numbers) :]]
        return f"{name}({', '.join(numbers + operands)})"
    if name == "permuted":
        return f"{atom_text(arguments[0])} in permuted"
    if name == "affine_set":
        return f"affine_set(affine_map<(m, n) -> ({', '.join(arguments[0])})>)"
    if name == "per_head":
        # Where a parameter differs there is an array over heads.
        columns = list(zip(*(inner[1:] for inner in arguments), strict=True))
        texts = [str(c[0]) if i and len(set(c)) == 1 else list(c) for i, c in enumerate(columns)]
        return atom_text((arguments[0][0], *texts))
    if name == "affine_set_of_head":
        return f"affine_set(affine_map<(m, n)[h] -> ({', '.join(arguments[0])})>)"
    if name == "strided" and len(arguments) == 3:
        return f"strided({arguments[0]}, {arguments[1]}, block {arguments[2]})"
    if name == "neighborhood":
        parts = [str(list(arguments[0]))]
        for option, numbers in arguments[1] if len(arguments) > 1 else ():
            parts.append(option if numbers is True else f"{option} {list(numbers)}")
        return f"neighborhood({', '.join(parts)})"
    if name == "not":
        return f"not ({atom_text(arguments[0], list_text)})"
    if name in ("and", "or"):
        return "(" + f" {name} ".join(atom_text(term, list_text) for term in arguments) + ")"
    return f"{name}({', '.join(map(str, arguments))})" if arguments else name


_ATOMS = {
    "causal": reference.Causal,
    "window": reference.Window,
    "prefix": reference.Prefix,
    "leading": reference.Leading,
    "block_diagonal": reference.BlockDiagonal,
    "dilated": reference.Dilated,
    "strided": reference.Strided,
    "power_of_two": reference.PowerOfTwo,
    "radial": reference.Radial,
    "neighborhood": lambda kernel, options=(): reference.Neighborhood(kernel, **dict(options)),
    "affine_set": lambda results: reference.AffineSet(tuple(map(_affine, results))),
    "affine_set_of_head": lambda results: reference.AffineSetOfHead(tuple(map(_affine, results))),
}


def _affine(text: str) -> Callable:
    """An affine expression of m and n, and maybe of h, as a function."""
    code = text.replace("floordiv", "//").replace("mod", "%")
    return lambda m, n, h=0: eval(code, {"m": m, "n": n, "h": h})


def list_atoms(terms) -> list[tuple]:
    """The atoms that name lists, in the order of the text."""
    found = []
    for name, *arguments in terms:
        if name in ("blocks", "indices", "mask", "predicate"):
            found.append((name, *arguments))
        elif name in ("and", "or", "not"):
            found += list_atoms(arguments)
    return found


def predicate(term: tuple, lists=None):
    """The reference of a term as `atom_text` takes it; `lists` iterates over those
    that it names."""
    name, *arguments = term
    if name in ("blocks", "indices", "mask", "predicate"):
        return next(lists)
    if name == "permuted":
        return reference.Permuted(predicate(arguments[0]))
    if name == "per_head":
        return reference.PerHead(tuple(map(predicate, arguments)))
    if name == "not":
        return reference.Not(predicate(arguments[0], lists))
    if name in ("and", "or"):
        connective = reference.And if name == "and" else reference.Or
        return connective(tuple(predicate(term, lists) for term in arguments))
    return _ATOMS[name](*arguments)


_STATIC = {"b": "?", "m": "?", "n": "?", "s": "?", "l": "?"}


def _ranks_type(spec: Spec, ranks: str, element: str) -> str:
    sizes = {"h": spec.heads, "k": spec.key_heads, "e": spec.e, "f": spec.f}
    if spec.queries is not None:
        sizes["m"] = spec.queries
    extents = _STATIC | {rank: str(size) for rank, size in sizes.items()}
    return f"tensor<{''.join(extents[rank] + 'x' for rank in ranks)}{element}>"


def text(spec: Spec, name: str = "attention") -> str:
    """The operator as a module with one public function."""
    q_type = _ranks_type(spec, "bhme", spec.dtype)
    k_type = _ranks_type(spec, "bkne", spec.dtype)
    v_type = _ranks_type(spec, "bknf", spec.dtype)
    o_type = _ranks_type(spec, "bhmf", spec.out_dtype or spec.dtype)
    statistics = "f64" if spec.dtype == "f64" else "f32"
    arguments = [f"%q: {q_type}", f"%k: {k_type}", f"%v: {v_type}"]
    results, result_names = [o_type], "%o"
    score, clauses = [], []
    if spec.scale is not None:
        score.append(f"scale({spec.scale!r})")
    if spec.softcap is not None:
        score.append(f"softcap({spec.softcap!r})")
    if spec.bias is not None:
        bias_type = _ranks_type(spec, spec.bias, statistics)
        arguments.append(f"%bias: {bias_type}")
        score.append(f"bias(%bias[{', '.join(spec.bias)}] : {bias_type})")

    def region_text(region: Region, table: str) -> str:
        inputs, operand = "", ""
        if region.ranks:
            operand_type = _ranks_type(spec, region.ranks, statistics)
            arguments.append(f"%{table}: {operand_type}")
            operand = f"%{table}[{', '.join(region.ranks)}] : {operand_type}"
            inputs = f"%x: {statistics}, "
        body = region.body.replace("f32", statistics)
        return (
            f"({operand}) {{\n        ^bb0(%s: {statistics}, {inputs}%b: index, %h: index, "
            f"%m: index, %n: index):{body}\n      }}"
        )

    if spec.region is not None:
        score.append("map" + region_text(REGIONS[spec.region], "table"))
    if score:
        clauses.append(f"score [{', '.join(score)}]")
    numbers, number_arguments = [], []

    def number(argument: str, kind: str) -> str:
        number_type = {"tensor": "tensor<i64>", "row": "tensor<?xi64>", "index": "tensor<i32>"}
        number_arguments.append(f"%{argument}: {number_type[kind]}")
        if kind != "index":
            return f"%{argument} : {number_type[kind]}"
        numbers.append(f"  %{argument}_e = tensor.extract %{argument}[] : tensor<i32>\n")
        numbers.append(f"  %{argument}_i = arith.index_cast %{argument}_e : i32 to index\n")
        return f"%{argument}_i : index"

    align = spec.align
    if spec.offset is not None:
        align += f"({number('offset', spec.offset)})"

    def predicate_text(region: PredicateRegion, i: int) -> str:
        operands, inputs = [], []
        for number, (ranks, element) in enumerate(region.operands):
            operand_type = _ranks_type(spec, ranks, element)
            arguments.append(f"%list{i}_x{number}: {operand_type}")
            operands.append(f"%list{i}_x{number}[{', '.join(ranks)}] : {operand_type}")
            inputs.append(f"%x{number}: {'f32' if element in ('bf16', 'f16') else element}")
        indices = [f"%{rank}: index" for rank in "bhmn"]
        return (
            f"predicate({', '.join(operands)}) {{\n        "
            f"^bb0({', '.join(inputs + indices)}):{region.body}\n      }}"
        )

    def list_text(atom) -> list[str]:
        i = sum(argument.startswith("%list") for argument in arguments)
        if atom[0] == "predicate":
            return [predicate_text(PREDICATES[atom[1]], i)]
        name, ranks = atom[0], atom[{"mask": 1, "indices": 2, "blocks": 3}[atom[0]]]
        tails = {f"%list{i}": (ranks, "sl", "i32")}
        if name == "mask":
            tails = {f"%list{i}": (ranks, "", spec.mask_dtype)}
        if name == "blocks":
            tails = {
                f"%list{i}_offsets": (ranks, "s", "i32"),
                f"%list{i}_entries": ("" if atom[-1] == "flat" else ranks, "l", "i64"),
            }
        texts = []
        for argument, (own, tail, element) in tails.items():
            list_type = _ranks_type(spec, own + tail, element)
            arguments.append(f"{argument}: {list_type}")
            texts.append(f"{argument}[{', '.join(own)}] : {list_type}")
        return texts

    if spec.where:
        atoms = " and ".join(atom_text(atom, list_text) for atom in spec.where)
        clauses.append(f"where {atoms} align {align}")
    if spec.origins:
        given = [f"{rank} = {number(f'origin_{rank}', kind)}" for rank, kind in spec.origins]
        clauses.append(f"origin({', '.join(given)})")
    lengths = []
    if spec.key_lengths:
        arguments.append("%kl: tensor<?xi32>")
        lengths.append("key(%kl : tensor<?xi32>)")
    if spec.query_lengths:
        arguments.append("%ql: tensor<?xi32>")
        lengths.append("query(%ql : tensor<?xi32>)")
    if lengths:
        clauses.append(f"lengths {' '.join(lengths)}")
    segments = []
    for which, ranks in spec.segments:
        offsets_type = _ranks_type(spec, ranks + "s", "i64" if which == "key" else "i32")
        arguments.append(f"%segments_{which}: {offsets_type}")
        prefix = "" if which == "both" else f" {which}"
        segments.append(f"{prefix}(%segments_{which} : {offsets_type})")
    if segments:
        clauses.append(f"segments{''.join(segments)}")
    orders = []
    for which, ranks in spec.permute:
        token = "n" if which == "key" else "m"
        order_type = _ranks_type(spec, ranks + token, "i64" if which == "key" else "i32")
        arguments.append(f"%order_{which}: {order_type}")
        listed = f"[{', '.join(ranks)}]" if ranks else ""
        prefix = "" if which == "both" else which
        orders.append(f"{prefix}(%order_{which}{listed} : {order_type})")
    if orders:
        clauses.append(f"permute{'' if spec.permute[0][0] == 'both' else ' '}{' '.join(orders)}")
    if spec.sinks:
        sink_type = _ranks_type(spec, "h", statistics)
        arguments.append(f"%sink: {sink_type}")
        clauses.append(f"sinks(%sink : {sink_type})")
    if spec.normaliser != "softmax":
        clauses.append(f"normalise {spec.normaliser}")
    if spec.weights is not None:
        clauses.append("weights" + region_text(WEIGHT_REGIONS[spec.weights], "weight_table"))
    if spec.lse:
        results.append(_ranks_type(spec, "bhm", statistics))
        result_names = "%o, %lse"
    gate_arguments = []
    for i, (place, activation, ranks, renormalised) in enumerate(spec.gates):
        gate_type = _ranks_type(spec, ranks, spec.dtype)
        gate_arguments.append(f"%gate{i}: {gate_type}")
        operand = f"%gate{i}[{', '.join(ranks)}] : {gate_type}"
        end = " renormalised" if renormalised else ""
        clauses.append(f"gate {place} {activation}({operand}){end}")
    arguments += number_arguments + gate_arguments
    middle = "".join(f"\n      {clause}" for clause in clauses)
    types = ", ".join(results)
    result_type = f"({types})" if spec.lse else types
    return (
        f"func.func @{name}({', '.join(arguments)}) -> {result_type} {{\n"
        f"{''.join(numbers)}"
        f"  {result_names} = attn.attention(%q, %k, %v){middle}\n"
        f"      : ({q_type}, {k_type}, {v_type}) -> {result_type}\n"
        f"  return {result_names} : {types}\n"
        f"}}\n"
    )


# ===----------------------------------------------------------------------===//
# Operands and references
# ===----------------------------------------------------------------------===//


@dataclass
class Operands:
    """Inputs in the order of the function's arguments, by name."""

    spec: Spec
    arrays: dict[str, np.ndarray]

    def inputs(self) -> list[np.ndarray]:
        return list(self.arrays.values())

    def output_shapes(self) -> list[tuple[tuple[int, ...], np.dtype]]:
        batch, heads, queries, _ = self.arrays["q"].shape
        statistics = reference.accumulation_type(DTYPES[self.spec.dtype])
        out = DTYPES[self.spec.out_dtype or self.spec.dtype]
        shapes = [((batch, heads, queries, self.spec.f), out)]
        if self.spec.lse:
            shapes.append(((batch, heads, queries), statistics))
        return shapes

    def operator(self) -> reference.Operator:
        return reference_operator(self.spec, self.arrays)


def operands(spec: Spec, batch: int, queries: int, keys: int, rng) -> Operands:
    """Random operands. Lengths are between 0 and the extent, each end likely."""
    dtype = DTYPES[spec.dtype]
    statistics = reference.accumulation_type(dtype)
    extents = {"b": batch, "h": spec.heads, "m": queries, "n": keys}

    def normal(shape, kind):
        drawn = np.float64 if kind == np.float64 else np.float32
        return rng.standard_normal(shape, drawn).astype(kind)

    def lengths(extent):
        drawn = rng.integers(0, extent + 1, batch)
        return np.where(rng.random(batch) < 0.25, extent, drawn).astype(np.int32)

    arrays = {
        "q": normal((batch, spec.heads, queries, spec.e), dtype),
        "k": normal((batch, spec.key_heads, keys, spec.e), dtype),
        "v": normal((batch, spec.key_heads, keys, spec.f), dtype),
    }
    if spec.bias is not None:
        arrays["bias"] = normal(tuple(extents[r] for r in spec.bias), statistics)
    if spec.region is not None and REGIONS[spec.region].ranks:
        shape = tuple(extents[r] for r in REGIONS[spec.region].ranks)
        table = normal(shape, statistics)
        # Slopes that grow with the distance stay small, as in practice.
        arrays["table"] = table * np.float32(0.01) if spec.region == "alibi" else table
    for atom in list_atoms(spec.where):
        i = sum(name.startswith("list") for name in arrays)
        if atom[0] == "indices":
            drawn = draw_indices(rng, extents, *atom[1:])
            arrays[f"list{i}"] = drawn.astype(np.int32)
            continue
        if atom[0] == "predicate":
            for number, (ranks, element) in enumerate(PREDICATES[atom[1]].operands):
                shape = tuple(extents[rank] for rank in ranks)
                arrays[f"list{i}_x{number}"] = draw_elements(rng, shape, element)
            continue
        if atom[0] == "mask":
            drawn = draw_mask(rng, tuple(extents[rank] for rank in atom[1]))
            arrays[f"list{i}"] = drawn != 0 if spec.mask_dtype == "i1" else drawn
            continue
        begins, entries = draw_blocks(rng, extents, *atom[1:])
        arrays[f"list{i}_offsets"] = begins.astype(np.int32)
        arrays[f"list{i}_entries"] = entries.astype(np.int64)
    if spec.key_lengths:
        arrays["kl"] = lengths(keys)
    if spec.query_lengths:
        arrays["ql"] = lengths(queries)
    count = int(rng.integers(1, 9)) if spec.segments else 0
    for which, ranks in spec.segments:
        tokens = {"query": queries, "key": keys, "both": min(queries, keys)}[which]
        drawn = offsets(rng, count, tokens, batch if ranks else None)
        arrays[f"segments_{which}"] = drawn.astype(np.int64 if which == "key" else np.int32)
    for which, ranks in spec.permute:
        tokens = keys if which == "key" else queries
        shape = (*(extents[rank] for rank in ranks), tokens)
        order = rng.permuted(np.broadcast_to(np.arange(tokens), shape), axis=-1)
        kind = np.int64 if which == "key" else np.int32
        arrays[f"order_{which}"] = np.ascontiguousarray(order, kind)
    if spec.sinks:
        arrays["sink"] = normal((spec.heads,), statistics)
    if spec.weights is not None and WEIGHT_REGIONS[spec.weights].ranks:
        shape = tuple(extents[r] for r in WEIGHT_REGIONS[spec.weights].ranks)
        arrays["weight_table"] = normal(shape, statistics)
    if spec.offset is not None:
        arrays["offset"] = position(spec.offset, int(rng.integers(-keys, keys + 1)), batch)
    for rank, kind in spec.origins:
        arrays[f"origin_{rank}"] = position(kind, int(rng.integers(0, extents[rank] + 7)), batch)
    sizes = extents | {"k": spec.key_heads, "e": spec.e, "f": spec.f}
    for i, (_, activation, ranks, renormalised) in enumerate(spec.gates):
        gate = normal(tuple(sizes[rank] for rank in ranks), dtype)
        if renormalised and activation in ("none", "silu", "tanh"):
            # A sum of both signs may be as near to 0 as it likes.
            gate = np.abs(gate) + gate.dtype.type(0.25)
        arrays[f"gate{i}"] = gate
    return Operands(spec, arrays)


def draw_blocks(rng, extents, rows, keys, ranks, flat=None, density=0.3):
    """Offsets and entries of random lists of blocks; each end of how many is likely."""
    lists, blocks = -(-extents["m"] // rows), -(-extents["n"] // keys)
    front = tuple(extents[rank] for rank in ranks)
    dense = np.where(rng.random((*front, lists, 1)) < 0.1, 1.0, density)
    dense *= rng.random((*front, lists, 1)) > 0.1
    chosen = rng.random((*front, lists, blocks)) < dense
    if flat:
        counts = chosen.reshape(-1, blocks).sum(1)
        ends = np.cumsum(counts).reshape(*front, lists)
        begins = (ends.ravel() - counts).reshape(*front, lists)[..., :1]
        return np.concatenate([begins, ends], -1), np.nonzero(chosen)[-1]
    ends = chosen.sum(-1).cumsum(-1)
    begins = np.concatenate([np.zeros((*front, 1), np.int64), ends], -1)
    entries = np.full((*front, int(ends.max(initial=0)) + 2), -(1 << 40))
    for at in np.ndindex(*front):
        named = np.nonzero(chosen[at])[-1]
        entries[at][: len(named)] = named
    return begins, entries


def draw_mask(rng, shape):
    """A random mask, in which what is not 0 is anything; some rows have nothing."""
    drawn = rng.choice(np.array([0, 0, 0, 1, 1, -1, 64], np.int8), shape)
    if len(shape) > 1:
        drawn *= rng.random((*shape[:-1], 1)) > 0.1
    return drawn


def draw_elements(rng, shape, element):
    """What a predicate reads: few different integers, each in runs; any floats."""
    if element in DTYPES:
        kind = np.float64 if element == "f64" else np.float32
        return rng.standard_normal(shape, kind).astype(DTYPES[element])
    drawn = rng.integers(-1, 3, shape)
    return np.sort(drawn, axis=-1).astype(
        {"i8": np.int8, "i32": np.int32, "i64": np.int64}[element]
    )


def draw_indices(rng, extents, group, ranks, longest=70):
    """Random lists of tokens, filled up with -1."""
    lists, keys = -(-extents["m"] // group), extents["n"]
    front = tuple(extents[rank] for rank in ranks)
    length = min(longest, keys)
    drawn = np.full((*front, lists, length), -1)
    for at in np.ndindex(*front, lists):
        count = int(rng.choice([0, length, rng.integers(0, length + 1)], p=[0.1, 0.4, 0.5]))
        drawn[at][:count] = np.sort(rng.choice(keys, count, replace=False))
    return drawn


def offsets(rng, count: int, tokens: int, batch: int | None = None) -> np.ndarray:
    """Where `count` segments begin and the last one ends: some are empty, and some
    tokens may belong to none."""
    shape = (count + 1,) if batch is None else (batch, count + 1)
    drawn = np.sort(rng.integers(0, tokens + 1, shape), axis=-1)
    drawn[..., 0] *= rng.random(shape[:-1]) < 0.3
    drawn[..., -1] = np.where(rng.random(shape[:-1]) < 0.7, tokens, drawn[..., -1])
    return drawn


def position(kind: str, number, batch: int) -> np.ndarray:
    """The operand that gives a number, the same or its own for each batch row."""
    if kind == "row":
        return np.broadcast_to(np.asarray(number, np.int64), (batch,)).copy()
    return np.asarray(number, np.int32 if kind == "index" else np.int64)


def reference_operator(spec: Spec, arrays: dict[str, np.ndarray]) -> reference.Operator:
    modifiers = [reference.Scale(spec.e**-0.5 if spec.scale is None else spec.scale)]
    if spec.softcap is not None:
        modifiers.append(reference.SoftCap(spec.softcap))
    if spec.bias is not None:
        modifiers.append(reference.Bias(arrays["bias"], spec.bias))
    if spec.region is not None:
        function, table = REGIONS[spec.region].function, arrays.get("table")

        def region(scores, b, h, m, n):
            return function(scores, table, b, h, m, n)

        modifiers.append(reference.Map(region))
    weight_map = None
    if spec.weights is not None:
        edit, weight_table = WEIGHT_REGIONS[spec.weights].function, arrays.get("weight_table")
        weight_map = reference.Map(lambda w, *indices: edit(w, weight_table, *indices))
    lists, at = [], 0
    for name, *arguments in list_atoms(spec.where):
        if name == "indices":
            group, ranks = arguments
            lists.append(reference.Indices(group, arrays[f"list{at}"], ranks))
            at += 1
            continue
        if name == "mask":
            lists.append(reference.Mask(arrays[f"list{at}"], *arguments))
            at += 1
            continue
        if name == "predicate":
            region = PREDICATES[arguments[0]]
            read = tuple(
                (arrays[f"list{at}_x{number}"], ranks)
                for number, (ranks, _) in enumerate(region.operands)
            )
            lists.append(reference.Predicate(region.function, read, region.reads_head))
            at += len(read)
            continue
        rows, keys, ranks = arguments[:3]
        named = (arrays[f"list{at}_{part}"] for part in ("offsets", "entries"))
        lists.append(reference.Blocks(rows, keys, *named, ranks))
        at += 2
    named_lists = iter(lists)
    atoms = tuple(predicate(term, named_lists) for term in spec.where)
    gates = [
        reference.Gate(place, activation, arrays[f"gate{i}"], ranks, renormalised)
        for i, (place, activation, ranks, renormalised) in enumerate(spec.gates)
    ]
    orders = {
        which: reference.Order(arrays[f"order_{which}"], ranks) for which, ranks in spec.permute
    }
    return reference.Operator(
        query_order=orders.get("both", orders.get("query")),
        key_order=orders.get("both", orders.get("key")),
        query_segments=arrays.get("segments_both", arrays.get("segments_query")),
        key_segments=arrays.get("segments_both", arrays.get("segments_key")),
        gates=gates,
        normaliser=spec.normaliser,
        weight_map=weight_map,
        modifiers=modifiers,
        where=reference.And(atoms) if atoms else None,
        align=spec.align,
        key_lengths=arrays.get("kl"),
        query_lengths=arrays.get("ql"),
        sinks=arrays.get("sink"),
        offset=arrays.get("offset"),
        origins={rank: arrays[f"origin_{rank}"] for rank, _ in spec.origins},
    )
