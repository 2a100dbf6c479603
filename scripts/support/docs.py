# ===- docs.py - Runs the examples of the documents ----------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Runs the examples in README.md, CONTRIBUTING.md and docs/.

A fenced block whose first line carries the word `test` is executed:

    ```sh test       a shell script; it fails at the first command that does
    ```mlir test     attn-opt must parse, verify and reprint it
    ```python test   a Python program
    ```c test        gcc must accept it

A block marked `expected` that follows is what the executed block must print on
its standard output; a line of `...` in it stands for any lines, and `...` within
a line for any text of that line.

`file=NAME` beside it writes the block to that file instead, for later blocks of
the same document. The blocks of a document share one temporary directory, in
which `examples` is the folder of the repository, the built tools are on the PATH
and ATTN names the repository.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 300
COMMANDS = {
    "sh": ["bash", "-euo", "pipefail"],
    "mlir": ["attn-opt", "--verify-roundtrip"],
    "python": ["python"],
    "c": ["gcc", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-x", "c"],
}
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<info>[^`]*)$")


@dataclass
class Block:
    document: Path
    line: int
    language: str
    file: str | None
    text: str
    expected: str | None = None

    @property
    def name(self):
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def documents():
    named = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return [d for d in named if d.exists()] + sorted((ROOT / "docs").rglob("*.md"))


def blocks(document):
    """The blocks of a document that are marked for execution."""
    lines = document.read_text(encoding="utf-8").splitlines()
    number = 0
    found = []
    while number < len(lines):
        match = FENCE.match(lines[number])
        number += 1
        if not match:
            continue
        start, closing = number, match["indent"] + match["ticks"]
        while number < len(lines) and lines[number].rstrip() != closing:
            number += 1
        words = match["info"].split()
        indent = len(match["indent"])
        text = "\n".join(line[indent:] for line in lines[start:number]) + "\n"
        if "expected" in words[1:]:
            if not found or found[-1].file or found[-1].expected is not None:
                raise SystemExit(f"{document}:{start}: `expected` follows no executed block")
            found[-1].expected = text
        if "test" in words[1:]:
            files = [word.removeprefix("file=") for word in words if word.startswith("file=")]
            found.append(Block(document, start, words[0], files[0] if files else None, text))
        number += 1
    return found


def compare(expected, printed):
    """Why `printed` is not as `expected`, or None."""
    pattern = "".join(
        r"(?:.*\n)*?"
        if line.strip() == "..."
        else ".*".join(re.escape(text) for text in line.rstrip().split("...")) + r"\n"
        for line in expected.splitlines()
    )
    lines = "".join(line.rstrip() + "\n" for line in printed.splitlines())
    if re.fullmatch(pattern, lines):
        return None
    difference = difflib.unified_diff(
        expected.splitlines(), lines.splitlines(), "document", "output", lineterm=""
    )
    return "prints something else\n" + "\n".join(difference)


def run(block, directory):
    """Executes one block. Returns the message of its failure, or None."""
    if block.file:
        (directory / block.file).write_text(block.text, encoding="utf-8")
        return None
    if block.language not in COMMANDS:
        return f"no way to run a block in `{block.language}`: use {', '.join(COMMANDS)}"
    script = directory / f"block-{block.line}"
    script.write_text(block.text, encoding="utf-8")
    try:
        result = subprocess.run(
            [*COMMANDS[block.language], script.name],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if block.expected is None else subprocess.PIPE,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"still running after {TIMEOUT_SECONDS} s"
    printed = result.stdout.decode(errors="replace")
    if result.returncode != 0:
        if block.expected is not None:
            printed += result.stderr.decode(errors="replace")
        return f"exit status {result.returncode}\n{printed[-4000:]}"
    return None if block.expected is None else compare(block.expected, printed)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--junit", help="write the results to this JUnit file")
    parser.add_argument(
        "documents", nargs="*", type=Path, metavar="FILE.md", help="only these (default: all)"
    )
    arguments = parser.parse_args()
    suite = ElementTree.Element("testsuite", name="documentation")
    failed = 0
    os.environ["PATH"] = os.pathsep.join([str(ROOT / "build" / "bin"), os.environ["PATH"]])
    os.environ["ATTN"] = str(ROOT)
    for document in [d.resolve() for d in arguments.documents] or documents():
        with tempfile.TemporaryDirectory(prefix="attn-docs-") as directory:
            (Path(directory) / "examples").symlink_to(ROOT / "examples")
            for block in blocks(document):
                began = time.monotonic()
                failure = run(block, Path(directory))
                spent = f"{time.monotonic() - began:.2f}"
                case = ElementTree.SubElement(
                    suite, "testcase", classname="documentation", name=block.name, time=spent
                )
                print(f"{'FAILED' if failure else 'ok'} {block.name} ({spent} s)", flush=True)
                if failure:
                    failed += 1
                    print(failure)
                    ElementTree.SubElement(case, "failure", message=failure.splitlines()[0])
    if arguments.junit:
        ElementTree.ElementTree(suite).write(arguments.junit)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
