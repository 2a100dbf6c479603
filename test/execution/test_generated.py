# ===- test_generated.py - Random cascades -------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random well-formed cascades: fused, unfused and NumPy agree.

A campaign runs in one process of its own, so that a crash of the compiler or of a
kernel is a failure that names its cascade. `python -m attn.generator.campaign
--seed S --first I --count 1` tries one again.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from attn.generator.campaign import generate
from attn.generator.graphs import PARTITIONS
from attn.generator.interpreter import Interpreter
from attn.generator.laws import LAWS
from attn.generator.parse import parse
from attn.generator.skeletons import OBSTACLES
from attn.generator.trial import Trial
from attn.kernel import Kernel
from runner import Counter

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"quick": 10, "default": 200, "full": 2000}
# How often each kind of thing must have occurred.
LEAST = {"quick": 0, "default": 0, "full": 20}
# Continuous integration tries the same cascades in every run; what they find is
# found once. The other tiers draw new ones.
PINNED = {"default": 12}
REDUCTIONS = [
    *(f"{kind} float" for kind in ("add", "mul", "max", "min", "associative")),
    *(f"{kind} int" for kind in ("add", "mul", "max", "min", "and", "or", "associative")),
]
SECONDS = {"quick": 120, "default": 900, "full": 7200}


