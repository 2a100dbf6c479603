# ===- generate_docs.py - The pages that are made -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Writes docs/reference from the TableGen files and the help of attn-opt, and
docs/not-supported.md from the diagnostics of the sources. --check changes nothing,
and fails if a page is stale.
"""

import argparse
import difflib
import os
import shutil
import sys
from pathlib import Path

import not_supported
import pipelines
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


def update(root, tool, attn_opt=None, only_compare=False):
    """Writes the pages of the tree at `root`, that of the pipelines only if the tool
    is there which knows them; returns whether one was stale."""
    folder = root / "docs" / "reference"
    pages = {folder / name: reference.page(root, tool, name) for name in reference.PAGES}
    if attn_opt:
        pages[folder / "pipelines.md"] = pipelines.page(attn_opt)
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
    for path in set(folder.glob("*.md")) - {*pages, folder / "pipelines.md"}:
        stale = True
        print(f"{os.path.relpath(path, root)} is made by nothing")
    return stale


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument("--llvm-tools", help="folder of mlir-tblgen (default: the PATH)")
    parser.add_argument(
        "--attn-opt", type=Path, default=ROOT / "build" / "bin" / "attn-opt", metavar="FILE",
        help="the tool whose pipelines are described (default: that of build)",
    )  # fmt: skip
    arguments = parser.parse_args()
    if not arguments.attn_opt.exists():
        parser.error(f"{arguments.attn_opt} is missing; build attn-opt first, or name another")
    tool = find_tool(arguments.llvm_tools)
    stale = update(ROOT, tool, arguments.attn_opt, arguments.check)
    if stale and arguments.check:
        print("Pages are stale: `cmake --build build --target attn-doc` writes them.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
