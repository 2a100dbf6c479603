# ===- compiler.py - Running attn-compile --------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""From MLIR text to a loaded kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .kernel import Kernel


class CompileError(RuntimeError):
    """attn-compile refused the program; the text is its diagnostics."""


def find_compiler() -> Path:
    """ATTN_COMPILE, else ATTN_BUILD_DIR or the build folder of this tree, else PATH."""
    given = os.environ.get("ATTN_COMPILE")
    if given:
        if not Path(given).is_file():
            raise FileNotFoundError(f"ATTN_COMPILE names {given}, which is no file")
        return Path(given)
    build = os.environ.get("ATTN_BUILD_DIR") or Path(__file__).resolve().parents[2] / "build"
    built = Path(build) / "bin" / "attn-compile"
    if built.is_file():
        return built
    found = shutil.which("attn-compile")
    if found:
        return Path(found)
    raise FileNotFoundError(
        "attn-compile was not found: build the project, put it on PATH or set ATTN_COMPILE"
    )


def find_driver() -> Path | None:
    """The driver library beside the compiler, or None."""
    given = os.environ.get("ATTN_DRIVER")
    if given:
        return Path(given)
    root = find_compiler().resolve().parents[1]
    candidates = [root / folder / "libattn_driver.so" for folder in ("lib", "lib64")]
    return next((path for path in candidates if path.is_file()), None)


def compile_file(
    source: str | Path, output: str | Path, name: str, flags: Sequence[str] = (), timeout=300
) -> str:
    """Compiles `source` to `output`; returns what the compiler printed."""
    command = [str(find_compiler()), str(source), "-o", str(output), f"--name={name}", *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise CompileError(f"attn-compile took more than {timeout} s") from None
    if done.returncode:
        text = done.stderr.strip() or f"attn-compile ended with status {done.returncode}"
        if done.returncode < 0:
            text = f"attn-compile died of signal {-done.returncode}\n{text}"
        raise CompileError(text)
    return done.stdout + done.stderr


def compile_kernel(
    text: str, folder: str | Path, name: str = "attention", flags: Sequence[str] = ()
) -> Kernel:
    """Compiles MLIR text in `folder` and loads the kernel."""
    source, output = Path(folder) / f"{name}.mlir", Path(folder) / f"{name}.so"
    source.write_text(text)
    compile_file(source, output, name, flags)
    return Kernel(output, name)
