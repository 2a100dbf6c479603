//===- attn-ptx-sim.cpp - Runs PTX on the CPU -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include <cstdio>
#include <cstdlib>

using namespace ptxsim;

static const char *const usage = R"(usage: attn-ptx-sim FILE.ptx [options]

Runs a kernel of a PTX file on the CPU and reports what is wrong with it: accesses
out of bounds, misaligned or of uninitialised data, races, divergent barriers,
deadlocks. docs/gpu-simulator.md says what is simulated.

  --kernel NAME    the entry (default: the only one of the file)
  --grid X,Y,Z     blocks (default: 1)
  --block X,Y,Z    threads of a block (default: 1)
  --shared BYTES   dynamic shared memory of a block (default: 0)
  --arg ARGUMENT   an argument of the kernel; once for each of its parameters
  --seed N         of the order of blocks and warps (default: 0)
  --steps N        give up after as many instructions of warps (default: 2^32)
  --check          only read the file
  --json           write the report as JSON
  --help

)";

namespace {
struct Options {
  std::string file;
  std::string kernel;
  LaunchRequest request;
  std::vector<std::string> arguments;
  bool onlyCheck = false;
  bool isJson = false;
};
} // namespace

static bool fail(const std::string &message) {
  std::fprintf(stderr, "attn-ptx-sim: %s\n", message.c_str());
  return false;
}

static bool parseNumber(const char *text, uint64_t largest, uint64_t &value) {
  char *end;
  value = std::strtoull(text, &end, 0);
  return end != text && *end == '\0' && *text != '-' && value <= largest;
}

static bool parseExtents(const std::string &text, uint32_t (&extents)[3]) {
  size_t at = 0;
  for (unsigned axis = 0; axis < 3; ++axis) {
    extents[axis] = 1;
    if (at > text.size())
      continue;
    size_t comma = std::min(text.find(',', at), text.size());
    uint64_t value;
    if (!parseNumber(text.substr(at, comma - at).c_str(), UINT32_MAX, value))
      return false;
    extents[axis] = static_cast<uint32_t>(value);
    at = comma + 1;
  }
  return at > text.size();
}

/// An option that takes a value.
static bool parseOption(const std::string &name, const char *value,
                        Options &options) {
  LaunchRequest &request = options.request;
  uint64_t number;
  if (name == "--kernel")
    options.kernel = value;
  else if (name == "--arg")
    options.arguments.push_back(value);
  else if (name == "--grid" || name == "--block") {
    if (!parseExtents(value, name == "--grid" ? request.grid : request.block))
      return fail(name + " takes up to three numbers");
  } else if (name == "--shared") {
    if (!parseNumber(value, UINT32_MAX, number))
      return fail("--shared takes a number of bytes");
    request.shared = static_cast<uint32_t>(number);
  } else if (name == "--seed" || name == "--steps") {
    if (!parseNumber(value, UINT64_MAX, number))
      return fail(name + " takes a number");
    (name == "--seed" ? request.seed : request.stepLimit) = number;
  } else {
    return fail("there is no option " + name + "; see --help");
  }
  return true;
}

static bool parseOptions(int count, char **words, Options &options) {
  for (int index = 1; index < count; ++index) {
    std::string word = words[index];
    if (word == "--check") {
      options.onlyCheck = true;
    } else if (word == "--json") {
      options.isJson = true;
    } else if (word.substr(0, 2) == "--") {
      size_t equals = word.find('=');
      if (equals != std::string::npos) {
        if (!parseOption(word.substr(0, equals), words[index] + equals + 1,
                         options))
          return false;
      } else if (index + 1 == count) {
        return fail(word + " takes a value; see --help");
      } else if (!parseOption(word, words[++index], options)) {
        return false;
      }
    } else if (options.file.empty()) {
      options.file = word;
    } else {
      return fail("one file is run at a time");
    }
  }
  return !options.file.empty() || fail("no file is named; see --help");
}

static bool readText(const std::string &path, std::string &text) {
  std::FILE *file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (!file)
    return fail("cannot read " + path);
  char chunk[65536];
  while (size_t count = std::fread(chunk, 1, sizeof(chunk), file))
    text.append(chunk, count);
  bool isRead = !std::ferror(file);
  if (file != stdin)
    std::fclose(file);
  return isRead || fail("cannot read " + path);
}

int main(int count, char **words) {
  enum { Ok, Findings, Refused };
  for (int index = 1; index < count; ++index)
    if (std::string(words[index]) == "--help") {
      std::fputs(usage, stdout);
      std::fputs(argumentHelp, stdout);
      std::puts("\nThe exit status is 0, 1 if there are findings, 2 if nothing "
                "was run.");
      return Ok;
    }
  Options options;
  std::string text;
  if (!parseOptions(count, words, options) || !readText(options.file, text))
    return Refused;
  size_t slash = options.file.rfind('/');
  Simulator simulator(text, slash == std::string::npos
                                ? options.file
                                : options.file.substr(slash + 1));
  auto refuse = [&] {
    std::fputs(simulator.getError().c_str(), stderr);
    return Refused;
  };
  if (!simulator.isLoaded())
    return refuse();
  if (options.onlyCheck)
    return Ok;
  std::vector<Argument> arguments(options.arguments.size());
  for (size_t index = 0; index < arguments.size(); ++index) {
    if (!makeArgument(simulator, options.arguments[index], arguments[index]))
      return Refused;
    options.request.arguments.push_back(arguments[index].bytes);
  }
  options.request.kernel = options.kernel;
  if (!simulator.launch(options.request))
    return refuse();
  bool isWritten = true;
  if (!options.isJson)
    for (size_t index = 0; index < arguments.size(); ++index)
      isWritten &= finishArgument(simulator, arguments[index], index);
  if (options.isJson)
    std::puts(simulator.getJson().c_str());
  else
    std::fputs(simulator.getText().c_str(), stdout);
  if (!isWritten)
    return Refused;
  return simulator.getReport().empty() ? Ok : Findings;
}
