# ===- tidy.py - clang-tidy over the tree --------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Runs clang-tidy over the given C++ files, or over all that the build compiles.
The build must be there: clang-tidy reads its compile_commands.json and its
precompiled header.

Most of the time goes to MLIR's headers, so all files are looked at in the groups in
which the build compiles them (CMAKE_UNITY_BUILD), each parsed once. Unused using and
alias declarations are found only in files that are given by name.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compile_commands import read_commands, read_units

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
SINGLE = BUILD / "tidy"


def write_database():
    """A database of the project's files, each compiled alone, for files by name."""
    SINGLE.mkdir(exist_ok=True)
    entries = list(read_commands(BUILD).values())
    (SINGLE / "compile_commands.json").write_text(json.dumps(entries))


def run(database, file):
    """What clang-tidy finds, and whether it found nothing."""
    done = subprocess.run(
        ["clang-tidy-22", "-p", database, "--quiet", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    noise = re.compile(r"warnings? generated\.$|Processing file")
    lines = [line for line in done.stdout.splitlines() if not noise.search(line)]
    return "\n".join(lines), done.returncode == 0


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/tidy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path)
    options = parser.parse_args()
    if options.files:
        write_database()
        database, work = SINGLE, {file: [file.resolve()] for file in options.files}
    else:
        database, work = BUILD, {entry["file"]: parts for entry, parts in read_units(BUILD)}
    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda file: run(database, file), work)
        for number, (parts, (text, ok)) in enumerate(zip(work.values(), results, strict=True), 1):
            names = " ".join(os.path.relpath(part, ROOT) for part in parts)
            print(f"[{number}/{len(work)}] {names}", flush=True)
            if not ok:
                print(f"{text}\ntidy: there are findings above", file=sys.stderr, flush=True)
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
