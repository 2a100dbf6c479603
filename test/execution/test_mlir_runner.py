"""attn-lower-to-linalg as a stage of somebody else's pipeline: the stock mlir-opt
with the plugin lowers a program that holds attention among other operations, and
mlir-runner executes it. Nothing else of this project takes part."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ATTN_BUILD_DIR", ROOT / "build"))
PLUGIN = BUILD / "lib" / "AttnPlugin.so"


def llvm_folder():
    """The LLVM that the build uses."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    found = re.search(r"^MLIR_DIR:[A-Z]*=(.*)/lib/cmake/mlir$", cache, re.M)
    return Path(found.group(1))


# Upstream passes alone, but for the two that take attention apart.
PIPELINE = ",".join(
    [
        "func.func(attn-expand-attention{})",
        "attn-lower-to-linalg{{remarks=false}}",
        "func.func(convert-elementwise-to-linalg)",
        "canonicalize,cse",
        "one-shot-bufferize{{bufferize-function-boundaries allow-return-allocs-from-loops"
        " function-boundary-type-conversion=identity-layout-map}}",
        "func.func(convert-linalg-to-loops)",
        "convert-scf-to-cf,expand-strided-metadata,lower-affine",
        "convert-cf-to-llvm,convert-math-to-llvm,convert-math-to-libm",
        "convert-arith-to-llvm,convert-index-to-llvm,finalize-memref-to-llvm",
        "convert-func-to-llvm,reconcile-unrealized-casts",
    ]
)


def constant(name, array):
    kind = "x".join(map(str, array.shape)) + "xf32"
    data = array.astype("<f4").tobytes().hex()
    return f'%{name} = arith.constant dense<"0x{data}"> : tensor<{kind}>\n', f"tensor<{kind}>"


