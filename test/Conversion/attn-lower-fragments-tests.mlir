// RUN: attn-opt %s --attn-lower-fragments --canonicalize --cse -split-input-file | FileCheck %s

// The sides of a test are sums of coordinates: their difference at the thread's first
// point is computed once, and each point compares it with a constant, eight from row to
// row and one or eight from column to column. Points on a diagonal share a comparison.
// CHECK-LABEL: func.func @coordinates
// CHECK-SAME: %[[FIRST:.*]]: i32
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : i32
// CHECK-DAG: %[[CM8:.*]] = arith.constant -8 : i32
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : i32
// CHECK-DAG: %[[CM7:.*]] = arith.constant -7 : i32
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : i32
// CHECK-DAG: %[[C9:.*]] = arith.constant 9 : i32
// CHECK: %[[LEFT:.*]] = arith.addi %{{.*}}, %[[FIRST]] : i32
// CHECK: %[[D:.*]] = arith.subi %[[LEFT]], %{{.*}} : i32
// CHECK: %[[A:.*]] = arith.cmpi sge, %[[D]], %[[C0]] : i32
// CHECK: arith.select %[[A]]
// CHECK: arith.cmpi sge, %[[D]], %[[CM8]] : i32
// CHECK: %[[B:.*]] = arith.cmpi sge, %[[D]], %[[C1]] : i32
// CHECK: arith.cmpi sge, %[[D]], %[[CM7]] : i32
// CHECK: arith.cmpi sge, %[[D]], %[[C8]] : i32
// CHECK: arith.select %[[A]]
// CHECK: arith.cmpi sge, %[[D]], %[[C9]] : i32
// CHECK: arith.select %[[B]]
// CHECK-NOT: arith.subi
// CHECK: return
func.func @coordinates(%first: i32) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %m = attn.index m : index
    %row = arith.index_cast %m : index to i32
    %left = arith.addi %row, %first : i32
    %n = attn.index n0 : index
    %key = arith.index_cast %n : index to i32
    %live = arith.cmpi sge, %left, %key {attn.exact} : i32
    %none = arith.constant 0xFF800000 : f32
    %y = arith.select %live, %x, %none : f32
    attn.yield %y : f32
  } outs(%s) : (memref<16x16xf32>) -> memref<16x16xf32>
  return
}

// -----

// Factors count: the key less the row, less twice the row.
// CHECK-LABEL: func.func @factors
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : i32
// CHECK-DAG: %[[C24:.*]] = arith.constant 24 : i32
// CHECK-DAG: %[[CM1:.*]] = arith.constant -1 : i32
// CHECK-DAG: %[[C23:.*]] = arith.constant 23 : i32
// CHECK: %[[BEHIND:.*]] = arith.subi
// CHECK: %[[D:.*]] = arith.subi %[[BEHIND]], %{{.*}} : i32
// CHECK: arith.cmpi slt, %[[D]], %[[C0]] : i32
// CHECK: arith.cmpi slt, %[[D]], %[[C24]] : i32
// CHECK: arith.cmpi slt, %[[D]], %[[CM1]] : i32
// CHECK: arith.cmpi slt, %[[D]], %[[C23]] : i32
// CHECK: return
func.func @factors() attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %two = arith.constant 2 : i32
    %m = attn.index m : index
    %row = arith.index_cast %m : index to i32
    %far = arith.muli %row, %two : i32
    %n = attn.index n0 : index
    %key = arith.index_cast %n : index to i32
    %behind = arith.subi %key, %row : i32
    %live = arith.cmpi slt, %behind, %far {attn.exact} : i32
    %none = arith.constant 0xFF800000 : f32
    %y = arith.select %live, %x, %none : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x16xf32>) -> memref<8x16xf32>
  return
}

// -----

// What is loaded for a row has a difference of its own, and constants for columns alone.
// CHECK-LABEL: func.func @ends
// CHECK-SAME: %[[ENDS:.*]]: memref<16xi32>
// CHECK: %[[END0:.*]] = memref.load %[[ENDS]]
// CHECK: %[[D0:.*]] = arith.subi %{{.*}}, %[[END0]] : i32
// CHECK: arith.cmpi slt, %[[D0]], %c0_i32
// CHECK: %[[END1:.*]] = memref.load %[[ENDS]]
// CHECK: %[[D1:.*]] = arith.subi %{{.*}}, %[[END1]] : i32
// CHECK: arith.cmpi slt, %[[D1]], %c0_i32
// CHECK: arith.cmpi slt, %[[D0]], %c-1_i32
// CHECK: arith.cmpi slt, %[[D1]], %c-1_i32
// CHECK: return
func.func @ends(%ends: memref<16xi32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %ends[m]) {
  ^bb0(%x: f32, %end: i32):
    %n = attn.index n0 : index
    %key = arith.index_cast %n : index to i32
    %live = arith.cmpi slt, %key, %end {attn.exact} : i32
    %none = arith.constant 0xFF800000 : f32
    %y = arith.select %live, %x, %none : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x16xf32>, memref<16xi32>) -> memref<8x16xf32>
  return
}

// -----

// Rows and columns that are both loaded, sums that may wrap around, coordinates that are
// divided, and comparisons without signs stay as they stand.
// CHECK-LABEL: func.func @others
// CHECK-SAME: %[[ROWS:.*]]: memref<16xi32>, %[[KEYS:.*]]: memref<8xi32>
// CHECK-DAG: %[[ROW:.*]] = memref.load %[[ROWS]]
// CHECK-DAG: %[[KEY:.*]] = memref.load %[[KEYS]]
// CHECK-DAG: %[[M:.*]] = arith.index_cast %{{.*}} : index to i32
// CHECK-DAG: %[[N:.*]] = arith.index_cast %{{.*}} : index to i32
// CHECK-DAG: arith.cmpi sge, %[[ROW]], %[[KEY]] {attn.exact}
// CHECK-DAG: arith.cmpi sge, %[[M]], %[[N]] : i32
// CHECK-DAG: %[[BLOCK:.*]] = arith.divui %[[M]], %c3_i32
// CHECK-DAG: %[[OTHER:.*]] = arith.divui %[[N]], %c3_i32
// CHECK-DAG: arith.cmpi eq, %[[BLOCK]], %[[OTHER]] {attn.exact}
// CHECK-DAG: arith.cmpi ult, %[[N]], %[[M]] {attn.exact}
// CHECK: return
func.func @others(%rows: memref<16xi32>, %keys: memref<8xi32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %rows[m], %keys[n0]) {
  ^bb0(%x: f32, %r: i32, %k: i32):
    %m = attn.index m : index
    %row = arith.index_cast %m : index to i32
    %n = attn.index n0 : index
    %key = arith.index_cast %n : index to i32
    %three = arith.constant 3 : i32
    %block = arith.divui %row, %three : i32
    %other = arith.divui %key, %three : i32
    %a = arith.cmpi sge, %r, %k {attn.exact} : i32
    %b = arith.cmpi sge, %row, %key : i32
    %c = arith.cmpi eq, %block, %other {attn.exact} : i32
    %ab = arith.andi %a, %b : i1
    %d = arith.cmpi ult, %key, %row {attn.exact} : i32
    %abc = arith.andi %ab, %c : i1
    %live = arith.andi %abc, %d : i1
    %none = arith.constant 0xFF800000 : f32
    %y = arith.select %live, %x, %none : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x16xf32>, memref<16xi32>, memref<8xi32>) -> memref<8x16xf32>
  return
}
