# ===- gpu_results.py - What a check of a GPU found ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Results on the terminal and in a file, and processes that may die."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

# Lines of a child that are messages begin so; others are somebody's chatter.
MARK = "\x1eattn "
_STARTING_SECONDS = 60


class Results:
    """Prints a line for each item, and keeps all of them in a JSON file."""

    def __init__(self, path: Path | None):
        self.path = path
        self.data: dict = {"items": []}
        self.counts: Counter = Counter()

    def say(self, text: str):
        print(text, flush=True)

    def set(self, key: str, value):
        self.data[key] = value
        self.save()

    def item(self, name: str, status: str, details: str = "", **more):
        """`status` is ok, FAIL or skip."""
        self.counts[status] += 1
        self.data["items"].append({"name": name, "status": status, "details": details, **more})
        lines = details.strip().splitlines() or [""]
        self.say(f"{status:4} {name}  {lines[0]}".rstrip())
        for line in lines[1:25]:
            self.say(f"       {line}")
        self.save()

    def save(self):
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.data, indent=1) + "\n")
        os.replace(temporary, self.path)

    def finish(self) -> int:
        counts = self.counts
        self.say(f"{counts['ok']} ok, {counts['FAIL']} FAILED, {counts['skip']} skipped")
        self.set("counts", dict(counts))
        return 1 if counts["FAIL"] or not counts["ok"] else 0


def send(**message):
    """From a child to its parent."""
    print(MARK + json.dumps(message), flush=True)


def child_main(worker, fatal: tuple[type[BaseException], ...], jobs: Sequence[str] = ()):
    """Does the jobs, else those of the standard input: `worker(job)` yields items,
    as (name, status, details) or that with a dictionary. After a fatal error the
    process is of no further use."""
    for job in jobs or sys.stdin.read().splitlines():
        send(begin=job)
        try:
            for name, status, details, *more in worker(job):
                send(item=[name, status, details, *more])
        except fatal as error:
            send(item=[job, "FAIL", describe(error)])
            send(end=job)
            os._exit(3)
        except Exception as error:
            send(item=[job, "FAIL", describe(error)])
        send(end=job)


def describe(error: BaseException) -> str:
    """The message, and where it comes from if that is not plain."""
    text = f"{type(error).__name__}: {error}"
    notes = getattr(error, "__notes__", [])
    frame = error.__traceback__
    place = ""
    while frame is not None:
        place = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}"
        frame = frame.tb_next
    return "\n".join([text, *notes, f"at {place}"])


class _Child:
    """A process that does jobs, and the messages it sends."""

    def __init__(self, command: Sequence[str], jobs: Sequence[str]):
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            errors="replace",
        )
        self.messages: queue.Queue = queue.Queue()
        self.chatter: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.process.stdin.write("\n".join(jobs) + "\n")
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def _read(self):
        for line in self.process.stdout:
            mark, found, message = line.partition(MARK)
            if found:
                self.messages.put(json.loads(message))
            else:
                self.chatter = [*self.chatter[-20:], mark.rstrip()]
        self.messages.put(None)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log(self, lines: int = 12) -> str:
        """The end of what it printed, for a person."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 4000))
        text = self._log.read().decode(errors="replace").strip().splitlines()
        return "\n".join([*self.chatter[-lines:], *text[-lines:]])


def run_isolated(
    results: Results, command: Sequence[str], jobs: Sequence[str], seconds: float, deadline: float
):
    """Does jobs in a child, and in another one after it died or said nothing for
    `seconds`. What is not begun at `deadline` is skipped."""
    pending = list(jobs)
    while pending:
        child = _Child(command, pending)
        try:
            _follow(results, child, pending, seconds, deadline)
        finally:
            child.kill()
        if time.monotonic() > deadline:
            for job in pending:
                results.item(job, "skip", "no time was left")
            return


def _follow(results, child, pending, seconds, deadline):
    """Reads messages until the child ends; takes what is done from `pending`."""
    begun, answered = None, False
    while True:
        left = deadline - time.monotonic()
        wait = min(seconds + (0 if begun else _STARTING_SECONDS), max(left + seconds, 1))
        try:
            message = child.messages.get(timeout=wait)
        except queue.Empty:
            what = f"nothing happened for {wait:.0f} s\n{child.log()}"
            results.item(begun or pending[0], "FAIL", what)
            pending.pop(0)
            return
        if message is None:
            status = child.process.wait()
            what = f"its process ended with status {status}\n{child.log()}"
            if not answered:
                # Another one would fare no better.
                results.item(f"{pending[0]} and the {len(pending) - 1} behind it", "FAIL", what)
                pending.clear()
            elif begun or (pending and status != 3):
                results.item(begun or pending[0], "FAIL", what)
                pending.pop(0)
            return
        answered = True
        if "begin" in message:
            begun = message["begin"]
            if time.monotonic() > deadline:
                return
        elif "end" in message:
            begun = None
            pending.pop(0)
            if not pending:
                return
        else:
            name, status, details, *more = message["item"]
            results.item(name, status, details, **(more[0] if more else {}))
