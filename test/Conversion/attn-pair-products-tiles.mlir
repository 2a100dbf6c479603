// RUN: attn-opt %s --attn-pair-products="tiles=true" -split-input-file -verify-diagnostics | FileCheck %s

// Whole tiles of 16 rows and 16 pairs: steps of any length are filled up.
// CHECK-LABEL: func.func @step_run0
// Queries have 24 features, 12 pairs: four of zeros make a tile of them.
// CHECK: %[[Q:.*]] = memref.view %{{.*}}[%c0][] : memref<?xi8> to memref<16x16x2xbf16>
// CHECK: %[[SOME:.*]] = memref.subview %[[Q]][0, 0, 0] [12, 16, 2]
// CHECK: attn.tile_einsum [e_pair,m,e_place] = %{{.*}}[m,e_pair*2+e_place] outs(%[[SOME]]) clamp [m]
// CHECK: %[[REST:.*]] = memref.subview %[[Q]][12, 0, 0] [4, 16, 2]
// CHECK: attn.tile_einsum [e_pair,m,e_place] = map() {
// CHECK: outs(%[[REST]])
// So are features of keys. Rows that the step lacks hold what was there.
// CHECK: %[[K:.*]] = memref.view %{{.*}}[%{{.*}}][] : memref<?xi8> to memref<48x32xbf16>
// CHECK: %[[ROWS:.*]] = memref.subview %[[K]][0, 0] [%[[N:.*]], 24]
// CHECK: attn.tile_einsum [n0,e] = %{{.*}}[n0,e] outs(%[[ROWS]])
// CHECK: memref.subview %[[K]][0, 24] [%[[N]], 8]
// CHECK: arith.constant 15 : index
// CHECK: %[[MORE:.*]] = arith.addi %[[N]], %{{.*}} : index
// CHECK: %[[TILES:.*]] = arith.divui %[[MORE]], %{{.*}} : index
// CHECK: %[[ALL:.*]] = arith.muli %[[TILES]], %{{.*}} : index
// CHECK: %[[KEYS:.*]] = memref.subview %[[K]][0, 0] [%[[ALL]], 32]
// CHECK: %[[SCORES:.*]] = memref.subview %{{.*}}[0, 0] [%{{.*}}, 16] [1, 1] : memref<48x16xf32>
// CHECK: attn.tile_einsum [n0,m] = mul(%[[Q]][e_pair,m,e_place], %[[KEYS]][n0,e_pair*2+e_place]) reduce add(e_pair,e_place) outs(%[[SCORES]]) {attn.matrix_tiles, attn.pairs = "e_place"}
// Weights: the first row of a pair first.
// CHECK: attn.tile_einsum [n0_pair,m,n0_place] = %{{.*}}[n0_pair*2+n0_place,m] outs(%{{.*}}) {attn.last_reader}
// CHECK: scf.if
// CHECK: attn.tile_einsum [n0_pair,m,n0_place] = map() {
// Values are columns: the last row is repeated, and then cleared.
// CHECK: %[[V:.*]] = memref.view %{{.*}}[%{{.*}}][] : memref<?xi8> to memref<16x64xbf16>
// CHECK: %[[COPIED:.*]] = memref.subview %[[V]][0, 0] [16, %{{.*}}]
// CHECK: attn.tile_einsum [f,n0] = %{{.*}}[n0,f] outs(%[[COPIED]]) clamp [n0] {attn.matrix_tiles}
// CHECK: %[[SHORT:.*]] = arith.cmpi ne, %[[N]], %{{.*}} : index
// CHECK: scf.if %[[SHORT]] {
// CHECK: %[[TAIL:.*]] = memref.subview %[[V]][0, %[[N]]] [16, %{{.*}}]
// CHECK: attn.tile_einsum [f,n0] = map() {
// CHECK: outs(%[[TAIL]])
// CHECK: %[[VALUES:.*]] = memref.subview %[[V]][0, 0] [16, %{{.*}}]
// CHECK: attn.tile_einsum [f,m] = mul(%{{.*}}[n0_pair,m,n0_place], %[[VALUES]][f,n0_pair*2+n0_place]) reduce add(n0_pair,n0_place) outs(%{{.*}}) accumulate {attn.matrix_tiles, attn.pairs = "n0_place"}
// A masked product is that of finite values and, one by one, that of the others.
// CHECK: %[[FINITE:.*]] = memref.subview %{{.*}}[0, 0] [16, %{{.*}}]
// CHECK: attn.tile_einsum [f,n0] = map(%[[VALUES]][f,n0]) {
// CHECK: %[[TEST:.*]] = math.isfinite %[[X:.*]] : f32
// CHECK: arith.select %[[TEST]], %[[X]], %{{.*}}
// CHECK: outs(%[[FINITE]])
// CHECK: attn.tile_einsum [f,m] = mul(%{{.*}}, %[[FINITE]][f,n0_pair*2+n0_place]) reduce add(n0_pair,n0_place) outs(%{{.*}}) accumulate {attn.matrix_tiles
// CHECK: attn.tile_einsum [f,m] = map(%{{.*}}, %[[VALUES]][f,n0_pair*2+n0_place]) {
// CHECK: arith.select %{{.*}}, %[[NONE:.*]], %[[Y:.*]] : f32
// CHECK: arith.mulf
// CHECK: accumulate {attn.pairs = "n0_place"}
// CHECK-NOT: matrix_tiles
// CHECK-LABEL: func.func @step_worker
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @step_run0(%q: memref<?x24xbf16>, %k: memref<?x24xbf16>, %v: memref<?x16xbf16>, %n: index, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %bytes = arith.constant 32768 : i64
  %all = llvm.insertvalue %bytes, %with[3, 0] : !descriptor
  %w = builtin.unrealized_conversion_cast %all : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c8192 = arith.constant 8192 : index
  %c12288 = arith.constant 12288 : index
  %c16384 = arith.constant 16384 : index
  %c17408 = arith.constant 17408 : index
  %qt = memref.view %w[%c0][] : memref<?xi8> to memref<24x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%qt) clamp [m] : (memref<?x24xbf16>) -> memref<24x16xf32>
  %st = memref.view %w[%c2048][] : memref<?xi8> to memref<48x16xf32>
  %s = memref.subview %st[0, 0] [%n, 16] [1, 1] : memref<48x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  %kt = memref.view %w[%c8192][] : memref<?xi8> to memref<48x24xf32>
  %kp = memref.subview %kt[0, 0] [%n, 24] [1, 1] : memref<48x24xf32> to memref<?x24xf32, strided<[24, 1]>>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%kp) : (memref<?x24xbf16>) -> memref<?x24xf32, strided<[24, 1]>>
  attn.tile_einsum [n0,m] = mul(%qt[e,m], %kp[n0,e]) reduce add(e) outs(%s) : (memref<24x16xf32>, memref<?x24xf32, strided<[24, 1]>>) -> memref<?x16xf32, strided<[16, 1]>>
  %max = memref.view %w[%c16384][] : memref<?xi8> to memref<16xf32>
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (memref<?x16xf32, strided<[16, 1]>>) -> memref<16xf32>
  attn.tile_einsum [n0,m] = sub(%s[n0,m], %max[m]) outs(%s) : (memref<?x16xf32, strided<[16, 1]>>, memref<16xf32>) -> memref<?x16xf32, strided<[16, 1]>>
  %vt = memref.view %w[%c12288][] : memref<?xi8> to memref<48x16xf32>
  %vp = memref.subview %vt[0, 0] [%n, 16] [1, 1] : memref<48x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%vp) : (memref<?x16xbf16>) -> memref<?x16xf32, strided<[16, 1]>>
  %o = memref.view %w[%c17408][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [f,m] = mul(%s[n0,m], %vp[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<?x16xf32, strided<[16, 1]>>, memref<?x16xf32, strided<[16, 1]>>) -> memref<16x16xf32>
  attn.tile_einsum [f,m] = map(%s[n0,m], %vp[n0,f]) {
  ^bb0(%x: f32, %y: f32):
    %product = arith.mulf %x, %y : f32
    %row = attn.index n0 : index
    %live = arith.cmpi ult, %row, %c1024 : index
    %zero = arith.constant 0.0 : f32
    %masked = arith.select %live, %product, %zero : f32
    attn.yield %masked : f32
  } reduce add(n0) outs(%o) accumulate : (memref<?x16xf32, strided<[16, 1]>>, memref<?x16xf32, strided<[16, 1]>>) -> memref<16x16xf32>
  return
}
func.func @step_worker() -> i64 {
  %bytes = arith.constant 32768 : i64
  return %bytes : i64
}

// -----

// Columns that fill no tile, and lanes: both stay in f32.
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @columns_run0(%q: memref<16x16xbf16>, %k: memref<24x16xbf16>, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %w = builtin.unrealized_conversion_cast %with : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c4096 = arith.constant 4096 : index
  %qt = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%qt) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %kt = memref.view %w[%c1024][] : memref<?xi8> to memref<24x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%kt) : (memref<24x16xbf16>) -> memref<24x16xf32>
  %s = memref.view %w[%c4096][] : memref<?xi8> to memref<24x16xf32>
  // expected-remark@below {{multiplies in f32, not in pairs of bf16: its columns fill no matrix tiles}}
  attn.tile_einsum [n0,m] = mul(%qt[e,m], %kt[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<24x16xf32>) -> memref<24x16xf32>
  return
}
func.func @columns_worker() -> i64 {
  %bytes = arith.constant 6144 : i64
  return %bytes : i64
}

