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


def _states(loop: Iterate) -> tuple[set[str], set[str]]:
    """Tensors without points that belong to the step before, and to this one."""
    old, new = set(loop.arguments), set()
    for x in loop.body:
        if not isinstance(x, Einsum):
            continue
        reads = set(x.reads())
        is_old = loop.point not in _ranks(x) and reads & old and not reads & new
        (old if is_old else new).add(x.result)
    return old, new


def _feeds(x: Einsum, value: str) -> set[str]:
    """The operations that a value of the map reaches."""
    reached, names = {value}, set()
    for op in x.map.ops:
        if reached & set(op.args):
            reached.add(op.result)
            names.add(op.name)
    return names


def _repairs(loop: Iterate) -> set[str]:
    found = set()
    old, new = _states(loop)
    for x in loop.body:
        if not isinstance(x, Einsum) or loop.point in _ranks(x):
            continue
        operations = _operations(x)
        if "subf" in operations and operations & {"exp", "exp2"}:
            found.add("exp2-difference" if "exp2" in operations else "exp-difference")
        sources = {
            name: a.tensor for (name, _), a in zip(x.map.arguments, x.accesses, strict=True)
        }  # fmt: skip
        for op in x.map.ops:
            read = [sources.get(a, "") for a in op.args]
            if len(read) != 2 or read[0] not in old or read[1] not in new:
                continue
            if op.name == "subf" and not _feeds(x, op.result) & {"exp", "exp2"}:
                found.add("difference")
            elif op.name == "divf":
                found.add("quotient")
    return found


def _running(statements, points: str, known: set[str]) -> set[str]:
    """Tensors without the points that depend on a reduction of them."""
    running = set(known)
    for x in statements:
        if not isinstance(x, Einsum) or points in x.ranks:
            continue
        if points in (x.reduction[1] if x.reduction else ()) or running & set(x.reads()):
            running.add(x.result)
    return running


def _factors(statements, points: str, known=()) -> set[str]:
    """Products and quotients over the points with a running tensor."""
    found = set()
    running = _running(statements, points, set(known))
    for x in statements:
        if isinstance(x, Einsum) and points in _ranks(x):
            names = {
                name for (name, _), a in zip(x.map.arguments, x.accesses, strict=True)
                if a.tensor in running
            }  # fmt: skip
            found |= {op.name for op in x.map.ops if names & set(op.args)} & {"mulf", "divf"}
    return found


def used_laws(cascade: Cascade, derived: str) -> set[str]:
    form = parse(derived)
    laws = set()
    for loop in form.iterations():
        laws |= _repairs(loop)
        before = _factors(cascade.statements, loop.parent)
        after = _factors(loop.body, loop.point, loop.arguments)
        for operation in before - after:
            laws.add("quotient deferred" if operation == "divf" else "product deferred")
    return laws
