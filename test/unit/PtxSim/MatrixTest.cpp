//===- MatrixTest.cpp - Matrix products through their fragments -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Fragments are filled element by element from the tables of the PTX ISA,
// written down here once more: for each register and part, the row and column.

#include "Evaluate.h"

using namespace ptxsim;

namespace {
struct Entry {
  unsigned row;
  unsigned column;
};
} // namespace

/// "Matrix Fragments for mma.m16n8k16 with floating point type": a0 ... a7.
static Entry getA16(unsigned lane, unsigned i) {
  unsigned group = lane >> 2, thread = lane % 4;
  unsigned row = (i < 2 || (i >= 4 && i < 6)) ? group : group + 8;
  unsigned column = i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8;
  return {row, column};
}
static Entry getB16(unsigned lane, unsigned i) {
  unsigned group = lane >> 2, thread = lane % 4;
  return {i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8, group};
}
static Entry getC(unsigned lane, unsigned i) {
  unsigned group = lane >> 2, thread = lane % 4;
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}
/// "mma.m16n8k8", .tf32.
static Entry getATf32(unsigned lane, unsigned i) {
  unsigned group = lane >> 2, thread = lane % 4;
  return {i == 0 || i == 2 ? group : group + 8,
          i == 0 || i == 1 ? thread : thread + 4};
}
static Entry getBTf32(unsigned lane, unsigned i) {
  unsigned group = lane >> 2, thread = lane % 4;
  return {i == 0 ? thread : thread + 4, group};
}

/// A kernel that loads registers as they lie in memory, 32 lanes each.
static std::string getKernel(const std::string &instruction, unsigned a,
                             unsigned b, unsigned c) {
  std::string text =
      ".version 8.0\n.target sm_80\n.address_size 64\n"
      ".visible .entry k(.param .u64 out, .param .u64 in) {\n"
      ".reg .b32 %r<32>;\n.reg .b64 %rd<8>;\nmov.u32 %r31, %tid.x;\n"
      "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\n"
      "mad.wide.u32 %rd3, %r31, 4, %rd1;\nmad.wide.u32 %rd4, %r31, 4, %rd2;\n";
  unsigned total = a + b + c;
  for (unsigned reg = 0; reg < total; ++reg)
    text += "ld.global.b32 %r" + std::to_string(reg) + ", [%rd3+" +
            std::to_string(128 * reg) + "];\n";
  auto list = [](unsigned first, unsigned count) {
    std::string registers = "{";
    for (unsigned reg = first; reg < first + count; ++reg)
      registers += (reg == first ? "%r" : ", %r") + std::to_string(reg);
    return registers + "}";
  };
  text += instruction + " " + list(20, c) + ", " + list(0, a) + ", " +
          list(a, b) + ", " + list(a + b, c) + ";\n";
  for (unsigned reg = 0; reg < c; ++reg)
    text += "st.global.b32 [%rd4+" + std::to_string(128 * reg) + "], %r" +
            std::to_string(20 + reg) + ";\n";
  return text + "ret;\n}\n";
}

static std::vector<uint32_t> run(const std::string &kernel,
                                 const std::vector<uint32_t> &in,
                                 unsigned words) {
  Simulator simulator(kernel, "mma");
  EXPECT_TRUE(simulator.isLoaded()) << simulator.getError();
  uint64_t addresses[] = {simulator.allocate(words * 4),
                          simulator.allocate(in.size() * 4)};
  simulator.write(addresses[1], in.data(), in.size() * 4);
  LaunchRequest request;
  request.block[0] = 32;
  for (uint64_t address : addresses) {
    request.arguments.emplace_back(8);
    std::memcpy(request.arguments.back().data(), &address, 8);
  }
  EXPECT_TRUE(simulator.launch(request)) << simulator.getError();
  EXPECT_EQ(simulator.getText(), "");
  std::vector<uint32_t> out(words);
  simulator.read(addresses[0], out.data(), words * 4, nullptr);
  return out;
}

/// Small numbers, all of whose products and sums are exact.
static int getSmall() { return static_cast<int>(getRandom()() % 9) - 4; }

