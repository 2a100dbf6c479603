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
def Attn_ResidencyAttr : EnumAttr<Attn_Dialect, Attn_Residency, "residency"> {
  let description = [{
    - `register`: computed where its one reader needs it, never stored,
    - `cache`: in the scratch memory of the worker that computes it,
    - `shared`: in memory that a group of workers shares,
    - `global`: in the kernel's tensors, which all see.
  }];
}

#endif // ATTN_DIALECT_ATTN_IR_ATTNENUMS_TD
