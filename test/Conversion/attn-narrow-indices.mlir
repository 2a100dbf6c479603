// RUN: attn-opt %s --attn-narrow-indices --canonicalize --cse | FileCheck %s

// Dimensions of tensors are at most 2^30, in whatever dimensions a kernel sees them, so
// what follows from them fits 32 bits: bounds of a loop of steps, and the points of one.
// CHECK-LABEL: func.func @steps
// CHECK: %[[SPLIT:.*]] = memref.expand_shape
// CHECK: %[[DIM:.*]] = memref.dim %[[SPLIT]], %c1
// CHECK: scf.for %[[FIRST:.*]] = %c0 to %[[DIM]] step %c64
// CHECK: %[[AT:.*]] = arith.index_castui %[[FIRST]] : index to i32
// CHECK: %[[NEXT:.*]] = arith.addi %[[AT]], %c64_i32 : i32
// CHECK: %[[END:.*]] = arith.index_castui %[[DIM]] : index to i32
// CHECK: %[[LAST:.*]] = arith.minsi %[[NEXT]], %[[END]] : i32
// CHECK: %[[COUNT:.*]] = arith.subi %[[LAST]], %[[AT]] : i32
// CHECK: arith.cmpi eq, %[[COUNT]], %c64_i32 : i32
func.func @steps(%k: memref<?x64xbf16>, %out: memref<?xi1>) attributes {attn.block_threads = 128 : i64} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %rows = memref.dim %k, %c0 : memref<?x64xbf16>
  %split = memref.expand_shape %k [[0, 1], [2]] output_shape [1, %rows, 64] : memref<?x64xbf16> into memref<1x?x64xbf16>
  %c1 = arith.constant 1 : index
  %dim = memref.dim %split, %c1 : memref<1x?x64xbf16>
  scf.for %first = %c0 to %dim step %c64 {
    %next = affine.apply affine_map<(d0) -> (d0 + 64)>(%first)
    %last = arith.minsi %next, %dim : index
    %count = arith.subi %last, %first : index
    %isWhole = arith.cmpi eq, %count, %c64 : index
    memref.store %isWhole, %out[%first] : memref<?xi1>
  }
  return
}

// What nothing is known of, and memory of bytes, which may be that of a worker, keep their
// 64 bits.
// CHECK-LABEL: func.func @unknown
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK: %[[DIM:.*]] = memref.dim
// CHECK: %[[SUM:.*]] = arith.addi %[[DIM]], %c64 : index
// CHECK: %[[LEAST:.*]] = arith.minsi %[[SUM]], %[[N]] : index
// CHECK: arith.remui %[[DIM]], %c64 : index
func.func @unknown(%n: index, %memory: memref<?xi8>) -> (index, index) attributes {attn.block_threads = 128 : i64} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %dim = memref.dim %memory, %c0 : memref<?xi8>
  %sum = arith.addi %dim, %c64 : index
  %least = arith.minsi %sum, %n : index
  %rest = arith.remui %dim, %c64 : index
  return %least, %rest : index, index
}

// Functions of the host, which say what a launch needs, stay formulas.
// CHECK-LABEL: func.func @items
// CHECK: affine.apply
func.func @items(%k: memref<?x64xbf16>) -> index {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %k, %c0 : memref<?x64xbf16>
  %items = affine.apply affine_map<()[s0] -> (s0 ceildiv 64)>()[%dim]
  return %items : index
}

// So do the items of a call, which launchers count, and points of a tile.
// CHECK-LABEL: func.func @items_and_points
// CHECK-SAME: %[[FIRST:[a-z0-9]+]]: i64, %[[LAST:[a-z0-9]+]]: i64
// CHECK: scf.for %[[ITEM:.*]] = %{{.*}} to
// CHECK: %[[AT:.*]] = arith.index_castui %[[ITEM]] : index to i32
// CHECK: arith.divui %[[AT]], %c3_i32 : i32
// CHECK: attn.tile_einsum
// CHECK: %[[POINT:.*]] = attn.index m : index
// CHECK: %[[PLACE:.*]] = arith.index_castui %[[POINT]] : index to i32
// CHECK: arith.addi %[[PLACE]], %{{.*}} : i32
func.func @items_and_points(%out: memref<16xi1>, %first: i64, %last: i64) attributes {attn.block_threads = 128 : i64} {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %from = arith.index_cast %first : i64 to index
  %to = arith.index_cast %last : i64 to index
  scf.for %item = %from to %to step %c1 {
    %batch = arith.divui %item, %c3 : index
    attn.tile_einsum [m] = map() {
      %m = attn.index m : index
      %sum = arith.addi %m, %batch : index
      %odd = arith.cmpi eq, %sum, %c3 : index
      attn.yield %odd : i1
    } outs(%out) : () -> memref<16xi1>
  }
  return
}
