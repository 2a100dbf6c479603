// RUN: attn-opt %s --attn-defer-row-sums | FileCheck %s

// A sum that steps repair: each thread keeps that of its own columns, in both forms of a
// step, and the threads of a row join theirs behind the loop, in front of what reads it.
// CHECK-LABEL: func.func @repaired
// CHECK: scf.for
// CHECK: attn.tile_einsum [m] = %{{.*}}[n0,m] reduce add(n0) outs(%[[STEP:.*]]) {attn.thread_sum}
// CHECK: attn.tile_einsum [m] = map(%[[STEP]][m], %[[D:.*]][m], %{{.*}}[m])
// CHECK: else
// CHECK: attn.tile_einsum [m] = map(%{{.*}}[n0,m])
// CHECK: reduce add(n0) outs(%[[STEP]]) {attn.thread_sum}
// CHECK: attn.tile_einsum [m] = add(%[[D]][m], %[[STEP]][m]) outs(%[[D]])
// CHECK: }
// CHECK: }
// CHECK-NEXT: attn.tile_einsum [m] = %[[D]][m] outs(%[[D]]) {attn.join_threads}
// CHECK-NEXT: attn.tile_einsum [m] = %[[D]][m] outs(%{{.*}}) : (memref<16xf32>) -> memref<16xf32>
func.func @repaired(%out: memref<16xf32>, %count: index, %is: i1) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %c = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %step = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%d) : () -> memref<16xf32>
  scf.for %i = %c0 to %count step %c1 {
    scf.if %is {
      attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%step) : (memref<8x16xf32>) -> memref<16xf32>
      attn.tile_einsum [m] = map(%step[m], %d[m], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } outs(%d) : (memref<16xf32>, memref<16xf32>, memref<16xf32>) -> memref<16xf32>
    } else {
      attn.tile_einsum [m] = map(%p[n0,m]) {
      ^bb0(%x: f32):
        %t = arith.mulf %x, %x : f32
        attn.yield %t : f32
      } reduce add(n0) outs(%step) : (memref<8x16xf32>) -> memref<16xf32>
      attn.tile_einsum [m] = add(%d[m], %step[m]) outs(%d) : (memref<16xf32>, memref<16xf32>) -> memref<16xf32>
    }
  }
  attn.tile_einsum [m] = %d[m] outs(%out) : (memref<16xf32>) -> memref<16xf32>
  return
}

// Steps that add to it themselves, in two loops; a loop over rows reads it.
// CHECK-LABEL: func.func @accumulated
// CHECK: scf.for
// CHECK: reduce add(n0) outs(%[[D:.*]]) accumulate {attn.thread_sum}
// CHECK: scf.for
// CHECK: reduce add(n0) outs(%[[D]]) accumulate {attn.thread_sum}
// CHECK-NEXT: }
// CHECK-NEXT: attn.tile_einsum [m] = %[[D]][m] outs(%[[D]]) {attn.join_threads}
func.func @accumulated(%out: memref<16xf32>, %count: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%d) : () -> memref<16xf32>
  scf.for %i = %c0 to %count step %c1 {
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%d) accumulate : (memref<8x16xf32>) -> memref<16xf32>
  }
  scf.for %i = %c0 to %count step %c1 {
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%d) accumulate : (memref<8x16xf32>) -> memref<16xf32>
  }
  scf.for %i = %c0 to %count step %c1 {
    %row = memref.subview %d[%i] [1] [1] : memref<16xf32> to memref<f32, strided<[], offset: ?>>
    %place = memref.subview %out[%i] [1] [1] : memref<16xf32> to memref<f32, strided<[], offset: ?>>
    attn.tile_einsum [] = %row[] outs(%place) : (memref<f32, strided<[], offset: ?>>) -> memref<f32, strided<[], offset: ?>>
  }
  return
}

// What every thread needs in each step stays joined: a sum that a loop reads, one that does
// not start as 0 (four threads would start so), one whose steps another reader has, one
// that is no sum of what is carried, a maximum, and one that no thread holds columns of.
// CHECK-LABEL: func.func @joined
// CHECK-NOT: attn.thread_sum
// CHECK-NOT: attn.join_threads
// CHECK: return
func.func @joined(%out: memref<16xf32>, %v: memref<8x16xf32>, %count: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %c = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %step = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %read = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %begun = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %shared = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %other = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %square = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %memory = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %seen = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%read) : () -> memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %one : f32 } outs(%begun) : () -> memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%shared) : () -> memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%square) : () -> memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%max) : () -> memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%memory) : () -> memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%seen) : () -> memref<16xf32>
  scf.for %i = %c0 to %count step %c1 {
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%read) accumulate : (memref<8x16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %read[m] outs(%out) : (memref<16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%begun) accumulate : (memref<8x16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%step) : (memref<8x16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = add(%shared[m], %step[m]) outs(%shared) : (memref<16xf32>, memref<16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %step[m] outs(%out) : (memref<16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%other) : (memref<8x16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = map(%square[m], %other[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = arith.mulf %x, %x : f32
      %u = arith.addf %t, %y : f32
      attn.yield %u : f32
    } outs(%square) : (memref<16xf32>, memref<16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %p[n0,m] reduce max(n0) outs(%max) accumulate : (memref<8x16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %v[n0,m] reduce add(n0) outs(%memory) accumulate : (memref<8x16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%seen) accumulate : (memref<8x16xf32>) -> memref<16xf32>
    %row = memref.subview %seen[%i] [1] [1] : memref<16xf32> to memref<f32, strided<[], offset: ?>>
  }
  attn.tile_einsum [m] = add(%begun[m], %shared[m]) outs(%out) : (memref<16xf32>, memref<16xf32>) -> memref<16xf32>
  attn.tile_einsum [m] = add(%square[m], %max[m]) outs(%out) : (memref<16xf32>, memref<16xf32>) -> memref<16xf32>
  attn.tile_einsum [m] = %memory[m] outs(%out) : (memref<16xf32>) -> memref<16xf32>
  return
}

// Nor is a sum joined that is read between the loops, or begun anew.
// CHECK-LABEL: func.func @between
// CHECK-NOT: attn.thread_sum
// CHECK: return
func.func @between(%out: memref<16xf32>, %count: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %twice = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%d) : () -> memref<16xf32>
  attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%twice) : () -> memref<16xf32>
  scf.for %i = %c0 to %count step %c1 {
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%d) accumulate : (memref<8x16xf32>) -> memref<16xf32>
    attn.tile_einsum [m] = map() { attn.yield %zero : f32 } outs(%twice) : () -> memref<16xf32>
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%twice) accumulate : (memref<8x16xf32>) -> memref<16xf32>
  }
  attn.tile_einsum [m] = %d[m] outs(%out) : (memref<16xf32>) -> memref<16xf32>
  scf.for %i = %c0 to %count step %c1 {
    attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%d) accumulate : (memref<8x16xf32>) -> memref<16xf32>
  }
  attn.tile_einsum [m] = add(%d[m], %twice[m]) outs(%out) : (memref<16xf32>, memref<16xf32>) -> memref<16xf32>
  return
}
