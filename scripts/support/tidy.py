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

Most of the time goes to MLIR's headers, so all files are looked at in groups: what
a group includes, each library's files, a few at a time, is parsed once. Unused
using and alias declarations are found only in files that are given by name.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
GROUPS = BUILD / "tidy"
GROUP_SIZE = 8


def read_commands():
    """The compile command of each C++ file of the project, in the build's order.
    What is generated in the build folder is not ours to mend."""
    path = BUILD / "compile_commands.json"
    if not path.exists():
        raise SystemExit(
            f"tidy: {path} is missing; build first: cmake --preset release && cmake --build build"
        )
    commands = {}
    for entry in json.loads(path.read_text()):
        file = Path(entry["file"])
        if file.suffix == ".cpp" and file.is_relative_to(ROOT) and not file.is_relative_to(BUILD):
            commands[file] = entry
    return commands


def write_groups(commands):
    """Files that include those of one target each; yields their names and what is
    in them."""
    targets = {}
    for file, entry in commands.items():
        words = shlex.split(entry["command"])
        # Two targets that compile one name differently are two groups.
        flags = [word for word in words if str(file) not in word and not word.endswith(".o")]
        target = re.search(r"(\S+\.dir)/", entry["command"].split(" -o ")[1])[1]
        targets.setdefault((target, tuple(flags)), []).append(file)
    GROUPS.mkdir(exist_ok=True)
    database, groups = [], {}
    for files in targets.values():
        for first in range(0, len(files), GROUP_SIZE):
            part = files[first : first + GROUP_SIZE]
            group = GROUPS / f"group-{len(groups)}.cpp"
            group.write_text("".join(f'#include "{file}"\n' for file in part))
            entry = commands[part[0]]
            command = entry["command"].replace(str(part[0]), str(group))
            database.append(dict(entry, file=str(group), command=command))
            groups[group] = part
    (GROUPS / "compile_commands.json").write_text(json.dumps(database))
    return groups


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
    commands = read_commands()
    if options.files:
        database, work = BUILD, {file: [file.resolve()] for file in options.files}
    else:
        database, work = GROUPS, write_groups(commands)
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
