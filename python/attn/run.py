# ===- run.py - The attn-run program -------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""attn-run: compile an operator and run it on arrays.

The compiled object is called through its C ABI, as any host would; kernels of a
GPU are launched as their description says.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from . import arrays, contract, cuda, flops, tune
from .arrays import ArrayError
from .compiler import CompileError, compile_file, find_driver
from .device import DeviceError
from .kernel import Driver, Kernel, KernelError, aligned_workspace
from .launches import Place
from .reference import accumulation_type

_DEFAULT_EXTENTS = {"b": 1}
_DEFAULT_EXTENT = 256

_DESCRIPTION = """\
Compiles the operator of an .mlir file with attn-compile, runs the native kernel
on .npy arrays or on random inputs, and stores the results."""

_EPILOG = """\
inputs and outputs:
  --input takes the function's arguments in order, or any of them by name
  (--input k=keys.npy; the names are in the summary that attn-run prints).
  Arguments without a file are random: floats are standard normal, integers lie
  between 0 and the smallest dynamic extent (--integers LO:HI changes that).
  Extents that no file fixes come from --dim, else b is 1 and the rest 256.
  bfloat16 arrays are .npy files as NumPy writes arrays of ml_dtypes.bfloat16.

examples:
  attn-run op.mlir --input q.npy --input k.npy --input v.npy --output o.npy
  attn-run op.mlir --dim b=2 --dim m=113 --dim n=1024 --seed 7 --verify
  attn-run op.mlir --dim m=4096 --dim n=4096 --bench --unfused --threads 2
  attn-run op.mlir --dim n=4096 --tune tuned.json
  attn-run op.mlir --target=nvvm --verify

environment:
  ATTN_COMPILE, ATTN_DRIVER   other places of attn-compile and libattn_driver.so

The exit status is 0 on success, 1 when anything fails (also a failed --verify),
2 for a wrong command line. On failure no output file is written or changed."""


class UsageError(Exception):
    """One clear message, and nothing else, for the person at the terminal."""


def _assignment(text: str) -> tuple[str, int]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=EXTENT, as in m=113")
    return name, int(value)


def _range(text: str) -> tuple[int, int]:
    low, separator, high = text.partition(":")
    try:
        pair = int(low), int(high)
    except ValueError:
        pair = None
    if not separator or pair is None or pair[0] > pair[1]:
        raise argparse.ArgumentTypeError(f"'{text}' is not LO:HI, as in 0:128")
    return pair


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="attn-run",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="OP.mlir", help="a module with one public function")
    data = parser.add_argument_group("data")
    data.add_argument("--input", "-i", action="append", default=[], metavar="[NAME=]FILE.npy")
    data.add_argument("--output", "-o", action="append", default=[], metavar="[NAME=]FILE.npy")
    data.add_argument(
        "--dim", action="append", default=[], type=_assignment, metavar="NAME=EXTENT",
        help="a dynamic extent of generated inputs",
    )  # fmt: skip
    data.add_argument("--seed", type=int, help="seed of generated inputs (default 0)", default=0)
    data.add_argument("--integers", type=_range, metavar="LO:HI", help="range of random integers")
    build = parser.add_argument_group("compilation")
    build.add_argument("--name", default="attn_run_kernel", help="symbol name of the kernel")
    build.add_argument(
        "--target", choices=["cpu", "nvvm"], default="cpu",
        help="what to compile for and to run on: this CPU (default), or a GPU",
    )  # fmt: skip
    build.add_argument("--chip", help="GPU to compile for (default: the one that is there)")
    build.add_argument("--cpu", help="target CPU, as attn-compile takes it (default: the host)")
    build.add_argument(
        "--compile-flag", action="append", default=[], metavar="FLAG",
        help="passed on to attn-compile, as in --compile-flag=--sanitize=address",
    )  # fmt: skip
    run = parser.add_argument_group("execution")
    run.add_argument("--threads", type=_positive, default=1, metavar="N", help="default 1")
    run.add_argument(
        "--verify", action="store_true",
        help="compare with the unfused float64 lowering of the same program, by the accuracy "
        "contract: error at most twice that of the unfused lowering in working precision",
    )  # fmt: skip
    run.add_argument("--bench", action="store_true", help="print the median time of a call")
    run.add_argument(
        "--unfused", action="store_true",
        help="with --bench: time the unfused form too, in turns with the kernel",
    )  # fmt: skip
    run.add_argument(
        "--tune", metavar="FILE",
        help="time mappings around that of the cost model on these inputs, and store the best "
        "in FILE for attn-compile --tuned=FILE",
    )  # fmt: skip
    run.add_argument(
        "--runs", type=_positive, default=9,
        help="timed calls of --bench, and of each mapping of --tune (default 9)",
    )  # fmt: skip
    run.add_argument(
        "--flops", type=float, metavar="COUNT",
        help="floating-point operations of a call, for programs that are not a plain attention",
    )  # fmt: skip
    run.add_argument("--quiet", "-q", action="store_true", help="print results of --verify only")
    return parser


