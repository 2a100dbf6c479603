# ===- onnxruntime_mha.py - ONNX Runtime's attention ---------- -*- python -*-===//
#
# Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""ONNX Runtime on the CPU: MultiHeadAttention for whole planes of equal heads,
GroupQueryAttention for causal planes and windows."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from .base import beyond, join_batch, split_batch

TYPES = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16}


class Peer:
    def __init__(self, threads: int):
        self.threads = threads
        self.setting = "MultiHeadAttention or GroupQueryAttention, CPU"

    def version(self) -> str:
        return f"ONNX Runtime {onnxruntime.__version__}"

    def refuses(self, d):
        reason = beyond(d, ("window", "softcap"), TYPES, "ONNX Runtime")
        if reason:
            return reason
        grouped = d["causal"] or d["heads"] != d["key_heads"]
        if not grouped and d["softcap"]:
            return "MultiHeadAttention has no softcap"
        if grouped and not d["causal"]:
            return "GroupQueryAttention is causal"
        if grouped and d["e"] != d["f"]:
            return "GroupQueryAttention has one head size"
        if grouped and d["queries"] not in (1, d["keys"]):
            return "GroupQueryAttention takes a prompt or one token"
        return None

    def prepare(self, d, arrays, folder):
        q, k, v = list(arrays.values())[:3]
        if d["causal"] or d["heads"] != d["key_heads"]:
            node, feeds = self._grouped(d, q, k, v)
        else:
            node, feeds = self._plain(d, q, k, v)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        inputs = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), list(array.shape)
            )
            for name, array in feeds.items()
        ]
        outputs = [
            helper.make_tensor_value_info(name, TYPES[d["dtype"]], None) for name in node.output
        ]
        graph = helper.make_graph([node], "attention", inputs, outputs)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = 10
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.heads = d["heads"]

        def call():
            self.result = session.run(["o"], feeds)[0]

        return call

    def _plain(self, d, q, k, v):
        node = helper.make_node(
            "MultiHeadAttention",
            ["q", "k", "v"],
            ["o"],
            domain="com.microsoft",
            num_heads=d["heads"],
            scale=float(d["scale"]),
        )
        return node, {name: split_batch(x) for name, x in zip("qkv", (q, k, v), strict=True)}

    def _grouped(self, d, q, k, v):
        node = helper.make_node(
            "GroupQueryAttention",
            ["q", "k", "v", "past_k", "past_v", "last", "total"],
            ["o", "present_k", "present_v"],
            domain="com.microsoft",
            num_heads=d["heads"],
            kv_num_heads=d["key_heads"],
            scale=float(d["scale"]),
            softcap=float(d["softcap"] or 0.0),
            local_window_size=int(d["window"] or -1),
        )
        past = d["keys"] - d["queries"]
        feeds = {
            "q": split_batch(q),
            "k": split_batch(k[:, :, past:]),
            "v": split_batch(v[:, :, past:]),
            "past_k": np.ascontiguousarray(k[:, :, :past]),
            "past_v": np.ascontiguousarray(v[:, :, :past]),
            "last": np.full(d["batch"], d["keys"] - 1, np.int32),
            "total": np.array(d["keys"], np.int32),
        }
        return node, feeds

    def output(self):
        return join_batch(self.result, self.heads)
