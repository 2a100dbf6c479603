# ===- test_launches.py - Launch descriptions ------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The description of a kernel's launches, without a compiler or a device."""

import json

import numpy as np
import pytest
from attn.launches import Launch, LaunchDescription, Place, evaluate

CONTENT = {
    "version": 1,
    "name": "f",
    "chip": "sm_80",
    "tensors": [
        {"name": "q", "dtype": "bfloat16", "dims": ["b", 8, "m", 64], "output": False},
        {"name": "order", "dtype": "int32", "dims": ["m"], "output": False},
        {"name": "o", "dtype": "float32", "dims": ["b", 8, "m", 64], "output": True},
    ],
    "parameters": [
        {"pointer": "q"}, {"stride": "q", "dim": 0}, {"stride": "q", "dim": 2},
        {"pointer": "order"}, {"pointer": "o"}, {"extent": "b"}, {"extent": "m"},
        {"workspace": True}, {"check": True},
    ],
    "workspace": "64 * m + max(0, b * 128)",
    "check": "4 * (16 + ceildiv(m, 32))",
    "launches": [
        {"kernel": "f_check", "blocks": "min(ceildiv(m, 256), 1024)", "threads": 256, "shared": 0},
        {"kernel": "f_kernel0", "items": "b * 8 * ceildiv(m, 64)",
         "blocks": "min(b * 8 * ceildiv(m, 64), 1000)", "threads": 64, "shared": 4096},
    ],
}  # fmt: skip


@pytest.fixture
def description(tmp_path):
    path = tmp_path / "f.json"
    path.write_text(json.dumps(CONTENT))
    return LaunchDescription(path)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("12", 12),
        ("(a - b) * 3", -9),
        ("ceildiv(b, a) + floordiv(b, a) + mod(b, a)", 3 + 2 + 1),
        ("max(1, min(a, 2)) * 2305843009213693952", 2 * 2**61),
        ("select(lt(a, b), 5, 6)", 5),
        ("select(le(b, a), 5, 6) + select(eq(a, 2), 10, 0) + select(ne(a, 2), 100, 0)", 16),
    ],
)
def test_formula(formula, value):
    assert evaluate(formula, {"a": 2, "b": 5}) == value


@pytest.mark.parametrize("formula", ["a.b", "__import__('os')", "a[0]", "a; b"])
def test_no_formula(formula):
    with pytest.raises((ValueError, NameError, SyntaxError)):
        evaluate(formula, {"a": 1, "b": 1})


def test_launches(description):
    extents = description.extents([(2, 8, 70, 64), (70,), (2, 8, 70, 64)])
    assert extents == {"b": 2, "m": 70}
    assert description.workspace_bytes(extents) == 64 * 70 + 256
    assert description.check_bytes(extents) == 4 * (16 + 3)
    assert description.launches(extents) == [
        Launch("f_check", 1, 256, 0),
        Launch("f_kernel0", 32, 64, 4096),
    ]
    # Blocks that take turns at items may be few.
    many = {"b": 1 << 20, "m": 1 << 14}
    with pytest.raises(ValueError, match="f_kernel0: 2147483648 items, more than 2147483647"):
        description.launches(many)
    # A grid without blocks is left out.
    assert description.launches({"b": 0, "m": 70}) == [Launch("f_check", 1, 256, 0)]


def test_arguments(description):
    places = [
        Place(1000, (2, 8, 70, 64), (1, 2, 3, 1)),
        Place(2000, (70,), (1,)),
        Place(3000, (2, 8, 70, 64), (4, 5, 6, 1)),
    ]
    values = description.arguments(places, {"b": 2, "m": 70}, workspace=4000, check=5000)
    assert values == [1000, 1, 3, 2000, 3000, 2, 70, 4000, 5000]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 8, 70, 64), (70,)], "takes 3 tensors, not 2"),
        ([(2, 8, 70, 64), (71,), (2, 8, 70, 64)], "order: m is 71, not 70"),
        ([(2, 8, 70, 32), (70,), (2, 8, 70, 64)], "q: 64 is 32, not 64"),
        ([(8, 70, 64), (70,), (2, 8, 70, 64)], "another rank"),
        ([(2, 8, 2**30 + 1, 64), (2**30 + 1,), (2, 8, 2**30 + 1, 64)], "q: m is 1073741825, more"),
    ],
)
def test_wrong_shapes(description, shapes, message):
    with pytest.raises(ValueError, match=message):
        description.extents(shapes)


def test_status(description):
    status = np.zeros(32, np.uint8)
    assert description.describe_status(status.tobytes()) is None
    status[:8].view(np.int32)[:] = [2, 1]
    status[8:24].view(np.int64)[:] = [7, 3]
    text = description.describe_status(status.tobytes())
    assert text == "f: order holds 3 in slot 7: another slot holds it, too"
    status[:4].view(np.int32)[:] = 4
    text = description.describe_status(status.tobytes())
    assert text == "f: order has 7 rows or offsets where the call needs 3"


def test_version(tmp_path):
    path = tmp_path / "f.json"
    path.write_text(json.dumps({**CONTENT, "version": 2}))
    with pytest.raises(ValueError, match="version 2, not 1"):
        LaunchDescription(path)
