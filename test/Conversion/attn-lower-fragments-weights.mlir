// RUN: attn-opt %s --attn-lower-fragments --canonicalize --cse -split-input-file | FileCheck %s

// Weights: if all rows of the warp have a maximum near 0, or none yet, an exponent is
// one instruction, the score times both factors; else the difference comes first.
// CHECK-LABEL: func.func @weights
// CHECK-DAG: %[[BOTH:.*]] = arith.constant 3.750000e-01 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[MINUS:.*]] = arith.constant -1.500000e+00 : f32
// CHECK-DAG: %[[SCALE:.*]] = arith.constant 1.500000e+00 : f32
// CHECK-DAG: %[[FACTOR:.*]] = arith.constant 2.500000e-01 : f32
// CHECK-DAG: %[[NONE:.*]] = arith.constant -3.40282347E+38 : f32
// CHECK-DAG: %[[FAR:.*]] = arith.constant 1.024000e+03 : f32
// CHECK: %[[S:.*]] = memref.alloca() : memref<2x2xf32>
// CHECK: %[[MAX:.*]] = memref.alloca() : memref<2xf32>
// CHECK: %[[FIRST:.*]] = memref.load %[[MAX]][%c0] : memref<2xf32>
// CHECK: %[[SIZE:.*]] = math.absf %[[FIRST]]
// CHECK: %[[BEYOND:.*]] = arith.cmpf uge, %[[SIZE]], %[[FAR]]
// CHECK: %[[SET:.*]] = arith.cmpf une, %[[FIRST]], %[[NONE]]
// CHECK: %[[ROW0:.*]] = arith.andi %[[BEYOND]], %[[SET]]
// CHECK: memref.load %[[MAX]][%c1]
// CHECK: %[[ROW1:.*]] = arith.andi
// CHECK: %[[ROWS:.*]] = arith.ori %[[ROW0]], %[[ROW1]]
// CHECK: %[[ANY:.*]] = nvvm.vote.sync any %{{.*}}, %[[ROWS]]
// CHECK: scf.if %[[ANY]] {
// CHECK: %[[X:.*]] = memref.load %[[S]][%c0, %c0]
// CHECK: %[[M:.*]] = memref.load %[[MAX]][%c0]
// CHECK: %[[SCORE:.*]] = arith.mulf %[[X]], %[[FACTOR]]
// CHECK: %[[D:.*]] = arith.subf %[[SCORE]], %[[M]]
// CHECK: %[[P:.*]] = arith.mulf %[[D]], %[[SCALE]]
// CHECK: math.exp2 %[[P]]
// CHECK-COUNT-3: math.exp2
// CHECK: } else {
// CHECK: %[[Y:.*]] = memref.load %[[S]][%c0, %c0]
// CHECK: %[[N:.*]] = memref.load %[[MAX]][%c0]
// CHECK: %[[A:.*]] = math.absf %[[N]]
// CHECK: %[[NEAR:.*]] = arith.cmpf olt, %[[A]], %[[FAR]]
// CHECK: %[[OFF:.*]] = arith.mulf %[[N]], %[[MINUS]]
// CHECK: %[[B:.*]] = arith.select %[[NEAR]], %[[OFF]], %[[ZERO]]
// CHECK: %[[E:.*]] = math.fma %[[Y]], %[[BOTH]], %[[B]]
// CHECK: math.exp2 %[[E]]
// CHECK-NOT: arith.subf
// CHECK: return
func.func @weights() attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %f = arith.constant 0.25 : f32
    %z = arith.mulf %x, %f : f32
    %d = arith.subf %z, %y : f32
    %c = arith.constant 1.5 : f32
    %e = arith.mulf %d, %c : f32
    %w = math.exp2 %e : f32
    attn.yield %w : f32
  } outs(%s) : (memref<8x16xf32>, memref<16xf32>) -> memref<8x16xf32>
  return
}

// -----