// -----

// Nothing but the product reads these weights.
// CHECK-LABEL: func.func @alone_run0
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK: attn.tile_einsum [n0_pair,m,n0_place] = %{{.*}} {attn.last_reader}
// CHECK: {attn.matrix_tiles, attn.pairs = "n0_place"}
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @alone_run0(%x: memref<32x16xf32>, %v: memref<32x16xbf16>, %n: index, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %w = builtin.unrealized_conversion_cast %with : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c5120 = arith.constant 5120 : index
  %in = memref.view %w[%c0][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = %x[n0,m] outs(%in) : (memref<32x16xf32>) -> memref<32x16xf32>
  %p = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%in[n0,m], %in[n0,m]) outs(%p) : (memref<32x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  %vt = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%vt) : (memref<32x16xbf16>) -> memref<32x16xf32>
  %o = memref.view %w[%c5120][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [f,m] = mul(%p[n0,m], %vt[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<32x16xf32>, memref<32x16xf32>) -> memref<16x16xf32>
  return
}
func.func @alone_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// These have another reader.
// CHECK-LABEL: func.func @shared_run0
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK: attn.tile_einsum [n0_pair,m,n0_place]
// CHECK-NOT: attn.last_reader
// CHECK: attn.tile_einsum [m] = %{{.*}}[n0,m] reduce max(n0)
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @shared_run0(%x: memref<32x16xf32>, %v: memref<32x16xbf16>, %n: index, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %w = builtin.unrealized_conversion_cast %with : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c5120 = arith.constant 5120 : index
  %in = memref.view %w[%c0][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = %x[n0,m] outs(%in) : (memref<32x16xf32>) -> memref<32x16xf32>
  %p = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%in[n0,m], %in[n0,m]) outs(%p) : (memref<32x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  %vt = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%vt) : (memref<32x16xbf16>) -> memref<32x16xf32>
  %o = memref.view %w[%c5120][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [f,m] = mul(%p[n0,m], %vt[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<32x16xf32>, memref<32x16xf32>) -> memref<16x16xf32>
  %max = memref.view %w[%c0][] : memref<?xi8> to memref<16xf32>
  attn.tile_einsum [m] = %p[n0,m] reduce max(n0) outs(%max) : (memref<32x16xf32>) -> memref<16xf32>
  return
}
func.func @shared_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// These are not complete before a part of them is changed.
// CHECK-LABEL: func.func @changed_run0
// CHECK: attn.tile_einsum [n0,m] = map(%[[PART:.*]][n0,m]) {
// CHECK: outs(%[[PART]])
// CHECK: attn.tile_einsum [n0_pair,m,n0_place]
// CHECK-NOT: attn.last_reader
// CHECK: {attn.matrix_tiles, attn.pairs = "n0_place"}
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @changed_run0(%x: memref<32x16xf32>, %v: memref<32x16xbf16>, %n: index, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %w = builtin.unrealized_conversion_cast %with : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c5120 = arith.constant 5120 : index
  %in = memref.view %w[%c0][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = %x[n0,m] outs(%in) : (memref<32x16xf32>) -> memref<32x16xf32>
  %p = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%in[n0,m], %in[n0,m]) outs(%p) : (memref<32x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  %part = memref.subview %p[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,m] = map(%part[n0,m]) {
  ^bb0(%y: f32):
    %zero = arith.constant 0.0 : f32
    attn.yield %zero : f32
  } outs(%part) : (memref<?x16xf32, strided<[16, 1]>>) -> memref<?x16xf32, strided<[16, 1]>>
  %vt = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%vt) : (memref<32x16xbf16>) -> memref<32x16xf32>
  %o = memref.view %w[%c5120][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [f,m] = mul(%p[n0,m], %vt[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<32x16xf32>, memref<32x16xf32>) -> memref<16x16xf32>
  return
}
func.func @changed_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}
