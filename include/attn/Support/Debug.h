//===- Debug.h - What the passes decide, on request -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM's --debug-only is not compiled into release builds of LLVM. Passes say
// what they decide through ATTN_DEBUG instead, which `--attn-debug` of the
// tools turns on by component, in every build:
//
//   ATTN_DEBUG("tile") << "scratch " << name << ": " << bytes << " bytes\n";
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SUPPORT_DEBUG_H
#define ATTN_SUPPORT_DEBUG_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::attn {

/// Whether `component` was asked for.
bool isDebugEnabled(llvm::StringRef component);

/// Where debug output goes, with the component's name written first.
llvm::raw_ostream &getDebugStream(llvm::StringRef component);

/// Adds `--attn-debug=COMPONENT,...` to the command line of a tool; "all"
/// stands for every component. Call it before the command line is parsed.
void registerDebugOption();

} // namespace mlir::attn

#define ATTN_DEBUG(COMPONENT)                                                  \
  if (!::mlir::attn::isDebugEnabled(COMPONENT)) {                              \
  } else                                                                       \
    ::mlir::attn::getDebugStream(COMPONENT)

#endif // ATTN_SUPPORT_DEBUG_H