// A maximum that is read once more, and one of every point, are maps like others.
// CHECK-LABEL: func.func @others
// CHECK-NOT: nvvm.vote.sync
// CHECK: return
func.func @others() attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %t = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    %z = arith.addf %w, %y : f32
    attn.yield %z : f32
  } outs(%s) : (memref<8x16xf32>, memref<16xf32>) -> memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %t[n0,m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (memref<8x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}

// -----

// Whether rows are finite: 64 threads multiply 16 bytes each of 32 rows with 0, and learn
// together if a sum of any is no longer 0.
// CHECK-LABEL: func.func @finite
// CHECK-DAG: %[[NONE:.*]] = arith.constant dense<0.000000e+00> : vector<2xbf16>
// CHECK-DAG: %[[BITS:.*]] = arith.constant 0 : i32
// CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7FC00000 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[FOUND:.*]] = memref.alloca() : memref<f32>
// CHECK: %[[PAIRS:.*]] = llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK: %[[PAIR:.*]] = llvm.extractelement %[[PAIRS]]
// CHECK: %[[X:.*]] = llvm.bitcast %[[PAIR]] : i32 to vector<2xbf16>
// CHECK: %[[S0:.*]] = llvm.intr.fma(%[[X]], %[[NONE]], %[[NONE]]) : (vector<2xbf16>
// CHECK-COUNT-3: llvm.intr.fma(%{{.*}}, %[[NONE]], %[[NONE]])
// CHECK-NOT: llvm.load
// CHECK: %[[B0:.*]] = llvm.bitcast %[[S0]] : vector<2xbf16> to i32
// CHECK: arith.ori %[[B0]], %{{.*}}
// CHECK: %[[IS:.*]] = arith.cmpi ne, %{{.*}}, %[[BITS]]
// CHECK: arith.extui %[[IS]]
// CHECK: %[[ANY:.*]] = nvvm.barrier
// CHECK-SAME: <or>
// CHECK: %[[VOTE:.*]] = nvvm.vote.sync any
// CHECK: %[[SUM:.*]] = arith.select %[[VOTE]], %[[NAN]], %[[ZERO]] : f32
// CHECK: memref.store %[[SUM]], %[[FOUND]][]
// Pieces that threads do not share out evenly are a loop.
// CHECK-LABEL: func.func @half
// CHECK: scf.for {{.*}} iter_args(%[[SUM:.*]] = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}})
// CHECK: llvm.load
// CHECK: llvm.intr.fma(%{{.*}}, %{{.*}}, %[[SUM]]) : (vector<2xf16>
// CHECK: nvvm.barrier
func.func @finite(%w: memref<?xi8>) -> f32 attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 64 : i64} {
  %c0 = arith.constant 0 : index
  %found = memref.alloca() {attn.layout = "uniform"} : memref<f32>
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<32x24xbf16>
  %rows = memref.subview %padded[0, 0] [32, 16] [1, 1] : memref<32x24xbf16> to memref<32x16xbf16, strided<[24, 1]>>
  attn.tile_einsum [] = map(%rows[n0,f]) {
  ^bb0(%x: f32):
    %zero = arith.constant 0.0 : f32
    %y = arith.mulf %x, %zero : f32
    attn.yield %y : f32
  } reduce add(n0,f) outs(%found) : (memref<32x16xbf16, strided<[24, 1]>>) -> memref<f32>
  %sum = memref.load %found[] : memref<f32>
  return %sum : f32
}
func.func @half(%w: memref<?xi8>) -> f32 attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 128 : i64} {
  %c0 = arith.constant 0 : index
  %found = memref.alloca() {attn.layout = "uniform"} : memref<f32>
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf16>
  %rows = memref.subview %padded[0, 0] [16, 8] [1, 1] : memref<16x16xf16> to memref<16x8xf16, strided<[16, 1]>>
  attn.tile_einsum [] = map(%rows[n0,f]) {
  ^bb0(%x: f32):
    %zero = arith.constant 0.0 : f32
    %y = arith.mulf %x, %zero : f32
    attn.yield %y : f32
  } reduce add(n0,f) outs(%found) : (memref<16x8xf16, strided<[16, 1]>>) -> memref<f32>
  %sum = memref.load %found[] : memref<f32>
  return %sum : f32
}
