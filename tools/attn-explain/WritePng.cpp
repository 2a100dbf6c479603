//===- WritePng.cpp - Pictures as PNG files -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WritePng.h"
#include "llvm/Support/FileSystem.h"
#include <png.h>

using namespace mlir;
using namespace mlir::attn;

std::string attn::writePng(const Picture &picture, StringRef path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = picture.width;
  image.height = picture.height;
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, path.str().c_str(),
                              /*convert_to_8_bit=*/0, picture.rgb.data(),
                              /*row_stride=*/0, /*colormap=*/nullptr))
    return {};
  std::string reason = image.message;
  png_image_free(&image);
  llvm::sys::fs::remove(path);
  return reason;
}
