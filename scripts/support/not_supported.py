# ===- not_supported.py - The table of docs/not-supported.md --*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Makes docs/not-supported.md from the diagnostics in the sources.

A message is what a call writes to a diagnostic: its string literals, with an
ellipsis for every value between them.
"""

import re
from pathlib import Path

NOTICE = "<!-- Made by scripts/support/generate_docs.py from the sources' diagnostics. -->\n"
INTRO = """\
# Not supported yet

What the compiler does not do, in its own words: the messages are those of the sources, with … for
what depends on the program. What is merely slower comes first. A program that is wrong is another
matter: `docs/spec.md` numbers what verifiers check.
"""
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')

# A section: its title and text, then for each file the calls that write its messages.
SECTIONS = (
    (
        "Compiled einsum by einsum",
        """\
A cascade that does not fit a loop nest is compiled einsum by einsum: correct, slower, and its
intermediate tensors are stored. A remark "the cascade is compiled unfused: …" says which of these
it is, at the operation in the way; with `--form=fused` it is an error. `docs/rationale/unfused.md`
describes that form.
""",
        (
            ("lib/Conversion/TileCascade.cpp", r"\bemit\((?!cascades|function\))[^()]+\)"),
            ("lib/Conversion/CascadeTilerCheck.cpp", r"\bemit\([^()]+\)"),
            ("lib/Conversion/CascadeTilerPredicates.cpp", r"\bemit\([^()]+\)"),
        ),
    ),
    (
        "Another pass over the keys",
        """\
Where no law of the table repairs what was computed too early, the cascade traverses the streaming
rank again. A remark "starts another pass over …" names the einsum and one of these reasons; each
pass is fused for itself. `docs/rationale/derivation.md` says how to add a law.
""",
        (
            ("lib/Analysis/Streaming*.cpp", r"\bstop\(\w+,|Change::unknown\(|\.reason ="),
            ("lib/Analysis/Laws.cpp", r"return unknown\("),
        ),
    ),
    (
        "Refused",
        """\
These are errors at the operation, and nothing is compiled. Most name what is allowed in its place.
""",
        (("lib/**/*.cpp", r"emitNotSupported\([^()]+\)"),),
    ),
)


def statement(text, start):
    """The rest of a statement from `start`: up to its end, or to the closing parenthesis."""
    depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[();]', text[start:]):
        token = match.group()
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
        if token == ";" or depth < 0:
            return text[start : start + match.start()]
    return text[start:]


def message(expression):
    """The literals of an expression, joined, with an ellipsis for what else it writes."""
    expression = re.sub(r",\s*failure\(\)\s*$", "", expression)
    # What the caller needs besides the text follows a comma: it is no part of it.
    parts, end = [], 0
    for match in LITERAL.finditer(expression):
        between = expression[end : match.start()]
        if parts and between.strip() == ":":
            parts.append(" / ")
        elif between.strip() if parts else re.search(r"<<[^<]*\w[^<]*<<", between):
            parts.append("…")
        parts.append(match.group(1).replace('\\"', '"'))
        end = match.end()
    if parts and re.search(r"(<<|\+)\s*\w", expression[end:]):
        parts.append("…")
    return "".join(parts)


def messages(root, pattern, call):
    found = []
    for path in sorted(root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        # Comments hold no messages.
        text = re.sub(r"//[^\n]*", "", text)
        for match in re.finditer(call, text):
            written = message(statement(text, match.end()))
            if written:
                found.append((written, path.relative_to(root).as_posix()))
    return found


def page(root):
    text = f"{NOTICE}\n{INTRO}"
    for title, intro, sources in SECTIONS:
        rows = []
        for pattern, call in sources:
            found = messages(Path(root), pattern, call)
            if not found:
                raise SystemExit(f"not_supported: {pattern} holds no message of '{call}'")
            known = {written for written, _ in rows}
            for written, file in found:
                if written not in known:
                    rows.append((written, file))
                    known.add(written)
        text += f"\n## {title}\n\n{intro}\n| message | from |\n|---|---|\n"
        text += "".join(f"| {m.replace('|', chr(92) + '|')} | `{file}` |\n" for m, file in rows)
    return text