namespace {
TEST(Matrix, ProductsOfHalves) {
  for (bool isBfloat : {false, true}) {
    int a[16][16], b[16][8], c[16][8];
    std::vector<uint32_t> in(10 * 32);
    auto fill = [&](auto &matrix, auto get, unsigned first, unsigned count) {
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned i = 0; i < count; ++i) {
          Entry at = get(lane, i);
          double value = matrix[at.row][at.column] = getSmall();
          uint32_t bits =
              isBfloat ? doubleToBfloat(value) : doubleToHalf(value);
          in[(first + i / 2) * 32 + lane] |= bits << (16 * (i % 2));
        }
    };
    fill(a, getA16, 0, 8);
    fill(b, getB16, 4, 4);
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        Entry at = getC(lane, i);
        c[at.row][at.column] = getSmall();
        in[(6 + i) * 32 + lane] =
            bitCast<uint32_t>(static_cast<float>(c[at.row][at.column]));
      }
    std::string type = isBfloat ? "bf16" : "f16";
    std::vector<uint32_t> out =
        run(getKernel("mma.sync.aligned.m16n8k16.row.col.f32." + type + "." +
                          type + ".f32",
                      4, 2, 4),
            in, 128);
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        Entry at = getC(lane, i);
        int sum = c[at.row][at.column];
        for (unsigned k = 0; k < 16; ++k)
          sum += a[at.row][k] * b[k][at.column];
        EXPECT_EQ(bitCast<float>(out[i * 32 + lane]), static_cast<float>(sum));
      }
  }
}

TEST(Matrix, ProductsOfTf32) {
  int a[16][8], b[8][8];
  std::vector<uint32_t> in(10 * 32);
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 4; ++i) {
      Entry at = getATf32(lane, i);
      float value = static_cast<float>(a[at.row][at.column] = getSmall());
      // The bits below the format are not looked at.
      in[i * 32 + lane] = bitCast<uint32_t>(value) | 0x1fff;
    }
    for (unsigned i = 0; i < 2; ++i) {
      Entry at = getBTf32(lane, i);
      float value = static_cast<float>(b[at.row][at.column] = getSmall());
      in[(4 + i) * 32 + lane] = bitCast<uint32_t>(value);
    }
  }
  std::vector<uint32_t> out = run(
      getKernel("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 4, 2, 4),
      in, 128);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      Entry at = getC(lane, i);
      int sum = 0;
      for (unsigned k = 0; k < 8; ++k)
        sum += a[at.row][k] * b[k][at.column];
      EXPECT_EQ(bitCast<float>(out[i * 32 + lane]), static_cast<float>(sum));
    }
}

/// Accumulators of .f16 hold two columns each; depth 8 takes half the
/// registers.
TEST(Matrix, HalfAccumulators) {
  int a[16][8], b[8][8], c[16][8];
  std::vector<uint32_t> in(5 * 32);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      Entry at = getA16(lane, i);
      a[at.row][at.column] = getSmall();
      in[(i / 2) * 32 + lane] |= uint32_t(doubleToHalf(a[at.row][at.column]))
                                 << (16 * (i % 2));
      Entry to = getC(lane, i);
      c[to.row][to.column] = getSmall();
      in[(3 + i / 2) * 32 + lane] |=
          uint32_t(doubleToHalf(c[to.row][to.column])) << (16 * (i % 2));
      if (i >= 2)
        continue;
      Entry from = getB16(lane, i);
      b[from.row][from.column] = getSmall();
      in[2 * 32 + lane] |= uint32_t(doubleToHalf(b[from.row][from.column]))
                           << (16 * (i % 2));
    }
  std::vector<uint32_t> out = run(
      getKernel("mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16", 2, 1, 2),
      in, 64);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      Entry at = getC(lane, i);
      int sum = c[at.row][at.column];
      for (unsigned k = 0; k < 8; ++k)
        sum += a[at.row][k] * b[k][at.column];
      uint32_t bits = out[(i / 2) * 32 + lane] >> (16 * (i % 2)) & 0xffff;
      EXPECT_EQ(halfToFloat(static_cast<uint16_t>(bits)),
                static_cast<float>(sum));
    }
}
} // namespace
