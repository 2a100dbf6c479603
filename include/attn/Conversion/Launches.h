//===- Launches.h - How a host runs a device module -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn-map-to-blocks writes the launches of a kernel on its gpu.module, as the
// attribute
//
//   attn.launches = {
//     parameters = ["pointer 0", "stride 0 0", ..., "extent m", "workspace"],
//     launches = [{kernel = "attention_kernel0",
//                  blocks = "b * 8 * ceildiv(m, 64)",
//                  threads = 64, shared = 41216}],
//     workspace = "0", check = ""}
//
// All kernels of a module take the same parameters, of eight bytes each. The
// texts are formulas of the extents (lib/Conversion/LaunchFormula.h).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_LAUNCHES_H
#define ATTN_CONVERSION_LAUNCHES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace mlir::attn {

inline constexpr StringLiteral kLaunchesAttrName = "attn.launches";

/// The largest dimension of a tensor that the kernels take, which count in 32
/// bits (attn-narrow-indices).
inline constexpr int64_t kMostExtentOnGPU = int64_t(1) << 30;

/// The most items of a launch, for the same reason, and the most blocks along
/// the first dimension of a grid.
inline constexpr int64_t kMostItemsOnGPU = (int64_t(1) << 31) - 1;

/// A parameter of the kernels.
struct LaunchParameter {
  enum class Kind {
    Pointer,   ///< To the first element of a tensor, in global memory.
    Stride,    ///< Of a dimension of a tensor, in elements.
    Extent,    ///< Of the dimensions that a symbol names.
    Workspace, ///< Pointer to the workspace, aligned to 64 bytes.
    Check      ///< Pointer to the status of the call and what finds it.
  };
  Kind kind;
  /// The number of the tensor, of pointers and strides.
  std::optional<unsigned> tensor;
  int64_t dim = 0;
  std::string symbol = {};

  static LaunchParameter getPointer(unsigned tensor) {
    return {Kind::Pointer, tensor};
  }
  static LaunchParameter getStride(unsigned tensor, int64_t dim) {
    return {Kind::Stride, tensor, dim};
  }
  static LaunchParameter getExtent(StringRef symbol) {
    return {Kind::Extent, std::nullopt, 0, symbol.str()};
  }
  static LaunchParameter getWorkspace() {
    return {Kind::Workspace, std::nullopt};
  }
  static LaunchParameter getCheck() { return {Kind::Check, std::nullopt}; }
  bool isPointer() const {
    return kind != Kind::Stride && kind != Kind::Extent;
  }
};

/// A grid of blocks of one kernel; there is none to launch where the formula
/// gives 0.
struct Launch {
  std::string kernel;
  /// What the blocks take turns at; empty where each has an item of its own.
  std::string items;
  std::string blocks;
  int64_t threads = 0;
  /// Bytes of dynamic shared memory.
  int64_t sharedBytes = 0;
};

/// What a call does, in order.
struct LaunchPlan {
  SmallVector<LaunchParameter> parameters;
  SmallVector<Launch> launches;
  /// Bytes of global memory that the launches of a call share.
  std::string workspace;
  /// Bytes of the memory in which a call checks values, empty if it does not.
  /// It begins with the status of the call, an i32: 0, or what is wrong, 1 with
  /// a number outside of what it counts, 2 with a token that a permutation has
  /// twice, 3 with a number that cannot follow the one before it, 4 with how
  /// many rows or offsets there are. Then the number of the tensor, i32; the
  /// place of the number, counted through all rows, i64, and the number, i64;
  /// of 4, how many there are and should be.
  std::string check = {};

  void attachTo(Operation *device) const;
  /// Reads the plan back; fails with a diagnostic.
  static FailureOr<LaunchPlan> get(Operation *device);
};

} // namespace mlir::attn

#endif // ATTN_CONVERSION_LAUNCHES_H
