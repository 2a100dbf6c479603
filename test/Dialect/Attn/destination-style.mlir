// RUN: attn-opt %s --eliminate-empty-tensors --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --cse --canonicalize | FileCheck %s
// RUN: attn-opt %s --cse | FileCheck %s --check-prefix=CSE
// RUN: attn-opt %s --canonicalize | FileCheck %s --check-prefix=CAST

// Upstream finds the destination of an einsum by its interface: the tile is
// computed where it is wanted, and its buffer of its own is gone.
// CHECK-LABEL: func @row
// CHECK-SAME: (%[[X:.*]]: memref<16x32xf32>, %[[T:.*]]: memref<4x16xf32>)
// CHECK-NOT: memref.{{alloc|copy}}
// CHECK: %[[ROW:.*]] = memref.subview %[[T]][1, 0] [1, 16] [1, 1]
// CHECK: attn.tile_einsum [m] = %[[X]][m,n] reduce add(n) outs(%[[ROW]])
// CHECK-NOT: memref.{{alloc|copy}}
// CHECK: return
func.func @row(%x: tensor<16x32xf32>, %t: tensor<4x16xf32> {bufferization.writable = true}) -> tensor<4x16xf32> {
  %e = tensor.empty() : tensor<16xf32>
  %s = attn.tile_einsum [m] = %x[m,n] reduce add(n) outs(%e) : (tensor<16x32xf32>) -> tensor<16xf32>
  %r = tensor.insert_slice %s into %t[1, 0] [1, 16] [1, 1] : tensor<16xf32> into tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// On tensors an einsum has no effects; one that reads memory is not merged with
// another across a write.
// CSE-LABEL: func @tensors
// CSE-COUNT-1: attn.tile_einsum
// CSE-NOT: attn.tile_einsum
// CSE-LABEL: func @memory
// CSE-COUNT-2: outs(%{{.*}}) : (memref<16x32xf32>) -> tensor<16xf32>
func.func @tensors(%x: tensor<16x32xf32>, %t: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
  %a = attn.tile_einsum [m] = %x[m,n] reduce add(n) outs(%t) : (tensor<16x32xf32>) -> tensor<16xf32>
  %b = attn.tile_einsum [m] = %x[m,n] reduce add(n) outs(%t) : (tensor<16x32xf32>) -> tensor<16xf32>
  return %a, %b : tensor<16xf32>, tensor<16xf32>
}

func.func @memory(%x: memref<16x32xf32>, %y: memref<16x32xf32>, %t: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
  %a = attn.tile_einsum [m] = %x[m,n] reduce add(n) outs(%t) : (memref<16x32xf32>) -> tensor<16xf32>
  memref.copy %y, %x : memref<16x32xf32> to memref<16x32xf32>
  %b = attn.tile_einsum [m] = %x[m,n] reduce add(n) outs(%t) : (memref<16x32xf32>) -> tensor<16xf32>
  return %a, %b : tensor<16xf32>, tensor<16xf32>
}

// Upstream folds casts of what an operation in destination style reads and
// writes.
// CAST-LABEL: func @cast
// CAST-SAME: (%[[X:.*]]: tensor<16x32xf32>, %[[T:.*]]: tensor<16xf32>)
// CAST-NEXT: %[[R:.*]] = attn.tile_einsum [m] = %[[X]][m,n] reduce add(n) outs(%[[T]]) accumulate : (tensor<16x32xf32>) -> tensor<16xf32>
// CAST-NEXT: tensor.cast %[[R]] : tensor<16xf32> to tensor<?xf32>
func.func @cast(%x: tensor<16x32xf32>, %t: tensor<16xf32>) -> tensor<?xf32> {
  %a = tensor.cast %x : tensor<16x32xf32> to tensor<?x32xf32>
  %u = tensor.cast %t : tensor<16xf32> to tensor<?xf32>
  %r = attn.tile_einsum [m] = %a[m,n] reduce add(n) outs(%u) accumulate : (tensor<?x32xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}
