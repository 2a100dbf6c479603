# ===- gpu_folder.py - What goes to a machine with a GPU -------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The folder that `scripts/gpu-check build` fills and the other verbs read.

manifest.json       chip, compiler, kernels by name, and what failed
NAME.cubin .ptx .json   a kernel
instructions/       see gpu_instructions
"""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attn.compiler import CompileError, compile_file, find_compiler
from gpu_cases import SPECS, SPLIT, SPLIT_FLAG, UNFUSED
from gpu_workloads import bench_flags, bench_specs, bench_text
from operators import Spec, text


class Folder:
    """Where kernels lie, and what is known of them."""

    def __init__(self, path: Path):
        self.path = path
        self.manifest: dict = {"chip": "", "kernels": {}, "failures": {}}

    @classmethod
    def open(cls, path: Path) -> Folder:
        folder = cls(path)
        try:
            folder.manifest = json.loads((path / "manifest.json").read_text())
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{path} holds no manifest.json: scripts/gpu-check build makes it"
            ) from None
        return folder

    def save(self):
        (self.path / "manifest.json").write_text(json.dumps(self.manifest, indent=1) + "\n")

    def file(self, name: str, suffix: str) -> Path:
        return self.path / f"{name}{suffix}"

    def image(self, name: str, suffix: str) -> Path:
        """The kernel to load; FileNotFoundError says why there is none."""
        path = self.file(name, suffix)
        if not path.is_file():
            why = self.manifest["failures"].get(name, "it was never built")
            raise FileNotFoundError(f"there is no {path.name}: {why}")
        return path


def kernels() -> dict[str, tuple[Spec, tuple[str, ...]]]:
    """What is compiled, with its flags, by the name of its files."""
    found = {f"fused-{name}": (spec, ("--form=fused",)) for name, spec in SPECS.items()}
    found |= {f"unfused-{name}": (SPECS[name], ("--form=unfused",)) for name in UNFUSED}
    found |= {f"split-{name}": (SPECS[name], ("--form=fused", SPLIT_FLAG)) for name in SPLIT}
    found |= {f"bench-{name}": (spec, bench_flags(name)) for name, spec in bench_specs().items()}
    return found


def build_kernel(folder: Folder, name: str, chip: str, flags: tuple[str, ...]) -> dict:
    """Compiles one kernel; what the manifest says of it."""
    spec, form = kernels()[name]
    source = folder.file(name, ".mlir")
    workload = name.removeprefix("bench-")
    source.write_text(bench_text(workload) if workload != name else text(spec))
    ptx, cubin = folder.file(name, ".ptx"), folder.file(name, ".cubin")
    for path in (ptx, cubin, folder.file(name, ".json")):
        path.unlink(missing_ok=True)
    options = ["--target=nvvm", f"--chip={chip}", *form, *flags]
    compile_file(source, cubin, "attention", [*options, f"--ptx={ptx}"])
    launches = json.loads(folder.file(name, ".json").read_text())["launches"]
    return {
        "flags": options,
        "registers": max(launch["registers"] for launch in launches),
        "spilled": sum(launch["spilled"] for launch in launches),
    }


def build(path: Path, chip: str, only: re.Pattern, jobs: int, flags: tuple[str, ...], results):
    """Compiles every kernel whose name matches; single failures are reported."""
    path.mkdir(parents=True, exist_ok=True)
    folder = Folder(path)
    if (path / "manifest.json").is_file():
        folder = Folder.open(path)
    folder.manifest |= {"chip": chip, "compiler": str(find_compiler().name), "commit": commit()}
    names = [name for name in kernels() if only.search(name)]

    def attempt(name: str):
        try:
            return name, build_kernel(folder, name, chip, flags), None
        except (CompileError, OSError, subprocess.SubprocessError, ValueError) as error:
            return name, None, error

    with ThreadPoolExecutor(jobs) as pool:
        for name, built, error in pool.map(attempt, names):
            if error is None:
                folder.manifest["kernels"][name] = built
                folder.manifest["failures"].pop(name, None)
                spilled = f", {built['spilled']} bytes spilled" if built["spilled"] else ""
                results.item(name, "ok", f"{built['registers']} registers{spilled}")
            else:
                folder.manifest["kernels"].pop(name, None)
                folder.manifest["failures"][name] = str(error)
                results.item(name, "FAIL", str(error))
            folder.save()
    return folder


def commit() -> str:
    root = Path(__file__).resolve().parents[3]
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