def assign_files(given: list[str], tensors, kind: str) -> dict[str, str]:
    """File of each tensor: by NAME=, the others in order."""
    names = [t.name for t in tensors]
    files: dict[str, str] = {}
    positional = []
    for text in given:
        name, separator, path = text.partition("=")
        if separator and name in names:
            if name in files:
                raise UsageError(f"{kind} '{name}' is given twice")
            files[name] = path
        elif separator and not Path(text).exists() and "/" not in name and "." not in name:
            raise UsageError(
                f"there is no {kind} '{name}'; the {kind}s are {', '.join(names) or 'none'}"
            )
        else:
            positional.append(text)
    free = [name for name in names if name not in files]
    if len(positional) > len(free):
        raise UsageError(
            f"{len(given)} {kind} files for {len(names)} {kind}s ({', '.join(names) or 'none'})"
        )
    return files | dict(zip(free, positional, strict=False))


class Session:
    """Compiles, runs and judges on a CPU."""

    def __init__(self, arguments, folder: Path):
        self.arguments = arguments
        self.folder = folder

    def start(self):
        """Finds what the kernels run on."""

    def load(self, form: str, options: list[str]) -> tuple[Kernel, str]:
        """A compiled kernel, and what the compiler printed."""
        output = self.folder / f"{form}.so"
        text = compile_file(self.arguments.source, output, self.arguments.name, options)
        kernel = Kernel(output, self.arguments.name)
        kernel.supported()
        return kernel, text

    def machine(self, kernel: Kernel) -> str:
        return f"cpu {kernel.cpu}, {self.arguments.threads} thread(s)"

    def say(self, text: str):
        if not self.arguments.quiet:
            print(text, flush=True)

    def compile(self, form: str, *flags: str) -> Kernel:
        options = list(self.arguments.compile_flag)
        if self.arguments.cpu:
            options.append(f"--cpu={self.arguments.cpu}")
        kernel, text = self.load(form, [*options, *flags])
        if form == "fused" and text.strip() and not self.arguments.quiet:
            # The target, and remarks: what was not fused, and why.
            print(text.strip(), file=sys.stderr, flush=True)
        return kernel

    # -- Inputs ---------------------------------------------------------------

    def gather_inputs(self, kernel: Kernel):
        files = assign_files(self.arguments.input, kernel.inputs, "input")
        extents: dict[str, int] = {}
        sources: dict[str, str] = {}
        loaded = {}
        for tensor in kernel.inputs:
            if tensor.name in files:
                array = arrays.load(files[tensor.name], tensor)
                source = f"input '{tensor.name}' ({files[tensor.name]})"
                arrays.bind(extents, sources, tensor, array.shape, source)
                loaded[tensor.name] = array
        for name, extent in self.arguments.dim:
            if name not in kernel.symbols:
                known = ", ".join(kernel.symbols) or "none"
                raise UsageError(f"--dim {name}: the dynamic extents of the kernel are {known}")
            if extents.setdefault(name, extent) != extent:
                place = sources.get(name, "an earlier --dim")
                raise UsageError(f"--dim {name}={extent}: {place} gives {extents[name]}")
        for name in kernel.symbols:
            extents.setdefault(name, _DEFAULT_EXTENTS.get(name, _DEFAULT_EXTENT))
        rng = np.random.default_rng(self.arguments.seed)
        inputs = []
        for tensor in kernel.inputs:
            # Drawn also where a file is given, so that giving one file does not
            # change what the other inputs hold.
            generated = self.generate(tensor, extents, rng)
            inputs.append(loaded.get(tensor.name, generated))
        self.describe(kernel, files, inputs)
        return inputs, extents

    def generate(self, tensor, extents, rng):
        others = [e for name, e in extents.items() if name not in tensor.dims]
        low, high = self.arguments.integers or (0, min(others, default=0))
        array = arrays.random_array(tensor, extents, rng, high - low)
        return array + array.dtype.type(low) if array.dtype.kind in "iu" else array

    def describe(self, kernel: Kernel, files, inputs):
        self.say(f"{kernel.name}: {self.machine(kernel)}")
        for tensor, array in zip(kernel.inputs, inputs, strict=True):
            origin = files.get(tensor.name, f"random, seed {self.arguments.seed}")
            shape = "x".join(map(str, array.shape))
            self.say(f"  input  {tensor}  {shape}  {origin}")

    # -- Runs -----------------------------------------------------------------

    @contextlib.contextmanager
    def parallel(self):
        if self.arguments.threads == 1:
            yield None
            return
        path = find_driver()
        if path is None:
            raise UsageError("--threads needs libattn_driver.so; build it or set ATTN_DRIVER")
        with Driver(path).threads(self.arguments.threads) as threads:
            yield threads

    def execute(self, kernel: Kernel, inputs):
        outputs = kernel.allocate_outputs(inputs)
        with self.parallel() as parallel:
            kernel.run([*inputs, *outputs], parallel)
        return outputs

    def verify(self, kernel: Kernel, inputs, outputs) -> bool:
        wide = self.compile("unfused_f64", "--form=unfused", "--precision=f64")
        plain = self.compile("unfused", "--form=unfused")
        wide_inputs = [
            array.astype(tensor.dtype, copy=False)
            for array, tensor in zip(inputs, wide.inputs, strict=True)
        ]
        expected = self.execute(wide, wide_inputs)
        naive = self.execute(plain, inputs)
        passed = True
        for tensor, actual, simple, exact in zip(
            kernel.outputs, outputs, naive, expected, strict=True
        ):
            eps = contract.eps(accumulation_type(tensor.dtype))
            size = contract.finite_max(exact)
            tiny = 8 * eps * max(1.0, size) + contract.eps(tensor.dtype) * size
            try:
                report = contract.check(
                    actual, exact, contract.max_error(simple, exact), tiny, tensor.name
                )
                print(f"verify {tensor.name}: {report}: passed", flush=True)
            except contract.AccuracyError as error:
                print(f"verify {error}: FAILED", flush=True)
                passed = False
        return passed

    def bench(self, kernel: Kernel, inputs, extents):
        kernels = {"fused": kernel}
        if self.arguments.unfused:
            kernels["unfused"] = self.compile("bench_unfused", "--form=unfused")
        work = self.arguments.flops
        if work is None:
            work = flops.attention_flops(Path(self.arguments.source).read_text(), kernel, extents)
        times = {form: [] for form in kernels}
        with self.parallel() as parallel:
            calls = {form: self.prepare(k, inputs, parallel) for form, k in kernels.items()}
            for call in calls.values():
                call()
            for _, (form, call) in itertools.product(range(self.arguments.runs), calls.items()):
                times[form].append(self.measure(call))
        for form, taken in times.items():
            median = statistics.median(taken)
            rate = f", {work / median / 1e9:.1f} GFLOP/s" if work else ""
            spread = f"{min(taken) * 1e3:.3f} to {max(taken) * 1e3:.3f} ms"
            count = self.arguments.runs
            print(
                f"bench {form}: median {median * 1e3:.3f} ms of {count} ({spread}){rate}",
                flush=True,
            )

    def tune(self, kernel: Kernel, inputs, extents):
        path = Path(self.arguments.tune)
        tune.read(path)
        expected = self.execute(kernel, inputs)
        flags = [f"--cpu={self.arguments.cpu}"] if self.arguments.cpu else []
        key = tune.tuning_key(self.arguments.source, flags)
        number = itertools.count()

        def load(choice: tune.Choice):
            other = self.compile(f"tune{next(number)}", *choice.flags())
            self.check_same(other, inputs, expected, choice)
            return self.prepare(other, inputs, parallel)

        with self.parallel() as parallel:
            search = tune.Search(load, self.measure, self.say, self.arguments.runs)
            best, seconds, model = search.run()
        entry = {
            "options": best.as_json(),
            "extents": extents,
            "threads": self.arguments.threads,
            "milliseconds": {"model": round(model * 1e3, 4), "tuned": round(seconds * 1e3, 4)},
        }
        tune.store(path, key, entry)
        print(
            f"tuned {key['machine']}: {best}, {seconds * 1e3:.3f} ms, model "
            f"{model * 1e3:.3f} ms; stored in {path}",
            flush=True,
        )

    def check_same(self, kernel: Kernel, inputs, expected, choice):
        """Mappings sum in other orders, and agree but for that."""
        outputs = self.execute(kernel, inputs)
        for tensor, actual, wanted in zip(kernel.outputs, outputs, expected, strict=True):
            tiny = 0.0
            if wanted.dtype.kind not in "iub":
                types = accumulation_type(tensor.dtype), tensor.dtype
                tiny = 256 * max(map(contract.eps, types)) * max(1.0, contract.finite_max(wanted))
            try:
                contract.check(actual, wanted, 0.0, tiny, tensor.name)
            except contract.AccuracyError as error:
                raise tune.TuneError(f"{choice} computes something else: {error}") from error

    def prepare(self, kernel: Kernel, inputs, parallel):
        """A call with everything allocated before, as a serving host would do it."""
        outputs = kernel.allocate_outputs(inputs)
        tensors = kernel.tensor_list([*inputs, *outputs])
        size = kernel.workspace_size(tensors, self.arguments.threads)
        workspace = aligned_workspace(size) if size else None
        return lambda: kernel.run(tensors, parallel, workspace)

    def measure(self, call) -> float:
        """Seconds of a call."""
        begin = time.perf_counter()
        call()
        return time.perf_counter() - begin

    def main(self) -> int:
        arguments = self.arguments
        if not Path(arguments.source).is_file():
            raise UsageError(f"{arguments.source}: there is no such file")
        if arguments.unfused and not arguments.bench:
            raise UsageError("--unfused goes with --bench")
        if arguments.tune and arguments.target != "cpu":
            raise UsageError("--tune goes with --target=cpu")
        if arguments.tune and not os.access(Path(arguments.tune).absolute().parent, os.W_OK):
            raise UsageError(f"--tune: the folder of {arguments.tune} cannot be written to")
        self.start()
        kernel = self.compile("fused")
        outputs_to = assign_files(arguments.output, kernel.outputs, "output")
        for path in outputs_to.values():
            parent = Path(path).parent
            if not parent.is_dir() or not os.access(parent, os.W_OK):
                raise UsageError(f"{path}: the folder {parent} cannot be written to")
        inputs, extents = self.gather_inputs(kernel)
        outputs = self.execute(kernel, inputs)
        if arguments.verify and not self.verify(kernel, inputs, outputs):
            return 1
        if arguments.bench:
            self.bench(kernel, inputs, extents)
        if arguments.tune:
            self.tune(kernel, inputs, extents)
        for tensor, array in zip(kernel.outputs, outputs, strict=True):
            path = outputs_to.get(tensor.name)
            if path:
                arrays.save(path, array)
            shape = "x".join(map(str, array.shape))
            self.say(f"  output {tensor}  {shape}  {path or 'not stored'}")
        return 0


