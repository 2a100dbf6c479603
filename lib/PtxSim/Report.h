//===- Report.h - What a launch found ---------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PTXSIM_REPORT_H
#define ATTN_PTXSIM_REPORT_H

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ptxsim {

enum class FindingKind : uint8_t {
  OutOfBounds,
  Misaligned,
  Uninitialised,
  PendingCopy,
  Race,
  DivergentBarrier,
  DivergentWarp,
  ShuffleInactive,
  Deadlock,
  InvalidOperation,
  StepLimit
};

std::string_view getName(FindingKind kind);

struct ThreadId {
  uint32_t block[3];
  uint32_t thread[3];
};

struct Finding {
  FindingKind kind;
  unsigned line;
  /// The first thread that it happened to, and how often it happened in all.
  ThreadId thread;
  uint64_t count;
  std::string message;
};

/// Findings of a launch. What happens again at the same line is counted.
class Report {
public:
  void clear();
  void add(FindingKind kind, unsigned line, const ThreadId &thread,
           std::string message);

  bool empty() const { return findings.empty(); }
  const std::vector<Finding> &getFindings() const { return findings; }

  std::string getText(std::string_view file) const;

private:
  std::vector<Finding> findings;
  std::map<std::pair<FindingKind, unsigned>, size_t> indices;
};

std::string quoteJson(std::string_view text);

/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char *format, ...);

} // namespace ptxsim

#endif // ATTN_PTXSIM_REPORT_H
