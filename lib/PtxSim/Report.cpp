//===- Report.cpp - What a launch found -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include <cstdarg>
#include <cstdio>

using namespace ptxsim;

std::string_view ptxsim::getName(FindingKind kind) {
  switch (kind) {
  case FindingKind::OutOfBounds:
    return "out-of-bounds";
  case FindingKind::Misaligned:
    return "misaligned";
  case FindingKind::Uninitialised:
    return "uninitialised";
  case FindingKind::PendingCopy:
    return "pending-copy";
  case FindingKind::Race:
    return "race";
  case FindingKind::DivergentBarrier:
    return "divergent-barrier";
  case FindingKind::DivergentWarp:
    return "divergent-warp";
  case FindingKind::ShuffleInactive:
    return "shuffle-inactive";
  case FindingKind::Deadlock:
    return "deadlock";
  case FindingKind::InvalidOperation:
    return "invalid-operation";
  case FindingKind::StepLimit:
    return "step-limit";
  }
  return "";
}

std::string ptxsim::format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char text[512];
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

void Report::clear() {
  findings.clear();
  indices.clear();
}

void Report::add(FindingKind kind, unsigned line, const ThreadId &thread,
                 std::string message) {
  auto [found, isNew] = indices.insert({{kind, line}, findings.size()});
  if (isNew)
    findings.push_back({kind, line, thread, 1, std::move(message)});
  else
    ++findings[found->second].count;
}

std::string Report::getText(std::string_view file) const {
  std::string text;
  for (const Finding &finding : findings) {
    const uint32_t *block = finding.thread.block;
    const uint32_t *thread = finding.thread.thread;
    text += std::string(file);
    text += format(":%u: ", finding.line);
    text += getName(finding.kind);
    text += format(": block (%u,%u,%u) thread (%u,%u,%u): ", block[0], block[1],
                   block[2], thread[0], thread[1], thread[2]);
    text += finding.message;
    if (finding.count > 1)
      text += format(" (%llu times)",
                     static_cast<unsigned long long>(finding.count));
    text += '\n';
  }
  return text;
}

std::string ptxsim::quoteJson(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += format("\\u%04x", c);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}
