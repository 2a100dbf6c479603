//===- TunedOptions.cpp - Options that were measured ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pipelines/TunedOptions.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;
using namespace mlir::attn;
namespace json = llvm::json;

/// Of the file's format.
static constexpr int64_t kVersion = 1;

TuningKey attn::getTuningKey(ModuleOp module, StringRef machine) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  auto digest = llvm::SHA256::hash(llvm::arrayRefFromStringRef(text));
  return {llvm::toHex(digest, /*LowerCase=*/true), machine.str(),
          "attn-mlir " ATTN_VERSION ", LLVM " LLVM_VERSION_STRING};
}

void attn::printTuningKey(const TuningKey &key, raw_ostream &os) {
  os << json::Value(json::Object{{"operator", key.op},
                                 {"machine", key.machine},
                                 {"compiler", key.compiler}})
     << "\n";
}

static void setLaneTiles(AttnToLLVMOptions &options, ArrayRef<int64_t> tiles) {
  options.laneTiles.clear();
  for (int64_t tile : tiles)
    options.laneTiles.addValue(tile);
}

void attn::setOptions(AttnToLLVMOptions &options, const OperatorFlags &flags) {
  options.form = flags.form.getValue();
  options.passes = flags.passes.getValue();
  options.split = flags.split.getValue();
  setLaneTiles(options, llvm::to_vector(flags.laneTiles));
  options.streamTile = flags.streamTile.getValue();
  options.rowTile = flags.rowTile.getValue();
}

namespace {
/// Options of one entry, checked against what they may be.
class EntryReader {
public:
  EntryReader(const json::Object &values, const OperatorFlags &flags,
              AttnToLLVMOptions &options)
      : values(values), flags(flags), options(options) {}

  /// Whether the entry has these options alone, each of its type.
  bool read() {
    for (const auto &[name, value] : values)
      if (!set(name, value))
        return false;
    return true;
  }

private:
  bool set(StringRef name, const json::Value &value) {
    if (name == "lane-tiles")
      return setList(value);
    if (name == "stream-tile")
      return setNumber(value, flags.streamTile, options.streamTile);
    if (name == "row-tile")
      return setNumber(value, flags.rowTile, options.rowTile);
    if (name == "passes")
      return setName(value, flags.passes, options.passes);
    return name == "split" && setName(value, flags.split, options.split);
  }

  bool setList(const json::Value &value) {
    const json::Array *tiles = value.getAsArray();
    if (!tiles)
      return false;
    SmallVector<int64_t> numbers;
    for (const json::Value &tile : *tiles) {
      std::optional<int64_t> number = tile.getAsInteger();
      if (!number)
        return false;
      numbers.push_back(*number);
    }
    if (flags.laneTiles.getNumOccurrences() == 0)
      setLaneTiles(options, numbers);
    return true;
  }

  template <typename FlagT, typename OptionT>
  static bool setNumber(const json::Value &value, const FlagT &flag,
                        OptionT &option) {
    std::optional<int64_t> number = value.getAsInteger();
    if (number && flag.getNumOccurrences() == 0)
      option = *number;
    return number.has_value();
  }

  template <typename FlagT, typename OptionT>
  static bool setName(const json::Value &value, const FlagT &flag,
                      OptionT &option) {
    std::optional<StringRef> text = value.getAsString();
    if (text && flag.getNumOccurrences() == 0)
      option = text->str();
    return text.has_value();
  }

  const json::Object &values;
  const OperatorFlags &flags;
  AttnToLLVMOptions &options;
};
} // namespace

LogicalResult attn::applyTunedOptions(StringRef name, const TuningKey &key,
                                      const OperatorFlags &flags,
                                      AttnToLLVMOptions &options,
                                      function_ref<void(const Twine &)> remark,
                                      function_ref<void(const Twine &)> error) {
  auto buffer = llvm::MemoryBuffer::getFile(name, /*IsText=*/true);
  if (!buffer) {
    error("cannot open '" + name + "': " + buffer.getError().message());
    return failure();
  }
  llvm::Expected<json::Value> file = json::parse((*buffer)->getBuffer());
  if (!file) {
    error("'" + name + "' is no JSON: " + llvm::toString(file.takeError()));
    return failure();
  }
  const json::Object *root = file->getAsObject();
  const json::Array *entries = root ? root->getArray("entries") : nullptr;
  if (!entries || root->getInteger("version") != kVersion) {
    error("'" + name + "' is no file of tuned mappings of version " +
          Twine(kVersion));
    return failure();
  }
  bool knowsOperator = false, knowsMachine = false;
  for (const json::Value &value : *entries) {
    const json::Object *entry = value.getAsObject();
    if (!entry || entry->getString("operator") != key.op)
      continue;
    knowsOperator = true;
    if (entry->getString("machine") != key.machine)
      continue;
    knowsMachine = true;
    if (entry->getString("compiler") != key.compiler)
      continue;
    const json::Object *tuned = entry->getObject("options");
    if (tuned && EntryReader(*tuned, flags, options).read())
      return success();
    error("'" + name + "' holds options that the compiler does not know");
    return failure();
  }
  std::string lack = "holds nothing for this operator";
  if (knowsMachine)
    lack = "was made by another version of the compiler";
  else if (knowsOperator)
    lack = "holds nothing for the CPU " + key.machine;
  remark("'" + name + "' " + lack + "; the mapping is the cost model's");
  return success();
}
