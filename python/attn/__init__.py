# ===- __init__.py - The attn Python package -----------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""NumPy references for attention operators and a caller of compiled kernels.

``attn.reference`` defines the operators, ``attn.contract`` judges results,
``attn.kernel`` calls compiled kernels on NumPy arrays and ``attn.compiler``
makes them from MLIR text.
"""

from .compiler import CompileError, compile_kernel
from .kernel import Kernel, KernelError

__all__ = ["CompileError", "Kernel", "KernelError", "compile_kernel"]
