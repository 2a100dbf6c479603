# ===- campaign.py - Many random cascades --------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Generates cascades, compiles each fused (where the compiler can) and unfused,
and compares both with the interpreter; so also the function that has several
cascades in the place of one. All in one process:

    python -m attn.generator.campaign --count 200 --seed 7

The journal in the output folder names the cascade that is being tried, so that a
crash of the process says what crashed it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..compiler import CompileError
from ..in_process import Library
from ..kernel import Kernel, KernelError
from . import graphs, skeletons
from .cuts import cut
from .ir import Cascade, is_float
from .laws import used_laws
from .reduction import reduce_failure, signature
from .trial import Trial, WrongResultError

# Of ten cascades, in this order.
_FAMILIES = (
    "streaming", "graph", "streaming", "obstacle", "streaming", "partition", "streaming",
    "graph", "streaming", "obstacle",
)  # fmt: skip
# Reducing takes minutes; the first failures say enough.
_MOST_REDUCED = 3
_UNFUSED = re.compile(r"remark: the cascade is compiled unfused: (.*)")
# Refusals that the compiler still makes before it considers the unfused form.
_REFUSED = re.compile(r"error: .*(cannot be planned: .*)")
_DERIVE = "builtin.module(attn-derive-cascades)"
_KEPT = re.compile(
    r"remark: (?:keeps the cascade from a single pass|starts another pass) over '\w+': (.*)"
)


