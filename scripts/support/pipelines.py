# ===- pipelines.py - The page of the pipelines --------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Makes docs/reference/pipelines.md from what `attn-opt --help` says: pipelines
are registered in C++, so no TableGen file knows them.
"""

import re
import subprocess

INTRO = """\
<!-- Made by scripts/support/generate_docs.py from `attn-opt --help`; mend the options where they
are registered, in include/attn/Pipelines and lib/Conversion. -->

# Pipelines

Each is a flag of `attn-opt` with its options after `=`, as in
`--attn-to-llvm="form=fused vector-bits=256"`, and an element of a pipeline text, as in
`builtin.module(attn-to-llvm{form=fused})`. A value that is none of those allowed is an error that
names the option. `docs/architecture.md` says which passes they run.
"""
_PIPELINE = re.compile(r"^      --(attn-[\w-]+) +-   (.*)$")
_OPTION = re.compile(r"^        --([\w-]+)(?:=<(\w+)>)? +- (.*)$")
_TYPES = {None: "flag", "long": "integer", "string": "word"}


def page(tool):
    """The page for the pipelines of an attn-opt."""
    result = subprocess.run([tool, "--help"], stdout=subprocess.PIPE, check=False)
    if result.returncode:
        raise SystemExit(f"pipelines: {tool} --help fails")
    _, _, text = result.stdout.decode().partition("Pass Pipelines:\n")
    options = {}
    summaries = {}
    for line in text.splitlines():
        if pipeline := _PIPELINE.match(line):
            name, summaries[pipeline[1]] = pipeline[1], pipeline[2]
            options[name] = []
        elif (option := _OPTION.match(line)) and options:
            options[name].append(option.groups())
        else:
            break
    # Pipelines with the same options stand together.
    groups = {}
    for name, its in options.items():
        groups.setdefault(tuple(its), []).append(name)
    parts = [INTRO]
    for its, names in groups.items():
        parts += [f"## `{name}`\n\n{summaries[name]}.\n" for name in names]
        title = "Options" if len(names) == 1 else "Options of " + ", ".join(f"`{n}`" for n in names)
        parts.append(f"### {title}\n")
        parts.append("| option | value | meaning |\n|---|---|---|")
        for option, kind, meaning in its:
            parts[-1] += f"\n| `{option}` | {_TYPES[kind]} | {meaning} |"
        parts[-1] += "\n"
    return "\n".join(parts)
