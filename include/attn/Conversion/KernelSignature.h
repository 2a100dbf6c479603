//===- KernelSignature.h - What a compiled kernel takes ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel module implements one function on tensors as functions on strided
// memrefs, which the C ABI calls:
//
//   i64  NAME_items<p>(memrefs...)                       items of phase p
//   void NAME_run<p>(memrefs..., i64 begin, i64 end,     items [begin, end)
//                    ptr workerWorkspace, ptr sharedWorkspace)
//   i64  NAME_shared(memrefs...)                         bytes of shared
//                                                        workspace
//   i64  NAME_worker(memrefs...)                         bytes of workspace of
//                                                        a worker, optional
//
// The first 8 bytes of a worker's workspace, if it has one, are 0 when its
// first items of a phase run; what these leave in it, later ones find.
//
// All of them take every tensor: the arguments in order, then the results. The
// module attribute `attn.kernels` describes them. Both routes, fused and
// unfused, use this file:
//
//   FailureOr<KernelSignature> signature = KernelSignature::get(function);
//   func::FuncOp run = signature->createRun(builder, loc, /*phase=*/0);
//   KernelSignature::Run args = signature->getRunArguments(run);
//   ... args.tensors, args.begin, args.end, args.worker, args.shared ...
//   signature->attachTo(module, /*phases=*/1, /*workerWorkspace=*/bytes);
//
// The pass `attn-describe-kernel` attaches the signature before the cascades
// are lowered; later passes read it back with `getForLowering`.
//
// `attn-split-phases` turns the function into calls of private functions with
// the attribute `attn.phase`. Each is lowered like a kernel of one phase, NAME
// being its own name, and `attn-link-phases` makes the kernel of them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_KERNELSIGNATURE_H
#define ATTN_CONVERSION_KERNELSIGNATURE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::attn {

/// The module attribute that holds the description of the kernels.
inline constexpr StringLiteral kKernelsAttrName = "attn.kernels";
/// Argument and result attribute that names a tensor of the kernel.
inline constexpr StringLiteral kNameAttrName = "attn.name";
/// Unit attribute of a private function that is one phase of the kernel.
inline constexpr StringLiteral kPhaseAttrName = "attn.phase";
/// Attribute of a call of a phase: for each result the places of its dynamic
/// extents, (tensor, dimension, scale, part) of the kernel one after the other:
/// parts of so many points, of which each element stands for `scale`.
inline constexpr StringLiteral kExtentsAttrName = "attn.extents";
/// Unit attribute of a run function that processes its items independently, so
/// that its buffers belong to the worker.
inline constexpr StringLiteral kPerWorkerAttrName = "attn.per_worker";

struct KernelTensor {
  std::string name;
  RankedTensorType type;
  /// One per dimension: a decimal number, or a symbol. Equal symbols are equal
  /// extents.
  SmallVector<std::string> dims;
  bool isOutput;
  /// Whether the caller's elements are booleans, which are read as bytes.
  bool isBoolean = false;
};

/// What a call has to find in an input before anything is written.
struct KernelCheck {
  enum class Kind {
    Permutation, ///< Every row of the last dimension holds each token once.
    Offsets,     ///< It holds ascending numbers of tokens.
    Blocks,      ///< It holds offsets of ascending lists of blocks of tokens.
    Indices      ///< It is an ascending list of tokens, filled up with -1.
  };
  Kind kind;
  /// The number of the input.
  unsigned tensor;
  /// How many tokens there are, like a dimension of a tensor.
  std::string extent;
  /// Of lists: how many queries there are and how many share a list, how many
  /// tokens are a block, and the input with the entries of blocks.
  std::string rows = {};
  int64_t rowsOfList = 1, tokensOfBlock = 1;
  unsigned entries = 0;

  bool operator==(const KernelCheck &other) const {
    return kind == other.kind && tensor == other.tensor &&
           extent == other.extent && rows == other.rows &&
           rowsOfList == other.rowsOfList &&
           tokensOfBlock == other.tokensOfBlock && entries == other.entries;
  }
};

