// RUN: attn-opt %s --attn-specialize-steps -split-input-file | FileCheck %s

// A step that is nowhere masked: from the part of a tile in registers on there are
// two of it, and where it has all points its sizes are static.
// CHECK-LABEL: func.func @plain
// CHECK: %[[TILE:.*]] = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
// CHECK: scf.for
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: %[[SIZE:.*]] = arith.minsi
// CHECK-NEXT: %[[ALL:.*]] = arith.constant 16 : index
// CHECK-NEXT: %[[WHOLE:.*]] = arith.cmpi eq, %[[SIZE]], %[[ALL]] : index
// CHECK-NEXT: scf.if %[[WHOLE]] {
// CHECK-NEXT: %[[SAME:.*]] = memref.subview %[[TILE]][0, 0] [%[[ALL]], 16] [1, 1]
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%[[SAME]]
// CHECK: } else {
// CHECK-NEXT: %[[SOME:.*]] = memref.subview %[[TILE]][0, 0] [%[[SIZE]], 16] [1, 1]
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%[[SOME]]
// CHECK: return
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @plain(%begin: index, %end: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %c16 = arith.constant 16 : index
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  scf.for %i = %begin to %end step %c16 {
    gpu.barrier
    %size = arith.minsi %i, %c16 : index
    %s = memref.subview %tile[0, 0] [%size, 16] [1, 1] : memref<16x16xf32> to !part
    attn.tile_einsum [n0,m] = map(%s[n0,m]) {
    ^bb0(%x: f32):
      %y = math.exp2 %x : f32
      attn.yield %y : f32
    } outs(%s) : (!part) -> !part
  }
  return
}

// -----

// A step that is left out where no point is live is two within its branch.
// CHECK-LABEL: func.func @live
// CHECK: scf.for
// CHECK: scf.if %{{.*}} {
// CHECK-NEXT: arith.constant 16 : index
// CHECK-NEXT: %[[WHOLE:.*]] = arith.cmpi eq
// CHECK-NEXT: scf.if %[[WHOLE]] {
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: } else {
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: } {attn.live_step}
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @live(%begin: index, %end: index, %is: i1) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %c16 = arith.constant 16 : index
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  scf.for %i = %begin to %end step %c16 {
    %size = arith.minsi %i, %c16 : index
    scf.if %is {
      %s = memref.subview %tile[0, 0] [%size, 16] [1, 1] : memref<16x16xf32> to !part
      attn.tile_einsum [n0,m] = map(%s[n0,m]) {
      ^bb0(%x: f32):
        %y = math.exp2 %x : f32
        attn.yield %y : f32
      } outs(%s) : (!part) -> !part
    } {attn.live_step}
  }
  return
}

// -----

// A whole step with an untested branch keeps both, in static sizes; of others points
// are tested, whether the branch would be taken or not.
// CHECK-LABEL: func.func @masked
// CHECK: scf.for
// CHECK: %[[SIZE:.*]] = arith.minsi
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[SIZE]], %[[ALL:.*]] : index
// CHECK-NEXT: scf.if %[[WHOLE]] {
// CHECK-NEXT: scf.if %{{.*}} {
// CHECK-NEXT: memref.subview %{{.*}}[0, 0] [%[[ALL]], 16] [1, 1]
// CHECK-NEXT: attn.tile_einsum [m] = {{.*}} reduce max(n0)
// CHECK-NEXT: } else {
// CHECK-NEXT: memref.subview %{{.*}}[0, 0] [%[[ALL]], 16] [1, 1]
// CHECK-NEXT: attn.tile_einsum [m] = {{.*}} reduce min(n0)
// CHECK-NEXT: } {attn.untested}
// CHECK-NEXT: } else {
// CHECK-NEXT: memref.subview %{{.*}}[0, 0] [%[[SIZE]], 16] [1, 1]
// CHECK-NEXT: attn.tile_einsum [m] = {{.*}} reduce min(n0)
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NEXT: return
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @masked(%begin: index, %end: index, %full: i1) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %c16 = arith.constant 16 : index
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  scf.for %i = %begin to %end step %c16 {
    %size = arith.minsi %i, %c16 : index
    scf.if %full {
      %s = memref.subview %tile[0, 0] [%size, 16] [1, 1] : memref<16x16xf32> to !part
      attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!part) -> memref<16xf32>
    } else {
      %s = memref.subview %tile[0, 0] [%size, 16] [1, 1] : memref<16x16xf32> to !part
      attn.tile_einsum [m] = %s[n0,m] reduce min(n0) outs(%max) : (!part) -> memref<16xf32>
    } {attn.untested}
  }
  return
}

// -----

// A part from another column on has a size of its own, static sizes need no test, and
// a size that an operation computes inside is not known before it.
// CHECK-LABEL: func.func @left
// CHECK-NOT: scf.if
// CHECK: return
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @left(%begin: index, %end: index, %first: index, %sizes: memref<?xindex>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %c1 = arith.constant 1 : index
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  scf.for %i = %begin to %end step %c1 {
    %later = memref.subview %tile[%first, 0] [%i, 16] [1, 1] : memref<16x16xf32> to memref<?x16xf32, strided<[16, 1], offset: ?>>
    attn.tile_einsum [m] = %later[n0,m] reduce max(n0) outs(%max) : (memref<?x16xf32, strided<[16, 1], offset: ?>>) -> memref<16xf32>
    attn.tile_einsum [m] = %tile[n0,m] reduce max(n0) outs(%max) : (memref<16x16xf32>) -> memref<16xf32>
    scf.execute_region {
      %size = memref.load %sizes[%i] : memref<?xindex>
      %s = memref.subview %tile[0, 0] [%size, 16] [1, 1] : memref<16x16xf32> to !part
      attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!part) -> memref<16xf32>
      scf.yield
    }
  }
  return
}

// -----

// The innermost loops are steps, in functions of warps alone.
// CHECK-LABEL: func.func @outer
// CHECK: scf.for
// CHECK-NOT: scf.if
// CHECK: memref.subview
// CHECK: scf.for
// CHECK-NOT: scf.if
// CHECK: return
// CHECK-LABEL: func.func @threads
// CHECK-NOT: scf.if
// CHECK: return
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @outer(%begin: index, %end: index, %size: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %c1 = arith.constant 1 : index
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  scf.for %i = %begin to %end step %c1 {
    %s = memref.subview %tile[0, 0] [%size, 16] [1, 1] : memref<16x16xf32> to !part
    attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!part) -> memref<16xf32>
    scf.for %j = %begin to %end step %c1 {
    }
  }
  return
}
func.func @threads(%begin: index, %end: index, %size: index, %tile: memref<16x16xf32>, %max: memref<16xf32>) attributes {attn.lanes = "m"} {
  %c1 = arith.constant 1 : index
  scf.for %i = %begin to %end step %c1 {
    %s = memref.subview %tile[0, 0] [%size, 16] [1, 1] : memref<16x16xf32> to !part
    attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!part) -> memref<16xf32>
  }
  return
}