def run_campaign(folder: Path, seed: int, count: int, seconds: int):
    """The totals of a campaign, and what it printed."""
    totals = folder / "totals.json"
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "python"), OPENBLAS_NUM_THREADS="1")
    command = [
        sys.executable, "-m", "attn.generator.campaign", "--count", str(count), "--seed", str(seed),
        "--folder", str(folder), "--totals", str(totals), "--reduce",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end within {seconds} s: {journal(folder)}")
    if not totals.exists():
        pytest.fail(
            f"the campaign ended with status {done.returncode}: {journal(folder)}\n"
            f"{done.stdout}\n{done.stderr}"
        )
    return json.loads(totals.read_text()), done.stdout


def journal(folder: Path) -> str:
    path = folder / "journal.json"
    if not path.exists():
        return "it was trying nothing"
    at = json.loads(path.read_text())
    text = generate(at["seed"], at["index"]).text()
    return f"cascade {at['index']} of seed {at['seed']}, {at['step']}:\n{text}"


@pytest.mark.long
def test_random_cascades_agree(tier, seed, tmp_path, capsys):
    count = COUNTS[tier]
    seed = PINNED.get(tier, seed)
    totals, printed = run_campaign(tmp_path, seed, count, SECONDS[tier])
    Counter.executions += totals["executions"]
    with capsys.disabled():
        print(f"\n{printed}")
    assert not totals["failures"], printed
    assert totals["cascades"] == count
    # Ten cascades have no shares to speak of.
    if tier != "quick":
        assert 3 * totals["fused"] >= count, printed
        assert 5 * totals["cut"] >= count, printed
    # Bounds that say nothing would pass anything.
    assert totals["sharp"] >= 0.8 * totals["elements"], printed
    least = LEAST[tier]
    for kind, names in (
        ("laws", LAWS),
        ("reductions", REDUCTIONS),
        ("regions", ("ordered", "commutative")),
        ("indices", ("expression", "data")),
        ("partitions", PARTITIONS),
        ("obstacles", OBSTACLES),
    ):
        counted = totals["counts"].get(kind, {})
        rare = {name: counted.get(name, 0) for name in names if counted.get(name, 0) < least}
        assert not rare, f"{kind} that occurred less than {least} times: {rare}\n{printed}"


# A minimum needs +inf at the dead points of d, where the product of t and d has 0
# times that.
MASKED_FOR_TWO = """
func.func @f(%s: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s) where window(3, 2) over (m, n) align bottom_right
      : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.subf %a, %b : f32
      attn.yield %c : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %t = attn.einsum [m,n] = map(%d[m,n]) {
    ^bb0(%a: f32):
      %c = math.exp %a : f32
      attn.yield %c : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %least = attn.einsum [m] = %d[m,n] reduce min(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sum = attn.einsum [m] = mul(%t[m,n], %d[m,n]) reduce add(n)
        : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %least, %sum : tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?xf32>
}"""


# A copy over the plane, read beside the reader's own point: the copy holds 0 where
# that point is dead, its operand does not.
COPY_BESIDE = """
func.func @f(%s: tensor<?xf32>, %t: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %T = %t) where window(3, 1) over (d, v) align bottom_right
      : (tensor<?xf32>, tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %x = attn.einsum [v] = %T[v,d] reduce max(d) : (tensor<?x?xf32>) -> tensor<?xf32>
    %c = attn.einsum [v,d] = %S[d] : (tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [v] = %c[v+1,d] reduce add(d) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x, %r : tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?xf32>
}"""
# The same for a product that has a factor to take out of the sum.
FACTOR_BESIDE = """
func.func @f(%s: tensor<?xf32>, %t: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %T = %t) where window(3, 1) over (d, v) align bottom_right
      : (tensor<?xf32>, tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %x = attn.einsum [v] = %T[v,d] reduce max(d) : (tensor<?x?xf32>) -> tensor<?xf32>
    %c = attn.einsum [v,d] = mul(%T[v,d], %S[v])
        : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [v] = %c[v+1,d] reduce add(d) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x, %r : tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?xf32>
}"""
# Items take n out of the tensor, and MLIR would take the first rank of extent 1 out of
# its type; with an extent that is not known it crashed.
UNIT_RANK = """
func.func @f(%a: tensor<1x7x24x5xf32>) -> tensor<24x5xf32> {
  %o = attn.cascade (%A = %a) : (tensor<1x7x24x5xf32>) -> tensor<24x5xf32> {
    %r = attn.einsum [n,z] = %A[x,y,n,z] reduce add(x, y)
        : (tensor<1x7x24x5xf32>) -> tensor<24x5xf32>
    attn.yield %r : tensor<24x5xf32>
  }
  return %o : tensor<24x5xf32>
}"""
# Found by campaigns: the compiler crashed on the first and on the last, the others were
# wrong.
FOUND = {
    "two_masks": MASKED_FOR_TWO,
    "copy_beside": COPY_BESIDE,
    "factor_beside": FACTOR_BESIDE,
    "unit_rank": UNIT_RANK,
    "unit_rank_dynamic": UNIT_RANK.replace("1x7x24x5", "1x?x24x5"),
}


@pytest.mark.parametrize("form", ["auto", "unfused"])
@pytest.mark.parametrize("name", FOUND)
def test_what_campaigns_found(kernels, name, form):
    text = FOUND[name]
    kernel = Kernel(kernels.build(text, name, f"--form={form}"), "attention")
    for index in range(6):
        trial = Trial(parse(text), f"{name}:{index}")
        outputs = trial.run(kernel, random.Random(index))
        Counter.executions += 1
        trial.judge(outputs)


def test_text_reads_back():
    """What the interpreter runs is what the text says."""
    for index in range(60):
        cascade = generate(11, index)
        text = cascade.text()
        again = parse(text)
        assert again.text().replace(" ", "") == text.replace(" ", "")


def test_parsed_text_computes_the_same():
    for index in range(20):
        cascade = generate(12, index)
        trial = Trial(cascade, f"12:{index}")
        again = Trial(cascade, f"12:{index}")
        again.cascade = parse(cascade.text())
        for name, expected in again.interpret(trial.inputs).items():
            np.testing.assert_array_equal(expected.value, trial.expected[name].value)


def test_the_interpreter_against_a_formula():
    """The interpreter itself, on the one cascade of which everybody knows a formula."""
    text = """
    func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x5xf32>) -> tensor<?x5xf32> {
      %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align bottom_right
          : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x5xf32>) -> tensor<?x5xf32> {
        %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e)
            : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
        %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
        %p = attn.einsum [m,n] = map(%s[m,n], %x[m]) {
        ^bb0(%a: f32, %b: f32):
          %c = arith.subf %a, %b : f32
          %d = math.exp %c : f32
          attn.yield %d : f32
        } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
        %t = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
        %w = attn.einsum [m,n] = div(%p[m,n], %t[m])
            : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
        %r = attn.einsum [m,f] = mul(%w[m,n], %V[n,f]) reduce add(n)
            : (tensor<?x?xf32>, tensor<?x5xf32>) -> tensor<?x5xf32>
        attn.yield %r : tensor<?x5xf32>
      }
      return %o : tensor<?x5xf32>
    }"""
    rng = np.random.default_rng(4)
    for queries, keys in [(7, 5), (5, 9), (3, 0)]:
        inputs = {
            name: rng.standard_normal(shape).astype(np.float32)
            for name, shape in (("Q", (queries, 8)), ("K", (keys, 8)), ("V", (keys, 5)))
        }
        extents = {"m": queries, "n": keys, "e": 8, "f": 5}
        (result,) = Interpreter(parse(text), inputs, extents).run().values()
        q, k, v = (x.astype(float) for x in inputs.values())
        expected = np.zeros((queries, 5))
        for m in range(queries):
            live = max(0, m + keys - queries + 1)
            if live:
                weights = np.exp(k[:live] @ q[m])
                expected[m] = weights / weights.sum() @ v[:live]
        np.testing.assert_allclose(result.value, expected, rtol=1e-12, atol=1e-12)
        assert (result.error < 1e-2).all()
