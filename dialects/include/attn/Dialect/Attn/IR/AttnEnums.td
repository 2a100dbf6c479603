//===- AttnEnums.td - Enumerations of the attn dialect ----------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNENUMS_TD
#define ATTN_DIALECT_ATTN_IR_ATTNENUMS_TD

include "mlir/IR/EnumAttr.td"
include "attn/Dialect/Attn/IR/AttnDialect.td"

def Attn_ReductionKind : I32Enum<"ReductionKind",
    "how an einsum collapses a rank", [
  I32EnumCase<"Add", 0, "add">, I32EnumCase<"Mul", 1, "mul">,
  I32EnumCase<"Max", 2, "max">, I32EnumCase<"Min", 3, "min">, I32EnumCase<"And", 4, "and">,
  I32EnumCase<"Or", 5, "or">, I32EnumCase<"Associative", 6, "associative">]> {
  let cppNamespace = "::mlir::attn";
}

def Attn_Alignment : I32Enum<"Alignment",
    "how query positions line up with key positions", [
  I32EnumCase<"TopLeft", 0, "top_left">,
  I32EnumCase<"BottomRight", 1, "bottom_right">,
  I32EnumCase<"Offset", 2, "offset">]> {
  let cppNamespace = "::mlir::attn";
}

def Attn_Residency : I32Enum<"Residency",
    "where an intermediate lives", [
  I32EnumCase<"Register", 0, "register">, I32EnumCase<"Cache", 1, "cache">,
  I32EnumCase<"Shared", 2, "shared">, I32EnumCase<"Global", 3, "global">]> {
  let cppNamespace = "::mlir::attn";
}

def Attn_GatePlace : I32Enum<"GatePlace", "what a gate multiplies", [
  I32EnumCase<"Query", 0, "query">, I32EnumCase<"Key", 1, "key">,
  I32EnumCase<"Value", 2, "value">, I32EnumCase<"Score", 3, "score">,
  I32EnumCase<"Weight", 4, "weight">, I32EnumCase<"Output", 5, "output">]> {
  let cppNamespace = "::mlir::attn";
}

def Attn_Activation : I32Enum<"Activation", "what a gate's operand goes through",
    [I32EnumCase<"None", 0, "none">, I32EnumCase<"Sigmoid", 1, "sigmoid">,
     I32EnumCase<"Silu", 2, "silu">, I32EnumCase<"Tanh", 3, "tanh">,
     I32EnumCase<"Softplus", 4, "softplus">, I32EnumCase<"Exp", 5, "exp">]> {
  let cppNamespace = "::mlir::attn";
}

def Attn_Normaliser : I32Enum<"Normaliser", "what makes weights of scores", [
  I32EnumCase<"Softmax", 0, "softmax">,
  I32EnumCase<"SoftmaxPlusOne", 1, "softmax_plus_one">,
  I32EnumCase<"Sigmoid", 2, "sigmoid">, I32EnumCase<"None", 3, "none">,
  I32EnumCase<"Sum", 4, "sum">, I32EnumCase<"L1", 5, "l1">, I32EnumCase<"L2", 6, "l2">]> {
  let cppNamespace = "::mlir::attn";
}

def Attn_ReductionKindAttr : EnumAttr<Attn_Dialect, Attn_ReductionKind,
                                      "reduction"> {
  let description = [{
    How an einsum combines the values along its reduced ranks: add, mul, max, min
    (signed for integers), and bitwise `and` and `or` of integers. The identities
    are 0, 1, the lowest and the highest value, all ones and 0 (CL-5); an empty or
    masked sum of points is the identity.
  }];
}
def Attn_AlignmentAttr : EnumAttr<Attn_Dialect, Attn_Alignment, "alignment"> {
  let description = [{
    `pos(m) = m + offset`, in tokens: the offset is 0 for `top_left`,
    `len_n - len_m` for `bottom_right`, per batch row where lengths are given, and
    an operand for `offset` (PO-2). FlashAttention since its version 2.1 means
    `bottom_right`, which is what is taken and printed where nothing is written;
    PyTorch, ONNX and JAX mean `top_left`.
  }];
}
def Attn_NormaliserAttr : EnumAttr<Attn_Dialect, Attn_Normaliser, "normaliser"> {
  let description = [{
    What makes the weights W of a row of scores S', over its live keys alone:

    - `softmax`: exp(S') / sum exp(S'), with sinks in the sum where there are some,
    - `softmax_plus_one`: exp(S') / (1 + sum exp(S')), the softmax that may attend
      to nothing (a sink of 0 in every head),
    - `sigmoid`: 1 / (1 + exp(-S')), each key for itself,
    - `none`: S' itself,
    - `sum`, `l1`, `l2`: S' over sum S', over sum |S'|, over the root of sum S'^2.

    A sum of 0 gives weights of 0 (NO-1).
  }];
}
def Attn_ResidencyAttr : EnumAttr<Attn_Dialect, Attn_Residency, "residency"> {
  let description = [{
    - `register`: computed where its one reader needs it, never stored,
    - `cache`: in the scratch memory of the worker that computes it,
    - `shared`: in memory that a group of workers shares,
    - `global`: in the kernel's tensors, which all see.
  }];
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNENUMS_TD
