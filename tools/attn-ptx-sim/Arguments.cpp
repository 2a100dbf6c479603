//===- Arguments.cpp - Arguments of kernels -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "FloatFormats.h"
#include <cerrno>
#include <cstdio>
#include <cstdlib>

using namespace ptxsim;

const char *const ptxsim::argumentHelp =
    R"(arguments, in the order of the parameters:
  TYPE:VALUE          a number; TYPE is a type of PTX such as u32, f32 or bf16
  TYPE[]:V,V,...      a buffer with these values
  buffer:BYTES        a buffer that is not initialised
  print:TYPE:COUNT    likewise, of COUNT elements that are printed afterwards; a
                      question mark stands for one that was not written
  print:TYPE[]:V,...  a buffer with these values that is printed afterwards
  file:PATH           a buffer with what is in the file
  out:PATH:BYTES      a buffer that is not initialised and is written to the file
)";

static bool fail(const std::string &text, const char *why) {
  std::fprintf(stderr, "attn-ptx-sim: '%s': %s\n", text.c_str(), why);
  return false;
}

// ---- values ---- //

static std::optional<uint64_t> parseValue(const std::string &text, Type type) {
  const char *begin = text.c_str();
  char *end;
  errno = 0;
  uint64_t bits;
  if (isFloat(type)) {
    double value = std::strtod(begin, &end);
    switch (type) {
    case Type::F64:
      bits = bitCast<uint64_t>(value);
      break;
    case Type::F32:
      bits = bitCast<uint32_t>(static_cast<float>(value));
      break;
    case Type::F16:
      bits = doubleToHalf(value);
      break;
    case Type::BF16:
      bits = doubleToBfloat(value);
      break;
    default:
      return std::nullopt;
    }
  } else {
    bits = text[0] == '-' ? static_cast<uint64_t>(std::strtoll(begin, &end, 0))
                          : std::strtoull(begin, &end, 0);
  }
  if (text.empty() || *end || (errno && !isFloat(type)))
    return std::nullopt;
  return bits;
}

static void printValue(uint64_t bits, Type type) {
  unsigned unused = 64 - 8 * getBytes(type);
  switch (type) {
  case Type::F64:
    std::printf("%.17g", bitCast<double>(bits));
    break;
  case Type::F32:
    std::printf("%.9g", static_cast<double>(
                            bitCast<float>(static_cast<uint32_t>(bits))));
    break;
  case Type::F16:
    std::printf("%g",
                static_cast<double>(halfToFloat(static_cast<uint16_t>(bits))));
    break;
  case Type::BF16:
    std::printf(
        "%g", static_cast<double>(bfloatToFloat(static_cast<uint16_t>(bits))));
    break;
  default:
    if (isSigned(type))
      std::printf("%lld", static_cast<long long>(
                              static_cast<int64_t>(bits << unused) >> unused));
    else if (isInteger(type))
      std::printf("%llu", static_cast<unsigned long long>(bits));
    else
      std::printf("0x%llx", static_cast<unsigned long long>(bits));
  }
}

static bool appendValues(const std::string &text, const std::string &values,
                         Type type, std::vector<uint8_t> &bytes) {
  size_t at = 0;
  while (at <= values.size()) {
    size_t comma = std::min(values.find(',', at), values.size());
    std::optional<uint64_t> value =
        parseValue(values.substr(at, comma - at), type);
    if (!value)
      return fail(text, "a value is not one of the type");
    for (unsigned byte = 0; byte < getBytes(type); ++byte)
      bytes.push_back(static_cast<uint8_t>(*value >> (8 * byte)));
    at = comma + 1;
  }
  return true;
}

// ---- buffers ---- //

static void setBuffer(Simulator &simulator, Argument &argument, uint64_t bytes,
                      const std::vector<uint8_t> *data) {
  argument.buffer = simulator.allocate(bytes);
  argument.bufferBytes = bytes;
  if (data)
    simulator.write(argument.buffer, data->data(), bytes);
  argument.bytes.resize(sizeof(uint64_t));
  std::memcpy(argument.bytes.data(), &argument.buffer, sizeof(uint64_t));
}

static bool readFile(const std::string &path, std::vector<uint8_t> &bytes) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return false;
  uint8_t chunk[65536];
  while (size_t count = std::fread(chunk, 1, sizeof(chunk), file))
    bytes.insert(bytes.end(), chunk, chunk + count);
  bool isRead = !std::ferror(file);
  std::fclose(file);
  return isRead;
}

