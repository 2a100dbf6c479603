# ===- scaffold.py - The first files of a new part ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Makes the first files of a new pass, op, atom, law or target.

    scripts/scaffold pass attn-verb-object
    scripts/scaffold op name
    scripts/scaffold atom name
    scripts/scaffold law name
    scripts/scaffold target name

What is made builds, is registered where it has to be, and has a test that
passes; it does nothing of use yet. What is left to do is printed, and
CONTRIBUTING.md explains it. Nothing is written if a name is taken or a place in
a file is not found.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import generate_docs
import scaffold_templates as templates

ROOT = Path(__file__).resolve().parents[2]
DIALECT = "dialects/include/attn/Dialect/Attn/IR"
DIALECT_LIB = "dialects/lib/Dialect/Attn/IR"


class ScaffoldError(Exception):
    """One message for the person at the terminal."""


def banner(file, title, language="C++"):
    """The first lines of a source file, as wide as all others."""
    mode = {"C++": "", "header": "*- C++ -*-", "tablegen": "*- tablegen -*-"}[language]
    first = f"//===- {file} - {title} "
    tail = f"{mode}===//"
    return (
        first + "-" * max(1, 80 - len(first) - len(tail)) + tail + "\n" + templates.LICENSE_COMMENT
    )


class Plan:
    """Files to make and to change; nothing is written before all is known."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        self.originals = {}
        self.steps = []

    def read(self, path):
        if path not in self.files:
            try:
                self.originals[path] = (self.root / path).read_text(encoding="utf-8")
                self.files[path] = self.originals[path]
            except OSError as error:
                raise ScaffoldError(f"{path}: {error.strerror}") from None
        return self.files[path]

    def create(self, path, text):
        if (self.root / path).exists():
            raise ScaffoldError(f"{path} exists")
        self.files[path] = text

    def insert(self, path, anchor, text):
        """Puts `text` in front of the last place of `anchor`."""
        old = self.read(path)
        if anchor not in old:
            raise ScaffoldError(f"{path}: found no place for the new lines, before '{anchor}'")
        position = old.rindex(anchor)
        self.files[path] = old[:position] + text + old[position:]

    def append(self, path, text):
        self.files[path] = self.read(path).rstrip("\n") + "\n" + text

    def refuse_taken(self, path, name):
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", self.read(path)):
            raise ScaffoldError(f"'{name}' is taken: see {path}")

    def then(self, step):
        self.steps.append(step)

    def write(self):
        """Writes what is new, and returns the lines that say so."""
        for path, text in self.originals.items():
            if self.files[path] == text:
                del self.files[path]
        for path, text in self.files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        sources = [str(self.root / p) for p in self.files if p.endswith((".cpp", ".h"))]
        if sources and shutil.which("clang-format-22"):
            subprocess.run(["clang-format-22", "-i", *sources], check=True)
        return [
            f"{'changed' if path in self.originals else 'made   '} {path}" for path in self.files
        ]


def camel(words):
    return "".join(word.capitalize() for word in re.split(r"[-_]", words))


def check_name(name, pattern, example):
    if not re.fullmatch(pattern, name):
        raise ScaffoldError(f"'{name}' is no name here; one is {example}")


def add_rule(plan, rule, text, heading=None, row=None):
    """A rule of the specification, in a section of its own or after those of its prefix."""
    path = "docs/spec.md"
    if row:
        plan.insert(path, "\nRanks are `b` batch", row)
    line = f"**{rule} †** {text}\n"
    if heading:
        plan.append(path, f"\n## {heading}\n\n{line}")
        return
    prefix = rule.split("-")[0]
    rules = list(re.finditer(rf"^\*\*{prefix}-\d+.*?(?=\n\n)", plan.read(path), re.M | re.S))
    if not rules:
        raise ScaffoldError(f"{path} holds no rule {prefix}")
    end = rules[-1].end()
    old = plan.read(path)
    plan.files[path] = old[:end] + "\n\n" + line.rstrip() + old[end:]


def next_rule(plan, prefix):
    numbers = re.findall(rf"^\*\*{prefix}-(\d+)", plan.read("docs/spec.md"), re.M)
    return f"{prefix}-{max(map(int, numbers)) + 1}"


def scaffold_pass(plan, name, folder="Transforms"):
    check_name(
        name, r"attn(-[a-z][a-z0-9]*){2,}", "attn-<verb>-<object>, as in attn-defer-division"
    )
    for table in ("Transforms", "Conversion", "Pipelines"):
        plan.refuse_taken(f"include/attn/{table}/Passes.td", name)
    words = {"flag": name, "class": camel(name.removeprefix("attn-")), "folder": folder}
    table = f"include/attn/{folder}/Passes.td"
    plan.insert(table, "\n#endif //", templates.fill(templates.PASS_TD, words))
    file = f"{words['class']}.cpp"
    plan.create(
        f"lib/{folder}/{file}",
        banner(file, "TODO: say what the pass does")
        + templates.fill(templates.PASS_CPP, words, upper=f"ATTN{words['class'].upper()}"),
    )
    plan.create(f"test/{folder}/{name}.mlir", templates.fill(templates.PASS_TEST, words))
    plan.then(f"{table}: the summary and the description; options, statistics, dependentDialects")
    plan.then(f"lib/{folder}/{file}: what the pass does to a cascade")
    plan.then(f"test/{folder}/{name}.mlir: a case for each thing it does and each it leaves alone")
    plan.then("lib/Pipelines/AttnToLLVM.cpp: its place in the route")
    plan.then("docs/architecture.md: the same for people; test/Docs fails until the pass is named")
    plan.then("test/faults: what would be wrong if a check were dropped")


def scaffold_op(plan, name):
    check_name(name, r"[a-z][a-z0-9_]*", "a lower-case word, as in merge")
    table = f"{DIALECT}/AttnOps.td"
    words = {"name": name, "class": camel(name)}
    plan.refuse_taken(table, f"Attn_{words['class']}Op")
    used = set(re.findall(r"^\*\*([A-Z]{2})-", plan.read("docs/spec.md"), re.M))
    letters = name.upper().replace("_", "") + "XYZ"
    prefixes = [letters[0] + letter for letter in letters[1:]]
    free = [prefix for prefix in prefixes if prefix not in used and prefix.isalpha()]
    if not free:
        raise ScaffoldError(f"docs/spec.md uses every prefix that fits '{name}'")
    words["rule"] = f"{free[0]}-1"
    plan.insert(table, "\n#endif //", templates.fill(templates.OP_TD, words))
    file = f"{words['class']}Op.cpp"
    plan.create(
        f"{DIALECT_LIB}/{file}",
        banner(file, f"The operation attn.{name}") + templates.fill(templates.OP_CPP, words),
    )
    plan.create(f"test/Dialect/Attn/{name}.mlir", templates.fill(templates.OP_TEST, words))
    plan.create(
        f"test/Dialect/Attn/{name}-invalid.mlir", templates.fill(templates.OP_INVALID, words)
    )
    add_rule(
        plan,
        words["rule"],
        "TODO: The result has the type of the operand.",
        heading=f"attn.{name}",
        row=f"| {free[0]} | `attn.{name}` | | |\n",
    )
    plan.then(f"{table}: operands, results, assembly, and a description with an executed example")
    plan.then("docs/spec.md: a numbered rule for everything the verifier refuses")
    plan.then(f"{DIALECT_LIB}/{file}: the rules, each with its number and a located message")
    plan.then(f"test/Dialect/Attn/{name}-invalid.mlir: a case for each rule, with its number")
    plan.then("lib/Transforms: a pass that writes the operation as a cascade")
    plan.then("test/fuzz/grammar.py, test/Dialect/Attn/bytecode.test (docs/bytecode.md)")


def scaffold_atom(plan, name):
    check_name(name, r"[a-z][a-z0-9_]*", "a lower-case word, as in prefix")
    if name in ("and", "or", "not"):
        raise ScaffoldError(f"'{name}' is a connective of sparsities")
    table = f"{DIALECT}/AttnSparsityAttributes.td"
    source = f"{DIALECT_LIB}/SparsityAttributes.cpp"
    atoms, terms = f"{DIALECT_LIB}/SparsityAtoms.cpp", f"{DIALECT_LIB}/SparsityTerms.cpp"
    printer = f"{DIALECT_LIB}/SparsityPrinter.cpp"
    words = {"name": name, "class": camel(name), "rule": next_rule(plan, "SP")}
    plan.refuse_taken(table, f"Attn_{words['class']}Attr")
    plan.insert(table, "def Attn_AndAttr", templates.fill(templates.ATOM_TD, words))
    plan.insert(terms, "OrAttr, NotAttr, PermutedAttr>", f"{words['class']}Attr, ")
    plan.insert(source, "  if (keyword == \"affine_set\") {",
                templates.fill(templates.ATOM_PARSE, words))  # fmt: skip
    plan.insert(atoms, "          .Case([&](AffineSetAttr set) {",
                templates.fill(templates.ATOM_SETS, words))  # fmt: skip
    plan.insert(printer, "      .Case([&](AndAttr conjunction) {",
                templates.fill(templates.ATOM_PRINT, words))  # fmt: skip
    file = f"{words['class']}Attr.cpp"
    plan.create(
        f"{DIALECT_LIB}/{file}",
        banner(file, f"The sparsity atom {name}") + templates.fill(templates.ATOM_CPP, words),
    )
    plan.create(f"test/Dialect/Attn/{name}.mlir", templates.fill(templates.ATOM_TEST, words))
    plan.create(
        f"test/Dialect/Attn/{name}-invalid.mlir", templates.fill(templates.ATOM_INVALID, words)
    )
    add_rule(plan, words["rule"], f"`{name}(size)` holds where TODO; size is 1 or more.")
    plan.then(f"{table}, docs/spec.md: which points are live; the parameters and their bounds")
    plan.then(f"{source}: the message that lists the atoms")
    plan.then(f"{atoms}: its points, as sets of functions of positions that are 0 or more")
    plan.then(f"{DIALECT_LIB}/SparsitySimplification.cpp: what it absorbs, if anything")
    plan.then(f"{DIALECT_LIB}/AttnBytecode.h: a code at the end of the list (docs/bytecode.md)")
    plan.then("python/attn/sparsity.py, flops.py: its definition, the reference of kernels")
    plan.then("test/execution/cases.py, test/fuzz/grammar.py, python/attn/generator")
    plan.then("test/unit/Analysis/SparsityPlanTest.cpp: the plan against all points")


def scaffold_target(plan, name):
    check_name(name, r"[A-Z][A-Za-z0-9]*", "a word with a capital, as in GPU")
    words = {"name": name, "upper": name.upper()}
    folder = f"lib/Target/{name}"
    plan.append("lib/Target/CMakeLists.txt", f"add_subdirectory({name})\n")
    plan.create(f"{folder}/CMakeLists.txt", templates.fill(templates.TARGET_CMAKE, words))
    plan.create(
        f"include/attn/Target/{name}/{name}Target.h",
        banner(f"{name}Target.h", "From kernel modules to code", "header")
        + templates.fill(templates.TARGET_H, words),
    )
    plan.create(
        f"{folder}/{name}Target.cpp",
        banner(f"{name}Target.cpp", "From kernel modules to code")
        + templates.fill(templates.TARGET_CPP, words),
    )
    plan.create(
        f"test/unit/Target/{name}TargetTest.cpp",
        banner(f"{name}TargetTest.cpp", "What the target takes")
        + templates.fill(templates.TARGET_TEST, words),
    )
    plan.append(
        "test/unit/Target/CMakeLists.txt", templates.fill(templates.TARGET_TEST_CMAKE, words)
    )
    plan.then(f"{folder}/{name}Target.cpp: a kernel module (docs/c-abi.md) to code, by stages")
    plan.then("lib/Target/Compiler, tools/attn-compile: the flag that asks for it")
    plan.then("test/Target: lit tests of its own folder; test/execution/test_targets.py")
    plan.then("docs/architecture.md, README.md")


def scaffold_law(plan, name):
    check_name(name, r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "words with hyphens, as in exp-difference")
    source = "lib/Analysis/Laws.cpp"
    words = {"name": name, "class": camel(name)}
    # Each law that is made is another, or the table would know one of them only.
    words["base"] = str(3 + plan.read(source).count(" : public Law {"))
    words["variable"] = words["class"][0].lower() + words["class"][1:]
    if f'"{name}"' in plan.read(source) or f"class {words['class']}Law" in plan.read(source):
        raise ScaffoldError(f"'{name}' is taken: see {source}")
    plan.insert(
        source,
        "} // namespace\n\nLawTable::LawTable",
        templates.fill(templates.LAW_CPP, words),
    )
    table = "  laws.append({"
    plan.insert(source, table, templates.fill("  static const @class@Law @variable@;\n", words))
    plan.files[source] = plan.files[source].replace(table, f"{table}&{words['variable']}, ")
    plan.then(f"{source}: match, build and buildExample; the statement is their equation")
    plan.then(f"{source}: isPositive and isContracting, where they hold; getFactors, if it defers")
    plan.then("test/unit/Analysis/LawsTest.cpp: it checks every law on values; name new operations")
    plan.then("test/Transforms/attn-derive-single-pass.mlir: a cascade that the law makes one pass")
    plan.then("python/attn/generator/laws.py: cascades at random that use it")
    plan.then("docs/rationale/derivation.md")


KINDS = {
    "pass": scaffold_pass,
    "op": scaffold_op,
    "atom": scaffold_atom,
    "law": scaffold_law,
    "target": scaffold_target,
}


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/scaffold",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("name")
    parser.add_argument(
        "--folder", choices=("Transforms", "Conversion"), default="Transforms",
        help="of a pass: from attn to attn, or out of the dialect",
    )  # fmt: skip
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to change")
    arguments = parser.parse_args()
    plan = Plan(arguments.root)
    options = {"folder": arguments.folder} if arguments.kind == "pass" else {}
    try:
        KINDS[arguments.kind](plan, arguments.name, **options)
    except ScaffoldError as error:
        print(f"scaffold: {error}", file=sys.stderr)
        return 1
    print("\n".join(plan.write()))
    if generate_docs.update(arguments.root, generate_docs.find_tool()):
        print("changed docs/reference")
    print("\nIt builds, and the tests beside it pass. What is left, and then the target attn-doc:")
    for step in plan.steps:
        print(f"- {step}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
