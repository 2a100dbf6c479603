# ===- iree.py - IREE's compiled attention --------------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""iree_linalg_ext.attention, compiled for the host CPU; whole planes."""

from __future__ import annotations

import importlib.metadata

import numpy as np
from iree import compiler, runtime

from .base import beyond

TEXT = """
#q = affine_map<(b, m, n, e, f) -> (b, m, e)>
#k = affine_map<(b, m, n, e, f) -> (b, n, e)>
#v = affine_map<(b, m, n, e, f) -> (b, n, f)>
#s = affine_map<(b, m, n, e, f) -> ()>
#o = affine_map<(b, m, n, e, f) -> (b, m, f)>
func.func @attention(%q: {q}, %k: {k}, %v: {v}) -> {o} {{
  %scale = arith.constant {scale!r} : f32
  %init = tensor.empty() : {o}
  %o = iree_linalg_ext.attention <{{indexing_maps = [#q, #k, #v, #s, #o]}}>
      ins(%q, %k, %v, %scale : {q}, {k}, {v}, f32) outs(%init : {o}) {{
    ^bb0(%x: f32):
      iree_linalg_ext.yield %x : f32
  }} -> {o}
  return %o : {o}
}}
"""


class Peer:
    def __init__(self, threads: int):
        self.threads = threads
        self.setting = "iree_linalg_ext.attention, llvm-cpu, host features"

    def version(self) -> str:
        return f"IREE {importlib.metadata.version('iree-base-compiler')}"

    def refuses(self, d):
        if d["causal"]:
            return "its attention operation is not causal"
        if d["heads"] != d["key_heads"]:
            return "its attention operation has no grouped heads"
        return beyond(d, (), ("f32",), "it")

    def prepare(self, d, arrays, folder):
        shapes = [(x.shape[0] * x.shape[1], *x.shape[2:]) for x in list(arrays.values())[:3]]
        self.shape = (d["batch"], d["heads"], d["queries"], d["f"])
        shapes.append((shapes[0][0], d["queries"], d["f"]))
        types = ["tensor<" + "x".join(map(str, shape)) + "xf32>" for shape in shapes]
        text = TEXT.format(**dict(zip("qkvo", types, strict=True)), scale=float(d["scale"]))
        code = compiler.compile_str(
            text,
            target_backends=["llvm-cpu"],
            extra_args=["--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3"],
        )
        runtime.flags.parse_flags(f"--task_topology_max_group_count={self.threads}")
        driver = "local-task" if self.threads > 1 else "local-sync"
        config = runtime.Config(driver)
        context = runtime.SystemContext(config=config)
        context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, code))
        function = context.modules.module["attention"]
        inputs = [
            runtime.asdevicearray(config.device, array.reshape(shape))
            for array, shape in zip(list(arrays.values())[:3], shapes, strict=False)
        ]

        def call():
            self.result = function(*inputs)

        return call

    def output(self):
        return np.asarray(self.result.to_host()).reshape(self.shape)