def generate(seed: int, index: int) -> Cascade:
    """The cascade of a place in a campaign."""
    rng = random.Random(f"{seed}:{index}")
    family = _FAMILIES[index % len(_FAMILIES)]
    if family == "streaming":
        cascade = skeletons.streaming(rng)
    elif family == "graph":
        cascade = graphs.graph(rng)
    elif family == "obstacle":
        kind = (index // 5) % len(skeletons.OBSTACLES)
        cascade = skeletons.obstructed(rng, skeletons.OBSTACLES[kind])
    else:
        kind = (index // 10) % len(graphs.PARTITIONS)
        cascade = graphs.partition(rng, graphs.PARTITIONS[kind])
    cascade.tags.add(f"family {family}")
    return cascade


def describe_refusal(text: str) -> str:
    """A reason without the names and numbers of one cascade."""
    text = re.sub(r"'[^']*'", "'..'", text)
    return re.sub(r"\d+", "N", text)


@dataclass
class Failure:
    index: int
    form: str
    reason: str
    path: Path


@dataclass
class Totals:
    cascades: int = 0
    fused: int = 0
    unfused: int = 0
    cut: int = 0
    executions: int = 0
    sharp: int = 0
    elements: int = 0
    planted: int = 0
    counts: dict[str, Counter] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def count(self, kind: str, *names: str):
        self.counts.setdefault(kind, Counter()).update(names)

    def text(self) -> str:
        lines = [
            f"{self.cascades} cascades: {self.fused} on the derived fused route, "
            f"{self.cascades - self.fused} einsum by einsum alone; {self.cut} also in parts",
            f"{self.executions} executions, {self.elements} elements compared, "
            f"{100 * self.sharp // max(1, self.elements)} % of them to 1e-2 or better; "
            f"{self.planted} executions with NaN or infinity at dead points",
        ]
        for kind in sorted(self.counts):
            parts = (f"{name} {n}" for name, n in sorted(self.counts[kind].items()))
            lines.append(f"{kind}: " + ", ".join(parts))
        lines.append(f"{len(self.failures)} failures")
        for f in self.failures:
            lines.append(f"  cascade {f.index} ({f.form}), {f.path}: {f.reason}")
        return "\n".join(lines)


class Campaign:
    def __init__(self, seed: int, folder: Path, optimization: int = 0, reduce: bool = False):
        self.seed = seed
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.optimization = optimization
        self.reduce = reduce
        self.totals = Totals()
        self.compiler = Library()
        self.journal = self.folder / "journal.json"

    def run(self, count: int, first: int = 0):
        for index in range(first, first + count):
            self.note(index, "generate")
            if index % 100 == 99:
                self.compiler.renew()
            self.cascade(index, generate(self.seed, index))
        self.journal.unlink(missing_ok=True)

    def note(self, index: int, step: str):
        self.journal.write_text(
            json.dumps({"seed": self.seed, "index": index, "step": step})
        )  # fmt: skip

    # -- One cascade ----------------------------------------------------------

    def cascade(self, index: int, cascade: Cascade):
        totals, text = self.totals, cascade.text()
        totals.cascades += 1
        trials = [Trial(cascade, f"{self.seed}:{index}:{i}") for i in range(2)]
        totals.planted += sum(t.planted for t in trials)
        log = self.attempt(index, cascade, text, "auto", trials)
        if log is None:
            return
        refused = [m[1] for line in log if (m := _REFUSED.search(line))]
        reasons = [m[1] for line in log if (m := _UNFUSED.search(line))]
        kept = [m[1] for line in log if (m := _KEPT.search(line))]
        totals.count("passes", *{describe_refusal(reason) for reason in kept})
        totals.count("refusals", *{describe_refusal(reason) for reason in refused + reasons})
        if refused:
            totals.unfused += 1
            self.attempt(index, cascade, text, "unfused", trials)
        elif reasons:
            totals.unfused += 1
        else:
            totals.fused += 1
            totals.unfused += 1
            self.note(index, "derive")
            derived, _ = self.compiler.run_passes(text, _DERIVE)
            totals.count("laws", *used_laws(cascade, derived))
            self.attempt(index, cascade, text, "unfused", trials)
        parts = cut(cascade, random.Random(f"{self.seed}:{index}:cut"))
        if parts:
            totals.cut += 1
            self.attempt(index, cascade, parts, "cut", trials)
        self.cover(cascade, fused=not (reasons or refused))

    def cover(self, cascade: Cascade, fused: bool):
        count = self.totals.count
        reductions = {(x.reduction[0], is_float(x.dtype)) for x in cascade.einsums() if x.reduction}
        count("reductions", *(f"{k} {'float' if f else 'int'}" for k, f in reductions))
        ordered = {not x.combiner.commutative for x in cascade.einsums() if x.combiner}
        count("regions", *("ordered" if kept else "commutative" for kept in ordered))
        count("element types", *{t.dtype for t in cascade.tensors().values()})
        if cascade.plane:
            if cascade.plane.where:
                count("sparsity", *cascade.plane.where.atoms())
            count("sparsity", cascade.plane.align)
            for side, given in (
                ("key", cascade.plane.key_lengths), ("query", cascade.plane.query_lengths)
            ):  # fmt: skip
                if given:
                    count("sparsity", f"{side} lengths")
        for tag in cascade.tags:
            kind, _, rest = tag.partition(" ")
            plural = {
                "family": "families", "partition": "partitions", "obstacle": "obstacles",
                "index": "indices",
            }  # fmt: skip
            if kind in plural:
                count(plural[kind], rest)
            elif fused and kind in ("weights", "normaliser", "extra"):
                count(f"fused {kind}", rest)

    def attempt(self, index: int, cascade: Cascade, text: str, form: str, trials):
        """Compiles and runs; returns the compiler's remarks, or None on a failure."""
        self.note(index, f"compile {form}")
        output = self.folder / f"cascade-{index}-{form}.so"
        options = {"optimization": self.level(index), "name": "cascade"}
        try:
            log = self.compiler.compile(
                text, output, form="unfused" if form == "unfused" else "auto", **options
            )
            kernel = Kernel(output, "cascade")
            output.unlink()
            self.note(index, f"run {form}")
            for trial in trials:
                outputs = trial.run(kernel, random.Random(f"{trial.seed}:{form}"))
                sharp, total = trial.judge(outputs)
                self.totals.executions += 1
                self.totals.sharp += sharp
                self.totals.elements += total
            return log
        except (CompileError, KernelError, WrongResultError) as error:
            if form == "auto" and _REFUSED.search(str(error)):
                return str(error).splitlines()
            self.fail(index, text, form, error)
            return None

    def level(self, index: int) -> int:
        """Mostly without LLVM's optimiser, which takes most of the time."""
        return 3 if index % 16 == 5 else self.optimization

    def fail(self, index: int, text: str, form: str, error: Exception):
        reason = f"{type(error).__name__}: {error}"
        path = self.folder / f"failure-{self.seed}-{index}-{form}.mlir"
        path.write_text(
            f"// cascade {index} of seed {self.seed}, form {form}\n"
            + "".join(f"// {line}\n" for line in reason.splitlines())
            + text
        )
        if self.reduce and len(self.totals.failures) < _MOST_REDUCED:
            seed = f"{self.seed}:{index}"
            path = reduce_failure(path, seed, form, signature(error)) or path
        self.totals.failures.append(Failure(index, form, reason.splitlines()[0], path))


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", type=Path, default=Path("cascades"))
    parser.add_argument("--optimization", type=int, default=0)
    parser.add_argument("--reduce", action="store_true", help="reduce the first failures")
    parser.add_argument("--totals", type=Path, help="write the totals as JSON")
    parser.add_argument("--print", action="store_true", help="print the first cascade, run nothing")
    options = parser.parse_args(arguments)
    seed = options.seed
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "little")
    if options.print:
        print(generate(seed, options.first).text(), end="")
        return 0
    print(f"seed {seed}", flush=True)
    start = time.monotonic()
    campaign = Campaign(seed, options.folder, options.optimization, options.reduce)
    campaign.run(options.count, options.first)
    print(campaign.totals.text())
    print(f"{time.monotonic() - start:.0f} s")
    if options.totals:
        totals = campaign.totals
        options.totals.write_text(
            json.dumps(
                {
                    "cascades": totals.cascades,
                    "fused": totals.fused,
                    "cut": totals.cut,
                    "executions": totals.executions,
                    "sharp": totals.sharp,
                    "elements": totals.elements,
                    "counts": totals.counts,
                    "failures": [f"{f.path}: {f.reason}" for f in totals.failures],
                }
            )
        )
    return 1 if campaign.totals.failures else 0


if __name__ == "__main__":
    sys.exit(main())
