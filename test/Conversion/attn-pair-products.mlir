// RUN: attn-opt %s --attn-pair-products -split-input-file -verify-diagnostics | FileCheck %s

// Scores of a copy with a factor that is no power of two, and weights from them.
// CHECK-LABEL: func.func @step_run0
// What weights are rounded to lies behind the scratch, which grows by it.
// CHECK: %[[BYTES:.*]] = arith.constant 16384 : i64
// CHECK: llvm.insertvalue %[[BYTES]], %{{.*}}[3, 0]
// Queries keep their bits in pairs of features, in the place of the copy.
// CHECK: %[[Q:.*]] = memref.view %{{.*}}[%c0][] : memref<?xi8> to memref<8x16x2xbf16>
// CHECK: attn.tile_einsum [e_pair,m,e_place] = %{{.*}}[m,e_pair*2+e_place] outs(%[[Q]]) clamp [m] : (memref<?x16xbf16>)
// CHECK: %[[S:.*]] = memref.subview %{{.*}}[0, 0] [%{{.*}}, 16] [1, 1]
// Keys are read where they lie.
// CHECK-NOT: attn.tile_einsum [n0,e]
// CHECK: attn.tile_einsum [n0,m] = mul(%[[Q]][e_pair,m,e_place], %arg1[n0,e_pair*2+e_place]) reduce add(e_pair,e_place) outs(%[[S]]) {attn.pairs = "e_place"}
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%[[S]][n0,m]) {
// CHECK: arith.constant 3.000000e-01 : f32
// CHECK: outs(%[[S]])
// CHECK: attn.tile_einsum [n0,m] = sub(%[[S]][n0,m], %{{.*}}[m]) outs(%[[S]])
// Weights are rounded right behind what computes them, which nothing else reads:
// rows in pairs, the second first; what the last pair lacks is 0.
// CHECK: %[[W:.*]] = memref.view %{{.*}}[%c15360][] : memref<?xi8> to memref<16x16x2xbf16>
// CHECK: attn.tile_einsum [n0_pair,m,n0_place] = %[[S]][n0_pair*2+n0_place*(-1)+1,m] outs(%{{.*}}) {attn.last_reader}
// CHECK: scf.if
// CHECK: %[[PAIR:.*]] = memref.subview %[[W]][%{{.*}}, 0, 0] [1, 16, 2]
// CHECK: %[[ROW:.*]] = memref.subview %[[S]][%{{.*}}, 0] [1, 16]
// CHECK: attn.tile_einsum [m,n0_place] = map(%[[ROW]][0,m]) {
// CHECK: %[[PLACE:.*]] = attn.index n0_place
// CHECK: arith.cmpi eq, %[[PLACE]], %c1
// CHECK: outs(%[[PAIR]])
// CHECK: %[[WEIGHTS:.*]] = memref.subview %[[W]][0, 0, 0] [%{{.*}}, 16, 2]
// Values, too.
// CHECK: %[[V:.*]] = memref.view %{{.*}}[%c4096][] : memref<?xi8> to memref<16x8x2xbf16>
// CHECK: attn.tile_einsum [n0_pair,f,n0_place] = %{{.*}}[n0_pair*2+n0_place*(-1)+1,f] outs(%{{.*}}) : (memref<?x8xbf16>)
// CHECK: %[[VALUES:.*]] = memref.subview %[[V]][0, 0, 0] [%{{.*}}, 8, 2]
// Another reader of the values' copy reads the tensor.
// CHECK: attn.tile_einsum [f] = %{{.*}}[n0,f] reduce add(n0) outs(%{{.*}}) : (memref<?x8xbf16>) -> memref<8xf32>
// CHECK: attn.tile_einsum [f,m] = mul(%[[WEIGHTS]][n0_pair,m,n0_place], %[[VALUES]][n0_pair,f,n0_place]) reduce add(n0_pair,n0_place) outs(%{{.*}}) accumulate {attn.pairs = "n0_place"}
// A mask reads the number of the row.
// CHECK: attn.tile_einsum [f,m] = map(%{{.*}}[n0_pair,m,n0_place], %[[VALUES]][n0_pair,f,n0_place]) {
// CHECK-DAG: %[[PAIR:.*]] = attn.index n0_pair
// CHECK-DAG: %[[PLACE:.*]] = attn.index n0_place
// CHECK: %[[FIRST:.*]] = arith.muli %[[PAIR]], %{{.*}}
// CHECK: %[[WITHIN:.*]] = arith.subi %{{.*}}, %[[PLACE]]
// CHECK: %[[NUMBER:.*]] = arith.addi %[[FIRST]], %[[WITHIN]]
// CHECK: arith.cmpi ult, %[[NUMBER]], %{{.*}}
// CHECK: {attn.pairs = "n0_place"}
// CHECK-LABEL: func.func @step_worker
// CHECK: %[[SIZE:.*]] = arith.constant 16384 : i64
// CHECK: return %[[SIZE]] : i64
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @step_run0(%q: memref<?x16xbf16>, %k: memref<?x16xbf16>, %v: memref<?x8xbf16>, %n: index, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %bytes = arith.constant 15360 : i64
  %all = llvm.insertvalue %bytes, %with[3, 0] : !descriptor
  %w = builtin.unrealized_conversion_cast %all : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c5120 = arith.constant 5120 : index
  %c7168 = arith.constant 7168 : index
  %c7232 = arith.constant 7232 : index
  %c7744 = arith.constant 7744 : index
  %qt = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = map(%q[m,e]) {
  ^bb0(%x: f32):
    %factor = arith.constant 0.3 : f32
    %y = arith.mulf %x, %factor : f32
    attn.yield %y : f32
  } outs(%qt) clamp [m] : (memref<?x16xbf16>) -> memref<16x16xf32>
  %st = memref.view %w[%c5120][] : memref<?xi8> to memref<32x16xf32>
  %s = memref.subview %st[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  %kt = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
  %kp = memref.subview %kt[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%kp) : (memref<?x16xbf16>) -> memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,m] = mul(%qt[e,m], %kp[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<?x16xf32, strided<[16, 1]>>) -> memref<?x16xf32, strided<[16, 1]>>
  %max = memref.view %w[%c7168][] : memref<?xi8> to memref<16xf32>
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (memref<?x16xf32, strided<[16, 1]>>) -> memref<16xf32>
  attn.tile_einsum [n0,m] = sub(%s[n0,m], %max[m]) outs(%s) : (memref<?x16xf32, strided<[16, 1]>>, memref<16xf32>) -> memref<?x16xf32, strided<[16, 1]>>
  %vt = memref.view %w[%c4096][] : memref<?xi8> to memref<32x8xf32>
  %vp = memref.subview %vt[0, 0] [%n, 8] [1, 1] : memref<32x8xf32> to memref<?x8xf32, strided<[8, 1]>>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%vp) : (memref<?x8xbf16>) -> memref<?x8xf32, strided<[8, 1]>>
  %test = memref.view %w[%c7744][] : memref<?xi8> to memref<8xf32>
  attn.tile_einsum [f] = %vp[n0,f] reduce add(n0) outs(%test) : (memref<?x8xf32, strided<[8, 1]>>) -> memref<8xf32>
  %o = memref.view %w[%c7232][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [f,m] = mul(%s[n0,m], %vp[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<?x16xf32, strided<[16, 1]>>, memref<?x8xf32, strided<[8, 1]>>) -> memref<8x16xf32>
  attn.tile_einsum [f,m] = map(%s[n0,m], %vp[n0,f]) {
  ^bb0(%x: f32, %y: f32):
    %product = arith.mulf %x, %y : f32
    %row = attn.index n0 : index
    %live = arith.cmpi ult, %row, %c1024 : index
    %zero = arith.constant 0.0 : f32
    %masked = arith.select %live, %product, %zero : f32
    attn.yield %masked : f32
  } reduce add(n0) outs(%o) accumulate : (memref<?x16xf32, strided<[16, 1]>>, memref<?x8xf32, strided<[8, 1]>>) -> memref<8x16xf32>
  return
}
func.func @step_worker() -> i64 {
  %bytes = arith.constant 15360 : i64
  return %bytes : i64
}

// -----

// A factor that is a power of two stays with the copy: it takes no bit. Nothing is
// left to do behind the sum, which may then add to another.
// CHECK-LABEL: func.func @power_run0
// CHECK: attn.tile_einsum [e_pair,m,e_place] = map(%{{.*}}[m,e_pair*2+e_place]) {
// CHECK: arith.constant 2.500000e-01 : f32
// CHECK: attn.tile_einsum [n0,m] = mul({{.*}}) reduce add(e_pair,e_place) outs(%{{.*}}) accumulate {attn.pairs = "e_place"}
// CHECK-NEXT: return
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @power_run0(%q: memref<16x16xbf16>, %k: memref<32x16xbf16>, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %w = builtin.unrealized_conversion_cast %with : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c4096 = arith.constant 4096 : index
  %qt = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = map(%q[m,e]) {
  ^bb0(%x: f32):
    %factor = arith.constant 0.25 : f32
    %y = arith.mulf %x, %factor : f32
    attn.yield %y : f32
  } outs(%qt) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %kt = memref.view %w[%c1024][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%kt) : (memref<32x16xbf16>) -> memref<32x16xf32>
  %s = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%qt[e,m], %kt[n0,e]) reduce add(e) outs(%s) accumulate : (memref<16x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  return
}
func.func @power_worker() -> i64 {
  %bytes = arith.constant 6144 : i64
  return %bytes : i64
}

// -----

// Another reader of the queries keeps their copy: in the tensor some of its lanes do
// not exist. Weights that are summed along the rows of a copy stay in f32.
// CHECK-LABEL: func.func @kept_run0
// CHECK: %[[Q:.*]] = memref.view %{{.*}}[%c6144{{.*}}][] : memref<?xi8> to memref<8x16x2xbf16>
// CHECK: attn.tile_einsum [e_pair,m,e_place] = %{{.*}}[m,e_pair*2+e_place] outs(%[[Q]]) clamp [m]
// CHECK: attn.tile_einsum [e,m] = %{{.*}}[m,e] outs(%[[COPY:.*]]) clamp [m]
// CHECK: attn.tile_einsum [m] = %[[COPY]][e,m] reduce add(e)
// CHECK: attn.tile_einsum [n0,m] = mul(%[[Q]][e_pair,m,e_place], {{.*}}) {attn.pairs = "e_place"}
// CHECK: attn.tile_einsum [f,m] = mul(%{{.*}}[n0,m], %{{.*}}[f,n0]) reduce add(n0)
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @kept_run0(%q: memref<?x16xbf16>, %k: memref<32x16xbf16>, %v: memref<8x32xbf16>, %sum: memref<16xf32>, %o: memref<8x16xf32>, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %w = builtin.unrealized_conversion_cast %with : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c3072 = arith.constant 3072 : index
  %c5120 = arith.constant 5120 : index
  %qt = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%qt) clamp [m] : (memref<?x16xbf16>) -> memref<16x16xf32>
  attn.tile_einsum [m] = %qt[e,m] reduce add(e) outs(%sum) : (memref<16x16xf32>) -> memref<16xf32>
  %kt = memref.view %w[%c1024][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%kt) : (memref<32x16xbf16>) -> memref<32x16xf32>
  %s = memref.view %w[%c3072][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%qt[e,m], %kt[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%s[n0,m], %s[n0,m]) outs(%s) : (memref<32x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  %vt = memref.view %w[%c5120][] : memref<?xi8> to memref<8x32xf32>
  attn.tile_einsum [f,n0] = %v[f,n0] outs(%vt) : (memref<8x32xbf16>) -> memref<8x32xf32>
  // expected-remark @below {{multiplies in f32, not in pairs of bf16: weights are summed along the rows of the other operand}}
  attn.tile_einsum [f,m] = mul(%s[n0,m], %vt[f,n0]) reduce add(n0) outs(%o) : (memref<32x16xf32>, memref<8x32xf32>) -> memref<8x16xf32>
  return
}
func.func @kept_worker() -> i64 {
  %bytes = arith.constant 6144 : i64
  return %bytes : i64
}

// -----

// Keys whose features lie apart, and keys that are looked up, have a copy: a load of
// a pair takes two neighbours, and would look its row up each time.
// CHECK-LABEL: func.func @apart_run0
// CHECK: %[[PLACE:.*]] = memref.view %{{.*}} to memref<32x16xbf16>
// CHECK: %[[COPY:.*]] = memref.subview %[[PLACE]][0, 0] [32, 16]
// CHECK: attn.tile_einsum [n0,e] = %arg1[n0,e] outs(%[[COPY]]) :
// CHECK: %[[APART:.*]] = memref.subview %[[PLACE]][0, 0] [32, 16]
// CHECK: mul(%{{.*}}[e_pair,m,e_place], %[[APART]][n0,e_pair*2+e_place])
// CHECK: %[[OTHER:.*]] = memref.view %{{.*}} to memref<32x16xbf16>
// CHECK: attn.tile_einsum [n0,e] = %arg2[%arg3[n0],e] outs(%{{.*}}) :
// CHECK: %[[FOUND:.*]] = memref.subview %[[OTHER]][0, 0] [32, 16]
// CHECK: mul(%{{.*}}[e_pair,m,e_place], %[[FOUND]][n0,e_pair*2+e_place])
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @apart_run0(%q: memref<16x16xbf16>, %k: memref<32x16xbf16, strided<[1, 32]>>, %l: memref<64x16xbf16>, %t: memref<32xi32>, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %w = builtin.unrealized_conversion_cast %with : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c3072 = arith.constant 3072 : index
  %c5120 = arith.constant 5120 : index
  %c7168 = arith.constant 7168 : index
  %qt = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%qt) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %kt = memref.view %w[%c1024][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%kt) : (memref<32x16xbf16, strided<[1, 32]>>) -> memref<32x16xf32>
  %s = memref.view %w[%c3072][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%qt[e,m], %kt[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  %lt = memref.view %w[%c5120][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,e] = %l[%t[n0],e] outs(%lt) : (memref<64x16xbf16>, memref<32xi32>) -> memref<32x16xf32>
  %r = memref.view %w[%c7168][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%qt[e,m], %lt[n0,e]) reduce add(e) outs(%r) : (memref<16x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  return
}
func.func @apart_worker() -> i64 {
  %bytes = arith.constant 9216 : i64
  return %bytes : i64
}
