# ===- test_docs.py - The runner of the documents' examples ---*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Expected output in documents is compared, not only present."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "support"))
import docs  # noqa: E402

DOCUMENT = """\
```sh test
printf 'one\\ntwo\\nthree\\n'
```

```text expected
{expected}
```
"""


def failure(tmp_path, expected):
    document = tmp_path / "page.md"
    document.write_text(DOCUMENT.format(expected=expected))
    (block,) = docs.blocks(document)
    return docs.run(block, tmp_path)


@pytest.mark.parametrize(
    "expected",
    [
        *("one\ntwo\nthree", "...", "one\n...", "...\nthree", "one\n...\ntwo\n...\nthree"),
        *("one\nt...\nthree", "o...e\ntwo\n...three..."),
    ],
)
def test_the_same_output_passes(tmp_path, expected):
    assert failure(tmp_path, expected) is None


@pytest.mark.parametrize(
    "expected",
    [
        *("one\ntwo", "one\nthree", "on.\ntwo\nthree", "...\ntwo", "one\ntwo\nthree\nfour"),
        *("one\nx...\nthree", "one...three", "o...\nthree"),
    ],
)
def test_other_output_fails(tmp_path, expected):
    assert "prints something else" in failure(tmp_path, expected)


def test_expected_output_needs_a_block(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("```text expected\nnothing\n```\n")
    with pytest.raises(SystemExit, match="follows no executed block"):
        docs.blocks(document)