static bool parseCount(const std::string &text, const std::string &digits,
                       uint64_t &count) {
  std::optional<uint64_t> value = parseValue(digits, Type::U64);
  if (!value || *value > (uint64_t(1) << 32))
    return fail(text, "expected a size of up to 4 GiB");
  count = *value;
  return true;
}

static bool isNumber(std::optional<Type> type) {
  return type && getBytes(*type) && getBytes(*type) <= 8;
}

/// TYPE:COUNT or TYPE[]:V,V,... of a buffer that is printed.
static bool makePrinted(Simulator &simulator, const std::string &text,
                        const std::string &rest, Argument &argument) {
  size_t colon = std::min(rest.find(':'), rest.size());
  std::string name = rest.substr(0, colon);
  std::string values = rest.substr(std::min(colon + 1, rest.size()));
  bool isList = name.size() > 2 && name.substr(name.size() - 2) == "[]";
  if (isList)
    name.resize(name.size() - 2);
  argument.printedType = parseType(name);
  if (!isNumber(argument.printedType))
    return fail(text, "there is no such type");
  if (isList) {
    std::vector<uint8_t> bytes;
    if (!appendValues(text, values, *argument.printedType, bytes))
      return false;
    setBuffer(simulator, argument, bytes.size(), &bytes);
    return true;
  }
  uint64_t count;
  if (!parseCount(text, values, count))
    return false;
  setBuffer(simulator, argument, count * getBytes(*argument.printedType),
            nullptr);
  return true;
}

bool ptxsim::makeArgument(Simulator &simulator, const std::string &text,
                          Argument &argument) {
  size_t colon = text.find(':');
  if (colon == std::string::npos)
    return fail(text, "expected KIND:VALUE");
  std::string kind = text.substr(0, colon);
  std::string rest = text.substr(colon + 1);
  uint64_t count;
  if (kind == "print")
    return makePrinted(simulator, text, rest, argument);
  if (kind == "buffer") {
    if (!parseCount(text, rest, count))
      return false;
    setBuffer(simulator, argument, count, nullptr);
    return true;
  }
  if (kind == "file") {
    std::vector<uint8_t> bytes;
    if (!readFile(rest, bytes))
      return fail(text, "the file cannot be read");
    setBuffer(simulator, argument, bytes.size(), &bytes);
    return true;
  }
  if (kind == "out") {
    size_t last = rest.rfind(':');
    if (last == std::string::npos ||
        !parseCount(text, rest.substr(last + 1), count))
      return last != std::string::npos || fail(text, "expected out:PATH:BYTES");
    argument.outputFile = rest.substr(0, last);
    setBuffer(simulator, argument, count, nullptr);
    return true;
  }
  bool isList = kind.size() > 2 && kind.substr(kind.size() - 2) == "[]";
  if (isList)
    kind.resize(kind.size() - 2);
  std::optional<Type> type = parseType(kind);
  if (!isNumber(type))
    return fail(text, "there is no such type");
  std::vector<uint8_t> bytes;
  if (!appendValues(text, rest, *type, bytes))
    return false;
  if (isList)
    setBuffer(simulator, argument, bytes.size(), &bytes);
  else
    argument.bytes = bytes;
  return true;
}

bool ptxsim::finishArgument(Simulator &simulator, const Argument &argument,
                            size_t index) {
  if (!argument.printedType && argument.outputFile.empty())
    return true;
  std::vector<uint8_t> data(argument.bufferBytes), written(data.size());
  simulator.read(argument.buffer, data.data(), data.size(), written.data());
  if (argument.printedType) {
    unsigned bytes = getBytes(*argument.printedType);
    std::printf("argument %zu:", index);
    for (size_t at = 0; at + bytes <= data.size(); at += bytes) {
      std::putchar(' ');
      uint64_t bits = 0;
      std::memcpy(&bits, data.data() + at, bytes);
      bool isWritten = true;
      for (unsigned byte = 0; byte < bytes; ++byte)
        isWritten &= written[at + byte] != 0;
      if (isWritten)
        printValue(bits, *argument.printedType);
      else
        std::putchar('?');
    }
    std::putchar('\n');
    return true;
  }
  std::FILE *file = std::fopen(argument.outputFile.c_str(), "wb");
  bool isWritten =
      file && std::fwrite(data.data(), 1, data.size(), file) == data.size();
  if (file)
    isWritten &= std::fclose(file) == 0;
  return isWritten || fail(argument.outputFile, "the file cannot be written");
}
