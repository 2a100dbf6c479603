//===- CostModelTest.cpp - The model behind mappings ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/CostModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
class CostModelTest : public ::testing::Test {
protected:
  CostModelTest() {
    context.loadDialect<AttnDialect, func::FuncDialect>();
    context.allowUnregisteredDialects();
  }

  /// A sum over keys of scores times values, over heads h and rows m; every
  /// extent as given, "?" for dynamic.
  CascadeOp parse(StringRef rows, StringRef heads, StringRef e, StringRef f,
                  StringRef element = "f32") {
    auto tensor = [&](std::initializer_list<StringRef> extents) {
      std::string text = "tensor<";
      for (StringRef extent : extents)
        text += (extent + "x").str();
      return text + element.str() + ">";
    };
    std::string q = tensor({heads, rows, e}), k = tensor({"?", e}),
                v = tensor({"?", f}), s = tensor({heads, rows, "?"}),
                o = tensor({heads, rows, f});
    std::string compute = element == "f64" ? "f64" : "f32";
    std::string source = R"mlir(
      %q = "t.q"() : () -> QQ
      %k = "t.k"() : () -> KK
      %v = "t.v"() : () -> VV
      %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (QQ, KK, VV) -> OO {
        %zero = arith.constant 0.0 : CC
        %i = attn.einsum [h,m,f] = map() { attn.yield %zero : CC } : () -> OO
        %r = attn.iterate n1 of n by n0 init(%i : OO) {
        ^bb0(%A: OO):
          %s = attn.einsum [h,m,n0] = mul(%Q[h,m,e], %K[n1*N0+n0,e])
              reduce add(e) : (QQ, KK) -> SS
          %l = attn.einsum [h,m,f] = mul(%s[h,m,n0], %V[n1*N0+n0,f])
              reduce add(n0) : (SS, VV) -> OO
          %a = attn.einsum [h,m,f] = add(%A[h,m,f], %l[h,m,f]) : (OO, OO) -> OO
          attn.yield %a : OO
        }
        attn.yield %r : OO
      })mlir";
    auto replace = [&](StringRef from, StringRef to) {
      for (size_t at = source.find(from.str()); at != std::string::npos;
           at = source.find(from.str(), at + to.size()))
        source.replace(at, from.size(), to.str());
    };
    replace("QQ", q);
    replace("KK", k);
    replace("VV", v);
    replace("SS", s);
    replace("OO", o);
    replace("CC", compute);
    module = parseSourceString<ModuleOp>(source, &context);
    EXPECT_TRUE(module);
    CascadeOp result;
    if (module)
      module->walk([&](CascadeOp op) { result = op; });
    return result;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_F(CostModelTest, LanesAreTheLongestFreeRank) {
  // Neither h nor m indexes K or V: the dynamic one wins, else the longer one,
  // else the inner one.
  EXPECT_EQ(assignRankRoles(parse("?", "8", "64", "64")).lanes, "m");
  EXPECT_EQ(assignRankRoles(parse("1", "?", "64", "64")).lanes, "h");
  EXPECT_EQ(assignRankRoles(parse("1", "8", "64", "64")).lanes, "h");
  EXPECT_EQ(assignRankRoles(parse("64", "8", "64", "64")).lanes, "m");
  EXPECT_EQ(assignRankRoles(parse("8", "8", "64", "64")).lanes, "m");
  RankRoles roles = assignRankRoles(parse("?", "8", "64", "64"));
  ASSERT_EQ(roles.parallel.size(), 1u);
  EXPECT_EQ(roles.parallel[0], "h");
}

TEST_F(CostModelTest, CountsTheWorkingSet) {
  CascadeOp cascade = parse("?", "8", "64", "32");
  WorkingSet set = getWorkingSet(cascade, assignRankRoles(cascade), 48);
  EXPECT_EQ(set.scorePerPoint, 48 * 4);
  EXPECT_EQ(set.perPoint, 48 * 4 + (64 + 32) * 4);
  EXPECT_EQ(set.resident, 48 * 64 * 4 + 48 * 32 * 4);

  // Half as many bytes in the inputs; scores and accumulators stay f32.
  cascade = parse("?", "8", "64", "32", "bf16");
  set = getWorkingSet(cascade, assignRankRoles(cascade), 48);
  EXPECT_EQ(set.scorePerPoint, 48 * 4);
  EXPECT_EQ(set.perPoint, 48 * 4 + (64 + 32) * 2);
  EXPECT_EQ(set.resident, 48 * 64 * 2 + 48 * 32 * 4);
}

TEST_F(CostModelTest, StreamTileFollowsTheCaches) {
  WorkingSet set{/*scorePerPoint=*/192, /*perPoint=*/192 + 512,
                 /*resident=*/24576};
  MachineModel machine;
  EXPECT_EQ(chooseStreamTile(set, machine), 64);
  machine.l1Bytes = 48 * 1024;
  EXPECT_EQ(chooseStreamTile(set, machine), 64);
  machine.l1Bytes = 8 * 1024;
  EXPECT_EQ(chooseStreamTile(set, machine), 32);
  machine.l1Bytes = 32 * 1024;
  // The second level may bound it, too.
  machine.l2Bytes = 128 * 1024;
  EXPECT_EQ(chooseStreamTile(set, machine), 48);
  machine.l2Bytes = 1;
  EXPECT_EQ(chooseStreamTile(set, machine), 16);
  // With lanes of each einsum, a streamed input stays in the first level.
  machine = MachineModel();
  set = {/*scorePerPoint=*/64, /*perPoint=*/64 + 1024, /*resident=*/8192,
         /*inputPerPoint=*/512};
  EXPECT_EQ(chooseStreamTile(set, machine), 64);
  EXPECT_EQ(chooseStreamTile(set, machine, /*innerLanes=*/true), 64);
  machine = {32, 512, int64_t(1) << 40, int64_t(1) << 40};
  EXPECT_EQ(chooseStreamTile(set, machine), 64);
  EXPECT_EQ(chooseStreamTile(WorkingSet(), machine), 512);
}

TEST_F(CostModelTest, StepsOfPairsAreTwiceAsLong) {
  WorkingSet set{/*scorePerPoint=*/192, /*perPoint=*/192 + 256,
                 /*resident=*/18432};
  MachineModel machine;
  auto choose = [&] {
    return chooseStreamTile(set, machine, /*innerLanes=*/false,
                            /*usesMatrixUnit=*/false, /*usesPairs=*/true);
  };
  EXPECT_EQ(choose(), 128);
  // Their scores stay in the first level.
  machine.l1Bytes = 16 * 1024;
  EXPECT_EQ(choose(), 64);
}

TEST_F(CostModelTest, StepsOfAMatrixUnitAreLong) {
  auto choose = [](int64_t lanes, int64_t resident, int64_t l2Bytes) {
    MachineModel machine;
    machine.l2Bytes = l2Bytes;
    WorkingSet set{/*scorePerPoint=*/4 * lanes, /*perPoint=*/4 * lanes + 512,
                   resident};
    return chooseStreamTile(set, machine, /*innerLanes=*/false,
                            /*usesMatrixUnit=*/true);
  };
  int64_t l2Bytes = 1 << 20;
  // Scores take an eighth of the second level, in whole tiles.
  EXPECT_EQ(choose(128, 0, l2Bytes), 256);
  EXPECT_EQ(choose(128, 128 * 6 * 64, l2Bytes), 256);
  EXPECT_EQ(choose(128, 128 * 6 * 64, 2 * l2Bytes), 320);
  EXPECT_EQ(choose(128, 128 * 6 * 64, l2Bytes / 4), 64);
  // What the next step brings takes half of it.
  EXPECT_EQ(choose(128, 128 * 6 * 512, l2Bytes), 128);
  EXPECT_EQ(choose(128, 128 * 6 * 512 + 20480, l2Bytes), 96);
}

TEST_F(CostModelTest, RowTileFollowsTheRegisters) {
  MachineModel avx512, avx2{16, 256}, sse{16, 128}, none{1, 64};
  EXPECT_EQ(chooseRowTile(48, 32, avx512), 8);
  EXPECT_EQ(chooseRowTile(16, 32, avx512), 8);
  EXPECT_EQ(chooseRowTile(48, 64, avx512), 8);
  EXPECT_EQ(chooseRowTile(48, 32, avx2), 4);
  EXPECT_EQ(chooseRowTile(16, 32, avx2), 4);
  EXPECT_EQ(chooseRowTile(48, 32, sse), 4);
  EXPECT_EQ(chooseRowTile(48, 32, none), 1);
}

TEST_F(CostModelTest, EveryMappingVerifies) {
  std::string last;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { last = diagnostic.str(); });
  for (StringRef rows : {"?", "0", "1", "1024"})
    for (StringRef feature : {"0", "1", "256", "1000000000000"})
      for (StringRef element : {"f32", "bf16", "f64"}) {
        CascadeOp cascade = parse(rows, "8", feature, feature, element);
        FailureOr<MappingAttr> mapping =
            chooseMapping(cascade, MachineModel(), MappingOverrides(),
                          [&] { return cascade.emitOpError(); });
        ASSERT_TRUE(succeeded(mapping));
        ASSERT_TRUE(*mapping);
        EXPECT_GE(mapping->getStreamTile(), 16);
      }
  CascadeOp cascade = parse("?", "8", "64", "64");
  MappingOverrides overrides;
  overrides.laneTiles = {std::numeric_limits<int64_t>::max()};
  EXPECT_TRUE(failed(chooseMapping(cascade, MachineModel(), overrides,
                                   [&] { return cascade.emitOpError(); })));
  EXPECT_NE(last.find("lane tiles are multiples of 8 up to 128"),
            std::string::npos);
}
