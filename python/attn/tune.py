# ===- tune.py - Measuring mappings around the model's ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""A search around the mapping that the cost model chooses, and the file of what it finds.

The search changes one option of the mapping at a time and keeps a value that makes a
call at least 2 % faster than the best one so far, both timed in turns. What it finds
holds for one operator, CPU and version of the compiler: `attn-compile --tuned` takes an
entry where all three agree. docs/tuning.md describes the file."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .compiler import CompileError, find_compiler

VERSION = 1
#: How much faster a call must be: noise of medians is about a hundredth.
GAIN = 0.98

#: Values of each option, the most rewarding option first. None is the model's choice.
SPACE: dict[str, list] = {
    "stream-tile": [None, 32, 64, 96, 128, 192, 256, 384, 512],
    "lane-tiles": [None, [16], [32, 16], [48, 32, 16], [64, 32, 16], [128, 64, 32, 16]],
    "row-tile": [None, 2, 4, 6, 8],
    "passes": [None, "single", "several"],
    "split": [None, "none", "512", "2048"],
}


class TuneError(Exception):
    """What keeps a search from its file, or from starting."""


@dataclass(frozen=True)
class Choice:
    """Options of a mapping that are not the model's."""

    options: tuple[tuple[str, object], ...] = ()

    def changed(self, name: str, value) -> Choice:
        kept = {key: old for key, old in self.options if key != name}
        if value is not None:
            kept[name] = tuple(value) if isinstance(value, list) else value
        return Choice(tuple(sorted(kept.items())))

    def flags(self) -> list[str]:
        return [f"--{name}={_text(value)}" for name, value in self.options]

    def as_json(self) -> dict:
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in self.options
        }

    def __str__(self) -> str:
        return " ".join(self.flags()) or "the model's choice"


def _text(value) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass
class Search:
    """`load` makes a call of a choice, or raises CompileError where there is no such
    mapping; `measure` times one. `say` is told what is tried."""

    load: Callable[[Choice], Callable[[], None]]
    measure: Callable[[Callable[[], None]], float]
    say: Callable[[str], None]
    runs: int = 9
    best: Choice = field(default_factory=Choice)

    def run(self) -> tuple[Choice, float, float]:
        """The best choice, its seconds, and those of the model's choice, timed in turns."""
        model = fastest = self.load(Choice())
        for choice in self._neighbours():
            try:
                call = self.load(choice)
            except CompileError as error:
                self.say(f"tune {choice}: {str(error).splitlines()[-1]}")
                continue
            seconds, least = self._compare(call, fastest)
            self.say(f"tune {choice}: {seconds * 1e3:.3f} ms, {seconds / least:.3f} of the best")
            if seconds < GAIN * least:
                self.best, fastest = choice, call
        if self.best == Choice():
            seconds = statistics.median(self.measure(model) for _ in range(self.runs))
            return self.best, seconds, seconds
        seconds, least = self._compare(fastest, model)
        # What won step by step must also win as a whole.
        return (self.best, seconds, least) if seconds < least else (Choice(), least, least)

    def _neighbours(self) -> Iterator[Choice]:
        seen = {Choice()}
        for name, values in SPACE.items():
            for value in values:
                choice = self.best.changed(name, value)
                if choice not in seen:
                    seen.add(choice)
                    yield choice

    def _compare(self, call, other) -> tuple[float, float]:
        times: tuple[list[float], list[float]] = ([], [])
        call(), other()
        for _ in range(self.runs):
            for taken, timed in zip(times, (call, other), strict=True):
                taken.append(self.measure(timed))
        return statistics.median(times[0]), statistics.median(times[1])


def tuning_key(source: str | Path, flags: list[str]) -> dict[str, str]:
    """What an entry is stored under, as attn-compile says it."""
    command = [str(find_compiler()), str(source), "--tuning-key", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CompileError(done.stderr.strip())
    return json.loads(done.stdout)


def read(path: Path) -> dict:
    """The file's contents, or those of a new one."""
    if not path.exists():
        return {"version": VERSION, "entries": []}
    try:
        stored = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TuneError(f"{path} is no JSON: {error}") from error
    if not isinstance(stored, dict) or stored.get("version") != VERSION:
        raise TuneError(f"{path} is no file of tuned mappings of version {VERSION}")
    return stored


def store(path: Path, key: dict[str, str], entry: dict):
    """Puts an entry in the place of one with the same key. Readers see the old file or
    the new one."""
    stored = read(path)
    stored["entries"] = [
        old for old in stored["entries"] if any(old.get(name) != key[name] for name in key)
    ]
    stored["entries"].append(key | entry)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump(stored, file, indent=2)
        file.write("\n")
    os.replace(name, path)
