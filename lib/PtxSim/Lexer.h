//===- Lexer.h - Tokens of PTX ----------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_LEXER_H
#define ATTN_PTXSIM_LEXER_H

#include "Types.h"

namespace ptxsim {

struct Token {
  enum Kind : uint8_t {
    End,
    Word,    // an identifier, with % and $
    Dotted,  // .word; the text has no dot
    Integer, // `integer` holds it
    Float32, // `integer` holds the bits
    Float64, // likewise
    String,
    Punctuation
  };
  Kind kind = End;
  /// Whether nothing stands between this token and the one before.
  bool adjacent = false;
  unsigned line = 0;
  std::string_view text;
  uint64_t integer = 0;

  bool is(char punctuation) const {
    return kind == Punctuation && text[0] == punctuation;
  }
};

/// Splits `text` into tokens, the last of which is End.
std::vector<Token> tokenize(std::string_view text, Diagnostics &diagnostics);

} // namespace ptxsim

#endif // ATTN_PTXSIM_LEXER_H
