# ===- runner.py - Runs steps, shows progress, counts --------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Runs the steps of scripts/check and scripts/demo one after another.

Each step's output goes to a log file; on the terminal a step is one line when
it starts, one every half minute while it runs, and one when it ends. A step
that fails shows the end of its log, where the log is, and what to do.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

# The only reasons for which a test may not run, by how suites spell them. Any
# other skipped test counts as failed.
SKIP_REASONS = {
    "cuda": "no CUDA toolkit",
    "gpu": "no GPU",
    "avx512": "no AVX-512 CPU",
    "avx512bf16": "no AVX-512 BF16 CPU",
    "amx": "no AMX CPU",
    "driver": "this machine has a driver",
}
LIT_MISSING_FEATURES = "Missing required feature(s): "


def skip_reason(message):
    """The permitted reason that a suite's message names, or None."""
    if message.startswith(LIT_MISSING_FEATURES):
        features = message[len(LIT_MISSING_FEATURES) :].split(", ")
        reasons = [SKIP_REASONS.get(feature) for feature in features]
        return reasons[0] if None not in reasons else None
    lines = [line.strip() for line in message.splitlines()]
    return next((reason for reason in SKIP_REASONS.values() if reason in lines), None)


@dataclass
class Counts:
    """How many tests passed and failed, and for which reason others did not run."""

    passed: int = 0
    failed: int = 0
    skipped: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped.update(other.skipped)
        self.failures += other.failures

    def fail(self, what):
        self.failed += 1
        self.failures.append(what)

    def total(self):
        return self.passed + self.failed + sum(self.skipped.values())

    def line(self):
        skipped = sum(self.skipped.values())
        return f"{self.passed} passed, {self.failed} failed, {skipped} skipped"


def read_junit(path):
    """The counts in a JUnit file, as lit, GoogleTest and pytest write them, or in
    all files of a folder."""
    counts = Counts()
    if path.is_dir():
        for report in sorted(path.glob("*.xml")):
            counts.add(read_junit(report))
        return counts
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts.fail(name)
        elif skipped is None:
            counts.passed += 1
        else:
            message = skipped.get("message") or ""
            reason = skip_reason(message)
            if reason:
                counts.skipped[reason] += 1
            else:
                counts.fail(f"{name}: skipped for no permitted reason: {message}")
    return counts


