// RUN: attn-opt --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --split-input-file %s | FileCheck %s

// The buffer of `outs` receives the result in place, in front of and behind
// other operations; nothing is copied.
// CHECK-LABEL: func @in_place
// CHECK-SAME: (%[[X:.*]]: memref<16x32xf32>, %[[T:.*]]: memref<16xf32>) -> memref<16xf32>
// CHECK-NOT: memref.{{alloc|copy}}
// CHECK: linalg.fill {{.*}} outs(%[[T]]
// CHECK-NOT: memref.{{alloc|copy}}
// CHECK: attn.tile_einsum [m] = %[[X]][m,n] reduce add(n) outs(%[[T]]) accumulate : (memref<16x32xf32>) -> memref<16xf32>
// CHECK-NEXT: return %[[T]]
func.func @in_place(%x: tensor<16x32xf32>, %t: tensor<16xf32> {bufferization.writable = true}) -> tensor<16xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%t : tensor<16xf32>) -> tensor<16xf32>
  %r = attn.tile_einsum [m] = %x[m,n] reduce add(n) outs(%z) accumulate : (tensor<16x32xf32>) -> tensor<16xf32>
  return %r : tensor<16xf32>
}

// -----

// A tensor that is read again is not overwritten. To accumulate, its values are
// copied; otherwise a new buffer is enough.
// CHECK-LABEL: func @out_of_place
// CHECK-SAME: (%[[X:.*]]: memref<16x32xf32>, %[[T:.*]]: memref<16xf32>)
// CHECK: %[[A:.*]] = memref.alloc
// CHECK: memref.copy %[[T]], %[[A]]
// CHECK: attn.tile_einsum [m] = %[[X]][m,n] reduce max(n) outs(%[[A]]) accumulate
// CHECK: %[[B:.*]] = memref.alloc
// CHECK-NOT: memref.copy
// CHECK: attn.tile_einsum [m] = %[[X]][m,n] reduce max(n) outs(%[[B]]) :
// CHECK: return %[[A]], %[[B]], %[[T]]
func.func @out_of_place(%x: tensor<16x32xf32>, %t: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) {
  %r = attn.tile_einsum [m] = %x[m,n] reduce max(n) outs(%t) accumulate : (tensor<16x32xf32>) -> tensor<16xf32>
  %s = attn.tile_einsum [m] = %x[m,n] reduce max(n) outs(%t) : (tensor<16x32xf32>) -> tensor<16xf32>
  return %r, %s, %t : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>
}

// -----

// In a loop over tiles, the slice of the destination is written.
// CHECK-LABEL: func @tiles
// CHECK-SAME: (%[[X:.*]]: memref<64x32xf32>, %[[T:.*]]: memref<64xf32>)
// CHECK: scf.for {{.*}} iter_args(%[[ACC:.*]] = %[[T]])
// CHECK: %[[IN:.*]] = memref.subview %[[X]]
// CHECK: %[[OUT:.*]] = memref.subview %[[ACC]]
// CHECK: attn.tile_einsum [m] = map(%[[IN]][m,n]) {
// CHECK: } reduce add(n) outs(%[[OUT]])
// CHECK-NOT: memref.alloc
// CHECK: return
func.func @tiles(%x: tensor<64x32xf32>, %t: tensor<64xf32> {bufferization.writable = true}) -> tensor<64xf32> {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %r = scf.for %i = %c0 to %c64 step %c16 iter_args(%acc = %t) -> tensor<64xf32> {
    %in = tensor.extract_slice %x[%i, 0] [16, 32] [1, 1] : tensor<64x32xf32> to tensor<16x32xf32>
    %out = tensor.extract_slice %acc[%i] [16] [1] : tensor<64xf32> to tensor<16xf32>
    %e = attn.tile_einsum [m] = map(%in[m,n]) {
    ^bb0(%a: f32):
      %s = arith.mulf %a, %a : f32
      attn.yield %s : f32
    } reduce add(n) outs(%out) : (tensor<16x32xf32>) -> tensor<16xf32>
    %n = tensor.insert_slice %e into %acc[%i] [16] [1] : tensor<16xf32> into tensor<64xf32>
    scf.yield %n : tensor<64xf32>
  }
  return %r : tensor<64xf32>
}

// -----

// A reduction by a region keeps its region.
// CHECK-LABEL: func @associative
// CHECK-SAME: (%[[X:.*]]: memref<16x32xf32>, %[[T:.*]]: memref<16xf32>)
// CHECK: attn.tile_einsum [m] = %[[X]][m,n] reduce associative(n) identity(1.000000e+00 : f32) commutative {
// CHECK: arith.mulf
// CHECK: } outs(%[[T]])
func.func @associative(%x: tensor<16x32xf32>, %t: tensor<16xf32> {bufferization.writable = true}) -> tensor<16xf32> {
  %r = attn.tile_einsum [m] = %x[m,n] reduce associative(n) identity(1.0 : f32) commutative {
  ^bb0(%a: f32, %b: f32):
    %p = arith.mulf %a, %b : f32
    attn.yield %p : f32
  } outs(%t) : (tensor<16x32xf32>) -> tensor<16xf32>
  return %r : tensor<16xf32>
}
