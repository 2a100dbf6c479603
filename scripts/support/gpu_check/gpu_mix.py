# ===- gpu_mix.py - What a step of a kernel issues -------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The static evidence of a kernel's speed: how many instructions of which kind a warp
issues for a step, what a block copies for it, and how many blocks a multiprocessor
holds. Read from machine code, so it needs no GPU.

A step is a way through an innermost loop that multiplies matrices. Ways differ in the
branches that they take; of those through the same products the shortest with all copies
counts, so the repair of sums whose maximum changed is left out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from gpu_folder import Folder

# Kinds of instructions by the first part of their names; all others are "other":
# integers, predicates, control.
_KINDS = {
    "products": {"HMMA"},
    "matrices": {"LDSM"},
    "copies": {"LDGSTS"},
    "special": {"MUFU"},
    "float": {"FADD", "FFMA", "FMNMX", "FMUL", "FSEL", "FSETP", "F2F", "F2FP", "HADD2", "HFMA2"},
    "memory": {"LDG", "LDS", "STG", "STS", "SHFL"},
    "spills": {"LDL", "STL"},
}
KINDS = [*_KINDS, "other"]
_KIND = {name: kind for kind, names in _KINDS.items() for name in names}
_COPY_BYTES = 16
# Operations of m16n8k16, additions and multiplications.
_PRODUCT_FLOPS = 2 * 16 * 8 * 16

# CUDA C++ Programming Guide 13.0, technical specifications by compute capability: bytes
# of shared memory of a multiprocessor, warps, blocks.
_MULTIPROCESSORS = {
    "sm_80": (164 << 10, 64, 32),
    "sm_89": (100 << 10, 48, 24),
    "sm_90": (228 << 10, 64, 32),
    "sm_120": (100 << 10, 48, 24),
}
_REGISTERS, _RESERVED_SHARED = 1 << 16, 1 << 10

