# ===- mutate.py - Do the tests notice a fault? ---------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""What scripts/mutate runs; `--help` says what it does."""

import argparse
import hashlib
import json
import os
import queue
import shlex
import shutil
import subprocess
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from runner import BUILD, ROOT, duration, main_guard

LLVM = "/usr/lib/llvm-22/bin"
LISTS = ROOT / "test" / "faults"
PLACE = BUILD / "mutate"
# A test that does not end has noticed the fault, too.
TEST_SECONDS = 300
DESCRIPTION = """\
Plants faults in the compiler and its runtime, one at a time, and sees whether
the tests fail. The list is test/faults/*.toml; test/faults/README.md explains
it. The faults are planted in copies of the tree, build/mutate/tree-N, each with a
build of its own; a fault keeps one core busy most of the time, so there is a copy
for each. First every test that the list names must pass without a fault. A fault is
caught when one of its tests fails. A run that was interrupted goes on where it ended,
as long as nothing in the tree changed. The last line is the result: N passed, N
failed."""

# What has to be built before a kind of test runs.
TARGETS = {
    "lit": ["attn-opt", "attn-compile", "attn-ptx-sim"],
    "pytest": ["attn-compile", "attn-opt", "AttnDriver", "AttnPtxSim"],
}


@dataclass(frozen=True)
class Test:
    """`lit FILTER`, `unit PROGRAM [FILTER]` or `pytest ARGUMENTS`."""

    text: str

    def __post_init__(self):
        if self.words()[0] not in ("lit", "unit", "pytest") or len(self.words()) < 2:
            raise ValueError(f"'{self.text}' is no test: lit, unit or pytest, and which")

    def words(self):
        return shlex.split(self.text)

    def tier(self):
        """Tests that are named may be none of the quick tier."""
        return "default" if "-k" in self.words() else "quick"

    def targets(self):
        kind, *rest = self.words()
        return [rest[0]] if kind == "unit" else TARGETS[kind]

    def command(self, build):
        kind, *rest = self.words()
        if kind == "lit":
            return [f"{LLVM}/lit", "-sv", "--filter", rest[0], str(build / "test")]
        if kind == "unit":
            selection = [f"--gtest_filter={rest[1]}"] if len(rest) > 1 else []
            return [str(build / "bin" / rest[0]), *selection]
        python = str(ROOT / ".venv" / "bin" / "python")
        return [python, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *rest]


@dataclass(frozen=True)
class Fault:
    name: str
    file: str
    what: str
    old: str
    new: str
    tests: tuple[Test, ...]

    def problem(self):
        """Why the fault cannot be planted, or None."""
        path = ROOT / self.file
        if not path.exists():
            return f"{self.file} does not exist"
        count = path.read_text(encoding="utf-8").count(self.old)
        if count != 1:
            return f"{self.file} holds the text {count} times, not once: {self.old!r}"
        return None


def read_faults():
    faults = []
    for path in sorted(LISTS.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]:
            entry["tests"] = tuple(Test(text) for text in entry["tests"])
            for key in ("old", "new"):
                entry[key] = entry[key].strip("\n")
            fault = Fault(**entry)
            if any(fault.name == other.name for other in faults):
                raise ValueError(f"{path.name}: two faults are called {fault.name}")
            faults.append(fault)
    return faults


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return sorted(name for name in names if (ROOT / name).is_file())


@dataclass(frozen=True)
class Copy:
    """A copy of the tree and its build."""

    number: int
    # Processes of its build.
    jobs: int

    @property
    def tree(self):
        return PLACE / f"tree-{self.number}"

    @property
    def build_folder(self):
        return self.tree / "build"

    def update(self):
        """What is equal keeps its time stamp, so that only what changed is built.
        Returns a digest of everything."""
        digest = hashlib.sha256()
        names = tracked_files()
        for name in names:
            source, target = ROOT / name, self.tree / name
            data = source.read_bytes()
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
            if target.exists() and target.read_bytes() == data:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            shutil.copymode(source, target)
        kept = set(names)
        for path in self.tree.rglob("*"):
            name = str(path.relative_to(self.tree))
            if path.is_file() and name not in kept and not name.startswith("build/"):
                path.unlink()
        return digest.hexdigest()

    def run(self, command, log: Path, seconds=None, tier="quick"):
        env = dict(os.environ, ATTN_BUILD_DIR=str(self.build_folder), ATTN_TIER=tier)
        # Objects of the copy come from the compiler cache, whatever its place.
        env |= {"CCACHE_BASEDIR": str(self.tree), "CCACHE_NOHASHDIR": "1"}
        env["PATH"] = os.pathsep.join([str(self.build_folder / "bin"), env.get("PATH", "")])
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.tree, env=env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                return process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return "timeout"
            except BaseException:
                os.killpg(process.pid, 9)
                raise

    def configure(self, log: Path):
        # File by file: a fault is one file, and is compiled twice.
        command = ["cmake", "--preset", "release", "-DCMAKE_UNITY_BUILD=OFF"]
        return self.run(command, log) == 0

    def run_test(self, test: Test, log: Path):
        return self.run(test.command(self.build_folder), log, TEST_SECONDS, test.tier())

    def build(self, targets, log: Path, jobs=None):
        command = ["cmake", "--build", str(self.build_folder), "-j", str(jobs or self.jobs)]
        return self.run([*command, "--target", *targets], log) == 0


