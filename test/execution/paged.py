# ===- paged.py - Keys that lie in pages, rows of images, apart -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Cascades of attention whose keys and values are read at indices that a step computes:
over two ranks, which become one, or at expressions of one."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np
from operators import DTYPES
from runner import Counter

B, E, F, ROWS, COLUMNS = 2, 32, 16, 16, 12


@dataclass(frozen=True)
class Case:
    """How a cascade reads its keys and values."""

    ranks: str  # Over which it reduces.
    shape: str  # Of keys and values, without features.
    index: str  # Of keys.
    values: str = ""  # Of values, where it is another.
    extra: str = ""  # What changes the scores, as inputs of a map: name, index and shape.
    table: str = ""  # The shape of the page table.


CASES = {
    # Pages of a cache, a bias along the lanes, and how many rows there are.
    "pages": Case("p,j", f"?x{ROWS}", "%T[b,p],j", extra="bias", table="2x?xi32"),
    "pages_of_rows": Case("p,j", "?", f"%T[b,p]*{ROWS}+j", table="2x?xi64"),
    "one_rank": Case("n", f"?x{ROWS}", f"%T[b,n floordiv {ROWS}],n mod {ROWS}", table="2x?xi32"),
    # Rows and columns, and a number for each diagonal.
    "image": Case("y,x", f"2x?x{COLUMNS}", "b,y,x", extra="diagonal"),
    "boxes": Case("z,h,w", "2x?x3x4", "b,z,h,w"),
    "halves": Case("n", "2x?", "b,n floordiv 2", values="b,n"),
    "apart": Case("n", "2x?", "b,2*n-1", values="b,n"),
}

_TEXT = """
func.func @attention(%q: QUERY, %k: KEY, %v: VALUE, TABLEARG %a: EXTRA, %len: tensor<2xi32>) -> OUT {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, TABLEIN %A = %a, %L = %len)
      : (QUERY, KEY, VALUE, TABLETYPE EXTRA, tensor<2xi32>) -> OUT {
    %s = attn.einsum [b,m,RANKS] = mul(%Q[b,m,e], %K[KINDEX,e]) reduce add(e) : (QUERY, KEYTYPES) -> SCORE
    %l = attn.einsum [b,m,RANKS] = map(%s[b,m,RANKS], %A[AINDEX], %L[b]) {
    ^bb0(%x: f32, %y: f32, %n: i32):
      %scale = arith.constant 0.25 : f32
      %none = arith.constant 0xFF800000 : f32
POSITION
      %place = arith.index_cast %at : index to i32
      %c = arith.cmpi slt, %place, %n : i32
      %z = arith.mulf %x, %scale : f32
      %u = arith.addf %z, %y : f32
      %r = arith.select %c, %u, %none : f32
      attn.yield %r : f32
    } : (SCORE, EXTRA, tensor<2xi32>) -> SCORE
    %x = attn.einsum [b,m] = %l[b,m,RANKS] reduce max(RANKS) : (SCORE) -> ROW
    %w = attn.einsum [b,m,RANKS] = map(%l[b,m,RANKS], %x[b,m]) {
    ^bb0(%y: f32, %z: f32):
      %d = arith.subf %y, %z : f32
      %p = math.exp %d : f32
      attn.yield %p : f32
    } : (SCORE, ROW) -> SCORE
    %d = attn.einsum [b,m] = %w[b,m,RANKS] reduce add(RANKS) : (SCORE) -> ROW
    %n = attn.einsum [b,m,f] = mul(%w[b,m,RANKS], %V[VINDEX,f]) reduce add(RANKS) : (SCORE, VALUETYPES) -> SUM
    %r = attn.einsum [b,m,f] = div(%n[b,m,f], %d[b,m]) : (SUM, ROW) -> OUT
    attn.yield %r : OUT
  }
  return %o : OUT
}
"""  # noqa: E501


def text(name: str, element: str, queries: int | None) -> str:
    """The operator for so many queries, or any number."""
    case = CASES[name]
    first, *inner = case.ranks.split(",")
    sizes = [{"j": ROWS, "x": COLUMNS, "h": 3, "w": 4}[rank] for rank in inner]
    position = f"      %i0 = attn.index {first} : index\n"
    for number, (rank, size) in enumerate(zip(inner, sizes, strict=True)):
        position += f"""      %c{number} = arith.constant {size} : index
      %p{number} = arith.muli %i{number}, %c{number} : index
      %j{number} = attn.index {rank} : index
      %i{number + 1} = arith.addi %p{number}, %j{number} : index
"""
    position = position[:-1].replace(f"%i{len(inner)} ", "%at ")
    m = queries or "?"
    rows = "x".join(["?", *map(str, sizes)])
    extra = {"bias": f"tensor<{m}x{rows}xf32>", "diagonal": "tensor<?xf32>"}
    index = {"bias": f"m,{case.ranks}", "diagonal": "y+x"}
    table = f", tensor<{case.table}>" if case.table else ""
    names = {
        "TABLEARG": f"%t: tensor<{case.table}>," if case.table else "",
        "TABLEIN": "%T = %t," if case.table else "",
        "TABLETYPE": f"tensor<{case.table}>," if case.table else "",
        "KEYTYPES": "KEY" + (table if "%T" in case.index else ""),
        "VALUETYPES": "VALUE" + (table if "%T" in (case.values or case.index) else ""),
        "KINDEX": case.index,
        "VINDEX": case.values or case.index,
        "AINDEX": index.get(case.extra, "b"),
        "EXTRA": extra.get(case.extra, "tensor<2xf32>"),
        "POSITION": position,
        "RANKS": case.ranks,
        "QUERY": f"tensor<2x{m}x{E}x{element}>",
        "KEY": f"tensor<{case.shape}x{E}x{element}>",
        "VALUE": f"tensor<{case.shape}x{F}x{element}>",
        "OUT": f"tensor<2x{m}x{F}x{element}>",
        "SCORE": f"tensor<2x{m}x{rows}xf32>",
        "ROW": f"tensor<2x{m}xf32>",
        "SUM": f"tensor<2x{m}x{F}xf32>",
    }
    source = _TEXT
    for key, value in names.items():
        source = source.replace(key, value)
    return source


