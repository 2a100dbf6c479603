//===- OperatorFile.cpp - The file of an operator, for tools --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Support/OperatorFile.h"
#include "attn/Support/Parse.h"
#include "mlir/Support/FileUtilities.h"

using namespace mlir;
using namespace mlir::attn;
namespace cl = llvm::cl;

OperatorFlags::OperatorFlags(cl::OptionCategory &category)
    : inputFile(cl::Positional,
                cl::desc("<op.mlir, or - for the standard input>"),
                cl::init("-"), cl::cat(category)),
      form("form",
           cl::desc("fused, unfused, or auto (the default): fused where the "
                    "cascade allows it, else unfused with a remark"),
           cl::value_desc("name"), cl::init("auto"), cl::cat(category)),
      passes("passes",
             cl::desc("single, several (over the tile of one step), or auto "
                      "(the default): what the cost model prefers"),
             cl::value_desc("name"), cl::init("auto"), cl::cat(category)),
      split("split",
            cl::desc("Points of the streamed rank in an item of its own, a "
                     "multiple of 16; none, or auto (the default): what the "
                     "cost model prefers"),
            cl::value_desc("points"), cl::init("auto"), cl::cat(category)),
      laneTiles("lane-tiles",
                cl::desc("Tile sizes along the lanes, largest first, as in "
                         "48,32,16 (default: the cost model's)"),
                cl::value_desc("sizes"), cl::CommaSeparated, cl::cat(category)),
      streamTile("stream-tile",
                 cl::desc("Points of the streamed rank in a step (default: the "
                          "cost model's)"),
                 cl::value_desc("points"), cl::init(0), cl::cat(category)),
      rowTile("row-tile",
              cl::desc("Accumulator rows of a register tile, 1 to 8 (default: "
                       "the cost model's)"),
              cl::value_desc("rows"), cl::init(0), cl::cat(category)) {}

std::unique_ptr<OperatorFile>
OperatorFile::read(StringRef name, MLIRContext *context,
                   function_ref<void(StringRef)> report) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(name, &message);
  if (!buffer) {
    report(message);
    return nullptr;
  }
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(buffer), SMLoc());
  std::unique_ptr<OperatorFile> file(new OperatorFile(sources, context));
  file->module = parseNamedModule(sources, context);
  return file->module ? std::move(file) : nullptr;
}
