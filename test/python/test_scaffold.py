# ===- test_scaffold.py - What scripts/scaffold makes ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What scripts/scaffold makes builds, is registered, and passes its tests.

A part of each kind is made in a copy of the tree. Its sources are compiled, as
the build compiles those beside them, and linked in front of the libraries of the
build; then the RUN lines of the tests that were made are run.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts/support"))
from compile_commands import read_units  # noqa: E402

BUILD = Path(os.environ.get("ATTN_BUILD_DIR", ROOT / "build"))
LLVM = Path("/usr/lib/llvm-22/bin")
DIALECT = "dialects/lib/Dialect/Attn/IR"
DIALECT_TD = "dialects/include/attn/Dialect/Attn/IR"
LIBRARIES = (
    *("InitAll", "Pipelines", "TransformOps", "Transforms", "Conversion", "Analysis"),
    *("Support", "Dialect"),
)
FOLDERS = ("dialects", "docs", "include", "lib", "scripts", "test/Dialect", "test/unit", "tools")


def scaffold(tree, *arguments):
    return subprocess.run(
        [sys.executable, ROOT / "scripts/support/scaffold.py", *arguments, "--root", tree],
        capture_output=True,
        text=True,
    )


@pytest.fixture
def tree(tmp_path):
    copy = tmp_path / "tree"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder)
    return copy


class Builder:
    """Compiles files of a copy of the tree, and links what the build has."""

    def __init__(self, tree, folder):
        self.tree, self.folder = tree, folder
        # What the build compiles as one file is compiled as one here: functions may
        # have been inlined from one part into another.
        self.units = {
            str(part.relative_to(ROOT)): (shlex.split(entry["command"]), parts)
            for entry, parts in read_units(BUILD)
            for part in parts
        }
        self.done = set()
        self.objects = []

    def generate(self, generator, source, output, *options):
        path = self.folder / "include" / output
        path.parent.mkdir(parents=True, exist_ok=True)
        includes = [f"-I{self.tree / f}" for f in ("dialects/include", "include")]
        includes.append(f"-I{(LLVM / 'mlir-tblgen').resolve().parents[1] / 'include'}")
        subprocess.run(
            [LLVM / "mlir-tblgen", generator, *options, *includes, self.tree / source, "-o", path],
            check=True,
        )

    def compile(self, source, like=None):
        """Compiles `source` and what the build compiles with it, or a new file alone
        with the command of the file `like`, which lies beside it."""
        command, parts = self.units[like or source]
        parts = [source] if like else [str(part.relative_to(ROOT)) for part in parts]
        if parts[0] in self.done:
            return
        self.done.add(parts[0])
        file = self.folder / f"unit-{len(self.done)}.cpp"
        file.write_text("".join(f'#include "{self.tree / part}"\n' for part in parts))
        command = list(command)
        while not re.search(r"(clang|g)\+\+|/c\+\+", command[0]):
            command.pop(0)  # ccache
        output = file.with_suffix(".o")
        command[command.index("-o") + 1] = output
        command[command.index("-c") + 1] = file
        own = [self.folder / "include", self.tree / "include", self.tree / "dialects/include"]
        command[1:1] = [f"-I{directory}" for directory in own] + ["-Werror"]
        subprocess.run(command, check=True, cwd=BUILD)
        self.objects.append(output)

    def link(self, name, main_objects, extra=()):
        flags = [f for f in self.units["tools/attn-opt/attn-opt.cpp"][0] if "sanitize" in f]
        libraries = [
            BUILD / "lib" / f"libAttn{lib}.a" for lib in (*LIBRARIES, "Support", "Dialect")
        ]
        llvm = LLVM.resolve().parent / "lib"
        program = self.folder / name
        subprocess.run(
            ["clang++-22", "-fuse-ld=lld", *flags, *main_objects, *self.objects, *libraries, *extra,
             f"-L{llvm}", f"-Wl,-rpath,{llvm}", "-lMLIR", "-lLLVM", "-o", program],
            check=True,
        )  # fmt: skip
        return program


def run_lines(test, program):
    """Runs the RUN lines of a test with `program` as attn-opt; returns how many."""
    lines = re.findall(r"^// RUN: (.*)$", test.read_text(encoding="utf-8"), re.M)
    environment = dict(os.environ, PATH=f"{program.parent}{os.pathsep}{LLVM}:{os.environ['PATH']}")
    for line in lines:
        command = ["bash", "-o", "pipefail", "-c", line.replace("%s", str(test))]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    return len(lines)


