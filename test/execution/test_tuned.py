# ===- test_tuned.py - Tuned mappings, from search to kernel ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn-run --tune writes what attn-compile --tuned reads, and nothing else passes."""

import json
import subprocess

import numpy as np
import pytest
from attn.compiler import find_compiler
from attn.kernel import Kernel
from operators import Spec, operands, text
from runner import Counter, judge, run

SPEC = Spec(16, 24, heads=2, key_heads=1, where=(("causal",),), lse=True)


def call(tool, *arguments):
    command = [str(find_compiler().with_name(tool)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "op.mlir"
    path.write_text(text(SPEC))
    return path


def mapping(program, *flags):
    """What the compiler chose, and all that it printed."""
    output = program.with_suffix(".ll")
    done = call("attn-compile", program, "-o", output, "--attn-debug=mapping", *flags)
    lines = [line for line in done.stderr.splitlines() if "[attn-mapping]" in line]
    return (lines[0] if lines else ""), done


def write(path, key, options):
    entry = {**key, "options": options}
    path.write_text(json.dumps({"version": 1, "entries": [entry]}))


@pytest.fixture
def key(program):
    done = call("attn-compile", program, "--tuning-key")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_search_and_use(program, tmp_path, seed):
    tuned = tmp_path / "tuned.json"
    Counter.executions += 1
    size = ("--dim", "b=1", "--dim", "m=70", "--dim", "n=90")
    done = call("attn-run", program, *size, "--tune", tuned, "--runs=1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tuned ") and f"stored in {tuned}" in done.stdout
    [entry] = json.loads(tuned.read_text())["entries"]
    assert entry["extents"] == {"b": 1, "m": 70, "n": 90} and entry["threads"] == 1
    assert set(entry["milliseconds"]) == {"model", "tuned"}

    library = tmp_path / "op.so"
    done = call("attn-compile", program, "-o", library, f"--tuned={tuned}")
    assert done.returncode == 0 and "remark" not in done.stderr, done.stderr
    kernel = Kernel(library, "attention")
    case = operands(SPEC, 2, 37, 53, np.random.default_rng(seed))
    judge(case, run(kernel, case), seed)


def test_options_are_taken(program, tmp_path, key):
    tuned = tmp_path / "tuned.json"
    write(tuned, key, {"stream-tile": 80, "lane-tiles": [32, 16], "row-tile": 2})
    chosen, done = mapping(program, f"--tuned={tuned}")
    assert done.returncode == 0, done.stderr
    assert "lanes = m by [32, 16], stream = 80, rows = 2," in chosen
    # A flag says more.
    chosen, _ = mapping(program, f"--tuned={tuned}", "--stream-tile=48")
    assert "lanes = m by [32, 16], stream = 48, rows = 2," in chosen


def test_comments_and_spaces_do_not_matter(program, key):
    program.write_text("// A comment.\n\n" + program.read_text().replace(" where", "\n    where"))
    assert json.loads(call("attn-compile", program, "--tuning-key").stdout) == key


@pytest.mark.parametrize("part, said", [
    ("operator", "holds nothing for this operator"),
    ("machine", "holds nothing for the CPU "),
    ("compiler", "was made by another version of the compiler"),
])  # fmt: skip
def test_entries_of_others_are_left(program, tmp_path, key, part, said):
    tuned = tmp_path / "tuned.json"
    write(tuned, key | {part: "another"}, {"stream-tile": 80})
    chosen, done = mapping(program, f"--tuned={tuned}")
    assert done.returncode == 0 and f"remark: --tuned: '{tuned}' {said}" in done.stderr
    assert "stream = 80" not in chosen


@pytest.mark.parametrize("contents, said", [
    (None, "cannot open"),
    ("{", "is no JSON"),
    ('{"version": 7, "entries": []}', "is no file of tuned mappings of version 1"),
    ("[1]", "is no file of tuned mappings of version 1"),
    ({"speed": 3}, "holds options that the compiler does not know"),
    ({"stream-tile": "80"}, "holds options that the compiler does not know"),
    ({"lane-tiles": 16}, "holds options that the compiler does not know"),
    ({"split": "some"}, "option 'split' is 'some', but must be auto, none or"),
    ({"stream-tile": -5}, "option 'stream-tile' is -5, but must be at least 0"),
])  # fmt: skip
def test_wrong_files(program, tmp_path, key, contents, said):
    tuned = tmp_path / "tuned.json"
    if isinstance(contents, dict):
        write(tuned, key, contents)
    elif contents is not None:
        tuned.write_text(contents)
    _, done = mapping(program, f"--tuned={tuned}")
    assert done.returncode == 1 and "error: --tuned: " in done.stderr and said in done.stderr
    assert not program.with_suffix(".ll").exists()


def test_a_search_that_cannot_be_stored_does_not_start(program, tmp_path):
    done = call("attn-run", program, "--tune", tmp_path / "none" / "tuned.json")
    assert done.returncode == 1 and "cannot be written to" in done.stderr
    tuned = tmp_path / "tuned.json"
    tuned.write_text("[]")
    done = call("attn-run", program, "--tune", tuned)
    assert done.returncode == 1 and "is no file of tuned mappings" in done.stderr
    assert tuned.read_text() == "[]"