class GpuSession(Session):
    """The same on a GPU, whose driver compiles the PTX."""

    def start(self):
        arguments = self.arguments
        if arguments.threads != 1 or arguments.cpu:
            raise UsageError("--threads and --cpu go with --target=cpu")
        self.device = cuda.find_device()
        self.chip = arguments.chip or cuda.chip_for(self.device.capability)

    def load(self, form: str, options: list[str]):
        output = self.folder / f"{form}.ptx"
        options = [*options, "--target=nvvm", f"--chip={self.chip}"]
        text = compile_file(self.arguments.source, output, self.arguments.name, options)
        return cuda.DeviceKernel(output, output.with_suffix(".json"), self.device), text

    def machine(self, kernel) -> str:
        return f"{self.chip} on {self.device}"

    def prepare(self, kernel, inputs, parallel):
        """A call on tensors that lie on the device."""
        arrays = [*map(np.ascontiguousarray, inputs), *kernel.allocate_outputs(inputs)]
        places = []
        for array in arrays:
            address = self.device.allocate(array.nbytes)
            self.device.upload(address, array)
            strides = tuple(stride // array.itemsize for stride in array.strides)
            places.append(Place(address, array.shape, strides))
        return kernel.bind(places, self.device.allocate)

    def measure(self, call) -> float:
        begin, end = self.device.event(), self.device.event()
        begin.record()
        call()
        end.record()
        seconds = begin.milliseconds_until(end) / 1e3
        begin.close()
        end.close()
        return seconds


#: What has a message for the person at the terminal.
_EXPECTED = (UsageError, ArrayError, KernelError, DeviceError, tune.TuneError, OSError)


def main(argv: list[str] | None = None) -> int:
    arguments = make_parser().parse_args(argv)
    session = GpuSession if arguments.target == "nvvm" else Session
    with tempfile.TemporaryDirectory(prefix="attn-run-") as folder:
        try:
            return session(arguments, Path(folder)).main()
        except CompileError as error:
            # The compiler's diagnostics name the file and line themselves.
            print(f"{error}\nattn-run: {arguments.source} was not compiled", file=sys.stderr)
        except cuda.NoGpuError as error:
            print(f"attn-run: error: no GPU: {error}", file=sys.stderr)
        except _EXPECTED as error:
            print(f"attn-run: error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
