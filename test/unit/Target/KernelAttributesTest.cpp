//===- KernelAttributesTest.cpp - Malformed kernel modules ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TargetTest.h"

#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace mlir::attn;

namespace {

class KernelAttributes : public TargetTest {
protected:
  /// Expects the kernel list `kernels` to be refused with `message`.
  void expectRefused(StringRef kernels, StringRef message,
                     StringRef name = "") {
    diagnostics.clear();
    OwningOpRef<ModuleOp> module =
        parse(("module attributes {attn.kernels = " + kernels + "} {}").str());
    EXPECT_TRUE(failed(getCompiledKernels(*module, name)));
    EXPECT_EQ(diagnostics, (message + "\n").str());
  }

  /// The same for one tensor of an otherwise good kernel.
  void expectTensorRefused(StringRef tensor, StringRef message) {
    expectRefused(
        ("[{name = \"k\", phases = 1, worker_workspace = 0, tensors = "
         "[" +
         tensor + "]}]")
            .str(),
        ("'attn.kernels': " + message).str());
  }
};

TEST_F(KernelAttributes, AreRead) {
  OwningOpRef<ModuleOp> module = parse(R"(module attributes {attn.kernels = [
    {name = "k", phases = 2, worker_workspace = 7, tensors = [
      {name = "x", type = tensor<?x4xbf16>, dims = ["n", "4"], output = false},
      {name = "p", type = tensor<i1>, dims = [], output = false},
      {name = "y", type = tensor<?x?xui8>, dims = ["m", "n"], output = true}]}]} {})");
  auto kernels = getCompiledKernels(*module, "other");
  ASSERT_TRUE(succeeded(kernels)) << diagnostics;
  const CompiledKernel &kernel = kernels->front();
  EXPECT_EQ(kernel.name, "other");
  EXPECT_EQ(kernel.symbol, "k");
  EXPECT_EQ(kernel.inputCount, 2);
  EXPECT_EQ(kernel.phaseCount, 2);
  EXPECT_EQ(kernel.workerWorkspace, 7);
  EXPECT_EQ(kernel.symbols, (SmallVector<std::string>{"n", "m"}));
  EXPECT_EQ(kernel.getSignature(),
            "x: bfloat16[n, 4], p: bool8[] -> y: uint8[m, n]");
}

// A module whose shapes were narrowed may name a number beside '?'.
TEST_F(KernelAttributes, ReadANumberBesideADynamicDimension) {
  OwningOpRef<ModuleOp> module = parse(R"(module attributes {attn.kernels = [
    {name = "k", phases = 1, worker_workspace = 0, tensors = [
      {name = "x", type = tensor<?x?xf32>, dims = ["5", "n"], output = false},
      {name = "y", type = tensor<?xf32>, dims = ["n"], output = true}]}]} {})");
  auto kernels = getCompiledKernels(*module, "");
  ASSERT_TRUE(succeeded(kernels)) << diagnostics;
  EXPECT_EQ(kernels->front().symbols, (SmallVector<std::string>{"n"}));
  EXPECT_EQ(kernels->front().getSignature(),
            "x: float32[5, n] -> y: float32[n]");
}

TEST_F(KernelAttributes, OfModulesAreChecked) {
  const char *none = "the module has no kernel: it must carry the array "
                     "attribute 'attn.kernels' with at least one";
  expectRefused("[]", none);
  expectRefused("1", none);
  expectRefused("[1]", "'attn.kernels': a kernel must be a dictionary");
  expectRefused("[{name = \"k\"}]",
                "'attn.kernels': a kernel must have 'name' (string), 'tensors' "
                "(array), 'phases' and 'worker_workspace' (integers)");
  expectRefused(
      "[{name = \"k\", phases = 0, worker_workspace = 0, tensors = "
      "[]}]",
      "'attn.kernels': 'phases' is 0, but must be between 1 and 1024");
  expectRefused("[{name = \"k\", phases = 1, worker_workspace = -1, tensors = "
                "[]}]",
                "'attn.kernels': 'worker_workspace' is -1, but cannot be "
                "negative");
}

