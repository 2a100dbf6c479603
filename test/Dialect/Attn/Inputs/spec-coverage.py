"""Checks that docs/spec.md, the sources and the negative tests agree.

- A rule that a source names (`spec: XX-n`) is one of the specification.
- A rule marked with a dagger is named by a source of the dialect, and by a case
  of a test called *-invalid.mlir there (`// XX-n`).
- A rule that verifiers of the dialect name is marked.
"""

import re
import sys
from pathlib import Path

NUMBER = r"[A-Z]{2}-\d+"
ROOT = Path(sys.argv[1])


def numbers(paths, pattern):
    found = {}
    for path in sorted(paths):
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.search(pattern, line)
            if match:
                for number in re.findall(NUMBER, match.group(1)):
                    found.setdefault(number, path.relative_to(ROOT))
    return found


def sources(*folders):
    return [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".cpp", ".h", ".td", ".c")
    ]


def main():
    spec = re.findall(
        rf"^\*\*({NUMBER})( †)?\*\*", (ROOT / "docs/spec.md").read_text(encoding="utf-8"), re.M
    )
    rules = {number for number, _ in spec}
    verified = {number for number, mark in spec if mark}
    comment = rf"//.*\bspec: ((?:{NUMBER}(?:, )?)+)"
    dialect = numbers(sources("dialects"), comment)
    named = dialect | numbers(sources("lib", "include", "tools"), comment)
    tests = (ROOT / "test/Dialect/Attn").glob("*-invalid.mlir")
    tested = numbers(tests, rf"^// ({NUMBER})\b")

    problems = []
    if len(rules) != len(spec):
        problems.append("docs/spec.md numbers two rules alike")
    for number in sorted(set(named) - rules):
        problems.append(f"{named[number]}: {number} is no rule of docs/spec.md")
    for number in sorted(set(tested) - rules):
        problems.append(f"{tested[number]}: {number} is no rule of docs/spec.md")
    for number in sorted(set(dialect) - verified):
        problems.append(f"{dialect[number]}: {number} is not marked as verified in docs/spec.md")
    for number in sorted(verified - set(dialect)):
        problems.append(f"docs/spec.md: {number} is named by no source of the dialect")
    for number in sorted(verified - set(tested)):
        problems.append(f"docs/spec.md: {number} has no negative test")
    if not verified:
        problems.append("docs/spec.md holds no rule that is verified")
    print("\n".join(problems) or f"{len(rules)} rules, {len(verified)} of them verified")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
