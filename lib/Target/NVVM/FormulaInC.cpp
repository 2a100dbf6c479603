//===- FormulaInC.cpp - Formulas of launches as C -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormulaInC.h"

#include "llvm/ADT/APInt.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

using Text = std::optional<std::string>;

/// Reads a formula by recursive descent.
class FormulaReader {
public:
  FormulaReader(StringRef rest, ArrayRef<std::string> symbols)
      : rest(rest), symbols(symbols) {}

  Text read() {
    Text text = readSum();
    return rest.trim().empty() ? text : std::nullopt;
  }

private:
  bool consume(StringRef sign) {
    rest = rest.ltrim();
    return rest.consume_front(sign);
  }

  Text readSum();
  Text readProduct();
  Text readFactor();
  Text readNumber();
  Text readName();
  std::optional<SmallVector<std::string>> readArguments();

  StringRef rest;
  ArrayRef<std::string> symbols;
};

} // namespace

static std::string writeCall(const Twine &name, ArrayRef<std::string> arguments,
                             bool isChecked) {
  return ("attn_launch_" + name + "(" + llvm::join(arguments, ", ") +
          (isChecked ? ", wrong)" : ")"))
      .str();
}

Text FormulaReader::readSum() {
  Text left = readProduct();
  while (left) {
    StringRef name = consume("+") ? "add" : consume("-") ? "sub" : "";
    if (name.empty())
      return left;
    Text right = readProduct();
    if (!right)
      return std::nullopt;
    left = writeCall(name, {*left, *right}, /*isChecked=*/true);
  }
  return left;
}

Text FormulaReader::readProduct() {
  Text left = readFactor();
  while (left && consume("*")) {
    Text right = readFactor();
    if (!right)
      return std::nullopt;
    left = writeCall("mul", {*left, *right}, /*isChecked=*/true);
  }
  return left;
}

Text FormulaReader::readFactor() {
  if (consume("-")) {
    Text value = readFactor();
    return value ? Text(writeCall("sub", {"0", *value}, /*isChecked=*/true))
                 : std::nullopt;
  }
  if (consume("(")) {
    Text value = readSum();
    return consume(")") ? value : std::nullopt;
  }
  rest = rest.ltrim();
  if (rest.empty())
    return std::nullopt;
  return llvm::isDigit(rest.front()) ? readNumber() : readName();
}

/// C has literals of up to 63 bits without a sign.
Text FormulaReader::readNumber() {
  StringRef digits = rest.take_while(llvm::isDigit);
  rest = rest.drop_front(digits.size());
  llvm::APInt number;
  if (digits.getAsInteger(10, number) || number.getActiveBits() > 126)
    return std::nullopt;
  number = number.zextOrTrunc(128);
  if (number.getActiveBits() < 64)
    return llvm::toString(number, 10, /*Signed=*/false);
  std::string high = std::to_string(number.extractBitsAsZExtValue(64, 64));
  std::string low = std::to_string(number.extractBitsAsZExtValue(64, 0));
  return "((attn_launch_int)" + high + " << 64 | " + low + "u)";
}

std::optional<SmallVector<std::string>> FormulaReader::readArguments() {
  SmallVector<std::string> arguments;
  do {
    Text argument = readSum();
    if (!argument)
      return std::nullopt;
    arguments.push_back(*argument);
  } while (consume(","));
  if (!consume(")"))
    return std::nullopt;
  return arguments;
}

Text FormulaReader::readName() {
  StringRef name =
      rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
  if (name.empty())
    return std::nullopt;
  rest = rest.drop_front(name.size());
  if (!consume("(")) {
    const std::string *symbol = llvm::find(symbols, name);
    if (symbol == symbols.end())
      return std::nullopt;
    return "extents[" + std::to_string(symbol - symbols.begin()) + "]";
  }
  std::optional<SmallVector<std::string>> arguments = readArguments();
  if (!arguments)
    return std::nullopt;
  ArrayRef<std::string> texts = *arguments;
  if (name == "select" && texts.size() == 3)
    return "(" + texts[0] + " ? " + texts[1] + " : " + texts[2] + ")";
  if (texts.size() != 2)
    return std::nullopt;
  if (name == "floordiv" || name == "ceildiv" || name == "mod")
    return writeCall(name, texts, /*isChecked=*/true);
  if (name == "min" || name == "max")
    return writeCall(name, texts, /*isChecked=*/false);
  StringRef sign = llvm::StringSwitch<StringRef>(name)
                       .Case("lt", "<")
                       .Case("le", "<=")
                       .Case("eq", "==")
                       .Case("ne", "!=")
                       .Default("");
  if (sign.empty())
    return std::nullopt;
  return "(" + texts[0] + " " + sign.str() + " " + texts[1] + ")";
}

std::optional<std::string>
mlir::attn::getFormulaInC(StringRef formula, ArrayRef<std::string> symbols) {
  return FormulaReader(formula, symbols).read();
}