TEST_F(KernelAttributes, OfNamesAreChecked) {
  auto kernel = [](StringRef name) {
    return ("{name = \"" + name +
            "\", phases = 1, worker_workspace = 0, tensors = []}")
        .str();
  };
  for (StringRef name : {"", "a-b", "1a", "a b"})
    expectRefused("[" + kernel(name) + "]",
                  ("'attn.kernels': the kernel name '" + name +
                   "' must be a C identifier: letters, digits and '_', not "
                   "starting with a digit")
                      .str());
  for (StringRef name : {"class", "attn_kernel", "attn_abi_call", "main"})
    expectRefused("[" + kernel(name) + "]",
                  ("'attn.kernels': the kernel name '" + name +
                   "' is reserved in C or in attn-c/kernel.h")
                      .str());
  expectRefused(
      "[" + kernel("malloc") + "]",
      "'attn.kernels': the kernel name 'malloc' is that of a function "
      "of the C library");
  expectRefused("[" + kernel("a") + ", " + kernel("a_check") + ", " +
                    kernel("b") + ", " + kernel("a") + "]",
                "two kernels would both define 'a_check'; rename one of them");
  expectRefused("[" + kernel("a") + ", " + kernel("b") + "]",
                "the module has 2 kernels; a name can be given where there is "
                "one",
                "c");
}

TEST_F(KernelAttributes, OfTensorsAreChecked) {
  expectTensorRefused("1", "a tensor must be a dictionary");
  expectTensorRefused(
      "{name = \"x\", dims = [], output = false}",
      "a tensor must have 'name' (string), 'type' (type), 'dims' (array of "
      "strings) and 'output' (bool)");
  expectTensorRefused(
      "{name = \"x\", type = tensor<4xf32>, dims = [], output = false}",
      "tensor 'x' must have a ranked tensor type with one of 'dims' per "
      "dimension");
  expectTensorRefused(
      "{name = \"x\", type = tensor<4xindex>, dims = [\"4\"], output = false}",
      "tensor 'x' has element type 'index'; the C ABI takes f64, f32, f16, "
      "bf16, i1 and integers of 8, 16, 32 and 64 bits");
  expectTensorRefused(
      "{name = \"x\", type = tensor<4xf32>, dims = [4], output = false}",
      "'dims' of tensor 'x' must be strings");
  expectTensorRefused(
      "{name = \"x\", type = tensor<4xf32>, dims = [\"5\"], output = false}",
      "tensor 'x' has dimension '5' where its type has 4");
  expectTensorRefused(
      "{name = \"x\", type = tensor<?xf32>, dims = [\"n+1\"], output = false}",
      "tensor 'x' has dimension 'n+1', which is neither a number nor an "
      "identifier");
  expectTensorRefused(
      "{name = \"y\", type = tensor<f32>, dims = [], output = true}, "
      "{name = \"x\", type = tensor<f32>, dims = [], output = false}",
      "input 'x' comes after an output; inputs must come first");
}

