# ===- corrupt.py - Mutations of the tree's own files --------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Modules of the repository's .mlir files and documents, with bytes, tokens and
lines changed."""

from __future__ import annotations

import re

TOKEN = re.compile(r"[%#@!^]?[\w.$]+|\"[^\"\n]*\"|->|\s+|.", re.DOTALL)
NUMBER = re.compile(r"-?\d+")
NUMBERS = ("0", "1", "-1", "2", "7", "63", "127", "4096", "2147483648", "9223372036854775807", "?")
SEPARATOR = re.compile(r"^// -----.*$|^//--- .*$", re.MULTILINE)
BLOCK = re.compile(r"^```mlir test.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Beyond this an input is slow to parse and slow to reduce.
MOST_CHARACTERS = 6000


def corpus(root):
    """The modules to start from, in a fixed order."""
    parts = []
    for folder in ("test", "examples", "docs"):
        for path in sorted((root / folder).rglob("*.mlir")) + sorted(
            (root / folder).rglob("*.test")
        ):
            parts += SEPARATOR.split(path.read_text(encoding="utf-8"))
        for path in sorted((root / folder).rglob("*.md")):
            parts += BLOCK.findall(path.read_text(encoding="utf-8"))
    kept = []
    for part in parts:
        lines = [line for line in part.split("\n") if not line.strip().startswith("//")]
        text = "\n".join(lines).strip("\n") + "\n"
        if 20 < len(text) <= MOST_CHARACTERS and "{" in text:
            kept.append(text)
    return list(dict.fromkeys(kept))


def _bytes(dice, text, corpus):
    at = dice.int(0, max(len(text) - 1, 0))
    match dice.int(0, 3):
        case 0:
            return text[:at] + text[at + dice.int(1, 8) :]
        case 1:
            return text[:at] + chr(dice.int(1, 255)) + text[at + 1 :]
        case 2:
            return text[:at] + dice.of('()[]{}<>,:=%#"x?-+*') + text[at:]
        case _:
            return text[:at]


def _tokens(dice, text, corpus):
    tokens = TOKEN.findall(text)
    solid = [i for i, token in enumerate(tokens) if not token.isspace()]
    if not solid:
        return text
    at, other = dice.of(solid), dice.of(solid)
    match dice.int(0, 5):
        case 0:
            tokens[at] = ""
        case 1:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        case 2:
            tokens[at] = tokens[other]
        case 3:
            tokens[at] += " " + tokens[other]
        case 4:
            donor = [t for t in TOKEN.findall(dice.of(corpus)) if not t.isspace()]
            tokens[at] = dice.of(donor)
        case _:
            # A run of tokens, such as an operand with its ranks, moves.
            end = min(at + dice.int(2, 8), len(tokens))
            run = tokens[at:end]
            del tokens[at:end]
            place = dice.int(0, len(tokens))
            tokens[place:place] = run
    return "".join(tokens)


def _numbers(dice, text, corpus):
    found = list(NUMBER.finditer(text))
    if not found:
        return text
    match = dice.of(found)
    return text[: match.start()] + dice.of(NUMBERS) + text[match.end() :]


def _lines(dice, text, corpus):
    lines = text.split("\n")
    at, other = dice.int(0, len(lines) - 1), dice.int(0, len(lines) - 1)
    match dice.int(0, 3):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[other])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            donor = dice.of(corpus).split("\n")
            lines.insert(at, dice.of(donor))
    return "\n".join(lines)


def corrupt(dice, corpus):
    """A module of the corpus after a few mutations, or none at all."""
    text = dice.of(corpus)
    for _ in range(dice.pick(0, 1, 1, 1, 2, 2, 3, 5)):
        mutate = dice.pick(_bytes, _tokens, _tokens, _numbers, _numbers, _lines)
        text = mutate(dice, text, corpus)
    return text
