# ===- __init__.py - Random cascades -------------------------*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Random well-formed cascades and what they must compute.

docs/rationale/random-cascades.md says how the modules work together.
"""
