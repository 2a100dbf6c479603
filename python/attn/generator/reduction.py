# ===- reduction.py - Small files for failures ---------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Reduces a failing cascade with attn-reduce, and is the test that it asks:

    python -m attn.generator.reduction FILE --seed S --form F --like TEXT

exits with status 1, which means interesting, while the file fails like TEXT.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from ..compiler import CompileError, compile_file, find_compiler
from ..kernel import Kernel, KernelError
from .parse import ParseError, parse
from .trial import Trial, WrongResultError


def signature(error: Exception) -> str:
    """What stays the same of a failure when the cascade shrinks."""
    kind = type(error).__name__
    if isinstance(error, WrongResultError):
        return kind
    lines = [line for line in str(error).splitlines() if "error:" in line or "died" in line]
    text = (lines or [str(error)])[0].partition("error:")[2] or (lines or [str(error)])[0]
    return f"{kind}: " + re.sub(r"'[^']*'|#?\d+", "_", text).strip()


def failure_of(text: str, seed: str, form: str, folder: Path) -> str | None:
    """The signature of a failure, or None where the program compiles and agrees."""
    cascade = parse(text)
    source, output = folder / "cascade.mlir", folder / "cascade.so"
    source.write_text(text)
    try:
        compile_file(source, output, "cascade", [f"--form={form}", "--opt-level=0", "--header="])
        kernel = Kernel(output, "cascade")
        for i in range(2):
            trial = Trial(cascade, f"{seed}:{i}")
            trial.judge(trial.run(kernel, random.Random(f"{trial.seed}:{form}")))
    except (CompileError, KernelError, WrongResultError) as error:
        return signature(error)
    return None


def reduce_failure(path: Path, seed: str, form: str, like: str, seconds: int = 300) -> Path | None:
    """Runs attn-reduce on a failing file; the path of the reduced one."""
    tool = find_compiler().resolve().parent / "attn-reduce"
    if not tool.is_file():
        return None
    output = path.with_suffix(".reduced.mlir")
    script = path.with_suffix(".sh")
    command = [sys.executable, "-m", "attn.generator.reduction", "--seed", seed, "--form", form,
               "--like", like]  # fmt: skip
    package = str(Path(__file__).resolve().parents[2])
    script.write_text(
        "#!/bin/sh\n"
        f"PYTHONPATH={shlex.quote(package)} exec {shlex.join(command)} \"$1\"\n"
    )  # fmt: skip
    script.chmod(0o755)
    try:
        done = subprocess.run(
            [str(tool), str(path), f"--attn-reduction=test={script}", "-o", str(output)],
            capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    return output if done.returncode == 0 and output.exists() else None


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--form", default="auto")
    parser.add_argument("--like", help="the failure that is looked for; without it, any")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        try:
            failure = failure_of(options.file.read_text(), options.seed, options.form, Path(folder))
        except (ParseError, ValueError, KeyError) as error:
            print(f"not judged: {error}")
            return 0
    print(failure or "compiles and agrees")
    if options.like is None:
        return 1 if failure else 0
    return 1 if failure == options.like else 0


if __name__ == "__main__":
    sys.exit(main())
