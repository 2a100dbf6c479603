//===- LaunchArguments.cpp - The parameters of a GPU's kernels ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchArguments.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::attn;

LaunchArguments::LaunchArguments(const KernelSignature &signature,
                                 bool hasCheck)
    : signature(signature), isChecked(hasCheck) {
  for (auto [index, tensor] : llvm::enumerate(signature.getTensors())) {
    pointers.push_back(parameters.size());
    parameters.push_back(LaunchParameter::getPointer(index));
    // The last stride is 1.
    for (int64_t dim = 0; dim + 1 < tensor.type.getRank(); ++dim)
      parameters.push_back(LaunchParameter::getStride(index, dim));
  }
  for (const KernelTensor &tensor : signature.getTensors())
    for (const std::string &dim : tensor.dims)
      if (!llvm::isDigit(dim.front()) &&
          extents.try_emplace(dim, parameters.size()).second)
        parameters.push_back(LaunchParameter::getExtent(dim));
  parameters.push_back(LaunchParameter::getWorkspace());
  if (hasCheck)
    parameters.push_back(LaunchParameter::getCheck());
}

gpu::GPUFuncOp LaunchArguments::createKernel(OpBuilder &builder, Location loc,
                                             StringRef name,
                                             int64_t threads) const {
  Type global = LLVM::LLVMPointerType::get(builder.getContext(),
                                           /*addressSpace=*/1);
  SmallVector<Type> types;
  for (const LaunchParameter &parameter : parameters)
    types.push_back(parameter.isPointer() ? global : builder.getI64Type());
  auto kernel = gpu::GPUFuncOp::create(
      builder, loc, name, builder.getFunctionType(types, TypeRange()));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  builder.getUnitAttr());
  kernel.setKnownBlockSize(
      std::array<int32_t, 3>{static_cast<int32_t>(threads), 1, 1});
  // Nothing that is written overlaps an input. What a kernel writes, other
  // threads write, too: it is not this one's alone.
  for (auto [argument, parameter] : llvm::enumerate(parameters)) {
    bool isInput = parameter.kind == LaunchParameter::Kind::Pointer &&
                   !signature.getTensors()[*parameter.tensor].isOutput;
    if (!isInput)
      continue;
    kernel.setArgAttr(argument, LLVM::LLVMDialect::getNoAliasAttrName(),
                      builder.getUnitAttr());
    kernel.setArgAttr(argument, LLVM::LLVMDialect::getReadonlyAttrName(),
                      builder.getUnitAttr());
  }
  builder.setInsertionPointToStart(&kernel.getBody().front());
  auto end = gpu::ReturnOp::create(builder, loc);
  builder.setInsertionPoint(end);
  return kernel;
}

Value LaunchArguments::createPointer(OpBuilder &builder, gpu::GPUFuncOp kernel,
                                     unsigned parameter) const {
  return LLVM::AddrSpaceCastOp::create(
      builder, kernel.getLoc(),
      LLVM::LLVMPointerType::get(builder.getContext()),
      kernel.getArgument(parameter));
}

Value LaunchArguments::createExtent(OpBuilder &builder, gpu::GPUFuncOp kernel,
                                    StringRef dim) const {
  auto found = extents.find(dim);
  if (found != extents.end())
    return kernel.getArgument(found->second);
  // What is no symbol is a number.
  int64_t extent = 0;
  dim.getAsInteger(10, extent);
  return LLVM::ConstantOp::create(builder, kernel.getLoc(),
                                  builder.getI64Type(), extent);
}

Value LaunchArguments::createTensor(OpBuilder &builder, gpu::GPUFuncOp kernel,
                                    unsigned index) const {
  Location loc = kernel.getLoc();
  const KernelTensor &tensor = signature.getTensors()[index];
  SmallVector<Value> sizes, strides;
  unsigned stride = pointers[index] + 1;
  for (auto [dim, name] : llvm::enumerate(tensor.dims)) {
    sizes.push_back(createExtent(builder, kernel, name));
    bool isLast = dim + 1 == tensor.dims.size();
    strides.push_back(
        isLast ? LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), 1)
                     .getResult()
               : kernel.getArgument(stride++));
  }
  return createMemRef(builder, loc, signature.getMemRefType(index),
                      createPointer(builder, kernel, pointers[index]), sizes,
                      strides);
}

Value LaunchArguments::createWorkspace(OpBuilder &builder,
                                       gpu::GPUFuncOp kernel) const {
  return createPointer(builder, kernel,
                       parameters.size() - (isChecked ? 2 : 1));
}

Value LaunchArguments::createCheck(OpBuilder &builder,
                                   gpu::GPUFuncOp kernel) const {
  return createPointer(builder, kernel, parameters.size() - 1);
}
