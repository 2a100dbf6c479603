# ===- launches.py - How a GPU's kernels are launched ---------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The launches that `attn-compile --target=nvvm` describes in JSON.

docs/gpu-launches.md says what the description holds. Nothing here knows a
device: a `LaunchDescription` turns extents, strides and addresses into grids and
arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

from .kernel import TensorInfo

VERSION = 1
# Bytes at the front of the memory in which a call checks values.
STATUS_BYTES = 32
_DTYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16), "bool8": np.dtype(np.bool_)}
_FORMULA = re.compile(r"[\w\s+\-*(),]*")
_FUNCTIONS = {
    "ceildiv": lambda a, b: -(-a // b),
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "min": min,
    "max": max,
    "select": lambda condition, yes, no: yes if condition else no,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}


def evaluate(formula: str, extents: Mapping[str, int]) -> int:
    """The value of a formula of the description for these extents."""
    if not _FORMULA.fullmatch(formula):
        raise ValueError(f"this is no formula: {formula}")
    names = {**extents, **_FUNCTIONS}
    return int(eval(formula, {"__builtins__": {}}, names))


@dataclass(frozen=True)
class Launch:
    """A grid of `blocks` blocks of `threads` threads, with `shared` bytes each."""

    kernel: str
    blocks: int
    threads: int
    shared: int


@dataclass(frozen=True)
class Place:
    """Where a tensor lies on the device: the address of its first element, and its
    shape and strides in elements."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


# The largest dimension of a tensor, and the most items of a launch: the kernels count
# in 32 bits.
MOST_EXTENT = 1 << 30
MOST_ITEMS = (1 << 31) - 1


def _extents(tensors: Sequence[TensorInfo], shapes) -> dict[str, int]:
    extents: dict[str, int] = {}
    for tensor, shape in zip(tensors, shapes, strict=True):
        if len(shape) != len(tensor.dims):
            raise ValueError(f"{tensor} has another rank than {shape}")
        for dim, extent in zip(tensor.dims, shape, strict=True):
            known = dim if isinstance(dim, int) else extents.setdefault(dim, extent)
            if known != extent:
                raise ValueError(f"{tensor.name}: {dim} is {extent}, not {known}")
            if extent > MOST_EXTENT:
                raise ValueError(f"{tensor.name}: {dim} is {extent}, more than {MOST_EXTENT}")
    return extents


class LaunchDescription:
    """The description of one kernel."""

    def __init__(self, path: str | Path):
        content = json.loads(Path(path).read_text())
        if content["version"] != VERSION:
            raise ValueError(f"{path} has version {content['version']}, not {VERSION}")
        self.name, self.chip = content["name"], content["chip"]
        self.tensors = [
            TensorInfo(
                tensor["name"],
                _DTYPES.get(tensor["dtype"]) or np.dtype(tensor["dtype"]),
                tuple(tensor["dims"]),
                tensor["output"],
            )
            for tensor in content["tensors"]
        ]
        self.symbols = list(
            dict.fromkeys(d for t in self.tensors for d in t.dims if isinstance(d, str))
        )
        self.inputs = [t for t in self.tensors if not t.is_output]
        self.outputs = [t for t in self.tensors if t.is_output]
        self._parameters = content["parameters"]
        self._workspace, self._check = content["workspace"], content.get("check", "")
        self._launches = content["launches"]

    def extents(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        """The extent of each symbol; raises ValueError where shapes do not fit."""
        if len(shapes) != len(self.tensors):
            raise ValueError(f"{self.name} takes {len(self.tensors)} tensors, not {len(shapes)}")
        return _extents(self.tensors, shapes)

    def input_extents(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        """The same of the inputs alone."""
        if len(shapes) != len(self.inputs):
            raise ValueError(f"{self.name} takes {len(self.inputs)} inputs, not {len(shapes)}")
        return _extents(self.inputs, shapes)

    def workspace_bytes(self, extents: Mapping[str, int]) -> int:
        return evaluate(self._workspace, extents)

    def check_bytes(self, extents: Mapping[str, int]) -> int:
        """Bytes of the memory in which a call checks values; 0 if it does not."""
        return evaluate(self._check, extents) if self._check else 0

    def launches(self, extents: Mapping[str, int]) -> list[Launch]:
        """What to launch, in order. A grid without blocks is left out. Raises ValueError
        where there are more items than kernels count."""
        for launch in self._launches:
            items = evaluate(launch.get("items", launch["blocks"]), extents)
            if items > MOST_ITEMS:
                raise ValueError(f"{launch['kernel']}: {items} items, more than {MOST_ITEMS}")
        grids = [
            Launch(
                launch["kernel"],
                evaluate(launch["blocks"], extents),
                launch["threads"],
                launch["shared"],
            )
            for launch in self._launches
        ]
        return [grid for grid in grids if grid.blocks > 0]

    def arguments(
        self, places: Sequence[Place], extents: Mapping[str, int], workspace: int, check: int
    ) -> list[int]:
        """The eight bytes of each parameter, as a number."""
        by_name = {t.name: place for t, place in zip(self.tensors, places, strict=True)}
        values = []
        for parameter in self._parameters:
            if "pointer" in parameter:
                values.append(by_name[parameter["pointer"]].address)
            elif "stride" in parameter:
                values.append(by_name[parameter["stride"]].strides[parameter["dim"]])
            elif "extent" in parameter:
                values.append(extents[parameter["extent"]])
            else:
                values.append(workspace if "workspace" in parameter else check)
        return values

    def describe_status(self, status: bytes) -> str | None:
        """What the first bytes of the memory for checks say is wrong, or None."""
        code, tensor = np.frombuffer(status, np.int32, 2)
        slot, token = np.frombuffer(status, np.int64, 2, offset=8)
        if code == 0:
            return None
        name = self.tensors[tensor].name if 0 <= tensor < len(self.tensors) else f"tensor {tensor}"
        if code == 4:
            return f"{self.name}: {name} has {slot} rows or offsets where the call needs {token}"
        known = {1: "out of range", 2: "another slot holds it, too", 3: "it cannot follow"}
        what = known.get(int(code), f"status {code}, which means nothing")
        return f"{self.name}: {name} holds {token} in slot {slot}: {what}"