@pytest.mark.builds
def test_pass_and_law(tree, tmp_path):
    assert scaffold(tree, "pass", "attn-sort-keys").returncode == 0
    assert scaffold(tree, "law", "power-law").returncode == 0
    builder = Builder(tree, tmp_path)
    builder.generate("-gen-pass-decls", "include/attn/Transforms/Passes.td",
                     "attn/Transforms/Passes.h.inc", "-name", "AttnTransforms")  # fmt: skip
    builder.compile("lib/Transforms/SortKeys.cpp", like="lib/Transforms/ChooseMapping.cpp")
    builder.compile("lib/InitAll/InitAll.cpp")
    builder.compile("lib/Analysis/Laws.cpp")
    main = BUILD / "tools/attn-opt/CMakeFiles/attn-opt.dir/attn-opt.cpp.o"
    attn_opt = builder.link("attn-opt", [main])
    assert run_lines(tree / "test/Transforms/attn-sort-keys.mlir", attn_opt) == 1
    # The laws' own test looks at every law of the table.
    builder.compile("test/unit/Analysis/LawsTest.cpp")
    laws = builder.link("laws", [], ["-lgtest", "-lgtest_main"])
    subprocess.run([laws], check=True)


@pytest.mark.builds
def test_op_and_atom(tree, tmp_path):
    assert scaffold(tree, "op", "blend").returncode == 0
    assert scaffold(tree, "atom", "diagonal").returncode == 0
    builder = Builder(tree, tmp_path)
    folder = DIALECT_TD.removeprefix("dialects/include/")
    for kind, name, options in (
        ("op", "AttnOps", ()),
        ("attrdef", "AttnAttributes", ("-attrdefs-dialect=attn",)),
    ):
        for part, suffix in (("decls", "h"), ("defs", "cpp")):
            builder.generate(f"-gen-{kind}-{part}", f"{DIALECT_TD}/{name}.td",
                             f"{folder}/{name}.{suffix}.inc", *options)  # fmt: skip
    for file in ("AttentionOp", "AttnDialect", "AttnAttributes", "SparsityAttributes",
                 "SparsityAtoms", "SparsityPrinter", "SparsityTerms"):  # fmt: skip
        builder.compile(f"{DIALECT}/{file}.cpp")
    for file in ("BlendOp", "DiagonalAttr"):
        builder.compile(f"{DIALECT}/{file}.cpp", like=f"{DIALECT}/AttentionOp.cpp")
    main = BUILD / "tools/attn-opt/CMakeFiles/attn-opt.dir/attn-opt.cpp.o"
    attn_opt = builder.link("attn-opt", [main])
    for name, count in (
        ("blend", 2),
        ("blend-invalid", 1),
        ("diagonal", 2),
        ("diagonal-invalid", 1),
    ):
        assert run_lines(tree / f"test/Dialect/Attn/{name}.mlir", attn_opt) == count
    # Every rule has its number in all three places.
    coverage = tree / "test/Dialect/Attn/Inputs/spec-coverage.py"
    result = subprocess.run([sys.executable, coverage, tree], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.builds
def test_target(tree, tmp_path):
    assert scaffold(tree, "target", "Toy").returncode == 0
    builder = Builder(tree, tmp_path)
    builder.compile("lib/Target/Toy/ToyTarget.cpp", like="lib/Target/CPU/KernelHeader.cpp")
    builder.compile("test/unit/Target/ToyTargetTest.cpp", like="test/unit/Target/CompileTest.cpp")
    subprocess.run([builder.link("toy", [], ["-lgtest", "-lgtest_main"])], check=True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("pass", "sort-keys"), "'sort-keys' is no name here"),
        (("pass", "attn-defer-division"), "'attn-defer-division' is taken"),
        (("pass", "attn-tile-cascade", "--folder=Conversion"), "'attn-tile-cascade' is taken"),
        (("op", "merge"), "'Attn_MergeOp' is taken"),
        (("op", "Merge"), "'Merge' is no name here"),
        (("atom", "prefix"), "'Attn_PrefixAttr' is taken"),
        (("atom", "not"), "'not' is a connective"),
        (("law", "quotient"), "'quotient' is taken"),
        (("target", "CPU"), "lib/Target/CPU/CMakeLists.txt exists"),
        (("target", "cpu"), "'cpu' is no name here"),
    ],
)
def test_nothing_is_written_on_a_mistake(tree, arguments, message):
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    result = scaffold(tree, *arguments)
    assert result.returncode == 1
    assert message in result.stderr
    assert before == {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
