# ===- interpreter.py - What a cascade computes --------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Evaluates a cascade in wide precision, from the rules of docs/spec.md alone.

Every einsum runs over its whole iteration space (CL-2); points that the sparsity
or a partition removes contribute the identity (SP-5, CL-4). Values carry the
bounds of bounds.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from . import bounds
from .bounds import Bounded
from .ir import Cascade, Combiner, Einsum, Expr, Iterate, Map, Term, compute_type, is_float


class UnknownExtentError(ValueError):
    """A rank whose extent nothing states."""


class Interpreter:
    """One run of a cascade: inputs by name, extents by rank.

    `step_points` is what a partition takes where no tensor fixes it; a
    well-formed cascade does not depend on it.
    """

    def __init__(self, cascade: Cascade, inputs: Mapping, extents: dict, step_points: int = 5):
        self.cascade = cascade
        self.extents = dict(extents)
        self.step_points = step_points
        self.types = {name: t.dtype for name, t in cascade.tensors().items()}
        wide = any(dtype == "f64" for dtype in self.types.values())
        self.work = np.dtype(np.longdouble if wide else np.float64)
        self.values: dict[str, Bounded] = {}
        self.lengths = {name: np.asarray(a) for name, a in inputs.items()}
        for name, array in inputs.items():
            dtype = self.types[name]
            wider = self.work if is_float(dtype) else (bool if dtype == "i1" else np.int64)
            self.values[name] = Bounded.exact(np.asarray(array).astype(wider))
        # The extremum that a tensor holds, for spec: MR-3.
        self.extrema: dict[str, str] = {}
        # Enclosing iterations: step rank, parent, point, current step.
        self.steps: list[tuple[str, str, str, int]] = []
        self.evaluated = 0

    def run(self) -> dict[str, Bounded]:
        self.block(self.cascade.statements)
        return {name: self.values[name] for name in self.cascade.results}

    def block(self, statements):
        for s in statements:
            if isinstance(s, Einsum):
                self.einsum(s)
            else:
                self.iterate(s)

    # -- Iterations -----------------------------------------------------------

    def iterate(self, loop: Iterate):
        parent = self.extents[loop.parent]
        points = self.extents.get(loop.point, self.step_points)
        carried = [self.values[name] for name in loop.inits]
        kinds = [self.extrema.get(name) for name in loop.inits]
        outer = dict(self.extents)
        self.extents[loop.point] = points
        for step in range(-(-parent // points) if points else 0):
            for name, value, kind in zip(loop.arguments, carried, kinds, strict=True):
                self.values[name] = value
                self.extrema.pop(name, None)
                del kind
            self.steps.append((loop.step, loop.parent, loop.point, step))
            self.block(loop.body)
            self.steps.pop()
            carried = [self.values[name] for name in loop.yields]
        self.extents = outer
        for name, value in zip(loop.results, carried, strict=True):
            self.values[name] = value

    # -- Einsums --------------------------------------------------------------

    def einsum(self, x: Einsum):
        reduced = x.reduction[1] if x.reduction else []
        ranks = [*x.ranks, *reduced]
        shape = tuple(self.extent(r) for r in ranks)
        coordinates: dict[str, np.ndarray | int] = {}
        for axis, r in enumerate(ranks):
            around = [1] * len(ranks)
            around[axis] = shape[axis]
            coordinates[r] = np.arange(shape[axis]).reshape(around)
        exists = None
        for step, parent, point, at in self.steps:
            coordinates.setdefault(step, at)
            if point in coordinates and parent not in coordinates:
                position = at * self.extents[point] + coordinates[point]
                coordinates[parent] = position
                # spec: CL-4
                exists = _both(exists, position < self.extents[parent])
        computed = compute_type(x.dtype)
        arguments = []
        for access in x.accesses:
            value = self.load(access, coordinates, len(ranks))
            source = self.types[access.tensor]
            if is_float(source):
                target = self.argument_type(x)
                value = bounds.store(value, target, source)
                if not x.map.is_identity() and access.tensor in self.extrema:
                    value = _keep_finite(value, self.extrema[access.tensor], target)
            arguments.append(value)
        arguments = self.round_weights(x, arguments)
        value = self.map(x.map, arguments, coordinates)
        value = value.broadcast(shape)
        live = _both(exists, self.live(coordinates))
        kind = x.reduction[0] if x.reduction else None
        if live is not None:
            absent = bounds.identity(kind, x.dtype) if kind and not x.combiner else 0
            if x.combiner:
                absent = x.combiner.identity
            live = np.broadcast_to(live, shape)
            filled = np.where(live, value.value, np.asarray(absent, value.value.dtype))
            value = Bounded(filled, np.where(live, value.error, 0.0))
        self.evaluated += value.value.size
        if x.combiner:
            value = self.combine(x.combiner, value, len(x.ranks))
        elif kind:
            axes = tuple(range(len(x.ranks), len(ranks)))
            if is_float(x.dtype):
                value = bounds.reduce(kind, value, axes, computed)
            else:
                value = bounds.reduce_integer(kind, value, axes, x.dtype)
        if is_float(x.dtype):
            value = bounds.store(value, x.dtype, computed)
        self.values[x.result] = Bounded(
            np.asarray(value.value), np.asarray(value.error)
        )  # fmt: skip
        self.extrema.pop(x.result, None)
        if is_float(x.dtype):
            if kind in ("max", "min"):
                self.extrema[x.result] = kind
            elif kind is None and x.map.is_identity():
                source = self.extrema.get(x.accesses[0].tensor)
                if source:
                    self.extrema[x.result] = source

    def round_weights(self, x: Einsum, arguments: list[Bounded]) -> list[Bounded]:
        """spec: NU-2: what was computed in f32 may be rounded where it multiplies a
        tensor of 16 bits and the products are summed."""
        types = [self.types[access.tensor] for access in x.accesses]
        products = [op.name for op in x.map.ops] == ["mulf"]
        if not (x.reduction and x.reduction[0] == "add" and products and len(types) == 2):
            return arguments
        for weights, other in ((0, 1), (1, 0)):
            if types[weights] == "f32" and types[other] in ("bf16", "f16"):
                value = arguments[weights]
                error = value.error + bounds.eps(types[other]) * np.abs(value.value)
                arguments = [*arguments]
                arguments[weights] = Bounded(value.value, error)
        return arguments

    def combine(self, c: Combiner, value: Bounded, kept: int) -> Bounded:
        """spec: CL-11: neighbours first, which keeps the order."""
        outer = value.value.shape[:kept]
        count = int(np.prod(value.value.shape[kept:], dtype=np.int64))
        values, errors = (np.reshape(a, (*outer, count)) for a in (value.value, value.error))
        first = np.full((*outer, 1), c.identity, values.dtype)
        values = np.concatenate([first, values], axis=-1)
        errors = np.concatenate([np.zeros(first.shape), errors], axis=-1)
        while values.shape[-1] > 1:
            odd = values.shape[-1] % 2
            pairs = [
                Bounded(values[..., at : values.shape[-1] - odd : 2],
                        errors[..., at : values.shape[-1] - odd : 2])
                for at in (0, 1)
            ]  # fmt: skip
            both = self.map(c.map, pairs, {})
            size = (*outer, pairs[0].value.shape[-1])
            made, error = (np.broadcast_to(a, size) for a in (both.value, both.error))
            last = values.shape[-1] - odd
            values = np.concatenate([made, values[..., last:]], axis=-1)
            errors = np.concatenate([error, errors[..., last:]], axis=-1)
        return Bounded(values[..., 0], errors[..., 0])

    def argument_type(self, x: Einsum) -> str:
        """A float operand arrives in the compute type of the result (MR-1), which
        is f32 where the result holds no floats."""
        return compute_type(x.dtype) if is_float(x.dtype) else "f32"

    def extent(self, r: str) -> int:
        if r in self.extents:
            return self.extents[r]
        raise UnknownExtentError(f"rank '{r}' has no extent")

    def load(self, access, coordinates, rank: int) -> Bounded:
        tensor = self.values[access.tensor]
        if not access.exprs:
            return Bounded(tensor.value.reshape([1] * rank), tensor.error.reshape([1] * rank))
        indices = []
        for dim, expr in enumerate(access.exprs):
            at = np.asarray(self.index(expr, coordinates))
            # spec: CL-4; nothing is read from an empty dimension.
            at = np.clip(at, 0, max(0, tensor.value.shape[dim] - 1))
            indices.append(at.reshape([1] * rank) if at.ndim == 0 else at)
        if 0 in tensor.value.shape:
            shape = np.broadcast_shapes(*(i.shape for i in indices))
            return Bounded(np.zeros(shape, tensor.value.dtype), np.zeros(shape))
        indices = tuple(np.broadcast_arrays(*indices))
        return Bounded(tensor.value[indices], tensor.error[indices])

    def index(self, expr: Expr, coordinates):
        if expr.kind == "rank":
            return coordinates[expr.value]
        if expr.kind == "extent":
            return self.extent(expr.value)
        if expr.kind == "const":
            return expr.value
        if expr.kind == "data":
            return self.data(expr, coordinates)
        a, b = (self.index(e, coordinates) for e in expr.args)
        return {
            "add": lambda: a + b,
            "sub": lambda: a - b,
            "mul": lambda: a * b,
            "mod": lambda: a % b,
            "floordiv": lambda: a // b,
        }[expr.kind]()

    def data(self, expr: Expr, coordinates):
        """spec: CL-10"""
        table = self.values[expr.value].value
        indices = [np.asarray(self.index(e, coordinates)) for e in expr.args]
        if 0 in table.shape:
            return np.zeros(np.broadcast_shapes(*(i.shape for i in indices)), np.int64)
        for dim, at in enumerate(indices):
            indices[dim] = np.clip(at, 0, table.shape[dim] - 1)
        return np.clip(table[tuple(np.broadcast_arrays(*indices))], -(2**40), 2**40)

    # -- Maps -----------------------------------------------------------------

    def map(self, f: Map, arguments: list[Bounded], coordinates) -> Bounded:
        types = f.types()
        known = {name: v for (name, _), v in zip(f.arguments, arguments, strict=True)}
        for op in f.ops:
            known[op.result] = self.operation(op, [known[a] for a in op.args], types, coordinates)
        return known[f.result]

    def operation(self, op, args: list[Bounded], types, coordinates) -> Bounded:
        name, dtype = op.name, op.type
        if name == "const":
            if is_float(dtype):
                single = np.float64(op.attr) if dtype == "f64" else np.float32(op.attr)
                return Bounded.exact(self.work.type(single))
            return Bounded.exact(np.asarray(op.attr, bool if dtype == "i1" else np.int64))
        if name == "index":
            return Bounded.exact(np.asarray(coordinates[op.attr]))
        if name in ("cmpf", "cmpi"):
            return bounds.compare(op.attr[-2:], *args)
        if name == "select":
            return bounds.select(*args)
        if name in ("extf", "truncf"):
            return bounds.store(args[0], dtype, types[op.args[0]])
        if name in ("sitofp", "uitofp"):
            value = args[0].value
            if value.dtype == bool and name == "sitofp":
                value = -value.astype(np.int64)
            wide = value.astype(self.work)
            exact = np.abs(value.astype(np.int64)) < 2 ** (53 if dtype == "f64" else 24)
            grown = np.where(exact, 0, bounds.eps(dtype) * np.abs(wide))
            return Bounded(wide, (args[0].error + grown).astype(float))
        if name in ("index_cast", "extui", "extsi", "trunci"):
            value = args[0].value
            if value.dtype == bool:
                value = value.astype(np.int64) * (-1 if name == "extsi" else 1)
            return Bounded(bounds.wrap(value, dtype), args[0].error)
        if is_float(dtype):
            if len(args) == 2:
                return bounds.binary(name, *args, dtype)
            return bounds.unary(name, args[0], dtype)
        return _integer(name, args, dtype)

    # -- Which points exist ---------------------------------------------------

    def live(self, coordinates):
        """spec: CL-6, PO-1 to PO-4, SP-1 to SP-8"""
        plane = self.cascade.plane
        if plane is None or plane.query not in coordinates or plane.key not in coordinates:
            return None
        m, n = coordinates[plane.query], coordinates[plane.key]
        counts, result = [], None
        for given, r, at in (
            (plane.query_lengths, plane.query, m),
            (plane.key_lengths, plane.key, n),
        ):
            extent = self.extents[r]
            if given is None:
                counts.append(extent)
                continue
            name, ranks = given
            if any(r not in coordinates for r in ranks):
                # A point that belongs to several rows of lengths.
                return None
            table = np.clip(self.lengths[name].astype(np.int64), 0, extent)
            count = table[tuple(np.asarray(coordinates[r]) for r in ranks)] if ranks else table
            counts.append(count)
            result = _both(result, at < count)
        if plane.where is None:
            return result
        position = m + (counts[1] - counts[0] if plane.align == "bottom_right" else 0)
        return _both(result, term(plane.where, position, n))


def term(t: Term, m, n):
    """Whether the expression holds at query position m and key n."""
    if t.kind == "causal":
        return n <= m
    if t.kind == "window":
        return (m - t.numbers[0] <= n) & (n <= m + t.numbers[1])
    if t.kind == "prefix":
        return np.broadcast_to(n < t.numbers[0], np.broadcast_shapes(np.shape(m), np.shape(n)))
    parts = [term(inner, m, n) for inner in t.terms]
    if t.kind == "not":
        return ~parts[0]
    result = parts[0]
    for part in parts[1:]:
        result = result & part if t.kind == "and" else result | part
    return result


def _both(a, b):
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _keep_finite(x: Bounded, kind: str, dtype: str) -> Bounded:
    """spec: MR-3"""
    limit = bounds.largest(dtype)
    if kind == "max":
        return Bounded(np.where(x.value < -limit, -limit, x.value), x.error)
    return Bounded(np.where(x.value > limit, limit, x.value), x.error)


def _integer(name: str, args: list[Bounded], dtype: str) -> Bounded:
    a, b = (x.value for x in args)
    error = np.maximum(args[0].error, args[1].error)
    if dtype == "i1":
        value = {
            "andi": np.logical_and, "ori": np.logical_or, "xori": np.logical_xor,
            "addi": np.logical_xor, "subi": np.logical_xor, "muli": np.logical_and,
            "maxsi": np.logical_and, "minsi": np.logical_or,
        }[name](a, b)  # fmt: skip
        return Bounded(value, error)
    with np.errstate(over="ignore"):
        value = {
            "andi": np.bitwise_and, "ori": np.bitwise_or, "xori": np.bitwise_xor,
            "addi": np.add, "subi": np.subtract, "muli": np.multiply,
            "maxsi": np.maximum, "minsi": np.minimum,
        }[name](a.astype(np.int64), b.astype(np.int64))  # fmt: skip
    return Bounded(bounds.wrap(value, dtype), error)
