//===- CompileTest.cpp - Compiled kernels through the C declarations ------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TargetTest.h"

#include "attn-c/kernel.h"
#include "llvm/Support/FileSystem.h"

#include <dlfcn.h>

using namespace mlir;
using namespace mlir::attn;

namespace {

// `narrow`: x: f64[n, 3], y: f32[n] -> h: f16[n], b: bf16[n], t: i64[] in two
// phases. Phase 0 rounds x[i, 2] + y[i] to both types and counts its items in
// the shared workspace, one cell an item; phase 1 adds the cells up.
constexpr char kNarrow[] = R"(
!d0 = !llvm.struct<(ptr, ptr, i64)>
!d1 = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
!d2 = !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
module attributes {attn.kernels = [
  {name = "narrow", phases = 2, worker_workspace = 100, tensors = [
    {name = "x", type = tensor<?x3xf64>, dims = ["n", "3"], output = false},
    {name = "y", type = tensor<?xf32>, dims = ["n"], output = false},
    {name = "h", type = tensor<?xf16>, dims = ["n"], output = true},
    {name = "b", type = tensor<?xbf16>, dims = ["n"], output = true},
    {name = "t", type = tensor<i64>, dims = [], output = true}]},
  {name = "empty", phases = 1, worker_workspace = 0, tensors = []}]} {

llvm.func @_mlir_ciface_empty_items0() -> i64 {
  %0 = llvm.mlir.constant(0 : i64) : i64
  llvm.return %0 : i64
}
llvm.func @_mlir_ciface_empty_run0(%begin: i64, %end: i64, %worker: !llvm.ptr) {
  llvm.return
}

// A function of the module that has the name of a public one.
llvm.func @narrow(%y: !llvm.ptr) -> i64 {
  %0 = llvm.load %y : !llvm.ptr -> !d1
  %n = llvm.extractvalue %0[3, 0] : !d1
  llvm.return %n : i64
}
llvm.func @_mlir_ciface_narrow_items0(%x: !llvm.ptr, %y: !llvm.ptr, %h: !llvm.ptr,
                                     %b: !llvm.ptr, %t: !llvm.ptr) -> i64 {
  %n = llvm.call @narrow(%y) : (!llvm.ptr) -> i64
  llvm.return %n : i64
}
llvm.func @_mlir_ciface_narrow_items1(%x: !llvm.ptr, %y: !llvm.ptr, %h: !llvm.ptr,
                                     %b: !llvm.ptr, %t: !llvm.ptr) -> i64 {
  %0 = llvm.mlir.constant(1 : i64) : i64
  llvm.return %0 : i64
}
llvm.func @_mlir_ciface_narrow_shared(%x: !llvm.ptr, %y: !llvm.ptr, %h: !llvm.ptr,
                                     %b: !llvm.ptr, %t: !llvm.ptr) -> i64 {
  %0 = llvm.mlir.constant(8 : i64) : i64
  %n = llvm.call @narrow(%y) : (!llvm.ptr) -> i64
  %bytes = llvm.mul %n, %0 : i64
  llvm.return %bytes : i64
}
llvm.func @_mlir_ciface_narrow_run0(%x: !llvm.ptr, %y: !llvm.ptr, %h: !llvm.ptr,
    %b: !llvm.ptr, %t: !llvm.ptr, %begin: i64, %end: i64, %worker: !llvm.ptr,
    %shared: !llvm.ptr) {
  %c1 = llvm.mlir.constant(1 : i64) : i64
  %c2 = llvm.mlir.constant(2 : i64) : i64
  %xd = llvm.load %x : !llvm.ptr -> !d2
  %xp = llvm.extractvalue %xd[1] : !d2
  %xs = llvm.extractvalue %xd[4, 0] : !d2
  %yd = llvm.load %y : !llvm.ptr -> !d1
  %yp = llvm.extractvalue %yd[1] : !d1
  %hd = llvm.load %h : !llvm.ptr -> !d1
  %hp = llvm.extractvalue %hd[1] : !d1
  %bd = llvm.load %b : !llvm.ptr -> !d1
  %bp = llvm.extractvalue %bd[1] : !d1
  llvm.br ^head(%begin : i64)
^head(%i: i64):
  %more = llvm.icmp "slt" %i, %end : i64
  llvm.cond_br %more, ^body, ^done
^body:
  %row = llvm.mul %i, %xs : i64
  %at = llvm.add %row, %c2 : i64
  %xa = llvm.getelementptr %xp[%at] : (!llvm.ptr, i64) -> !llvm.ptr, f64
  %xv = llvm.load %xa : !llvm.ptr -> f64
  %ya = llvm.getelementptr %yp[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %yv = llvm.load %ya : !llvm.ptr -> f32
  %yw = llvm.fpext %yv : f32 to f64
  %sum = llvm.fadd %xv, %yw : f64
  %hv = llvm.fptrunc %sum : f64 to f16
  %ha = llvm.getelementptr %hp[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f16
  llvm.store %hv, %ha : f16, !llvm.ptr
  %single = llvm.fptrunc %sum : f64 to f32
  %bv = llvm.fptrunc %single : f32 to bf16
  %ba = llvm.getelementptr %bp[%i] : (!llvm.ptr, i64) -> !llvm.ptr, bf16
  llvm.store %bv, %ba : bf16, !llvm.ptr
  %cell = llvm.getelementptr %shared[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
  llvm.store %c1, %cell : i64, !llvm.ptr
  %next = llvm.add %i, %c1 : i64
  llvm.br ^head(%next : i64)
^done:
  llvm.return
}
llvm.func @_mlir_ciface_narrow_run1(%x: !llvm.ptr, %y: !llvm.ptr, %h: !llvm.ptr,
    %b: !llvm.ptr, %t: !llvm.ptr, %begin: i64, %end: i64, %worker: !llvm.ptr,
    %shared: !llvm.ptr) {
  %c0 = llvm.mlir.constant(0 : i64) : i64
  %c1 = llvm.mlir.constant(1 : i64) : i64
  %n = llvm.call @narrow(%y) : (!llvm.ptr) -> i64
  llvm.br ^head(%c0, %c0 : i64, i64)
^head(%i: i64, %total: i64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^done
^body:
  %cell = llvm.getelementptr %shared[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
  %value = llvm.load %cell : !llvm.ptr -> i64
  %new = llvm.add %total, %value : i64
  %next = llvm.add %i, %c1 : i64
  llvm.br ^head(%next, %new : i64, i64)
^done:
  %td = llvm.load %t : !llvm.ptr -> !d0
  %tp = llvm.extractvalue %td[1] : !d0
  llvm.store %total, %tp : i64, !llvm.ptr
  llvm.return
}
}
)";

class Compile : public TargetTest {
protected:
  ~Compile() override {
    if (library)
      dlclose(library);
    if (!path.empty())
      llvm::sys::fs::remove(path);
  }

  void load(const CompileOptions &options) {
    OwningOpRef<ModuleOp> module = parse(kNarrow);
    ASSERT_TRUE(module);
    llvm::sys::fs::createUniquePath("attn-target-%%%%%%.so", path, true);
    ASSERT_TRUE(succeeded(
        compileKernels(*module, options, ArtefactKind::SharedObject, path, "")))
        << diagnostics;
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
  }

  template <typename Function>
  Function get(const char *name) {
    void *symbol = dlsym(library, name);
    EXPECT_NE(symbol, nullptr) << name;
    return reinterpret_cast<Function>(symbol);
  }

  SmallString<128> path;
  void *library = nullptr;
};

TEST_F(Compile, DescribesKernels) {
  CPUTarget target = getTarget("x86-64-v2");
  load({target});
  const attn_kernel_info &info = *get<attn_kernel_info_fn>("narrow_info")();
  EXPECT_EQ(info.abi_version, ATTN_ABI_VERSION);
  EXPECT_EQ(info.tensor_count, 5);
  EXPECT_EQ(info.input_count, 2);
  EXPECT_EQ(info.symbol_count, 1);
  EXPECT_EQ(info.phase_count, 2);
  EXPECT_STREQ(info.name, "narrow");
  EXPECT_STREQ(info.symbols[0], "n");
  EXPECT_STREQ(info.triple, "x86_64-unknown-linux-gnu");
  EXPECT_STREQ(info.cpu, "x86-64-v2");
  EXPECT_STREQ(info.sanitizer, "none");
  EXPECT_EQ(info.worker_workspace, 100u);
  const attn_tensor_info &x = info.tensors[0], &b = info.tensors[3],
                         &t = info.tensors[4];
  EXPECT_STREQ(x.name, "x");
  EXPECT_EQ(x.rank, 2);
  EXPECT_EQ(x.is_output, 0);
  EXPECT_EQ(x.dtype.code, kDLFloat);
  EXPECT_EQ(x.dtype.bits, 64);
  EXPECT_EQ(x.dtype.lanes, 1);
  EXPECT_STREQ(x.dims[0].name, "n");
  EXPECT_EQ(x.dims[0].extent, -1);
  EXPECT_EQ(x.dims[0].symbol, 0);
  EXPECT_STREQ(x.dims[1].name, "3");
  EXPECT_EQ(x.dims[1].extent, 3);
  EXPECT_EQ(x.dims[1].symbol, -1);
  EXPECT_STREQ(b.name, "b");
  EXPECT_EQ(b.is_output, 1);
  EXPECT_EQ(b.dtype.code, kDLBfloat);
  EXPECT_EQ(b.dtype.bits, 16);
  EXPECT_EQ(t.rank, 0);
  EXPECT_EQ(t.dims, nullptr);
  EXPECT_EQ(get<attn_kernel_phases_fn>("narrow_phases")(), 2);
  EXPECT_EQ(get<attn_kernel_call_fn>("empty")(nullptr, 0, nullptr, nullptr, 0,
                                              nullptr, 0),
            ATTN_OK);
  EXPECT_EQ(get<attn_kernel_info_fn>("empty_info")()->tensors, nullptr);
}

TEST_F(Compile, RunsKernelsOnEveryLevel) {
  for (StringRef cpu : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "host",
                        "znver4", "sapphirerapids"}) {
    SCOPED_TRACE(cpu.str());
    load({getTarget(cpu)});
    auto supported = get<attn_kernel_supported_fn>("narrow_supported");
    char message[256];
    if (supported(message, sizeof(message)) == ATTN_OK) {
      constexpr int count = 1000;
      static double x[count][3];
      static float y[count];
      static uint16_t h[count], b[count];
      int64_t total = -1, matrix[] = {count, 3}, vector[] = {count};
      for (int i = 0; i < count; ++i) {
        x[i][2] = 1.0 / (i + 1);
        y[i] = static_cast<float>(i);
      }
      DLTensor tensors[] = {attn_cpu_tensor(x, kDLFloat, 64, 2, matrix),
                            attn_cpu_tensor(y, kDLFloat, 32, 1, vector),
                            attn_cpu_tensor(h, kDLFloat, 16, 1, vector),
                            attn_cpu_tensor(b, kDLBfloat, 16, 1, vector),
                            attn_cpu_tensor(&total, kDLInt, 64, 0, nullptr)};
      const DLTensor *arguments[] = {&tensors[0], &tensors[1], &tensors[2],
                                     &tensors[3], &tensors[4]};
      EXPECT_EQ(get<attn_kernel_workspace_size_fn>("narrow_workspace_size")(
                    arguments, 5, 2),
                8000u + 2 * 128);
      EXPECT_EQ(get<attn_kernel_call_fn>("narrow")(arguments, 5, nullptr,
                                                   nullptr, 0, message,
                                                   sizeof(message)),
                ATTN_OK)
          << message;
      EXPECT_EQ(total, count);
      for (int i = 0; i < count; ++i) {
        double sum = x[i][2] + y[i];
        bool loses;
        llvm::APFloat half(sum), bfloat(static_cast<float>(sum));
        half.convert(llvm::APFloat::IEEEhalf(),
                     llvm::APFloat::rmNearestTiesToEven, &loses);
        bfloat.convert(llvm::APFloat::BFloat(),
                       llvm::APFloat::rmNearestTiesToEven, &loses);
        EXPECT_EQ(h[i], half.bitcastToAPInt().getZExtValue()) << i;
        EXPECT_EQ(b[i], bfloat.bitcastToAPInt().getZExtValue()) << i;
      }
      tensors[0].shape = vector;
      EXPECT_EQ(get<attn_kernel_check_fn>("narrow_check")(arguments, 4, message,
                                                          sizeof(message)),
                ATTN_ERR_ARGUMENT_COUNT);
      EXPECT_STREQ(message, "narrow: takes 5 tensors (x, y -> h, b, t), got 4");
    } else {
      EXPECT_NE(std::string(message).find("which needs"), std::string::npos)
          << message;
    }
    dlclose(library);
    library = nullptr;
    llvm::sys::fs::remove(path);
  }
}

TEST_F(Compile, KnowsCPUs) {
  EXPECT_EQ(getTarget("x86-64").getVectorBits(), 128u);
  EXPECT_EQ(getTarget("x86-64-v3").getVectorBits(), 256u);
  EXPECT_EQ(getTarget("x86-64-v4").getVectorBits(), 512u);
  EXPECT_TRUE(getTarget("znver4").hasFeature("avx512bf16"));
  EXPECT_FALSE(getTarget("x86-64-v4").hasFeature("avx512bf16"));
  auto getRequiredFeatures = [&](bool usesMatrixUnit) {
    SmallVector<StringRef> names;
    for (const CPUFeature &feature :
         getTarget("sapphirerapids").getRequiredFeatures(usesMatrixUnit))
      names.push_back(feature.name);
    return names;
  };
  EXPECT_TRUE(
      getTarget("x86-64").getRequiredFeatures(/*usesMatrixUnit=*/true).empty());
  EXPECT_TRUE(llvm::is_contained(getRequiredFeatures(true), "amx-bf16"));
  EXPECT_FALSE(llvm::is_contained(getRequiredFeatures(false), "amx-bf16"));
  auto getState = [&](StringRef cpu, bool usesMatrixUnit) {
    return getTarget(cpu).getRequiredState(usesMatrixUnit);
  };
  EXPECT_EQ(getState("x86-64", false), 0u);
  EXPECT_EQ(getState("x86-64-v4", false), 0xe6u);
  EXPECT_EQ(getState("x86-64-v4", true), 0xe6u);
  EXPECT_EQ(getState("sapphirerapids", false), 0xe6u);
  EXPECT_EQ(getState("sapphirerapids", true), 0x600e6u);
  EXPECT_NE(getTarget("host").getCPU(), "host");
  EXPECT_EQ(diagnostics, "");
}

TEST_F(Compile, NamesArtefactKinds) {
  EXPECT_EQ(getArtefactKind("a/b.so"), ArtefactKind::SharedObject);
  EXPECT_EQ(getArtefactKind("b.o"), ArtefactKind::Object);
  EXPECT_EQ(getArtefactKind("b.s"), ArtefactKind::Assembly);
  EXPECT_EQ(getArtefactKind("b.ll"), ArtefactKind::LLVMIR);
  EXPECT_EQ(getArtefactKind("so"), std::nullopt);
}

TEST_F(Compile, FailsWithoutTranslation) {
  OwningOpRef<ModuleOp> module = parse(R"(module attributes {attn.kernels = [
    {name = "k", phases = 1, worker_workspace = 0, tensors = []}]} {
    module {} })");
  SmallString<128> file;
  llvm::sys::fs::createUniquePath("attn-target-%%%%%%.so", file, true);
  EXPECT_TRUE(failed(compileKernels(*module, {getTarget("x86-64")},
                                    ArtefactKind::SharedObject, file, "")));
  EXPECT_NE(diagnostics, "");
  EXPECT_FALSE(llvm::sys::fs::exists(file));
}

} // namespace
