# ===- cuts.py - One cascade written as several --------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Cuts a cascade into cascades that hand tensors on: what they compute is the same.

A compiler merges some of them again, and runs the others one after another.
"""

from __future__ import annotations

import itertools
import random

from .ir import Cascade, Einsum, Plane, Writer


def cut(cascade: Cascade, rng: random.Random) -> str | None:
    """The cascade as two or three, cut at random places; None where it cannot be."""
    statements = cascade.statements
    inputs = {t.name for t in cascade.inputs}
    if len(statements) < 2 or cascade.mapping or cascade.iterations():
        return None
    if inputs & set(cascade.results):
        return None
    count = min(len(statements) - 1, rng.choice((1, 1, 2)))
    places = [0, *sorted(rng.sample(range(1, len(statements)), count)), len(statements)]
    parts: list[Cascade] = []
    wanted = set(cascade.results)
    for first, last in reversed(list(itertools.pairwise(places))):
        part = _part(cascade, statements[first:last], wanted)
        if part is None:
            return None
        wanted |= {t.name for t in part.inputs}
        parts.insert(0, part)
    return Writer(cascade).function(parts)


def _part(cascade: Cascade, statements: list[Einsum], wanted: set[str]) -> Cascade | None:
    tensors = cascade.tensors()
    made = [x.result for x in statements]
    results = [name for name in made if name in wanted]
    if not results or not _extents_are_known(statements, made):
        return None
    if _reads_results_of_nothing(cascade, statements, made):
        return None
    plane = _plane(cascade, statements)
    reads = [name for x in statements for name in x.reads()]
    if plane:
        given = (plane.query_lengths, plane.key_lengths)
        reads += [lengths[0] for lengths in given if lengths]
    inputs = [tensors[name] for name in dict.fromkeys(reads) if name not in made]
    return Cascade(inputs, statements, results, cascade.extents, plane)


def _reads_results_of_nothing(cascade: Cascade, statements: list[Einsum], made) -> bool:
    """Whether a map reads an extremum of another part where that may be over nothing: it is
    infinite as a result, and finite as an operand of its own cascade. spec: MR-3"""
    extrema: dict[str, set[str]] = {}
    for x in cascade.einsums():
        source = x.accesses[0].tensor if x.accesses else ""
        if x.reduction and x.reduction[0] in ("max", "min"):
            extrema[x.result] = set(x.reduction[1])
        elif not x.reduction and x.map.is_identity() and source in extrema:
            extrema[x.result] = extrema[source]
    return any(
        name in extrema and name not in made and not extrema[name] <= _ranks(x)
        for x in statements
        if not x.map.is_identity()
        for name in x.reads()
    )


def _plane(cascade: Cascade, statements: list[Einsum]) -> Plane | None:
    """The plane, where an einsum is over it. spec: SP-1"""
    plane = cascade.plane
    if plane and any({plane.query, plane.key} <= _ranks(x) for x in statements):
        return plane
    return None


def _ranks(x: Einsum) -> set[str]:
    return {*x.ranks, *(x.reduction[1] if x.reduction else ())}


def _extents_are_known(statements: list[Einsum], made: list[str]) -> bool:
    """Whether every rank indexes a dimension of an input by itself."""
    known, used = set(), set()
    for x in statements:
        used |= _ranks(x)
        for a in x.accesses:
            for e in a.exprs:
                used |= e.ranks() | e.extents()
                if e.plain and a.tensor not in made:
                    known.add(e.value)
    return used <= known