TEST_F(KernelAttributes, OfChecksAreChecked) {
  auto refuse = [&](StringRef check, const char *message) {
    expectRefused(
        ("[{name = \"k\", phases = 1, worker_workspace = 0, tensors = "
         "[{name = \"p\", type = tensor<?xi32>, dims = [\"n\"], output = "
         "false}, {name = \"x\", type = tensor<?xf32>, dims = [\"n\"], "
         "output = false}, {name = \"y\", type = tensor<?xi32>, dims = "
         "[\"n\"], output = true}], checks = [" +
         check + "]}]")
            .str(),
        message);
  };
  const char *kinds = "'attn.kernels': a check must be a dictionary whose "
                      "'kind' is permutation, offsets, blocks or indices";
  refuse("1", kinds);
  refuse("{kind = \"prime\", tensor = 0, extent = \"n\"}", kinds);
  refuse("{kind = \"offsets\", tensor = 2, extent = \"n\"}",
         "'attn.kernels': the entry 'tensor' of a check must be the number of "
         "one of 2 inputs");
  refuse("{kind = \"offsets\", tensor = 1, extent = \"n\"}",
         "'attn.kernels': tensor 'x' is checked, which an input of i32 or i64 "
         "of rank 1 or more can be");
  refuse("{kind = \"indices\", tensor = 0, extent = \"n\"}",
         "'attn.kernels': tensor 'p' is checked, which an input of i32 or i64 "
         "of rank 2 or more can be");
  refuse("{kind = \"permutation\", tensor = 0, extent = \"m\"}",
         "'attn.kernels': the entry 'extent' of a check must be an extent that "
         "a tensor has");
  refuse("{kind = \"blocks\", tensor = 0, extent = \"n\", rows = \"m\"}",
         "'attn.kernels': the entry 'rows' of a check must be an extent that a "
         "tensor has");
  refuse("{kind = \"blocks\", tensor = 0, extent = \"n\", rows = \"n\", "
         "rows_of_list = 0}",
         "'attn.kernels': the entry 'rows_of_list' of a check must be an "
         "integer of at least 1");
  refuse("{kind = \"blocks\", tensor = 0, extent = \"n\", rows = \"n\", "
         "rows_of_list = 1, tokens_of_block = 1, entries = 5}",
         "'attn.kernels': the entry 'entries' of a check must be the number of "
         "one of 2 inputs");
}

TEST_F(KernelAttributes, AreComparedWithTheFunctions) {
  auto compile = [&](StringRef functions) {
    diagnostics.clear();
    OwningOpRef<ModuleOp> module =
        parse((R"(module attributes {attn.kernels = [{name = "k", phases = 1,
             worker_workspace = 0, tensors = [{name = "y", type = tensor<f32>,
             dims = [], output = true}]}]} {)" +
               functions + "}")
                  .str());
    SmallString<128> path;
    llvm::sys::fs::createUniquePath("attn-target-%%%%%%.o", path, true);
    EXPECT_TRUE(failed(compileKernels(*module, {getTarget("x86-64")},
                                      ArtefactKind::Object, path, "")));
    EXPECT_FALSE(llvm::sys::fs::exists(path));
    return diagnostics;
  };
  EXPECT_EQ(compile(""),
            "kernel 'k' lacks the function '_mlir_ciface_k_items0'\n");
  EXPECT_EQ(compile("llvm.func @_mlir_ciface_k_items0(!llvm.ptr) -> i64"),
            "kernel 'k' lacks the function '_mlir_ciface_k_items0'\n");
  std::string items = R"(
    llvm.func @_mlir_ciface_k_items0(%y: !llvm.ptr) -> i64 {
      %0 = llvm.mlir.constant(1 : i64) : i64
      llvm.return %0 : i64
    })";
  EXPECT_EQ(
      compile(items + R"(
    llvm.func @_mlir_ciface_k_run0(%y: !llvm.ptr, %begin: i32, %end: i64,
                                   %worker: !llvm.ptr) {
      llvm.return
    })"),
      "function '_mlir_ciface_k_run0' has type void (ptr, i32, i64, ptr), "
      "which is not that of a kernel with 1 tensors\n");
  EXPECT_EQ(compile(items + R"(
    llvm.func @nowhere()
    llvm.func @_mlir_ciface_k_run0(%y: !llvm.ptr, %begin: i64, %end: i64,
                                   %worker: !llvm.ptr) {
      llvm.call @nowhere() : () -> ()
      llvm.return
    })"),
            "the kernel calls 'nowhere', which the C library does not have\n");
  EXPECT_EQ(compile(items + R"(
    llvm.func @k_check()
    llvm.func @_mlir_ciface_k_run0(%y: !llvm.ptr, %begin: i64, %end: i64,
                                   %worker: !llvm.ptr) {
      llvm.call @k_check() : () -> ()
      llvm.return
    })"),
            "the kernel cannot define 'k_check', which it calls in the C "
            "library; give it another name\n");
}

} // namespace
