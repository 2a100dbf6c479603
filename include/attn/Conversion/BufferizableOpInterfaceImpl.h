//===- BufferizableOpInterfaceImpl.h - Bufferization models -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_BUFFERIZABLEOPINTERFACEIMPL_H
#define ATTN_CONVERSION_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::attn {

/// Adds to the dialect what one-shot bufferization needs to know. An einsum
/// with `outs` writes into the buffer of that tensor; the other operations have
/// no form on buffers and say which passes give them one.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_BUFFERIZABLEOPINTERFACEIMPL_H
