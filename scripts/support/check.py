# ===- check.py - The three tiers of tests -------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The steps of scripts/check, which says what they are for."""

import argparse
import os
import shutil
from pathlib import Path

from runner import BUILD, ROOT, Runner, configure_and_build, main_guard

LLVM = Path("/usr/lib/llvm-22")
BUILD_ASAN = ROOT / "build-asan"
TARGETS = ("all", "attn-test-depends")
DESCRIPTION = """\
Builds attn-mlir and tests it. Missing Debian and Python packages are installed
first; a second call builds only what changed. The last line is the result:
N passed, N failed, N skipped."""
TIERS = """\
tiers:
  --quick   lit, unit tests, one case of each execution test; for every edit
  (none)    and what takes long of those, a covering grid, sanitizers, a
            minute of fuzzing, the documentation's examples, an installation;
            what continuous integration runs
  --full    and the whole grid, lit with --verify-roundtrip, half an hour of
            fuzzing, each source compiled alone, clang-tidy over all files;
            before an issue is resolved

Tests are left out only where the machine has no CUDA toolkit, no GPU, or no CPU
with AVX-512 or AVX-512 BF16; the summary names each reason. A run that executed
no kernel fails."""


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/check",
        description=DESCRIPTION,
        epilog=TIERS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tier = parser.add_mutually_exclusive_group()
    for name in ("quick", "full"):
        tier.add_argument(
            f"--{name}", dest="tier", action="store_const", const=name, default="default"
        )
    return parser.parse_args()


class Check:
    def __init__(self, tier):
        self.tier = tier
        self.reports = BUILD / "check"
        self.runner = Runner(self.reports / "logs")

    def run(self):
        runner = self.runner
        runner.say(f"scripts/check, tier {self.tier}")
        runner.command("format", ["scripts/format", "--check"], "run scripts/format")
        if configure_and_build(runner, targets=TARGETS):
            self.lit(env={"ATTN_TIER": self.tier})
            self.unit_tests()
            self.execution()
            if self.tier != "quick":
                self.documentation()
                self.package()
                self.sanitizers()
                self.fuzz()
            if self.tier == "full":
                # Other builds join sources, which hides what one of them includes
                # for the next; this one compiles each alone, and with assertions.
                configure_and_build(runner, "debug")
                self.lit(name="lit roundtrip", env={"ATTN_VERIFY_ROUNDTRIP": "1"})
                runner.command(
                    "clang-tidy",
                    ["scripts/tidy"],
                    "mend the findings; `scripts/tidy FILE` repeats it for one file",
                )
        else:
            runner.say("nothing was tested, since the build failed")
        return runner.finish()

    def report(self, name):
        return self.reports / (name.replace(" ", "-") + ".xml")

    def lit(self, build=BUILD, name="lit", env=None):
        report = self.report(name)
        self.runner.command(
            name,
            [LLVM / "bin" / "lit", "-sv", f"--xunit-xml-output={report}", build / "test"],
            f"`{LLVM}/bin/lit -v {os.path.relpath(build, ROOT)}/test --filter NAME` repeats a test",
            env=env,
            junit=report,
        )

    def unit_tests(self, build=BUILD, name="unit tests", only="."):
        """The GoogleTest programs, each of which leaves a report of its own."""
        reports = self.reports / name.replace(" ", "-")
        directory = os.path.relpath(build, ROOT)
        self.runner.command(
            name,
            [
                *("ctest", "--test-dir", build, "-R", only),
                *("--output-on-failure", "-j", os.cpu_count()),
            ],
            f"`ctest --test-dir {directory} -R NAME --output-on-failure` repeats a program",
            env={"GTEST_OUTPUT": f"xml:{reports}/"},
            junit=reports,
        )

    def execution(self):
        """The Python package's own tests, and with them every executed kernel."""
        name = "execution"
        report = self.report(name)
        count = self.reports / "executed-kernels"
        count.unlink(missing_ok=True)
        sample = ("--sample=1",) if self.tier == "quick" else ()
        self.runner.command(
            name,
            [
                *("python", "-m", "pytest", "-q", "-n", os.cpu_count(), *sample),
                *(f"--junit-xml={report}", "test/python", "test/execution"),
            ],
            "repeat a test with `.venv/bin/python -m pytest NAME --seed=SEED`",
            env={
                "ATTN_TIER": self.tier,
                "ATTN_BUILD_DIR": str(BUILD),
                "ATTN_EXECUTION_COUNT": str(count),
            },
            junit=report,
        )
        executed = int(count.read_text()) if count.exists() else 0
        if executed == 0:
            self.runner.counts.fail("no kernel was executed")
        self.runner.say(f"executed {executed or 'no'} kernels{'' if executed else ': FAILED'}")

    def documentation(self):
        report = self.report("documentation")
        self.runner.command(
            "documentation",
            ["python", "scripts/support/docs.py", f"--junit={report}"],
            "mend the example or the code; the log names its file and line",
            junit=report,
        )

    def package(self):
        """A host project finds, links and uses what `cmake --install` wrote."""
        prefix = self.reports / "install"
        for part in ("dialects", "whole"):
            tree = self.reports / f"package-{part}"
            shutil.rmtree(prefix, ignore_errors=True)
            shutil.rmtree(tree, ignore_errors=True)
            self.runner.command(
                f"package {part}",
                ["bash", "test/package/run.sh", part, BUILD, prefix, tree],
                "see test/package: what is installed must suffice to build against",
            )

    def sanitizers(self):
        """The compiler itself under AddressSanitizer and UBSan, the runtime under
        ThreadSanitizer. What generated kernels do is covered by the execution
        tests, some of which compile with --sanitize."""
        if configure_and_build(self.runner, "asan", TARGETS):
            self.lit(BUILD_ASAN, "lit asan")
            self.unit_tests(BUILD_ASAN, "unit tests asan")
        program = "AttnThreadsTests"
        if configure_and_build(self.runner, "tsan", [program]):
            self.unit_tests(ROOT / "build-tsan", "runtime tsan", program)

    def fuzz(self):
        """Random inputs for both builds of the compiler, one core each; a log holds
        the seed and names the inputs that fail."""
        seconds = 900 if self.tier == "full" else 30

        def fuzz(build, name):
            self.runner.command(
                name,
                ["scripts/fuzz", "--build", build, "--seconds", seconds, "--jobs", 1],
                "`scripts/fuzz --replay FILE` repeats a saved input, which the log names",
            )

        self.runner.side_by_side(lambda: fuzz(BUILD, "fuzz"), lambda: fuzz(BUILD_ASAN, "fuzz asan"))


main_guard(lambda: Check(parse_arguments().tier).run())
