# ===- worker.py - Runs inputs in attn-fuzz-worker ------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""The client of attn-fuzz-worker: one process for many inputs, started anew after
an input that ended it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
from dataclasses import dataclass

# A frame of a sanitizer's or LLVM's trace that names a function.
FRAME = re.compile(r"#\d+ 0x[0-9a-f]+ (?:in )?([\w:~<>*&, ]+?)\(")


@dataclass(frozen=True)
class Request:
    text: str
    pipeline: str = ""
    cpu: str = ""

    def file(self, header=""):
        """What is saved; `read` takes it back."""
        return f"{header}// pipeline: {self.pipeline}\n// cpu: {self.cpu}\n{self.text}"

    @staticmethod
    def read(text):
        lines, fields = text.split("\n"), {"pipeline": "", "cpu": ""}
        while lines and lines[0].startswith("//"):
            name, _, value = lines.pop(0)[2:].partition(":")
            if name.strip() in fields:
                fields[name.strip()] = value.strip()
        return Request("\n".join(lines), **fields)


@dataclass(frozen=True)
class Answer:
    """`outcome` is accepted, refused or defect; `what` is the diagnostic or names
    the defect, `trace` is what the process left behind."""

    outcome: str
    what: str = ""
    trace: str = ""


class Worker:
    def __init__(self, binary, seconds, memory_bytes=None):
        self.binary, self.seconds, self.memory_bytes = binary, seconds, memory_bytes
        self.process = None
        self.errors = None

    def start(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if self.memory_bytes:
                resource.setrlimit(resource.RLIMIT_AS, (self.memory_bytes, self.memory_bytes))

        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [self.binary],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            preexec_fn=limit,
        )

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()
            self.errors.close()
            self.process = None

    def run(self, request):
        if not self.process:
            self.start()
        mark = os.fstat(self.errors.fileno()).st_size
        data = request.text.encode("utf-8", errors="replace")
        header = {"size": len(data), "seconds": self.seconds}
        header |= {"pipeline": request.pipeline, "cpu": request.cpu}
        # A process that dies while it reads is told by its missing answer.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(header).encode() + b"\n" + data)
            self.process.stdin.flush()
        answer = self.process.stdout.readline().decode(errors="replace").strip()
        if answer:
            # A process says when it is not to be used again.
            if answer.startswith("last "):
                self.close()
            outcome, _, what = answer.removeprefix("last ").partition(": ")
            return Answer(outcome, what)
        return self.autopsy(mark)

    def autopsy(self, mark):
        """What ended the process; the next input starts another."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait()
        self.errors.seek(mark)
        trace = self.errors.read().decode(errors="replace")
        self.process.stdout.close()
        self.errors.close()
        self.process = None
        if code == -signal.SIGPROF:
            return Answer("defect", f"not done after {self.seconds} s of CPU time", trace)
        cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return Answer("defect", f"crash: {self.cause(trace) or cause}", trace)

    @staticmethod
    def cause(trace):
        """A sanitizer's verdict and the first own function of a trace."""
        verdict = re.search(r"(?:ERROR: |runtime error: )([^\n]{0,120})", trace)
        text = (
            re.sub(r"0x[0-9a-f]+|==\d+==|\bpc\b.*|\bon address\b.*", "", verdict[1])
            if verdict
            else ""
        )
        frames = [name for name in FRAME.findall(trace) if "attn" in name]
        return " in ".join(filter(None, [text.strip(), frames[0] if frames else ""]))
