//===- HostCheck.h - May this process use the plugin? -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTN_PLUGIN_HOSTCHECK_H
#define ATTN_TOOLS_ATTN_PLUGIN_HOSTCHECK_H

namespace mlir::attn {

/// Whether the MLIR of this process is the one that the plugin was compiled
/// for. If not, says so on the standard error. MLIR itself checks nothing: its
/// plugin API has had version 1 through every change of its classes.
bool checkHost();

} // namespace mlir::attn

#endif // ATTN_TOOLS_ATTN_PLUGIN_HOSTCHECK_H