class KernelSignature {
public:
  /// The arguments of a run function.
  struct Run {
    ValueRange tensors;
    Value begin, end;
    Value worker, shared;
  };

  /// Derives the signature from a function on ranked tensors. Extents that must
  /// be equal get one symbol, found by following the function's operations:
  /// the ranks of cascades and attention operators, reshapes, casts, linalg and
  /// elementwise operations. Fails, with a diagnostic, for functions that are
  /// no kernel: arguments that are no tensors, element types that the C ABI
  /// does not know, results whose extents the arguments do not determine.
  static FailureOr<KernelSignature> get(func::FuncOp function);

  /// Reads the description of kernel `name` back from the module.
  static FailureOr<KernelSignature> getFromModule(ModuleOp module,
                                                  StringRef name);

  /// The signature of `function` for the pass that lowers it: that of the
  /// module's description or, for a phase, the types alone.
  static FailureOr<KernelSignature> getForLowering(func::FuncOp function);

  StringRef getName() const { return name; }
  ArrayRef<KernelTensor> getTensors() const { return tensors; }
  ArrayRef<KernelCheck> getChecks() const { return checks; }
  unsigned getNumInputs() const;
  /// Says that tensor `index`, of i1 so far, is one of i8 to the function.
  void setBoolean(unsigned index);

  /// memref<..., strided<[?, ..., 1], offset: ?>> of tensor `index`.
  MemRefType getMemRefType(unsigned index) const;
  SmallVector<Type> getMemRefTypes() const;

  /// Creates the empty public function with its entry block.
  func::FuncOp createItems(OpBuilder &builder, Location loc, int64_t phase);
  func::FuncOp createRun(OpBuilder &builder, Location loc, int64_t phase);
  func::FuncOp createShared(OpBuilder &builder, Location loc);
  func::FuncOp createWorker(OpBuilder &builder, Location loc);
  static Run getRunArguments(func::FuncOp run);

  std::string getItemsName(int64_t phase) const;
  std::string getRunName(int64_t phase) const;
  std::string getSharedName() const;
  std::string getWorkerName() const;

  DictionaryAttr getAttr(MLIRContext *context, int64_t phases,
                         int64_t workerWorkspace) const;
  /// Adds this kernel to the module's description, replacing one of the same
  /// name.
  void attachTo(ModuleOp module, int64_t phases, int64_t workerWorkspace) const;

private:
  func::FuncOp create(OpBuilder &builder, Location loc, StringRef symbol,
                      ArrayRef<Type> extra, TypeRange results) const;

  std::string name;
  SmallVector<KernelTensor> tensors;
  SmallVector<KernelCheck> checks;
  /// Functions of a phase are called by the kernel's and by nothing else.
  bool isPhase = false;
};

/// A memref of `type` whose first element `pointer` names, from its extents and
/// strides (i64).
Value createMemRef(OpBuilder &builder, Location loc, MemRefType type,
                   Value pointer, ValueRange sizes, ValueRange strides);

/// The memory behind a workspace pointer as memref<?xi8> of `bytes` (index)
/// bytes, for memref.view.
Value createWorkspaceBuffer(OpBuilder &builder, Location loc, Value pointer,
                            Value bytes);

/// The functions to lower: the phases of the module's kernel that are left or,
/// where it was not split, the kernel itself. Fails, with a diagnostic, if
/// there is no kernel.
FailureOr<SmallVector<func::FuncOp>> getPhaseFunctions(ModuleOp module);

/// Erases a function that was lowered; of a phase, which the kernel still
/// calls, the declaration stays for attn-link-phases.
void eraseLowered(func::FuncOp function);

/// Checks that `what`, an argument or a result of the kernel, is a ranked
/// tensor.
LogicalResult checkRankedTensor(func::FuncOp function, StringRef what,
                                unsigned index, Type type);

/// The only public function of the module that has a body and takes or returns
/// tensors, or null with a diagnostic.
func::FuncOp getKernelFunction(ModuleOp module);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_KERNELSIGNATURE_H