class Mutator:
    def __init__(self, options):
        self.options = options
        self.start = time.monotonic()
        self.state_file = PLACE / "state.json"
        self.failures = []
        cores = os.cpu_count() or 1
        self.copies = [Copy(i, max(1, cores // options.jobs)) for i in range(options.jobs)]
        self.lock = threading.Lock()

    def say(self, text):
        print(f"[{duration(time.monotonic() - self.start):>5}] {text}", flush=True)

    @staticmethod
    def log(name) -> Path:
        return PLACE / "logs" / name

    # ---- the run ---- #

    def fail(self, what):
        with self.lock:
            self.failures.append(what)
            self.say(f"FAILED: {what}")

    def prepare(self, faults):
        """Copies, configures, builds, and runs every test without a fault."""
        self.log("").mkdir(parents=True, exist_ok=True)
        targets = sorted({t for fault in faults for test in fault.tests for t in test.targets()})
        # All of them in front of the first build: the tree may change meanwhile.
        digests = {copy.update() for copy in self.copies}
        if len(digests) > 1:
            self.fail("the tree changed while it was copied")
            return None
        [digest] = digests
        for copy in self.copies:
            self.say(f"building copy {copy.number} ...")
            configured = copy.configure(self.log(f"configure-{copy.number}.log"))
            log = self.log(f"build-{copy.number}.log")
            if not configured or not copy.build(targets, log, os.cpu_count()):
                self.fail(f"the copy does not build; see {log.parent}")
                return None
        state = json.loads(self.state_file.read_text()) if self.state_file.exists() else {}
        if state.get("tree") != digest or self.options.fresh:
            state = {"tree": digest, "passed": [], "caught": {}}
        tests = dict.fromkeys(test for fault in faults for test in fault.tests)
        missing = [test for test in tests if test.text not in state["passed"]]
        self.say(f"running {len(missing)} tests without a fault ...")

        def confirm(copy, test):
            log = self.log(f"test-{missing.index(test)}.log")
            if copy.run_test(test, log) != 0:
                self.fail(f"`{test.text}` fails without a fault; see {log}")
                return
            with self.lock:
                state["passed"].append(test.text)
                self.save(state)

        self.share(confirm, missing)
        return None if self.failures else state

    def share(self, work, items):
        """Calls work(copy, item) for every item, a thread for each copy."""
        rest = queue.SimpleQueue()
        for item in items:
            rest.put(item)

        def serve(copy):
            while True:
                try:
                    item = rest.get_nowait()
                except queue.Empty:
                    return
                work(copy, item)

        with ThreadPoolExecutor(len(self.copies)) as pool:
            try:
                for done in [pool.submit(serve, copy) for copy in self.copies]:
                    done.result()
            except BaseException:
                # What has begun ends, and restores its file.
                while not rest.empty():
                    rest.get()
                raise

    def save(self, state):
        self.state_file.write_text(json.dumps(state, indent=1) + "\n")

    def plant(self, copy, fault):
        """Returns the test that noticed the fault, or None."""
        path = copy.tree / fault.file
        original = path.read_text(encoding="utf-8")
        build_log = self.log(f"{fault.name}-build.log")
        try:
            path.write_text(original.replace(fault.old, fault.new), encoding="utf-8")
            for number, test in enumerate(fault.tests):
                if not copy.build(test.targets(), build_log):
                    self.fail(f"{fault.name}: does not compile; see {build_log}")
                    return None
                log = self.log(f"{fault.name}-{number}.log")
                if copy.run_test(test, log) != 0:
                    return test.text
            self.fail(f"{fault.name}: NOT CAUGHT by {', '.join(t.text for t in fault.tests)}")
            return None
        finally:
            path.write_text(original, encoding="utf-8")

    def main(self):
        faults = read_faults()
        if self.options.only:
            names = set(self.options.only)
            for name in names - {fault.name for fault in faults}:
                self.fail(f"{name}: no such fault; see --list")
            faults = [fault for fault in faults if fault.name in names]
        if self.options.list:
            for fault in faults:
                print(f"{fault.name:28} {fault.file}\n{'':28} {fault.what}")
        for fault in faults:
            if problem := fault.problem():
                self.fail(f"{fault.name}: {problem}")
        if self.options.list or self.failures:
            return self.finish(len(faults) - len(self.failures) if self.options.list else 0)
        state = self.prepare(faults)
        if state is None:
            return self.finish(0)
        number = {fault.name: index for index, fault in enumerate(faults, 1)}

        def try_fault(copy, fault):
            began = time.monotonic()
            if fault.name not in state["caught"]:
                caught = self.plant(copy, fault)
                if not caught:
                    return
                with self.lock:
                    state["caught"][fault.name] = caught
                    self.save(state)
            spent = duration(time.monotonic() - began)
            by = state["caught"][fault.name]
            place = f"{number[fault.name]}/{len(faults)}"
            self.say(f"{place} {fault.name}: caught by `{by}` ({spent})")

        self.share(try_fault, faults)
        return self.finish(len(faults) - len(self.failures))

    def finish(self, passed):
        for failure in self.failures:
            print(f"  failed: {failure}")
        print(f"  took {duration(time.monotonic() - self.start)}; logs in build/mutate/logs")
        print(f"{passed} passed, {len(self.failures)} failed")
        return 1 if self.failures else 0


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/mutate",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--list", action="store_true", help="show the faults, and whether each can be planted"
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="plant this fault alone")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="copies of the tree that are worked on at once (default: the cores)",
    )  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="forget an interrupted run")
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error(f"argument --jobs: at least 1; got {options.jobs}")
    return Mutator(options).main()


if __name__ == "__main__":
    main_guard(main)
