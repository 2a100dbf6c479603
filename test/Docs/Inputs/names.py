"""Checks that documents name what there is.

- A path of the repository that stands in backquotes exists.
- A flag that begins with `attn-` is a pass, a pipeline, a tool or an option.
- docs/architecture.md names every pass and every folder of sources.
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
FOLDERS = (
    *("benchmarks", "cmake", "dialects", "docs", "examples", "include", "lib", "python"),
    *("scripts", "test", "tools"),
)
# Of operators and files that examples make, and of what is no flag.
OTHERS = {"attn-c", "attn-mlir", "attn-test-depends", "attn-dialects", "attn-doc"}
PLACEHOLDERS = re.compile(r"<|[Vv]erb-?[Oo]bject|\*|NAME|Name|name\.mlir|-N\.|\.so$|\.\.\.|…")


def documents():
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read(path):
    return path.read_text(encoding="utf-8")


def known_flags():
    passes, others = set(), set(OTHERS)
    for table in ROOT.glob("include/attn/*/Passes.td"):
        passes |= set(re.findall(r'Pass<"(attn-[a-z0-9-]+)"', read(table)))
    for source in ROOT.glob("lib/*/*.cpp"):
        others |= set(re.findall(r'"(attn-[a-z0-9-]+)"', read(source)))
    others |= {tool.name for tool in (ROOT / "tools").iterdir() if tool.is_dir()}
    return passes, others


def main():
    passes, others = known_flags()
    problems = []
    for document in documents():
        text = read(document)
        name = document.relative_to(ROOT)
        for quoted in re.findall(r"`([^`\n]+)`", text):
            path = (quoted.split() or [""])[0].rstrip("/")
            is_path = path.split("/")[0] in FOLDERS and "/" in path
            if is_path and not PLACEHOLDERS.search(path) and not (ROOT / path).exists():
                problems.append(f"{name}: there is no {path}")
        for flag in re.findall(r"(?<![\w/.@-])(?:--|-)?(attn-[a-z0-9]+(?:-[a-z0-9]+)*)", text):
            if flag not in passes | others and not flag.startswith("attn-verb"):
                problems.append(f"{name}: {flag} is neither a pass nor a pipeline nor a tool")
    architecture = read(ROOT / "docs/architecture.md")
    for flag in sorted(passes):
        if not re.search(rf"{flag}(?![\w-])", architecture):
            problems.append(f"docs/architecture.md does not name {flag}")
    for folder in sorted(ROOT.glob("lib/*/")):
        if f"lib/{folder.name}" not in architecture:
            problems.append(f"docs/architecture.md does not name lib/{folder.name}")
    if not passes:
        problems.append("found no pass")
    print("\n".join(dict.fromkeys(problems)) or f"{len(passes)} passes are named")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
