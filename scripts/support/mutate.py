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
import shlex
import shutil
import subprocess
import time
import tomllib
from dataclasses import dataclass

from runner import BUILD, ROOT, duration, main_guard

LLVM = "/usr/lib/llvm-22/bin"
LISTS = ROOT / "test" / "faults"
PLACE = BUILD / "mutate"
TREE = PLACE / "tree"
TREE_BUILD = TREE / "build"
# A test that does not end has noticed the fault, too.
TEST_SECONDS = 300
DESCRIPTION = """\
Plants faults in the compiler and its runtime, one at a time, and sees whether
the tests fail. The list is test/faults/*.toml; test/faults/README.md explains
it. The faults are planted in a copy of the tree, build/mutate/tree, with a build
of its own. First every test that the list names must pass without a fault. A
fault is caught when one of its tests fails. A run that was interrupted goes on
where it ended, as long as nothing in the tree changed. The last line is the
result: N passed, N failed."""

# What has to be built before a kind of test runs.
TARGETS = {
    "lit": ["attn-opt", "attn-compile", "attn-ptx-sim"],
    "pytest": ["attn-compile", "AttnDriver", "AttnPtxSim"],
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

    def targets(self):
        kind, *rest = self.words()
        return [rest[0]] if kind == "unit" else TARGETS[kind]

    def command(self):
        kind, *rest = self.words()
        if kind == "lit":
            return [f"{LLVM}/lit", "-sv", "--filter", rest[0], str(TREE_BUILD / "test")]
        if kind == "unit":
            selection = [f"--gtest_filter={rest[1]}"] if len(rest) > 1 else []
            return [str(TREE_BUILD / "bin" / rest[0]), *selection]
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


class Mutator:
    def __init__(self, options):
        self.options = options
        self.start = time.monotonic()
        self.state_file = PLACE / "state.json"
        self.failures = []

    def say(self, text):
        print(f"[{duration(time.monotonic() - self.start):>5}] {text}", flush=True)

    # ---- the copy ---- #

    def copy_tree(self):
        """Brings the copy up to date; what is equal keeps its time stamp, so that
        only what changed is built. Returns a digest of everything."""
        digest = hashlib.sha256()
        names = tracked_files()
        for name in names:
            source, target = ROOT / name, TREE / name
            data = source.read_bytes()
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
            if target.exists() and target.read_bytes() == data:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            shutil.copymode(source, target)
        kept = set(names)
        for path in TREE.rglob("*"):
            name = str(path.relative_to(TREE))
            if path.is_file() and name not in kept and not name.startswith("build/"):
                path.unlink()
        return digest.hexdigest()

    def run(self, command, log, seconds=None):
        env = dict(os.environ, ATTN_BUILD_DIR=str(TREE_BUILD), ATTN_TIER="quick")
        # Objects of the copy come from the compiler cache, whatever its place.
        env |= {"CCACHE_BASEDIR": str(TREE), "CCACHE_NOHASHDIR": "1"}
        env["PATH"] = os.pathsep.join([str(TREE_BUILD / "bin"), env.get("PATH", "")])
        with open(PLACE / "logs" / log, "wb") as output:
            process = subprocess.Popen(
                command, cwd=TREE, env=env, stdin=subprocess.DEVNULL, stdout=output,
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

    def build(self, targets, log):
        return self.run(["cmake", "--build", str(TREE_BUILD), "--target", *targets], log) == 0

    # ---- the run ---- #

    def fail(self, what):
        self.failures.append(what)
        self.say(f"FAILED: {what}")

    def prepare(self, faults):
        """Copies, configures, builds, and runs every test without a fault."""
        (PLACE / "logs").mkdir(parents=True, exist_ok=True)
        digest = self.copy_tree()
        state = json.loads(self.state_file.read_text()) if self.state_file.exists() else {}
        if state.get("tree") != digest or self.options.fresh:
            state = {"tree": digest, "passed": [], "caught": {}}
        self.say("building the copy ...")
        targets = sorted({t for fault in faults for test in fault.tests for t in test.targets()})
        # File by file: a fault is one file, and is compiled twice.
        configure = ["cmake", "--preset", "release", "-DCMAKE_UNITY_BUILD=OFF"]
        configured = self.run(configure, "configure.log") == 0
        if not configured or not self.build(targets, "build.log"):
            self.fail("the copy does not build; see build/mutate/logs")
            return None
        tests = dict.fromkeys(test for fault in faults for test in fault.tests)
        self.say(f"running {len(tests)} tests without a fault ...")
        for number, test in enumerate(tests):
            if test.text in state["passed"]:
                continue
            log = f"test-{number}.log"
            if self.run(test.command(), log, TEST_SECONDS) != 0:
                self.fail(f"`{test.text}` fails without a fault; see build/mutate/logs/{log}")
            else:
                state["passed"].append(test.text)
        self.save(state)
        return None if self.failures else state

    def save(self, state):
        self.state_file.write_text(json.dumps(state, indent=1) + "\n")

    def plant(self, fault):
        """Returns the test that noticed the fault, or None."""
        path = TREE / fault.file
        original = path.read_text(encoding="utf-8")
        try:
            path.write_text(original.replace(fault.old, fault.new), encoding="utf-8")
            for number, test in enumerate(fault.tests):
                if not self.build(test.targets(), f"{fault.name}-build.log"):
                    self.fail(
                        f"{fault.name}: does not compile; see "
                        f"build/mutate/logs/{fault.name}-build.log"
                    )
                    return None
                if self.run(test.command(), f"{fault.name}-{number}.log", TEST_SECONDS) != 0:
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
        for number, fault in enumerate(faults):
            began = time.monotonic()
            if fault.name not in state["caught"]:
                caught = self.plant(fault)
                if not caught:
                    continue
                state["caught"][fault.name] = caught
                self.save(state)
            spent = duration(time.monotonic() - began)
            by = state["caught"][fault.name]
            self.say(f"{number + 1}/{len(faults)} {fault.name}: caught by `{by}` ({spent})")
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
    parser.add_argument("--fresh", action="store_true", help="forget an interrupted run")
    return Mutator(parser.parse_args()).main()


if __name__ == "__main__":
    main_guard(main)
