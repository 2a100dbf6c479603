//===- Lexer.cpp - Tokens of PTX ------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lexer.h"
#include <cctype>
#include <cstdlib>
#include <cstring>

using namespace ptxsim;

static bool isWordStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         c == '%';
}

static bool isWordPart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}

namespace {
class Lexer {
public:
  Lexer(std::string_view text, Diagnostics &diagnostics)
      : text(text), diagnostics(diagnostics) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    while (true) {
      size_t before = at;
      skipBlanks();
      Token token;
      token.adjacent = at == before;
      token.line = line;
      size_t begin = at;
      if (at == text.size()) {
        tokens.push_back(token);
        return tokens;
      }
      lexToken(token);
      if (token.text.empty())
        token.text = text.substr(begin, at - begin);
      tokens.push_back(token);
    }
  }

private:
  char peek(size_t ahead = 0) const {
    return at + ahead < text.size() ? text[at + ahead] : '\0';
  }

  void skipBlanks() {
    while (at < text.size()) {
      if (text[at] == '\n') {
        ++line;
        ++at;
      } else if (std::isspace(static_cast<unsigned char>(text[at]))) {
        ++at;
      } else if (peek() == '/' && peek(1) == '/') {
        while (at < text.size() && text[at] != '\n')
          ++at;
      } else if (peek() == '/' && peek(1) == '*') {
        size_t end = text.find("*/", at + 2);
        if (end == std::string_view::npos) {
          diagnostics.push_back({line, "a comment is not closed"});
          end = text.size();
        } else {
          end += 2;
        }
        for (; at < end; ++at)
          line += text[at] == '\n';
      } else {
        return;
      }
    }
  }

  void lexToken(Token &token) {
    char c = peek();
    if (isWordStart(c)) {
      token.kind = Token::Word;
      ++at;
      while (isWordPart(peek()))
        ++at;
      return;
    }
    if (c == '.' && isWordPart(peek(1))) {
      token.kind = Token::Dotted;
      size_t begin = ++at;
      while (isWordPart(peek()) ||
             (peek() == ':' && peek(1) == ':' && isWordPart(peek(2))) ||
             (peek() == ':' && at > 0 && text[at - 1] == ':' &&
              isWordPart(peek(1))))
        ++at;
      token.text = text.substr(begin, at - begin);
      return;
    }
    if (std::isdigit(static_cast<unsigned char>(c)))
      return lexNumber(token);
    if (c == '"') {
      token.kind = Token::String;
      size_t end = text.find('"', at + 1);
      if (end == std::string_view::npos) {
        diagnostics.push_back({line, "a string is not closed"});
        end = text.size() - 1;
      }
      token.text = text.substr(at + 1, end - at - 1);
      at = end + 1;
      return;
    }
    token.kind = Token::Punctuation;
    ++at;
    if (!std::strchr("(){}[]<>,;:=+-!|@*/~&?", c))
      diagnostics.push_back(
          {line, std::string("unexpected character '") + c + "'"});
  }

  void lexNumber(Token &token) {
    size_t begin = at;
    while (isWordPart(peek()))
      ++at;
    std::string digits(text.substr(begin, at - begin));
    char second =
        digits.size() > 1 ? static_cast<char>(std::tolower(digits[1])) : '\0';
    bool isBits = digits[0] == '0' && (second == 'f' || second == 'd') &&
                  digits.size() == (second == 'f' ? 10u : 18u);
    if (isBits) {
      token.kind = second == 'f' ? Token::Float32 : Token::Float64;
      parseDigits(token, digits.substr(2), 16);
      return;
    }
    // A decimal fraction or an exponent makes a double.
    bool isHex = second == 'x';
    bool hasExponent =
        !isHex && digits.find_first_of("eE") != std::string::npos;
    if (hasExponent ||
        (peek() == '.' && std::isdigit(static_cast<unsigned char>(peek(1))))) {
      std::string rest(text.substr(begin, 64));
      char *end;
      double value = std::strtod(rest.c_str(), &end);
      at = begin + static_cast<size_t>(end - rest.c_str());
      token.kind = Token::Float64;
      std::memcpy(&token.integer, &value, sizeof(value));
      return;
    }
    token.kind = Token::Integer;
    if (digits.back() == 'U')
      digits.pop_back();
    if (isHex)
      parseDigits(token, digits.substr(2), 16);
    else if (second == 'b')
      parseDigits(token, digits.substr(2), 2);
    else
      parseDigits(token, digits, digits[0] == '0' ? 8 : 10);
  }

  void parseDigits(Token &token, const std::string &digits, int base) {
    char *end;
    token.integer = std::strtoull(digits.c_str(), &end, base);
    if (*end || digits.empty())
      diagnostics.push_back({line, "'" + digits + "' is no number"});
  }

  std::string_view text;
  Diagnostics &diagnostics;
  size_t at = 0;
  unsigned line = 1;
};
} // namespace

std::vector<Token> ptxsim::tokenize(std::string_view text,
                                    Diagnostics &diagnostics) {
  return Lexer(text, diagnostics).run();
}
