# ===- test_abi_fuzz.py - Random calls of compiled kernels ----*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random wrong calls of compiled kernels on memory that nothing may touch, and
random right ones between inaccessible pages."""

import mmap
import random

import numpy as np
import pytest
from attn.dlpack import Tensor, TensorList
from attn.kernel import STATUS, KernelError
from memory import LAYOUTS, GuardedArray, isolated, place
from operators import Spec, operands
from runner import Counter, shuffled

SPECS = {
    "f32": Spec(16, 24, heads=4, key_heads=2, key_lengths=True, sinks=True, lse=True),
    "bf16": Spec(33, 8, heads=2, key_heads=1, dtype="bf16", bias="hmn", where=(("causal",),)),
}
FORMS = ("fused", "unfused")
WRONG_CALLS = {"quick": 100, "default": 300, "full": 5000}
RIGHT_CALLS = {"quick": 8, "default": 20, "full": 200}
FAR = 1 << 62


@pytest.fixture(params=[(name, form) for name in SPECS for form in FORMS], ids="-".join)
def compiled(request, kernels):
    name, form = request.param
    return SPECS[name], kernels.get(SPECS[name], f"--form={form}")


class Wrong:
    """A valid call that `spoil` makes wrong; `statuses` are those it may get."""

    def __init__(self, spec, kernel, dice):
        self.kernel, self.dice = kernel, dice
        extents = {"b": dice.randint(2, 3), "m": dice.randint(2, 9), "n": dice.randint(2, 9)}
        case = operands(spec, *extents.values(), np.random.default_rng(0))
        shapes = [(a.shape, a.dtype) for a in case.inputs()] + case.output_shapes()
        guard = dice.choice(("begin", "end"))
        self.memory = [GuardedArray(shape, dtype, guard=guard) for shape, dtype in shapes]
        self.tensors = [Tensor(memory.array) for memory in self.memory]
        self.outputs = range(len(case.arrays), len(shapes))
        self.workspace = GuardedArray((mmap.PAGESIZE,), np.uint8)
        self.statuses = set()
        kernel.check(self.tensors)
        for memory in (*self.memory, self.workspace):
            memory.forbid()
        # One tensor is spoiled in one way, so that no two changes cancel.
        several = dice.sample(range(len(shapes)), dice.choice((1, 1, 1, 2, 3)))
        ways = dice.sample(self.ways(), len(several))
        for index, way in zip(several, ways, strict=True):
            if status := way(index):
                self.statuses.add(STATUS[status])

    def ways(self):
        return [
            *(self.null, self.no_data, self.no_shape, self.device, self.dtype, self.rank),
            *(self.extent, self.last_stride, self.far_stride, self.byte_offset),
            *(self.misplaced, self.overlapping, self.on_itself),
        ]

    def null(self, i):
        self.tensors[i] = None
        return "NULL"

    def no_data(self, i):
        self.tensors[i].struct.data = None
        return "NULL"

    def no_shape(self, i):
        self.tensors[i].struct.shape = None
        return "NULL"

    def device(self, i):
        self.tensors[i].struct.device.device_type = self.dice.choice((0, 2, 3, 7, 13, -1))
        return "DEVICE"

    def dtype(self, i):
        field = self.dice.choice(("code", "bits", "lanes"))
        dtype, most = self.tensors[i].struct.dtype, 65535 if field == "lanes" else 255
        old = getattr(dtype, field)
        setattr(dtype, field, self.dice.choice([n for n in range(0, most, 3) if n != old]))
        return "DTYPE"

    def rank(self, i):
        old = self.tensors[i].struct.ndim
        choices = [n for n in (-(1 << 31), -1, 0, 1, 2, 3, 5, 9, 1 << 30) if n != old]
        self.tensors[i].struct.ndim = self.dice.choice(choices)
        return "RANK"

    def extent(self, i):
        shape = self.tensors[i].shape
        d = self.dice.randrange(len(shape))
        shape[d] += self.dice.choice((-FAR, -5, -shape[d], -1, 1, 2, 1 << 20, FAR))
        return "SHAPE"

    def last_stride(self, i):
        if self.tensors[i].shape[-1] > 1:
            self.tensors[i].strides[-1] = self.dice.choice((-FAR, -1, 0, 2, 16, FAR))
            return "STRIDE"
        return None

    def far_stride(self, i):
        if len(self.tensors[i].shape) > 1 and self.tensors[i].shape[0] > 1:
            self.tensors[i].strides[0] = self.dice.choice((-FAR, FAR, FAR + 5))
            return "STRIDE"
        return None

    def byte_offset(self, i):
        self.tensors[i].struct.byte_offset = self.dice.choice((1, 4097, (1 << 64) - 1, 1 << 63))
        return "STRIDE" if self.tensors[i].struct.byte_offset >> 63 else "ALIGNMENT"

    def misplaced(self, i):
        self.tensors[i].struct.data += self.dice.choice((1, -1, 33))
        return "ALIGNMENT"

    def overlapping(self, i):
        """An output on a tensor that this call still has."""
        out = self.tensors[self.dice.choice(self.outputs)]
        others = [t for t in self.tensors if t is not None and t is not out and t.struct.data]
        if out is None or not out.struct.data or not others:
            return None
        out.struct.data = self.dice.choice(others).struct.data
        # It may be misplaced now, or take the place of one that is.
        self.statuses |= {STATUS["ALIGNMENT"]}
        return "ALIAS"

    def on_itself(self, i):
        out = self.tensors[self.dice.choice(self.outputs)]
        if out is None or out.shape[0] < 2 or len(out.shape) < 2:
            return None
        out.strides[0] = self.dice.choice((0, 1, -1))
        return "ALIAS"

    def answers(self):
        kernel, tensors = self.kernel, TensorList(self.tensors)
        count = len(self.memory) + self.dice.choice((-1, 1, 5)) if not self.statuses else None
        if count is not None:
            self.statuses.add(STATUS["ARGUMENT_COUNT"])
            tensors = TensorList([*self.tensors, *[None] * 5][:count])
        for function in (
            lambda: kernel.check(tensors),
            lambda: kernel.run(tensors),
            lambda: kernel.run(tensors, shuffled(0)),
            lambda: kernel.run(tensors, workspace=self.workspace.bytes),
            lambda: kernel.run_items(tensors, 0, 0, 1, 0, self.workspace.bytes),
        ):
            try:
                function()
                yield 0, ""
            except KernelError as error:
                yield error.status, error.message
        yield (-1 if kernel.workspace_size(tensors) else min(self.statuses)), "workspace_size"


def test_wrong_calls_touch_nothing(compiled, seed, tier):
    spec, kernel = compiled

    def attempt():
        failures, reached = [], set()
        for number in range(WRONG_CALLS[tier]):
            dice = random.Random(f"{seed}.{number}")
            call = Wrong(spec, kernel, dice)
            for status, message in call.answers():
                reached.add(status)
                if status not in call.statuses or not message:
                    failures.append((number, sorted(call.statuses), status, message))
        return failures[:5], reached

    Counter.executions += 1
    failures, reached = isolated(attempt, 600)
    assert not failures
    names = ("NULL", "DEVICE", "DTYPE", "RANK", "SHAPE", "STRIDE", "ALIGNMENT", "ALIAS")
    assert {STATUS[name] for name in names} <= reached


def test_wrong_workspaces_touch_nothing(compiled, seed, tier):
    spec, kernel = compiled

    def attempt():
        for number in range(RIGHT_CALLS[tier]):
            dice = random.Random(f"{seed}.{number}")
            case = operands(
                spec, 2, dice.randint(1, 60), dice.randint(1, 60), np.random.default_rng(number)
            )
            outputs = [
                GuardedArray(shape, dtype, fill=0xAA) for shape, dtype in case.output_shapes()
            ]
            arrays = [*case.inputs(), *(g.array for g in outputs)]
            size = kernel.workspace_size(arrays, 1)
            if not size:
                continue
            memory = np.zeros(size + 192, np.uint8)
            start = -memory.ctypes.data % 64
            right = memory[start : start + size]
            small = right[: dice.choice((0, 1, size // 2, size - 1))]
            shifted = memory[start + dice.randint(1, 63) :][:size]
            onto = outputs[0].array.reshape(-1).view(np.uint8)
            wrong = [(small, "WORKSPACE"), (shifted, "WORKSPACE")]
            if onto.nbytes >= size and onto.ctypes.data % 64 == 0:
                wrong.append((onto, "ALIAS"))
            for workspace, status in wrong:
                for function, range_of_items in ((kernel.run, ()), (kernel.run_items, (0, 0, 1))):
                    with pytest.raises(KernelError) as error:
                        function(arrays, *range_of_items, workspace=workspace)
                    assert error.value.status == STATUS[status], error.value.message
            assert all(g.untouched() for g in outputs)

    Counter.executions += 1
    isolated(attempt, 600)


def test_right_calls_write_outputs_alone(compiled, seed, tier):
    """Outputs with gaps, and a workspace, all between inaccessible pages."""
    spec, kernel = compiled

    def attempt():
        for number in range(RIGHT_CALLS[tier]):
            dice = random.Random(f"{seed}.{number}")
            extents = (dice.choice((0, 1, 2)), dice.randint(0, 60), dice.randint(0, 60))
            case = operands(spec, *extents, np.random.default_rng(number))
            layout, guard = dice.choice(LAYOUTS), dice.choice(("begin", "end"))
            inputs = [place(value, layout, guard) for value in case.inputs()]
            poison = dice.choice((0xAA, 0xFF))
            outputs = [
                GuardedArray(shape, dtype, layout, guard, poison, is_output=True)
                for shape, dtype in case.output_shapes()
            ]
            plain = [np.empty(shape, dtype) for shape, dtype in case.output_shapes()]
            kernel.run([*(g.array.copy() for g in inputs), *plain])
            arrays = [g.array for g in (*inputs, *outputs)]
            parallel = dice.choice((None, shuffled(number)))
            workers = 3 if parallel else 1
            size = kernel.workspace_size(arrays, workers)
            workspace = GuardedArray((size,), np.uint8, guard=guard)
            kernel.run(arrays, parallel, workspace.bytes if size else None)
            for guarded, expected in zip(outputs, plain, strict=True):
                assert guarded.gaps_untouched(), (number, extents, layout)
                assert guarded.array.tobytes() == expected.tobytes(), (number, extents, layout)

    Counter.executions += RIGHT_CALLS[tier]
    isolated(attempt, 600)