_SECTION = re.compile(r"\s*\.section\s+\.text\.(\w+)")
_LABEL = re.compile(r"(\.L_x_\d+):")
_INSTRUCTION = re.compile(r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?\s*([A-Z][A-Z0-9]*)(.*?);")
_TARGET = re.compile(r"`\((\.L_x_\d+)\)")


def find_nvdisasm() -> str:
    """nvdisasm of the toolkit, or of the package nvidia-cuda-nvdisasm."""
    home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    package = Path(sysconfig.get_paths()["purelib"]) / "nvidia"
    places = [None, f"{home}/bin", *map(str, sorted(package.glob("cu*/bin")))]
    for place in places:
        if found := shutil.which("nvdisasm", path=place):
            return found
    raise FileNotFoundError(
        "nvdisasm was not found: install the Python package nvidia-cuda-nvdisasm, or put "
        "that of the CUDA toolkit on PATH"
    )


@dataclass
class Block:
    """Instructions without a branch between them, and the blocks that may follow."""

    kinds: Counter = field(default_factory=Counter)
    targets: list[str] = field(default_factory=list)
    falls: bool = True
    follow: list[int] = field(default_factory=list)


@dataclass
class Step:
    """One way through a loop, in instructions of a warp by kind."""

    kinds: Counter
    products: tuple[int, ...]

    @property
    def total(self) -> int:
        return self.kinds.total()


def _cost(kinds: Counter) -> tuple[int, int]:
    """What the shortest way with all copies has least of."""
    return -kinds["copies"], kinds.total()


def parse(text: str) -> dict[str, list[Block]]:
    """The blocks of every kernel in what nvdisasm writes."""
    kernels: dict[str, list[Block]] = {}
    labels: dict[str, int] = {}
    blocks: list[Block] = []
    for line in text.splitlines():
        if section := _SECTION.match(line):
            blocks = kernels.setdefault(section[1], [Block()])
        elif label := _LABEL.match(line):
            if not blocks:
                continue
            if blocks[-1].kinds:
                blocks.append(Block())
            labels[label[1]] = len(blocks) - 1
        elif instruction := _INSTRUCTION.match(line):
            name, operands = instruction.groups()
            blocks[-1].kinds[_KIND.get(name, "other")] += 1
            if name not in ("BRA", "EXIT", "RET"):
                continue
            # Where lanes have parted they are brought together elsewhere.
            if name == "BRA" and ".DIV" not in operands:
                blocks[-1].targets += _TARGET.findall(operands)
            isAlways = "@" not in line and ".DIV" not in operands
            blocks[-1].falls = not isAlways
            blocks.append(Block())
    for blocks in kernels.values():
        for number, block in enumerate(blocks):
            block.follow = [labels[target] for target in block.targets if target in labels]
            if block.falls and number + 1 < len(blocks):
                block.follow.append(number + 1)
    return kernels


def _loops(blocks: list[Block]) -> list[tuple[int, int]]:
    """Innermost loops with products, as their first and last blocks."""
    found = sorted(
        {
            (target, number)
            for number, block in enumerate(blocks)
            for target in block.follow
            if target <= number
            and any(inner.kinds["products"] for inner in blocks[target : number + 1])
        },
        key=lambda loop: loop[1] - loop[0],
    )
    inner: list[tuple[int, int]] = []
    for first, last in found:
        if not any(first <= begin and end <= last for begin, end in inner):
            inner.append((first, last))
    return sorted(inner)


def steps(blocks: list[Block]) -> list[list[Step]]:
    """For each loop, the ways through it that do all of its products, shortest first."""
    found = []
    for first, last in _loops(blocks):
        # Behind each block, by the blocks of products that are still to come.
        ways: dict[int, dict[tuple[int, ...], Counter]] = {}
        for number in range(last, first - 1, -1):
            block, own = blocks[number], {}
            behind = [ways.get(next, {}) for next in block.follow if number < next <= last]
            if number == last:
                behind = [{(): Counter()}]
            for products, kinds in (way for one in behind for way in one.items()):
                key = (number, *products) if block.kinds["products"] else products
                total = kinds + block.kinds
                if key not in own or _cost(total) < _cost(own[key]):
                    own[key] = total
            ways[number] = own
        all_ways = [Step(kinds, products) for products, kinds in ways[first].items()]
        most = max(step.kinds["products"] for step in all_ways)
        full = [step for step in all_ways if step.kinds["products"] == most]
        found.append(sorted(full, key=lambda step: step.total))
    return found


def occupancy(chip: str, registers: int, shared: int, threads: int) -> int:
    """Blocks that a multiprocessor holds at once."""
    memory, most_warps, most_blocks = _MULTIPROCESSORS[re.match(r"sm_\d+", chip)[0]]
    warps = -(-threads // 32)
    of_warp = -(-max(registers, 1) * 32 // 256) * 256
    return min(
        most_blocks,
        most_warps // warps,
        _REGISTERS // (of_warp * warps),
        memory // (shared + _RESERVED_SHARED),
    )


def mix(folder: Folder, name: str) -> list[dict]:
    """The steps of all loops of one kernel of the folder."""
    command = [find_nvdisasm(), "-c", str(folder.image(name, ".cubin"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise OSError(f"nvdisasm: {done.stderr.strip()}")
    built = folder.manifest["kernels"][name]
    description = json.loads(folder.file(name, ".json").read_text())
    launches = {launch["kernel"]: launch for launch in description["launches"]}
    rows = []
    for kernel, blocks in parse(done.stdout).items():
        if not (launch := launches.get(kernel)):
            continue
        warps = launch["threads"] // 32
        for loop, ways in enumerate(steps(blocks)):
            for way, step in enumerate(ways):
                copied = step.kinds["copies"] * _COPY_BYTES * launch["threads"]
                flops = step.kinds["products"] * _PRODUCT_FLOPS * warps
                rows.append(
                    {
                        "kernel": kernel, "loop": loop, "way": way, "total": step.total,
                        **{kind: step.kinds[kind] for kind in KINDS},
                        "registers": built["registers"], "threads": launch["threads"],
                        "shared": launch["shared"], "bytes": copied, "flops": flops,
                        "blocks": occupancy(
                            folder.manifest["chip"], built["registers"],
                            launch["shared"], launch["threads"],
                        ) if isinstance(launch["shared"], int) else None,
                    }
                )  # fmt: skip
    return rows


def describe(rows: list[dict]) -> str:
    """A line of the block, and one for each step."""
    lines = []
    for row in rows:
        if not row["loop"] and not row["way"]:
            lines.append(
                f"{row['kernel']}: {row['threads']} threads, {row['registers']} registers, "
                f"{row['shared']} bytes shared, {row['blocks']} blocks on a multiprocessor"
            )
        kinds = " ".join(f"{row[kind]} {kind}" for kind in KINDS if row[kind])
        lines.append(
            f"loop {row['loop']} way {row['way']}: {row['total']} = {kinds}; "
            f"{row['flops']} FLOP, {row['bytes']} bytes"
        )
    return "\n".join(lines)


def table(items: list[dict]) -> str:
    """The shortest two steps of every kernel's first loop in Markdown."""
    head = ["kernel", "step", "instructions", *KINDS, "FLOP / byte", "registers", "blocks"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for item in items:
        for row in item["mix"]:
            if row["loop"] or row["way"] > 1:
                continue
            cells = [
                item["name"].removeprefix("bench-"), row["way"] + 1, row["total"],
                *(row[kind] for kind in KINDS),
                f"{row['flops'] / row['bytes']:.0f}" if row["bytes"] else "-",
                row["registers"], row["blocks"] or "-",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
