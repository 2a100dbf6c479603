# ===- generate_docs.py - The pages that are made -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Writes docs/reference from the TableGen files and docs/not-supported.md from the
diagnostics of the sources. --check changes nothing, and fails if a page is stale.
"""

import argparse
import difflib
import os
import shutil
import sys
from pathlib import Path

import not_supported
import reference

ROOT = Path(__file__).resolve().parents[2]
TOOLS = "/usr/lib/llvm-22/bin"


def find_tool(folder=None):
    """mlir-tblgen of that folder, of the PATH, or of where Debian has it."""
    places = folder or os.pathsep.join([os.environ["PATH"], TOOLS])
    tool = shutil.which("mlir-tblgen", path=places)
    if not tool:
        raise SystemExit("generate_docs: found no mlir-tblgen; --llvm-tools names its folder")
    return Path(tool)


def update(root, tool, only_compare=False):
    """Writes the pages of the tree at `root`; returns whether one was stale."""
    folder = root / "docs" / "reference"
    pages = {folder / name: reference.page(root, tool, name) for name in reference.PAGES}
    pages[root / "docs" / "not-supported.md"] = not_supported.page(root)
    stale = False
    for path, text in pages.items():
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old == text:
            continue
        stale = True
        if only_compare:
            name = os.path.relpath(path, root)
            sys.stdout.writelines(
                difflib.unified_diff(old.splitlines(True), text.splitlines(True), name, "made")
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in set(folder.glob("*.md")) - set(pages):
        stale = True
        print(f"{os.path.relpath(path, root)} is made by nothing")
    return stale


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument("--llvm-tools", help="folder of mlir-tblgen (default: the PATH)")
    arguments = parser.parse_args()
    stale = update(ROOT, find_tool(arguments.llvm_tools), arguments.check)
    if stale and arguments.check:
        print("Pages are stale: `cmake --build build --target attn-doc` writes them.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