def _operands(name: str, element: str, queries: int, keys: int, pool: int, rng):
    """For about so many keys: the arguments of a call, and in float64 the keys and values
    of each point, and what is added to its score."""
    case = CASES[name]
    draw = lambda *shape: rng.standard_normal(shape).astype(DTYPES[element])  # noqa: E731
    q = draw(B, queries, E)
    if case.table:
        count = -(-keys // ROWS)
        keys = count * ROWS
        # Numbers that name no page name the nearest one.
        table = rng.integers(-1, pool + 1, (B, count)).astype("i" + case.table[-2:].replace(
            "32", "4").replace("64", "8"))  # fmt: skip
        shape = (pool * ROWS,) if name == "pages_of_rows" else (pool, ROWS)
        k, v = draw(*shape, E), draw(*shape, F)
        rows = table.astype(np.int64)[:, :, None] * ROWS + np.arange(ROWS)
        if name == "pages_of_rows":
            rows = np.clip(rows, 0, max(pool * ROWS - 1, 0))
        else:
            rows = np.clip(table.astype(np.int64), 0, max(pool - 1, 0))[:, :, None] * ROWS
            rows = rows + np.arange(ROWS)
        rows = rows.reshape(B, keys)
        points = [
            x.reshape(-1, x.shape[-1])[rows] if pool else np.zeros((B, keys, x.shape[-1]))
            for x in (k, v)
        ]
        given = [q, k, v, table]
    else:
        wide = name in ("image", "boxes")
        count = -(-keys // COLUMNS) if wide else keys
        keys = count * COLUMNS if wide else keys
        shape = (B, count, *((3, 4) if name == "boxes" else (COLUMNS,) * wide))
        k, v = draw(*shape, E), draw(*shape, F)
        points = [k.reshape(B, keys, E), v.reshape(B, keys, F)]
        n = np.arange(keys)
        if name == "halves":
            points[0] = k[:, n // 2]
        if name == "apart":
            points[0] = k[:, np.clip(2 * n - 1, 0, max(keys - 1, 0))]
        given = [q, k, v]
    points = [x.astype(np.float64) for x in points]
    if case.extra == "bias":
        extra = rng.standard_normal((queries, keys // ROWS, ROWS)).astype(np.float32)
        added = extra.reshape(1, queries, keys)
    elif case.extra == "diagonal":
        # The last ones share a number.
        extra = rng.standard_normal(max(count + COLUMNS - 3, 1)).astype(np.float32)
        y, x = np.divmod(np.arange(keys), COLUMNS)
        added = extra[np.minimum(y + x, len(extra) - 1)][None, None]
    else:
        extra = rng.standard_normal(B).astype(np.float32)
        added = extra[:, None, None]
    length = rng.integers(0, keys + 2, B).astype(np.int32)
    return [*given, extra, length], points, added.astype(np.float64)


def check(run, name: str, element: str, queries: int, keys: int, pool: int, seed: int):
    """One call, by `run` of inputs and poisoned outputs, against float64."""
    rng = np.random.default_rng([seed, queries, keys, pool])
    given, (k, v), added = _operands(name, element, queries, keys, pool, rng)
    out = np.full((B, queries, F), np.nan, DTYPES[element])
    Counter.executions += 1
    out = run(given, out)
    scores = given[0].astype(np.float64) @ k.swapaxes(-1, -2) * 0.25 + added
    live = np.arange(k.shape[1]) < given[-1][:, None, None]
    scores = np.where(live, scores, -np.inf)
    top = scores.max(-1, initial=-1e300, keepdims=True)
    weights = np.where(live, np.exp(scores - top), 0)
    total = weights.sum(-1, keepdims=True)
    expected = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0) @ v
    # Weights are rounded to 16 bits, and so is the result.
    eps = 2e-6 if element == "f32" else float(ml_dtypes.finfo(DTYPES[element]).eps)
    error = np.abs(out.astype(np.float64) - expected).max(initial=0)
    assert error <= eps * max(np.abs(v).max(initial=0), 1), (name, element, queries, keys, error)
