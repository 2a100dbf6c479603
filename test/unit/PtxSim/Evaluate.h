//===- Evaluate.h - One instruction on many values --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_PTXSIM_EVALUATE_H
#define ATTN_TEST_UNIT_PTXSIM_EVALUATE_H

#include "FloatFormats.h"
#include "Simulator.h"
#include "gtest/gtest.h"
#include <random>

namespace ptxsim {

/// Runs "INSTRUCTION %d, %a, ..." once for each element of the sources, which
/// have one size. %d, %a, %b and %c are registers of bits of the sizes of their
/// values; %p and %q are predicates.
template <typename Result, typename... Sources>
std::vector<Result> evaluate(const std::string &body,
                             const std::vector<Sources> &...sources) {
  const size_t sizes[] = {sources.size()...};
  size_t count = sizes[0];
  auto bits = [](size_t bytes) { return std::to_string(bytes * 8); };
  std::string text = ".version 8.0\n.target sm_90\n.address_size 64\n"
                     ".visible .entry kernel(.param .u64 out";
  std::string loads;
  char name = 'a';
  for (size_t bytes : {sizeof(Sources)...}) {
    std::string r(1, name++);
    text += ", .param .u64 in_" + r;
    loads += "ld.param.u64 %rd1, [in_" + r + "];\n";
    loads += "mad.lo.u64 %rd2, %rd0, " + std::to_string(bytes) + ", %rd1;\n";
    loads += ".reg .b" + bits(std::max<size_t>(bytes, 2)) + " %" + r + ";\n";
    loads += "ld.global.b" + bits(bytes) + " %" + r + ", [%rd2];\n";
  }
  text += ", .param .u64 count) {\n.reg .b64 %rd<8>;\n.reg .b32 %r<8>;\n"
          ".reg .pred %p, %q, %inside;\n.reg .b" +
          bits(sizeof(Result)) + " %d;\n";
  text += "mov.u32 %r0, %ctaid.x;\nmov.u32 %r1, %ntid.x;\nmov.u32 %r2, "
          "%tid.x;\nmad.lo.u32 %r3, %r0, %r1, %r2;\ncvt.u64.u32 %rd0, %r3;\n"
          "ld.param.u64 %rd3, [count];\nsetp.lt.u64 %inside, %rd0, %rd3;\n"
          "@!%inside ret;\n";
  text += loads + body +
          "\nld.param.u64 %rd1, [out];\nmad.lo.u64 %rd2, %rd0, " +
          std::to_string(sizeof(Result)) + ", %rd1;\nst.global.b" +
          bits(sizeof(Result)) + " [%rd2], %d;\nret;\n}\n";
  Simulator simulator(text, "test");
  EXPECT_TRUE(simulator.isLoaded()) << simulator.getError() << body;
  LaunchRequest request;
  std::vector<Result> result(count);
  auto addArgument = [&](uint64_t value) {
    std::vector<uint8_t> bytes(8);
    std::memcpy(bytes.data(), &value, 8);
    request.arguments.push_back(bytes);
  };
  uint64_t out = simulator.allocate(count * sizeof(Result));
  addArgument(out);
  auto addSource = [&](const auto &values) {
    size_t bytes = values.size() * sizeof(values[0]);
    uint64_t address = simulator.allocate(bytes);
    simulator.write(address, values.data(), bytes);
    addArgument(address);
  };
  (addSource(sources), ...);
  addArgument(count);
  request.block[0] = 64;
  request.grid[0] = static_cast<uint32_t>((count + 63) / 64);
  EXPECT_TRUE(simulator.isLoaded() && simulator.launch(request))
      << simulator.getError();
  EXPECT_EQ(simulator.getText(), "");
  simulator.read(out, result.data(), count * sizeof(Result), nullptr);
  return result;
}

/// The seed of the random values; printed, and taken from ATTN_TEST_SEED.
inline std::mt19937_64 &getRandom() {
  static std::mt19937_64 random = [] {
    const char *given = std::getenv("ATTN_TEST_SEED");
    uint64_t seed =
        given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::printf("ATTN_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
  }();
  return random;
}

/// Random bits, and values where things change.
template <typename T>
std::vector<T> getValues(size_t count) {
  using Bits = std::conditional_t<
      sizeof(T) == 8, uint64_t,
      std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>>;
  std::vector<T> values;
  std::vector<Bits> special = {0,
                               1,
                               2,
                               Bits(~Bits(0)),
                               Bits(Bits(1) << (sizeof(T) * 8 - 1)),
                               Bits(Bits(~Bits(0)) >> 1)};
  if constexpr (std::is_floating_point_v<T>) {
    for (T value :
         {T(0), T(1), T(1.5), std::numeric_limits<T>::infinity(),
          std::numeric_limits<T>::max(), std::numeric_limits<T>::min(),
          std::numeric_limits<T>::denorm_min(),
          std::numeric_limits<T>::quiet_NaN()}) {
      special.push_back(bitCast<Bits>(value));
      special.push_back(bitCast<Bits>(-value));
    }
  }
  for (size_t index = 0; index < count; ++index) {
    uint64_t random = getRandom()();
    Bits bits = random % 4 == 0 ? special[(random >> 8) % special.size()]
                                : static_cast<Bits>(getRandom()());
    if constexpr (std::is_floating_point_v<T>) {
      // Numbers of ordinary size, whose sums and products are numbers, too.
      if (random % 4 == 1)
        bits = bitCast<Bits>(static_cast<T>(
            std::ldexp(static_cast<double>(static_cast<int64_t>(random)),
                       static_cast<int>(random >> 40 & 63) - 96)));
    }
    values.push_back(bitCast<T>(bits));
  }
  return values;
}

/// Compares bits; two NaN are equal.
template <typename T>
void expectSame(T actual, T expected, const std::string &what) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(actual) && std::isnan(expected))
      return;
  EXPECT_EQ(std::memcmp(&actual, &expected, sizeof(T)), 0)
      << what << ": " << +actual << " instead of " << +expected;
}

