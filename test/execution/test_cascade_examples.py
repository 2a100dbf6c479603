# ===- test_cascade_examples.py - The files of examples/cascades -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Every file of examples/cascades compiles, runs and agrees with its definition. Those
from which a streaming form is derived take the fused route and the unfused one."""

import subprocess
from pathlib import Path

import cascade_examples as examples
import numpy as np
import pytest
from attn import contract
from attn.compiler import find_compiler
from attn.kernel import KernelError
from runner import Counter

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "cascades"
SHAPES = [(37, 91), (130, 261), (91, 37), (1, 64), (3, 0)]


DERIVE = ["--attn-normalize-cascade", "--attn-defer-division", "--attn-derive-single-pass"]


def call(kernel, inputs, expected):
    outputs = []
    for result in expected:
        out = np.empty(result.shape, np.float32)
        out.view(np.uint8)[...] = 0xFF
        outputs.append(out)
    Counter.executions += 1
    kernel.run([*inputs, *outputs])
    return outputs


def run_file(kernels, name, inputs, expected, form):
    kernel = kernels.compile((FOLDER / f"{name}.mlir").read_text(), name, f"--form={form}")
    return call(kernel, inputs, expected)


def check(name, form, inputs, outputs, expected, plain):
    """Within a small multiple of the error of the same formula in float32."""
    size = max((contract.finite_max(x) for x in inputs), default=0.0)
    for index, (out, exact, rounded) in enumerate(zip(outputs, expected, plain, strict=True)):
        naive = contract.max_error(np.asarray(rounded, np.float32), exact)
        tiny = 32 * contract.eps(np.float32) * (size + contract.finite_max(exact))
        contract.check(out, exact, 4 * naive, tiny, f"{name}, {form}, result {index}")


def check_file(kernels, name, reference, draw, forms, seed):
    rng = np.random.default_rng([seed, *name.encode()])
    for queries, keys in SHAPES:
        given = draw(rng, queries, keys)
        expected = reference(given.live, *(x.astype(np.float64) for x in given.arrays))
        plain = reference(given.live, *given.arrays)
        for form in forms:
            outputs = run_file(kernels, name, given.arrays, expected, form)
            check(name, form, given.arrays, outputs, expected, plain)


@pytest.mark.parametrize("name", sorted(examples.STREAMING))
def test_streaming_form(kernels, name, seed):
    """Form `fused` takes the derived route or fails."""
    check_file(kernels, name, *examples.STREAMING[name], ("fused", "unfused"), seed)


@pytest.mark.parametrize("name", sorted(examples.PAPER))
def test_cascade_of_the_paper(kernels, name, seed):
    check_file(kernels, name, *examples.PAPER[name], ("auto", "unfused"), seed)


@pytest.mark.parametrize("name", ["fusemax-1-pass", "fusemax-2-pass"])
def test_what_is_split_alike_has_one_extent(kernels, name):
    """Keys and values are both split into m1, m0, with or without an iteration."""
    kernel = kernels.compile((FOLDER / f"{name}.mlir").read_text(), name, "--form=auto")
    q, k, v = (np.ones((rows, 40), np.float32) for rows in (examples.E, examples.E, examples.F))
    out = np.empty((examples.F, 40), np.float32)
    kernel.run([q, k, v, out])
    with pytest.raises(KernelError):
        kernel.run([q, k, v[:, :39].copy(), out])


@pytest.mark.parametrize("name", sorted(examples.SEVERAL_PASSES))
def test_what_no_law_removes(kernels, name, seed):
    """It is reported with the pair that stops it, and compiled."""
    reference, draw, einsum, reason, running = examples.SEVERAL_PASSES[name]
    check_file(kernels, name, reference, draw, ("auto",), seed)
    derived = subprocess.run(
        [find_compiler().with_name("attn-opt"), FOLDER / f"{name}.mlir", *DERIVE],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = derived.stderr
    remark, *notes = said.split(" remark: ", 1)[1].split(" note: this running value")
    assert "keeps the cascade from a single pass over 'n'" in remark and reason in remark
    assert remark.splitlines()[1].strip().startswith(einsum)
    assert any(note.splitlines()[1].strip().startswith(running) for note in notes)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.mlir")), ids=lambda path: path.stem)
def test_file_prints_back(path):
    tool = find_compiler().with_name("attn-opt")
    command = [tool, "--verify-roundtrip", path]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    again = subprocess.run([tool], input=first, capture_output=True, text=True, check=True)
    assert again.stdout == first and "attn.einsum" in first


def test_every_file_is_tested():
    files = {path.stem for path in FOLDER.glob("*.mlir")}
    groups = (examples.STREAMING, examples.PAPER, examples.SEVERAL_PASSES)
    assert files == {name for group in groups for name in group}
