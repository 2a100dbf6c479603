# ===- test_extents.py - Extents that types state or leave open -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Of two dimensions that are one extent, one may be static and the other dynamic (AT-4);
a call is held to the static one."""

import numpy as np
import pytest
from attn.kernel import STATUS, KernelError
from runner import Counter

TEXT = """
func.func @attention(%q: tensor<1x2x?x16xf32>, %k: tensor<?x2x40x16xf32>, %v: tensor<1x2x?x16xf32>, %b: tensor<?xf32>) -> tensor<?x2x?x16xf32> {
  %o = attn.attention(%q, %k, %v) score [scale(0.25), bias(%b[n] : tensor<?xf32>)]
      : (tensor<1x2x?x16xf32>, tensor<?x2x40x16xf32>, tensor<1x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %o : tensor<?x2x?x16xf32>
}
"""  # noqa: E501


@pytest.mark.parametrize("form", ["fused", "unfused"])
def test_static_and_dynamic(kernels, form, seed):
    rng = np.random.default_rng(seed)
    kernel = kernels.compile(TEXT, "attention", f"--form={form}")
    q, k, v = (rng.standard_normal((1, 2, n, 16)).astype(np.float32) for n in (7, 40, 40))
    b, out = rng.standard_normal(40).astype(np.float32), np.full((1, 2, 7, 16), np.nan, np.float32)
    Counter.executions += 1
    kernel.run([q, k, v, b, out])
    s = np.einsum("bhme,bhne->bhmn", q.astype(float), k) * 0.25 + b
    p = np.exp(s - s.max(-1, keepdims=True))
    want = np.einsum("bhmn,bhnf->bhmf", p / p.sum(-1, keepdims=True), v)
    np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-5)
    for wrong in ([q, k, v[:, :, :39].copy(), b, out], [q, k, v, b[:39].copy(), out]):
        with pytest.raises(KernelError) as caught:
            kernel.run(wrong)
        assert caught.value.status == STATUS["SHAPE"]


FAR = """
func.func @attention(%q: tensor<1x1x?x16xf32>, %k: tensor<1x1x?x16xf32>, %v: tensor<1x1x?x16xf32>, %x: tensor<1xi64>) -> tensor<1x1x?x16xf32> {
  %o = attn.attention(%q, %k, %v)
      where affine_set(affine_map<(m, n) -> (((1048576 * m) floordiv 11) * 1048576)>) align offset(%x : tensor<1xi64>)
      : (tensor<1x1x?x16xf32>, tensor<1x1x?x16xf32>, tensor<1x1x?x16xf32>) -> tensor<1x1x?x16xf32>
  return %o : tensor<1x1x?x16xf32>
}
"""  # noqa: E501


@pytest.mark.parametrize("position", [0, 3, 1 << 40, -(1 << 40)])
def test_conditions_of_far_positions(kernels, position, seed):
    """A condition on rows alone bounds the keys by a product with their number, however
    far the rows are."""
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((1, 1, n, 16)).astype(np.float32) for n in (5, 24, 24))
    out = np.full((1, 1, 5, 16), np.nan, np.float32)
    Counter.executions += 1
    kernels.compile(FAR, "attention").run([q, k, v, np.array([position], np.int64), out])
    s = np.einsum("bhme,bhne->bhmn", q.astype(float), k) / 4
    p = np.exp(s - s.max(-1, keepdims=True)) * (position >= 0)
    total = p.sum(-1, keepdims=True)
    want = np.einsum("bhmn,bhnf->bhmf", p / np.where(total > 0, total, 1), v)
    np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-5)