def execute(tmp_path, functions, inputs, call, result_type, extra_passes=""):
    """Runs a main that calls @operator on constants and prints its result."""
    lines = []
    for name, array in inputs.items():
        text, _ = constant(name, array)
        lines.append("  " + text)
    program = (
        functions
        + "\nfunc.func private @printMemrefF32(tensor<*xf32>)\n"
        + "func.func @main() {\n"
        + "".join(lines)
        + f"  %r = {call}\n"
        + f"  %u = tensor.cast %r : {result_type} to tensor<*xf32>\n"
        + "  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()\n  return\n}\n"
    )
    source, lowered = tmp_path / "program.mlir", tmp_path / "lowered.mlir"
    source.write_text(program)
    llvm = llvm_folder()
    subprocess.run(
        [
            llvm / "bin" / "mlir-opt",
            f"--load-dialect-plugin={PLUGIN}",
            f"--load-pass-plugin={PLUGIN}",
            f"--pass-pipeline=builtin.module({PIPELINE.format(extra_passes)})",
            source,
            "-o",
            lowered,
        ],
        check=True,
    )
    done = subprocess.run(
        [
            llvm / "bin" / "mlir-runner",
            "--entry-point-result=void",
            f"--shared-libs={llvm}/lib/libmlir_runner_utils.so",
            f"--shared-libs={llvm}/lib/libmlir_c_runner_utils.so",
            lowered,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    header, data = done.stdout.split("data =", 1)
    sizes = [int(size) for size in re.search(r"sizes = \[(.*?)\]", header).group(1).split(",")]
    numbers = [float(number) for number in re.findall(r"[-+\w.]+", data)]
    return np.array(numbers).reshape(sizes)


def test_attention_in_a_loop_among_other_operations(tmp_path, seed):
    """Two steps of x <- attention(x * w, k, v) + x over dynamic extents."""
    random = np.random.default_rng(seed)
    q = random.standard_normal((2, 6, 5, 8))
    k = random.standard_normal((2, 3, 7, 8))
    v = random.standard_normal((2, 3, 7, 8))
    w = random.standard_normal((2, 6, 5, 8))
    inputs = {
        name: array.astype(np.float32) for name, array in zip("qkvw", (q, k, v, w), strict=True)
    }
    functions = """
func.func @operator(%q: tensor<?x6x?x8xf32>, %k: tensor<?x3x?x8xf32>, %v: tensor<?x3x?x8xf32>, %w: tensor<?x6x?x8xf32>) -> tensor<?x6x?x8xf32> {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %two = arith.constant 2 : index
  %r = scf.for %i = %zero to %two step %one iter_args(%x = %q) -> tensor<?x6x?x8xf32> {
    %y = arith.mulf %x, %w : tensor<?x6x?x8xf32>
    %o = attn.attention(%y, %k, %v) score [scale(0.5), softcap(4.0)] where causal
        : (tensor<?x6x?x8xf32>, tensor<?x3x?x8xf32>, tensor<?x3x?x8xf32>) -> tensor<?x6x?x8xf32>
    %z = arith.addf %o, %x : tensor<?x6x?x8xf32>
    scf.yield %z : tensor<?x6x?x8xf32>
  }
  return %r : tensor<?x6x?x8xf32>
}
func.func @call(%q: tensor<2x6x5x8xf32>, %k: tensor<2x3x7x8xf32>, %v: tensor<2x3x7x8xf32>, %w: tensor<2x6x5x8xf32>) -> tensor<?x6x?x8xf32> {
  %q0 = tensor.cast %q : tensor<2x6x5x8xf32> to tensor<?x6x?x8xf32>
  %k0 = tensor.cast %k : tensor<2x3x7x8xf32> to tensor<?x3x?x8xf32>
  %v0 = tensor.cast %v : tensor<2x3x7x8xf32> to tensor<?x3x?x8xf32>
  %w0 = tensor.cast %w : tensor<2x6x5x8xf32> to tensor<?x6x?x8xf32>
  %r = call @operator(%q0, %k0, %v0, %w0) : (tensor<?x6x?x8xf32>, tensor<?x3x?x8xf32>, tensor<?x3x?x8xf32>, tensor<?x6x?x8xf32>) -> tensor<?x6x?x8xf32>
  return %r : tensor<?x6x?x8xf32>
}
"""  # noqa: E501
    got = execute(
        tmp_path,
        functions,
        inputs,
        "call @call(%q, %k, %v, %w) : (tensor<2x6x5x8xf32>, tensor<2x3x7x8xf32>,"
        " tensor<2x3x7x8xf32>, tensor<2x6x5x8xf32>) -> tensor<?x6x?x8xf32>",
        "tensor<?x6x?x8xf32>",
    )

    x, w = inputs["q"].astype(np.float64), inputs["w"].astype(np.float64)
    keys = np.repeat(inputs["k"].astype(np.float64), 2, axis=1)
    values = np.repeat(inputs["v"].astype(np.float64), 2, axis=1)
    live = np.arange(7) <= np.arange(5)[:, None] + 2
    for _ in range(2):
        scores = 4 * np.tanh(0.5 * np.einsum("bhme,bhne->bhmn", x * w, keys) / 4)
        weights = np.where(live, np.exp(scores), 0)
        weights /= weights.sum(-1, keepdims=True)
        x = x + np.einsum("bhmn,bhnf->bhmf", weights, values)
    # Six digits are printed.
    np.testing.assert_allclose(got, x, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("derive", [False, True], ids=["textbook", "single-pass"])
def test_merged_halves_then_a_product(tmp_path, seed, derive):
    """Attention over two halves of the keys, merged, and a matrix product."""
    random = np.random.default_rng(seed)
    shapes = {"q": (1, 2, 4, 8), "k": (1, 2, 9, 8), "v": (1, 2, 9, 8), "p": (1, 8, 3)}
    inputs = {
        name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }
    functions = """
func.func @operator(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x9x8xf32>, %v: tensor<1x2x9x8xf32>, %p: tensor<1x8x3xf32>) -> tensor<1x8x3xf32> {
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 5, 8] [1, 1, 1, 1] : tensor<1x2x9x8xf32> to tensor<1x2x5x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 5, 0] [1, 2, 4, 8] [1, 1, 1, 1] : tensor<1x2x9x8xf32> to tensor<1x2x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 5, 8] [1, 1, 1, 1] : tensor<1x2x9x8xf32> to tensor<1x2x5x8xf32>
  %v1 = tensor.extract_slice %v[0, 0, 5, 0] [1, 2, 4, 8] [1, 1, 1, 1] : tensor<1x2x9x8xf32> to tensor<1x2x4x8xf32>
  %o0, %l0 = attn.attention(%q, %k0, %v0) : (tensor<1x2x4x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>) -> (tensor<1x2x4x8xf32>, tensor<1x2x4xf32>)
  %o1, %l1 = attn.attention(%q, %k1, %v1) : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> (tensor<1x2x4x8xf32>, tensor<1x2x4xf32>)
  %o = attn.merge(%o0, %o1) lse(%l0, %l1) : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x2x4x8xf32>
  %flat = tensor.collapse_shape %o [[0], [1, 2], [3]] : tensor<1x2x4x8xf32> into tensor<1x8x8xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x3xf32>) -> tensor<1x8x3xf32>
  %r = linalg.batch_matmul ins(%flat, %p : tensor<1x8x8xf32>, tensor<1x8x3xf32>) outs(%init : tensor<1x8x3xf32>) -> tensor<1x8x3xf32>
  return %r : tensor<1x8x3xf32>
}
"""  # noqa: E501
    got = execute(
        tmp_path,
        functions,
        inputs,
        "call @operator(%q, %k, %v, %p) : (tensor<1x2x4x8xf32>, tensor<1x2x9x8xf32>,"
        " tensor<1x2x9x8xf32>, tensor<1x8x3xf32>) -> tensor<1x8x3xf32>",
        "tensor<1x8x3xf32>",
        ",attn-defer-division,attn-derive-single-pass" if derive else "",
    )
    q, k, v, p = (inputs[name].astype(np.float64) for name in "qkvp")
    weights = np.exp(np.einsum("bhme,bhne->bhmn", q, k) / np.sqrt(8))
    weights /= weights.sum(-1, keepdims=True)
    o = np.einsum("bhmn,bhnf->bhmf", weights, v)
    np.testing.assert_allclose(got, o.reshape(1, 8, 8) @ p, rtol=2e-5, atol=2e-5)