def duration(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def last_line(path):
    """The last non-empty line of a growing log, for a progress line."""
    with open(path, "rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
        lines = log.read().decode(errors="replace").replace("\r", "\n").split("\n")
    return next((line.strip()[:90] for line in reversed(lines) if line.strip()), "")


class Runner:
    """Runs steps and keeps their counts."""

    PROGRESS_SECONDS = 30
    SHOWN_LINES = 40

    def __init__(self, logs):
        self.logs = Path(logs)
        self.logs.mkdir(parents=True, exist_ok=True)
        self.start = time.monotonic()
        self.counts = Counts()
        self.times = []
        # What is told of steps that run side by side stays in one piece.
        self.telling = threading.Lock()
        self.processes = set()

    def say(self, text):
        print(f"[{duration(time.monotonic() - self.start):>5}] {text}", flush=True)

    def environment(self, extra=None):
        env = dict(os.environ)
        paths = [ROOT / ".venv" / "bin", BUILD / "bin"]
        env["PATH"] = os.pathsep.join([*map(str, paths), env.get("PATH", "")])
        env.update(extra or {})
        return env

    def command(self, name, argv, hint, env=None, cwd=ROOT, junit=None, test=True):
        """Runs one step. With `junit` its counts are those in that file, without
        it the step is one test, or none where `test` is false. Returns whether it
        succeeded."""
        log = self.logs / (name.replace(" ", "-") + ".log")
        if junit and junit.is_dir():
            shutil.rmtree(junit)
        elif junit:
            junit.unlink(missing_ok=True)
        self.say(f"{name} ...")
        began = time.monotonic()
        code = self._wait(name, argv, log, self.environment(env), cwd, began)
        spent = time.monotonic() - began
        with self.telling:
            return self._judge(name, argv, hint, log, code, spent, junit, test)

    def side_by_side(self, *steps):
        """Runs steps that use one core each at the same time."""
        threads = [threading.Thread(target=step) for step in steps]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            # The signal reached this thread alone.
            for process in list(self.processes):
                os.killpg(process.pid, signal.SIGTERM)
            raise

    def _judge(self, name, argv, hint, log, code, spent, junit, test):
        """Counts and reports a step that ended; returns whether it succeeded."""
        self.times.append((name, spent))
        counts = Counts()
        if junit:
            if junit.exists():
                counts = read_junit(junit)
            if code == 0 and counts.total() == 0:
                counts.fail(f"{name}: there was no test to run")
        elif code == 0 and test:
            counts.passed += 1
        if code != 0 and counts.failed == 0:
            counts.fail(f"{name}: exit status {code}")
        self.counts.add(counts)

        if counts.failed == 0:
            self.say(f"{name}: {counts.line() if junit else 'ok'} ({duration(spent)})")
            return True
        self.show_failure(name, argv, log, hint, counts)
        return False

    def _wait(self, name, argv, log, env, cwd, began):
        with open(log, "wb") as output:
            try:
                process = subprocess.Popen(
                    list(map(str, argv)),
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                output.write(f"{argv[0]}: {error.strerror}\n".encode())
                return 127
            self.processes.add(process)
            try:
                while True:
                    try:
                        return process.wait(timeout=self.PROGRESS_SECONDS)
                    except subprocess.TimeoutExpired:
                        spent = duration(time.monotonic() - began)
                        self.say(f"{name} {spent}: {last_line(log)}")
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)
                raise
            finally:
                self.processes.discard(process)

    def show_failure(self, name, argv, log, hint, counts):
        self.say(f"{name}: FAILED, {counts.line()}")
        with open(log, encoding="utf-8", errors="replace") as text:
            lines = text.read().splitlines()
        for line in lines[-self.SHOWN_LINES :]:
            print(f"    {line[:400]}")
        for failure in counts.failures[:20]:
            print(f"  failed: {failure}")
        print(f"  command: {' '.join(map(str, argv))}")
        print(f"  log:     {os.path.relpath(log, ROOT)}")
        print(f"  to do:   {hint}", flush=True)

    def finish(self):
        """Prints the summary with its closing line; returns the exit status."""
        print()
        for name, spent in self.times:
            print(f"  {duration(spent):>6}  {name}")
        for reason, count in sorted(self.counts.skipped.items()):
            print(f"  skipped {count}: {reason}")
        failures = self.counts.failures
        for failure in failures[:50]:
            print(f"  failed: {failure}")
        if len(failures) > 50:
            print(f"  failed: and {len(failures) - 50} more, named in the logs")
        took, logs = duration(time.monotonic() - self.start), os.path.relpath(self.logs, ROOT)
        print(f"  took {took}; logs in {logs}")
        print(self.counts.line())
        return 1 if self.counts.failed else 0


def configure_and_build(runner, preset="release", targets=()):
    """Configures and builds one preset; what is up to date is left alone."""
    directory = "build" if preset == "release" else f"build-{preset}"
    suffix = "" if preset == "release" else f" {preset}"
    return runner.command(
        f"configure{suffix}",
        ["cmake", "--preset", preset],
        f"read CMake's message; after a change of the toolchain remove {directory}/ and call again",
        test=False,
    ) and runner.command(
        f"build{suffix}",
        ["cmake", "--build", directory, *(["--target", *targets] if targets else [])],
        f"mend the first error; `cmake --build {directory}` repeats the build alone",
        test=False,
    )


def main_guard(main):
    """Runs a script's main function; an interrupt is no traceback."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
