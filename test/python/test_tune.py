# ===- test_tune.py - The search for a mapping -----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The search finds what is planted, on calls whose times are made up."""

import json

import pytest
from attn.compiler import CompileError
from attn.tune import SPACE, Choice, Search, TuneError, read, store

KEY = {"operator": "ab", "machine": "znver4", "compiler": "attn-mlir 0.1.0"}


def search(seconds, refused=()):
    """A search where `seconds` says what a call of some options takes."""
    said = []

    def load(choice):
        if any(name in refused for name, _ in choice.options):
            raise CompileError("first line\nerror: no such mapping")
        return lambda: choice

    best, taken, model = Search(
        load, lambda call: seconds(dict(call().options)), said.append, runs=3
    ).run()  # fmt: skip
    return best, taken, model, said


def test_it_finds_what_is_fastest():
    def seconds(options):
        return (
            1.0
            - 0.2 * (options.get("stream-tile") == 192)
            - 0.1 * (options.get("row-tile") == 4)
            - 0.1 * (options.get("lane-tiles") == (32, 16))
            + 0.3 * (options.get("split") == "512")
        )

    best, taken, model, said = search(seconds)
    assert best.as_json() == {"lane-tiles": [32, 16], "row-tile": 4, "stream-tile": 192}
    assert best.flags() == ["--lane-tiles=32,16", "--row-tile=4", "--stream-tile=192"]
    assert (taken, model) == (pytest.approx(0.6), 1.0)
    assert len(said) >= sum(len(values) - 1 for values in SPACE.values())


def test_a_percent_is_noise():
    best, taken, model, _ = search(lambda options: 0.99 if options else 1.0)
    assert best == Choice() and taken == model == 1.0


def test_what_does_not_hold_as_a_whole_is_dropped():
    calls = iter(range(10**6))

    def seconds(options):
        # A machine that gets slower; only the last comparison sees both at one speed.
        return (0.5 if options and next(calls) < 3 else 1.1) if options else 1.0

    best, taken, model, _ = search(seconds)
    assert best == Choice() and taken == model


def test_what_is_refused_is_said_and_left_out():
    best, _, _, said = search(
        lambda options: 0.5 if options.get("row-tile") == 8 else 1.0, {"stream-tile"}
    )
    assert best.as_json() == {"row-tile": 8}
    assert "tune --stream-tile=32: error: no such mapping" in said


def test_a_file_has_one_entry_for_a_key(tmp_path):
    path = tmp_path / "tuned.json"
    store(path, KEY, {"options": {"row-tile": 4}})
    store(path, KEY | {"machine": "znver3"}, {"options": {}})
    store(path, KEY, {"options": {"row-tile": 8}})
    entries = read(path)["entries"]
    assert [entry["options"] for entry in entries] == [{}, {"row-tile": 8}]
    assert entries[1]["machine"] == "znver4"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["[]", "{", '{"version": 2, "entries": []}', '"x"'])
def test_other_files_are_refused_and_kept(tmp_path, text):
    path = tmp_path / "tuned.json"
    path.write_text(text)
    with pytest.raises(TuneError, match=r"tuned\.json is no"):
        store(path, KEY, {"options": {}})
    assert path.read_text() == text


def test_choices_replace_and_take_back():
    choice = Choice().changed("row-tile", 4).changed("row-tile", 8)
    assert choice.as_json() == {"row-tile": 8} and str(choice) == "--row-tile=8"
    assert choice.changed("row-tile", None) == Choice()
    assert json.dumps(Choice().changed("lane-tiles", [16]).as_json()) == '{"lane-tiles": [16]}'
