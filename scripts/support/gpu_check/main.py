# ===- main.py - scripts/gpu-check -----------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The command line of scripts/gpu-check, which says what it is for."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

# Children fill no cores with threads of BLAS.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "4")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(ROOT / "python"), str(ROOT / "test" / "execution")]

import gpu_instructions  # noqa: E402
import gpu_mix  # noqa: E402
import gpu_run  # noqa: E402
import gpu_sanitize  # noqa: E402
import gpu_table  # noqa: E402
import gpu_workloads  # noqa: E402
from attn import cuda  # noqa: E402
from gpu_folder import Folder, build  # noqa: E402
from gpu_results import Results, child_main, run_isolated  # noqa: E402

DESCRIPTION = """\
Checks kernels on an NVIDIA GPU. `build` and `mix` compile and read them and need no GPU;
the other verbs need Python, NumPy, ml_dtypes and NVIDIA's driver, `bench` PyTorch, too."""
EPILOG = """\
verbs:
  build     compile and assemble everything into --folder
  mix       what a step of each kernel issues, copies and leaves room for; needs nvdisasm
  run       every kernel against float64, calls that must be refused
  instructions   one kernel for each instruction against the simulator, bit for bit
  sanitize  some kernels under compute-sanitizer
  bench     times, beside PyTorch's FlashAttention, cuDNN and FlexAttention
  all       all of this that fits in --seconds, the most important first

The exit status is 0 if nothing failed, 1 if something did, 2 for a wrong command
line, 3 where there is no GPU."""


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        prog="scripts/gpu-check",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=["build", "mix", *VERBS, "all"])
    parser.add_argument("--folder", type=Path, required=True, help="what `build` makes")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON file to write")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), metavar="REGEX")
    parser.add_argument("--seconds", type=float, default=1200, help="time for all of it")
    parser.add_argument("--limit", type=float, default=60, help="seconds without a result")
    parser.add_argument("--seed", type=int, help="of random operands (default: a new one)")
    parser.add_argument("--ptx", action="store_true", help="let the driver compile PTX")
    building = parser.add_argument_group("build")
    building.add_argument("--chip", default="sm_90a", help="default sm_90a")
    building.add_argument("--compiler-dir", type=Path, help="build folder of the compiler")
    building.add_argument("--compile-flag", action="append", default=[], metavar="FLAG")
    building.add_argument("--jobs", type=int, default=1)
    for hidden in ("--child", "--child-jobs"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--fresh", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.seed is None:
        arguments.seed = int.from_bytes(os.urandom(4), "little")
    return arguments


class Check:
    def __init__(self, arguments):
        self.arguments = arguments
        self.results = Results(arguments.results)
        self.deadline = time.monotonic() + arguments.seconds

    def build(self) -> int:
        arguments = self.arguments
        if arguments.compiler_dir:
            os.environ["ATTN_BUILD_DIR"] = str(arguments.compiler_dir.resolve())
        folder = build(
            arguments.folder, arguments.chip, arguments.only, arguments.jobs,
            tuple(arguments.compile_flag), self.results,
        )  # fmt: skip
        gpu_instructions.build_instructions(
            folder, arguments.chip, arguments.only, self.results, arguments.seed
        )
        return self.results.finish()

    def mix(self) -> int:
        folder = Folder.open(self.arguments.folder)
        self.results.set("manifest", folder.manifest)
        measured = []
        for name in filter(self.arguments.only.search, folder.manifest["kernels"]):
            rows = gpu_mix.mix(folder, name)
            if rows:
                self.results.item(name, "ok", gpu_mix.describe(rows), mix=rows)
                measured.append({"name": name, "mix": rows})
        text = gpu_mix.table(measured)
        self.results.say("\n" + text)
        self.results.set("table", text)
        return self.results.finish()

    def check(self, verbs) -> int:
        device = cuda.find_device()
        folder = Folder.open(self.arguments.folder)
        chip = folder.manifest["chip"]
        self.results.say(f"{device}; kernels for {chip}; --seed={self.arguments.seed}")
        self.results.set("device", str(device))
        self.results.set("manifest", folder.manifest)
        self.results.set("seed", self.arguments.seed)
        for verb in verbs:
            begin = time.monotonic()
            self.results.say(f"-- {verb}")
            VERBS[verb](self)
            self.results.set(f"{verb} seconds", round(time.monotonic() - begin, 1))
        return self.results.finish()

    def command(self, kind: str) -> list[str]:
        arguments = self.arguments
        return [
            sys.executable, str(HERE / "main.py"), "run", "--child", kind,
            "--folder", str(arguments.folder), "--seed", str(arguments.seed),
            *(["--ptx"] if arguments.ptx else []),
        ]  # fmt: skip

    def children(self, kind: str, jobs, seconds: float):
        """Does the jobs that --only names in processes of their own."""
        chosen = [job for job in jobs if self.arguments.only.search(job)]
        run_isolated(self.results, self.command(kind), chosen, seconds, self.deadline)

    def run(self):
        self.children("run", gpu_run.jobs(), self.arguments.limit)

    def instructions(self):
        folder = Folder.open(self.arguments.folder)
        names = gpu_instructions.jobs(folder.manifest["chip"], folder)
        self.children("instructions", names, self.arguments.limit)

    def sanitize(self):
        """Takes a part of the time that is left, so that some is left to measure."""
        left = self.deadline - time.monotonic()
        gpu_sanitize.sanitize(
            self.results, self.command("run"), self.arguments.only, self.arguments.limit,
            time.monotonic() + (left if self.arguments.verb == "sanitize" else left / 4),
        )  # fmt: skip

    def bench(self):
        before = len(self.results.data["items"])
        names = [workload.name for workload in gpu_workloads.workloads()]
        self.children("bench", names, _BENCH_SECONDS)
        measured = [item for item in self.results.data["items"][before:] if "bench" in item]
        text = gpu_table.table(measured)
        self.results.say("\nmilliseconds, TFLOP/s, and how many times as long as ours:\n" + text)
        self.results.set("table", text)


# A workload may wait for PyTorch to compile.
_BENCH_SECONDS = 300
VERBS = {
    "run": Check.run,
    "instructions": Check.instructions,
    "sanitize": Check.sanitize,
    "bench": Check.bench,
}


def child(arguments):
    folder = Folder.open(arguments.folder)
    suffix = ".ptx" if arguments.ptx else ".cubin"
    if arguments.child == "bench":
        import gpu_bench

        worker = gpu_bench.Worker(folder, suffix, arguments.seed)
    elif arguments.child == "instructions":
        worker = gpu_instructions.Worker(folder, suffix)
    else:
        worker = gpu_run.Worker(folder, suffix, arguments.seed, arguments.fresh)
    jobs = arguments.child_jobs.split(",") if arguments.child_jobs else ()
    child_main(worker, (cuda.CudaError,), jobs)
    return 0


def main(argv=None) -> int:
    arguments = parse_arguments(argv)
    try:
        if arguments.child:
            return child(arguments)
        check = Check(arguments)
        if arguments.verb == "build":
            return check.build()
        if arguments.verb == "mix":
            return check.mix()
        return check.check(list(VERBS) if arguments.verb == "all" else [arguments.verb])
    except cuda.NoGpuError as error:
        print(f"gpu-check: no GPU: {error}", file=sys.stderr)
        return 3
    except FileNotFoundError as error:
        print(f"gpu-check: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
