# ===- laws.py - Which laws a derivation used ----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Names the laws behind a derived cascade, from its text and that of the cascade
it was derived from.

A repair is an einsum of the loop that has no points and turns the old and the new
value of something carried into a correction; a deferral is a factor of the points
that the loop no longer applies.
"""

from __future__ import annotations

from .ir import Cascade, Einsum, Iterate
from .parse import parse

LAWS = (
    "exp-difference", "exp2-difference", "difference", "quotient", "quotient deferred",
    "product deferred",
)  # fmt: skip


def _operations(x: Einsum) -> set[str]:
    return {op.name for op in x.map.ops}


def _ranks(x: Einsum) -> set[str]:
    return {*x.ranks, *(x.reduction[1] if x.reduction else ())}


def _repairs(loop: Iterate) -> set[str]:
    found = set()
    for x in loop.body:
        if not isinstance(x, Einsum) or loop.point in _ranks(x):
            continue
        operations = _operations(x)
        reads = [a.tensor for a in x.accesses]
        if "subf" in operations and operations & {"exp", "exp2"}:
            found.add("exp2-difference" if "exp2" in operations else "exp-difference")
        elif operations == {"subf"} and len(reads) == 2:
            found.add("difference")
        elif operations == {"divf"} and len(reads) == 2 and reads[0] in loop.arguments:
            found.add("quotient")
    return found


def _factors(statements, points: str, computed: set[str]) -> set[str]:
    """Products and quotients over the points with a computed tensor without them."""
    found = set()
    for x in statements:
        if not isinstance(x, Einsum) or points not in _ranks(x):
            continue
        uniform = any(
            a.tensor in computed and not any(points in e.ranks() for e in a.exprs)
            for a in x.accesses
        )
        if uniform:
            found |= _operations(x) & {"mulf", "divf"}
    return found


def used_laws(cascade: Cascade, derived: str) -> set[str]:
    form = parse(derived)
    laws = set()
    for loop in form.iterations():
        laws |= _repairs(loop)
        computed = {x.result for x in cascade.einsums()}
        before = _factors(cascade.statements, loop.parent, computed)
        kept = {x.result for x in form.einsums()} | set(loop.arguments)
        after = _factors(loop.body, loop.point, kept)
        for operation in before - after:
            laws.add("quotient deferred" if operation == "divf" else "product deferred")
    return laws
