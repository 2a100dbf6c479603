# ===- test_fuzz_reduce.py - Smaller inputs of the fuzzer ------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What is left of an input that shows a defect, and whose defect it is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from fuzz import is_of_mlir
from reduce import reduce
from worker import Answer, Request


class StandIn:
    """Answers as a worker does, for a defect that a text shows where `shows` says so."""

    def __init__(self, shows):
        self.shows = shows

    def run(self, request):
        return Answer("defect", "a defect") if self.shows(request.text) else Answer("refused", "")


def reduced(shows, text):
    return reduce(StandIn(shows), Request(text, "", ""), "a defect").text


def test_pieces_go():
    text = "a line\n%x = b.ad and more\na line"
    assert reduced(lambda text: "b.ad" in text, text) == "b.ad"


def test_what_is_read_as_a_whole_goes():
    """A head that is read whole or not at all, in front of what shows the defect."""
    head = "%o = attn.cascade(%q = %a) : (tensor<?xf32>) -> tensor<?xf32> {"

    def shows(text):
        front, found, _ = text.partition("%o#2147483648")
        return bool(found) and front.strip() in ("", head)

    assert reduced(shows, f"{head} %o#2147483648 }}") == "%o#2147483648"


def test_whose_defect():
    """One that passes of MLIR show without us is theirs; one that only our pipeline shows, ours."""
    ours = "builtin.module(attn-to-llvm)"

    class OnePipeline(StandIn):
        def run(self, request):
            return super().run(request) if request.pipeline != ours else Answer("accepted")

    theirs, none = StandIn(lambda text: True), OnePipeline(lambda text: False)
    assert is_of_mlir(theirs, Request("%m = memref.dim", ours, ""), "a defect")
    assert not is_of_mlir(none, Request("%m = memref.dim", ours, ""), "a defect")
    assert not is_of_mlir(theirs, Request("attn.cascade", ours, ""), "a defect")
    assert is_of_mlir(none, Request("%m = memref.dim", "", ""), "a defect")