template <typename R, typename A, typename F>
void checkUnary(const std::string &instruction, F reference) {
  std::vector<A> a = getValues<A>(300);
  std::vector<R> d = evaluate<R>(instruction + " %d, %a;", a);
  for (size_t index = 0; index < a.size(); ++index)
    expectSame<R>(d[index], reference(a[index]),
                  instruction + " " + std::to_string(a[index]));
}

template <typename R, typename A, typename B, typename F>
void checkBinary(const std::string &instruction, F reference) {
  std::vector<A> a = getValues<A>(500);
  std::vector<B> b = getValues<B>(500);
  std::vector<R> d = evaluate<R>(instruction + " %d, %a, %b;", a, b);
  for (size_t index = 0; index < a.size(); ++index)
    expectSame<R>(d[index], reference(a[index], b[index]),
                  instruction + " " + std::to_string(a[index]) + ", " +
                      std::to_string(b[index]));
}

template <typename R, typename A, typename B, typename C, typename F>
void checkTernary(const std::string &instruction, F reference) {
  std::vector<A> a = getValues<A>(500);
  std::vector<B> b = getValues<B>(500);
  std::vector<C> c = getValues<C>(500);
  std::vector<R> d = evaluate<R>(instruction + " %d, %a, %b, %c;", a, b, c);
  for (size_t index = 0; index < a.size(); ++index)
    expectSame<R>(d[index], reference(a[index], b[index], c[index]),
                  instruction + " " + std::to_string(a[index]) + ", " +
                      std::to_string(b[index]) + ", " +
                      std::to_string(c[index]));
}

} // namespace ptxsim

#endif // ATTN_TEST_UNIT_PTXSIM_EVALUATE_H
