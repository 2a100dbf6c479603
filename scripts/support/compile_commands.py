# ===- compile_commands.py - How each file is compiled -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Reads compile_commands.json of a build, in which several files may be compiled as
one (CMAKE_UNITY_BUILD)."""

import json
import re
from pathlib import Path


def read_units(build):
    """The entry of each C++ file that the compiler is given, together with the
    project's files in it. Other generated files are left out."""
    path = build / "compile_commands.json"
    if not path.exists():
        raise SystemExit(f"{path} is missing; build first: cmake --preset release")
    units = []
    for entry in json.loads(path.read_text()):
        file = Path(entry["file"])
        if file.suffix == ".cxx" and file.parent.name == "Unity" and file.exists():
            parts = [Path(name) for name in re.findall(r'#include "(.*)"', file.read_text())]
        else:
            parts = [file]
        parts = [part for part in parts if not part.is_relative_to(build)]
        if parts and all(part.suffix == ".cpp" for part in parts):
            units.append((entry, parts))
    return units


def read_commands(build):
    """The entry of each of the project's C++ files, as if it were compiled alone."""
    commands = {}
    for entry, parts in read_units(build):
        for part in parts:
            command = entry["command"].replace(entry["file"], str(part))
            commands[part] = dict(entry, file=str(part), command=command)
    return commands
