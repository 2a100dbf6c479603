// RUN: attn-opt %s --attn-lower-fragments --canonicalize --cse -split-input-file | FileCheck %s

// Of a tile of 16 columns and 16 lanes a thread has columns 2 (t mod 4), the next one,
// and both 8 further, of lanes t / 4 and t / 4 + 8: two rows of four registers. Those
// that a step has not stay as they were.
// CHECK-LABEL: func.func @map
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK-DAG: %[[S:.*]] = memref.alloca() : memref<2x4xf32>
// CHECK-DAG: %[[MAX:.*]] = memref.alloca() : memref<2xf32>
// CHECK-NOT: attn.layout
// CHECK: %[[OWN:.*]] = arith.remui %{{.*}}, %c4 : index
// CHECK: %[[FIRST:.*]] = arith.muli %[[OWN]], %c2 : index
// CHECK: %[[REST:.*]] = arith.subi %[[N]], %[[FIRST]]
// CHECK: %[[IN:.*]] = arith.cmpi sgt, %[[REST]], %c0
// CHECK: %[[OLD:.*]] = memref.load %[[S]][%c0, %c0]
// CHECK: %[[LESS:.*]] = memref.load %[[MAX]][%c0]
// CHECK: %[[NEW:.*]] = arith.subf %[[OLD]], %[[LESS]]
// CHECK: %[[KEPT:.*]] = arith.select %[[IN]], %[[NEW]], %[[OLD]]
// CHECK: memref.store %[[KEPT]], %[[S]][%c0, %c0]
// CHECK: memref.load %[[MAX]][%c1]
// CHECK: memref.store %{{.*}}, %[[S]][%c1, %c0]
// CHECK: arith.cmpi sgt, %[[REST]], %c1
// CHECK: memref.store %{{.*}}, %[[S]][%c0, %c1]
// CHECK: arith.cmpi sgt, %[[REST]], %c8
// CHECK: memref.store %{{.*}}, %[[S]][%c0, %c2]
// CHECK: arith.cmpi sgt, %[[REST]], %c9
// CHECK: memref.store %{{.*}}, %[[S]][%c1, %c3]
// CHECK-NOT: memref.store
// CHECK: return
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @map(%n: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %s = memref.subview %tile[0, 0] [%n, 16] [1, 1] : memref<16x16xf32> to !part
  attn.tile_einsum [n0,m] = sub(%s[n0,m], %max[m]) outs(%s) : (!part, memref<16xf32>) -> !part
  return
}

// -----

// Columns from another one on are counted from there, and those before wrap around.
// CHECK-LABEL: func.func @later
// CHECK-SAME: %[[FROM:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index
// CHECK: %[[COLUMN:.*]] = arith.subi %{{.*}}, %[[FROM]]
// CHECK: arith.cmpi ult, %[[COLUMN]], %[[N]]
!part = memref<?x16xf32, strided<[16, 1], offset: ?>>
func.func @later(%from: index, %n: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %s = memref.subview %tile[%from, 0] [%n, 16] [1, 1] : memref<16x16xf32> to !part
  attn.tile_einsum [n0,m] = mul(%s[n0,m], %s[n0,m]) outs(%s) : (!part, !part) -> !part
  return
}

// -----

// A reduction over columns: a thread's own, from the identity on, then those of the
// threads at distances of 2 and 1, which hold the row; then what there was.
// CHECK-LABEL: func.func @reduction
// CHECK: %[[D:.*]] = memref.alloca() : memref<2xf32>
// CHECK: %[[A:.*]] = memref.load %{{.*}}[%c0, %c0] : memref<2x2xf32>
// CHECK: arith.addf %[[A]], %cst
// CHECK: memref.load %{{.*}}[%c1, %c0]
// CHECK: memref.load %{{.*}}[%c0, %c1]
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: memref.load %{{.*}}[%c1, %c1]
// CHECK: arith.addf
// CHECK: %[[OTHER:.*]] = nvvm.shfl.sync bfly %c-1_i32, %[[SUM]], %c2_i32, %c31_i32
// CHECK: %[[TWO:.*]] = arith.addf %[[SUM]], %[[OTHER]]
// CHECK: %[[NEXT:.*]] = nvvm.shfl.sync bfly %c-1_i32, %[[TWO]], %c1_i32, %c31_i32
// CHECK: %[[ALL:.*]] = arith.addf %[[TWO]], %[[NEXT]]
// CHECK: %[[OLD:.*]] = memref.load %[[D]][%c0]
// CHECK: %[[TOTAL:.*]] = arith.addf %[[OLD]], %[[ALL]]
// CHECK: memref.store %[[TOTAL]], %[[D]][%c0]
// CHECK-COUNT-2: nvvm.shfl.sync bfly
// CHECK: memref.store %{{.*}}, %[[D]][%c1]
func.func @reduction() attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [m] = %s[n0,m] reduce add(n0) outs(%d) accumulate : (memref<8x16xf32>) -> memref<16xf32>
  return
}

// -----

// A maximum over some columns leaves the others out.
// CHECK-LABEL: func.func @maximum
// CHECK: %[[IN:.*]] = arith.cmpi sgt
// CHECK: %[[X:.*]] = memref.load
// CHECK: %[[MAX:.*]] = llvm.intr.maximum(%cst, %[[X]])
// CHECK: arith.select %[[IN]], %[[MAX]], %cst
// CHECK-COUNT-4: nvvm.shfl.sync bfly
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @maximum(%n: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %s = memref.subview %tile[0, 0] [%n, 16] [1, 1] : memref<8x16xf32> to !part
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!part) -> memref<16xf32>
  return
}

// -----

// Rows times rows, 32 lanes of a warp: the right side as it lies, loaded once for the
// two groups of 16 rows, of which the second lies 16 rows of 48 bytes further.
// CHECK-LABEL: func.func @rows
// CHECK-DAG: %[[S:.*]] = memref.alloca() : memref<4x4xf32>
// CHECK: %[[UP:.*]] = nvvm.ldmatrix %[[AT:.*]] {{{.*}}layout = #nvvm.mma_layout<row>, num = 4
// CHECK: %[[A:.*]] = llvm.extractvalue %[[UP]][0]
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[AT]][768]
// CHECK: %[[DOWN:.*]] = nvvm.ldmatrix %[[NEXT]] {{{.*}}layout = #nvvm.mma_layout<row>, num = 4
// CHECK: %[[B:.*]] = llvm.extractvalue %[[DOWN]][0]
// CHECK: %[[RIGHT:.*]] = nvvm.ldmatrix %{{.*}} {{{.*}}layout = #nvvm.mma_layout<row>, num = 4
// CHECK: %[[R0:.*]] = llvm.extractvalue %[[RIGHT]][0]
// CHECK: %[[R1:.*]] = llvm.extractvalue %[[RIGHT]][1]
// CHECK: %[[R2:.*]] = llvm.extractvalue %[[RIGHT]][2]
// CHECK: %[[R3:.*]] = llvm.extractvalue %[[RIGHT]][3]
// CHECK: nvvm.mma.sync A[%[[A]], {{.*}}] B[%[[R0]], %[[R1]]] C[%cst, %cst, %cst, %cst]
// CHECK-SAME: multiplicandAPtxType = #nvvm.mma_type<bf16>
// CHECK: nvvm.mma.sync A[%[[B]], {{.*}}] B[%[[R0]], %[[R1]]]
// CHECK: nvvm.mma.sync A[%[[A]], {{.*}}] B[%[[R2]], %[[R3]]]
// CHECK: nvvm.mma.sync A[%[[B]], {{.*}}] B[%[[R2]], %[[R3]]]
// CHECK-NOT: nvvm.mma.sync
// CHECK: memref.store %{{.*}}, %[[S]][%c0, %c0]
// CHECK: memref.store %{{.*}}, %[[S]][%c2, %c0]
!rows = memref<32x16xbf16, strided<[24, 1]>>
!keys = memref<16x16xbf16, strided<[24, 1]>>
func.func @rows(%q: !rows, %o: memref<32x16xf32>, %w: memref<?xi8>) attributes {attn.lanes = "m", attn.warp_lanes = 32 : i64, attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x32xf32>
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
  %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !keys
  attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (!rows, !keys) -> memref<16x32xf32>
  attn.tile_einsum [m,n0] = %s[n0,m] outs(%o) : (memref<16x32xf32>) -> memref<32x16xf32>
  return
}

// -----

// Weights are rounded two columns to a register, those of points that do not exist to
// zeros.
// CHECK-LABEL: func.func @rounding
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[S:.*]] = memref.alloca() : memref<2x4xf32>
// CHECK-DAG: %[[P:.*]] = memref.alloca() : memref<2x2xi32>
// CHECK: %[[W0:.*]] = memref.load %[[S]][%c0, %c0]
// CHECK: %[[LOW:.*]] = arith.select %{{.*}}, %[[W0]], %[[ZERO]] : f32
// CHECK: %[[W1:.*]] = memref.load %[[S]][%c0, %c1]
// CHECK: %[[HIGH:.*]] = arith.select %{{.*}}, %[[W1]], %[[ZERO]] : f32
// CHECK: %[[PAIR:.*]] = llvm.inline_asm {{.*}}"cvt.rn.bf16x2.f32 $0, $1, $2;"{{.*}} %[[HIGH]], %[[LOW]]
// CHECK: memref.store %[[PAIR]], %[[P]][%c0, %c0]
// CHECK: memref.store %{{.*}}, %[[P]][%c1, %c0]
// CHECK: memref.load %[[S]][%c0, %c2]
// CHECK: memref.load %[[S]][%c0, %c3]
// CHECK: memref.store %{{.*}}, %[[P]][%c0, %c1]
// CHECK: memref.store %{{.*}}, %[[P]][%c1, %c1]
// CHECK-NOT: memref.store %{{.*}}, %[[P]]
// CHECK: nvvm.mma.sync
!part = memref<?x16xf32, strided<[16, 1]>>
!weights = memref<?x16xbf16, strided<[16, 1]>>
func.func @rounding(%n: index, %values: memref<16x8xbf16>, %o: memref<16x8xf32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %rounded = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xbf16>
  %s = memref.subview %tile[0, 0] [%n, 16] [1, 1] : memref<16x16xf32> to !part
  %p = memref.subview %rounded[0, 0] [%n, 16] [1, 1] : memref<16x16xbf16> to !weights
  attn.tile_einsum [n0,m] = %s[n0,m] outs(%p) : (!part) -> !weights
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  attn.tile_einsum [f,m] = mul(%p[n0,m], %values[n0,f]) reduce add(n0) outs(%sum) : (!weights, memref<16x8xbf16>) -> memref<8x16xf32>
  attn.tile_einsum [m,f] = %sum[f,m] outs(%o) : (memref<8x16xf32>) -> memref<16x8xf32>
  return
}

// -----

// Weights times columns: pairs of weights are the left side as they are; the right
// side is loaded transposed, two matrices for eight columns; and the sum goes on.
// CHECK-LABEL: func.func @columns
// CHECK-DAG: %[[P:.*]] = memref.alloca() : memref<2x2xi32>
// CHECK-DAG: %[[O:.*]] = memref.alloca() : memref<2x2xf32>
// CHECK: %[[C0:.*]] = memref.load %[[O]][%c0, %c0]
// CHECK: %[[C1:.*]] = memref.load %[[O]][%c0, %c1]
// CHECK: %[[C2:.*]] = memref.load %[[O]][%c1, %c0]
// CHECK: %[[C3:.*]] = memref.load %[[O]][%c1, %c1]
// CHECK: %[[P0:.*]] = memref.load %[[P]][%c0, %c0]
// CHECK: %[[A0:.*]] = llvm.bitcast %[[P0]] : i32 to vector<2xf16>
// CHECK: %[[P1:.*]] = memref.load %[[P]][%c1, %c0]
// CHECK: %[[A1:.*]] = llvm.bitcast %[[P1]]
// CHECK: %[[P2:.*]] = memref.load %[[P]][%c0, %c1]
// CHECK: %[[A2:.*]] = llvm.bitcast %[[P2]]
// CHECK: %[[P3:.*]] = memref.load %[[P]][%c1, %c1]
// CHECK: %[[A3:.*]] = llvm.bitcast %[[P3]]
// CHECK: nvvm.ldmatrix %{{.*}} {{{.*}}layout = #nvvm.mma_layout<col>, num = 2
// CHECK: nvvm.mma.sync A[%[[A0]], %[[A1]], %[[A2]], %[[A3]]] B[%{{.*}}, %{{.*}}] C[%[[C0]], %[[C1]], %[[C2]], %[[C3]]]
// CHECK: memref.store %{{.*}}, %[[O]][%c1, %c1]
!weights = memref<?x16xf16, strided<[16, 1]>>
!values = memref<?x8xf16, strided<[16, 1]>>
func.func @columns(%n: index, %w: memref<?xi8>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %rounded = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf16>
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %p = memref.subview %rounded[0, 0] [%n, 16] [1, 1] : memref<16x16xf16> to !weights
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf16>
  %values = memref.subview %padded[0, 0] [%n, 8] [1, 1] : memref<16x16xf16> to !values
  attn.tile_einsum [f,m] = mul(%p[n0,m], %values[n0,f]) reduce add(n0) outs(%sum) accumulate : (!weights, !values) -> memref<8x16xf32>
  return
}

// -----

// Products that a mask drops are summed point by point: a loop, in which the thread
// that holds a pair of weights hands it to the three others of the row.
// CHECK-LABEL: func.func @masked
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK-DAG: %[[P:.*]] = memref.alloca() : memref<2x2xi32>
// CHECK-DAG: %[[O:.*]] = memref.alloca() : memref<2x2xf32>
// CHECK: scf.for %[[I:.*]] = %c0 to %[[N]] step %c1 {
// CHECK: %[[IN:.*]] = arith.remui %[[I]], %c8
// CHECK: %[[HOLDER:.*]] = arith.divui %[[IN]], %c2
// CHECK: %[[THREAD:.*]] = arith.index_cast %[[HOLDER]]
// CHECK: %[[NUMBER:.*]] = arith.divui %[[I]], %c8
// CHECK: %[[ODD:.*]] = arith.remui %[[IN]], %c2
// CHECK: %[[UPPER:.*]] = arith.cmpi ne, %[[ODD]], %c0
// CHECK: %[[FIRST:.*]] = memref.load %[[P]][%c0, %c0]
// CHECK: %[[IT:.*]] = arith.cmpi eq, %[[NUMBER]], %c1
// CHECK: %[[SECOND:.*]] = memref.load %[[P]][%c0, %c1]
// CHECK: %[[PAIR:.*]] = arith.select %[[IT]], %[[SECOND]], %[[FIRST]]
// CHECK: %[[SHARED:.*]] = nvvm.shfl.sync idx %c-1_i32, %[[PAIR]], %[[THREAD]], %c7199_i32
// CHECK: %[[HIGH:.*]] = arith.shrui %[[SHARED]], %c16_i32
// CHECK: %[[HALF:.*]] = arith.select %[[UPPER]], %[[HIGH]], %[[SHARED]]
// CHECK: %[[BITS:.*]] = arith.trunci %[[HALF]] : i32 to i16
// CHECK: %[[ROUNDED:.*]] = arith.bitcast %[[BITS]] : i16 to f16
// CHECK: %[[WEIGHT:.*]] = arith.extf %[[ROUNDED]]
// CHECK: memref.load %{{.*}}[%[[I]], %{{.*}}] : memref<?x8xf16,
// CHECK: %[[OLD:.*]] = memref.load %[[O]][%c0, %c0]
// CHECK: %[[LIVE:.*]] = arith.cmpi uge, %{{.*}}, %[[I]]
// CHECK: %[[NEW:.*]] = math.fma %[[WEIGHT]], %{{.*}}, %[[OLD]]
// CHECK: arith.select %[[LIVE]], %[[NEW]], %[[OLD]]
// CHECK: memref.store %{{.*}}, %[[O]][%c0, %c0]
// CHECK: nvvm.shfl.sync idx
// CHECK: memref.store %{{.*}}, %[[O]][%c1, %c1]
// CHECK-NOT: nvvm.mma.sync
// CHECK: return
!weights = memref<?x16xf16, strided<[16, 1]>>
!values = memref<?x8xf16, strided<[16, 1]>>
func.func @masked(%n: index, %w: memref<?xi8>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rounded = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf16>
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %p = memref.subview %rounded[0, 0] [%n, 16] [1, 1] : memref<16x16xf16> to !weights
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf16>
  %values = memref.subview %padded[0, 0] [%n, 8] [1, 1] : memref<16x16xf16> to !values
  attn.tile_einsum [f,m] = map(%p[n0,m], %values[n0,f]) {
  ^bb0(%x: f32, %y: f32):
    %q = arith.mulf %x, %y : f32
    %i = attn.index m : index
    %j = attn.index n0 : index
    %live = arith.cmpi uge, %i, %j : index
    %z = arith.select %live, %q, %zero : f32
    attn.yield %z : f32
  } reduce add(n0) outs(%sum) accumulate : (!weights, !values) -> memref<8x16xf32>
  return
}

// -----

// What a mask reads beside the product is loaded once for a row, or is a number of it.
// CHECK-LABEL: func.func @tested
// CHECK-SAME: %[[DATA:[a-z0-9]+]]: memref<16x?xi8>
// CHECK-DAG: %[[R:.*]] = memref.alloca() : memref<2xf32>
// CHECK-DAG: %[[O:.*]] = memref.alloca() : memref<2x2xf32>
// CHECK: scf.for %[[I:.*]] = %c0
// CHECK: nvvm.shfl.sync idx
// CHECK: memref.load %[[DATA]][%{{.*}}, %[[I]]]
// CHECK: memref.load %[[R]][%c0]
// CHECK: memref.store %{{.*}}, %[[O]][%c0, %c0]
// CHECK-NOT: memref.load %[[DATA]]
// CHECK: memref.store %{{.*}}, %[[O]][%c0, %c1]
// CHECK: memref.load %[[DATA]][%{{.*}}, %[[I]]]
// CHECK: memref.load %[[R]][%c1]
// CHECK: memref.store %{{.*}}, %[[O]][%c1, %c1]
!weights = memref<?x16xf16, strided<[16, 1]>>
!values = memref<?x8xf16, strided<[16, 1]>>
func.func @tested(%data: memref<16x?xi8>, %n: index, %w: memref<?xi8>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0 : i8
  %rounded = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf16>
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %row = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %p = memref.subview %rounded[0, 0] [%n, 16] [1, 1] : memref<16x16xf16> to !weights
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf16>
  %values = memref.subview %padded[0, 0] [%n, 8] [1, 1] : memref<16x16xf16> to !values
  attn.tile_einsum [f,m] = map(%p[n0,m], %values[n0,f], %data[m,n0], %row[m]) {
  ^bb0(%x: f32, %y: f32, %d: i8, %r: f32):
    %q = arith.mulf %x, %y : f32
    %is = arith.cmpi ne, %d, %none : i8
    %has = arith.cmpf ogt, %r, %zero : f32
    %live = arith.andi %is, %has : i1
    %z = arith.select %live, %q, %zero : f32
    attn.yield %z : f32
  } reduce add(n0) outs(%sum) accumulate : (!weights, !values, memref<16x?xi8>, memref<16xf32>) -> memref<8x16xf32>
  return
}

// -----

// What no thread holds is reduced by each for itself: a loop, for columns and for rows.
// CHECK-LABEL: func.func @apart
// CHECK-SAME: %[[V:[a-z0-9]+]]: memref<?x8xf16>, %[[T:[a-z0-9]+]]: memref<16x4xf32>
// CHECK-DAG: %[[O:.*]] = memref.alloca() : memref<2x2xf32>
// CHECK-DAG: %[[R:.*]] = memref.alloca() : memref<2xf32>
// CHECK: memref.store %cst{{.*}}, %[[O]][%c0, %c0]
// CHECK: %[[N:.*]] = memref.dim %[[V]], %c0
// CHECK: scf.for %[[I:.*]] = %c0{{.*}} to %[[N]]
// CHECK: memref.load %[[V]][%[[I]], %{{.*}}]
// CHECK: memref.store %{{.*}}, %[[O]][%c1, %c1]
// CHECK: memref.store %{{.*}}, %[[R]][%c0]
// CHECK: memref.store %{{.*}}, %[[R]][%c1]
// CHECK: scf.for %[[J:.*]] = %c0{{.*}} to %c4
// CHECK: memref.load %[[T]][%{{.*}}, %[[J]]]
// CHECK: llvm.intr.maximum
// CHECK-NOT: nvvm.shfl
// CHECK: return
func.func @apart(%v: memref<?x8xf16>, %t: memref<16x4xf32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %row = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [f,m] = %v[n0,f] reduce add(n0) outs(%sum) : (memref<?x8xf16>) -> memref<8x16xf32>
  attn.tile_einsum [m] = %t[m,j] reduce max(j) outs(%row) : (memref<16x4xf32>) -> memref<16xf32>
  return
}

// -----

// A loop over the lanes: each thread does the rows that it holds, if the item has them,
// and of the four threads of a row one stores its number.
// CHECK-LABEL: func.func @row_loop
// CHECK-SAME: %[[O:[a-z0-9]+]]: memref<?x8xbf16>, %[[L:[a-z0-9]+]]: memref<?xf32>, %[[T:[a-z0-9]+]]: memref<16xindex>, %[[N:[a-z0-9]+]]: index
// CHECK-DAG: %[[S:.*]] = memref.alloca() : memref<2x2xf32>
// CHECK-DAG: %[[D:.*]] = memref.alloca() : memref<2xf32>
// CHECK: %[[HAS:.*]] = arith.cmpi ult, %[[LANE:.*]], %[[N]]
// CHECK: scf.if %[[HAS]] {
// CHECK: %[[TOKEN:.*]] = memref.load %[[T]][%[[LANE]]]
// CHECK: %[[ROW:.*]] = memref.subview %[[O]][%[[TOKEN]], 0] [1, 8]
// CHECK: memref.extract_strided_metadata %[[ROW]]
// CHECK: memref.load %[[S]][%c0, %c0]
// CHECK: memref.load %[[D]][%c0]
// CHECK: memref.load %[[S]][%c0, %c1]
// CHECK: llvm.store
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK: scf.if %[[FIRST]] {
// CHECK: memref.load %[[D]][%c0]
// CHECK: memref.store
// CHECK: %[[HASBELOW:.*]] = arith.cmpi ult, %{{.*}}, %[[N]]
// CHECK: scf.if %[[HASBELOW]] {
// CHECK: memref.load %[[S]][%c1, %c0]
// CHECK-NOT: scf.for
func.func @row_loop(%o: memref<?x8xbf16>, %l: memref<?xf32>, %t: memref<16xindex>, %n: index) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  scf.for %lane = %c0 to %n step %c1 {
    %token = memref.load %t[%lane] : memref<16xindex>
    %to = memref.subview %o[%token, 0] [1, 8] [1, 1] : memref<?x8xbf16> to memref<8xbf16, strided<[1], offset: ?>>
    %lse = memref.subview %l[%token] [1] [1] : memref<?xf32> to memref<f32, strided<[], offset: ?>>
    %row = memref.subview %s[0, %lane] [8, 1] [1, 1] : memref<8x16xf32> to memref<8xf32, strided<[16], offset: ?>>
    %sum = memref.subview %d[%lane] [1] [1] : memref<16xf32> to memref<f32, strided<[], offset: ?>>
    attn.tile_einsum [f] = div(%row[f], %sum[]) outs(%to) : (memref<8xf32, strided<[16], offset: ?>>, memref<f32, strided<[], offset: ?>>) -> memref<8xbf16, strided<[1], offset: ?>>
    attn.tile_einsum [] = %sum[] outs(%lse) : (memref<f32, strided<[], offset: ?>>) -> memref<f32, strided<[], offset: ?>>
  } {attn.row_loop}
  return
}

// -----

// The second of two warps has lanes 16 to 31. Lanes that the output has not are not
// stored, and of the four threads of a row one stores its number.
// CHECK-LABEL: func.func @stores
// CHECK: %[[WARP:.*]] = arith.divui %[[T:.*]], %c32
// CHECK: %[[BASE:.*]] = arith.muli %[[WARP]], %c16
// CHECK: %[[INWARP:.*]] = arith.divui %{{.*}}, %c4
// CHECK: %[[LANE:.*]] = arith.addi %[[BASE]], %[[INWARP]]
// CHECK: %[[BELOW:.*]] = arith.addi %[[LANE]], %c8
// CHECK: %[[COLUMN:.*]] = arith.muli %{{.*}}, %c2
// CHECK: %[[DIM:.*]] = memref.dim %{{.*}}, %c0 : memref<?x8xbf16>
// CHECK: %[[HAS:.*]] = arith.cmpi ult, %[[LANE]], %[[DIM]]
// CHECK: scf.if %[[HAS]] {
// CHECK: %[[ROW:.*]] = arith.muli %[[LANE]], %c8
// CHECK: %[[PLACE:.*]] = arith.addi %[[ROW]], %[[COLUMN]]
// CHECK: llvm.store
// CHECK: %[[HASBELOW:.*]] = arith.cmpi ult, %[[BELOW]], %[[DIM]]
// CHECK: scf.if %[[HASBELOW]] {
// CHECK: %[[ROWBELOW:.*]] = arith.muli %[[BELOW]], %c8
// CHECK: arith.addi %[[ROWBELOW]], %[[COLUMN]]
// CHECK: llvm.store
// CHECK: %[[LENGTH:.*]] = memref.dim %{{.*}}, %c0 : memref<?xf32>
// CHECK: %[[LIES:.*]] = arith.cmpi ult, %[[LANE]], %[[LENGTH]]
// CHECK: %[[ISFIRST:.*]] = arith.cmpi eq, %[[COLUMN]], %c0
// CHECK: %[[STORES:.*]] = arith.andi %[[LIES]], %[[ISFIRST]]
// CHECK: scf.if %[[STORES]] {
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[LANE]]] : memref<?xf32>
func.func @stores(%o: memref<?x8xbf16>, %l: memref<?xf32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 64 : i64} {
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x32xf32>
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<32xf32>
  attn.tile_einsum [m,f] = div(%sum[f,m], %d[m]) outs(%o) : (memref<8x32xf32>, memref<32xf32>) -> memref<?x8xbf16>
  attn.tile_einsum [m] = %d[m] outs(%l) : (memref<32xf32>) -> memref<?xf32>
  return
}

// -----

// A tensor of f64 takes numbers of f64.
// CHECK-LABEL: func.func @wide_store
// CHECK: %[[X:.*]] = memref.load %{{.*}}[%c0, %c0] : memref<2x2xf32>
// CHECK: %[[WIDE:.*]] = arith.extf %[[X]] : f32 to f64
// CHECK: arith.addf %[[WIDE]], %{{.*}} : f64
func.func @wide_store(%o: memref<16x8xf64>, %a: memref<16x8xf64>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  attn.tile_einsum [m,f] = add(%sum[f,m], %a[m,f]) outs(%o) : (memref<8x16xf32>, memref<16x8xf64>) -> memref<16x8xf64>
  return
}

// -----

// A repair by 1 in all rows of a warp is left out.
// CHECK-LABEL: func.func @repair
// CHECK: %[[ONE:.*]] = arith.cmpf une, %{{.*}}, %cst
// CHECK: %[[TWO:.*]] = arith.cmpf une, %{{.*}}, %cst
// CHECK: %[[EITHER:.*]] = arith.ori %[[ONE]], %[[TWO]]
// CHECK: %[[ANY:.*]] = nvvm.vote.sync any %c-1_i32, %[[EITHER]]
// CHECK: scf.if %[[ANY]] {
// CHECK-COUNT-4: arith.mulf
// CHECK: }
// CHECK: return
func.func @repair() attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %sum = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %r = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [f,m] = mul(%sum[f,m], %r[m]) outs(%sum) : (memref<8x16xf32>, memref<16xf32>) -> memref<8x16xf32>
  return
}

// -----

// A column that does not exist is not read in memory.
// CHECK-LABEL: func.func @bias
// CHECK: %[[IN:.*]] = arith.cmpi sgt
// CHECK: %[[OLD:.*]] = memref.load %{{.*}} : memref<2x2xf32>
// CHECK: scf.if %[[IN]] -> (f32) {
// CHECK: memref.load %{{.*}} : memref<16x?xf32>
// CHECK: } else {
// CHECK-NEXT: scf.yield %[[OLD]]
!part = memref<?x16xf32, strided<[16, 1]>>
func.func @bias(%n: index, %bias: memref<16x?xf32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %tile = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %s = memref.subview %tile[0, 0] [%n, 16] [1, 1] : memref<8x16xf32> to !part
  attn.tile_einsum [n0,m] = add(%s[n0,m], %bias[m,n0]) outs(%s) : (!part, memref<16x?xf32>) -> !part
  return
}

// -----

// Einsums without the lanes, and functions of other threads, are left to others.
// CHECK-LABEL: func.func @shared
// CHECK: attn.tile_einsum [f] =
// CHECK-LABEL: func.func @threads
// CHECK: attn.tile_einsum [m] =
func.func @shared(%k: memref<16x8xf32>, %s: memref<8xf32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  attn.tile_einsum [f] = %k[n0,f] reduce add(n0) outs(%s) : (memref<16x8xf32>) -> memref<8xf32>
  return
}
func.func @threads(%k: memref<16xf32>, %s: memref<16xf32>) attributes {attn.lanes = "m", attn.block_threads = 32 : i64} {
  attn.tile_einsum [m] = %k[m] outs(%s) : (memref<16xf32>) -> memref<16xf32>
  return
}

// -----

// A sum of columns that each thread keeps for itself, for both of its rows, and the one
// that joins those of the four threads of a row.
// CHECK-LABEL: func.func @by_thread
// CHECK: %[[D:.*]] = memref.alloca() : memref<2xf32>
// CHECK-NOT: nvvm.shfl
// CHECK: memref.store %{{.*}}, %[[D]][%c0]
// CHECK-NOT: nvvm.shfl
// CHECK: memref.store %{{.*}}, %[[D]][%c1]
// CHECK: %[[OWN:.*]] = memref.load %[[D]][%c0
// CHECK: %[[OTHER:.*]] = nvvm.shfl.sync bfly %c-1_i32{{.*}}, %[[OWN]], %c2_i32{{.*}}, %c31_i32
// CHECK-NEXT: %[[TWO:.*]] = arith.addf %[[OWN]], %[[OTHER]]
// CHECK: %[[NEXT:.*]] = nvvm.shfl.sync bfly %c-1_i32{{.*}}, %[[TWO]], %c1_i32{{.*}}, %c31_i32
// CHECK-NEXT: %[[FOUR:.*]] = arith.addf %[[TWO]], %[[NEXT]]
// CHECK: memref.store %[[FOUR]], %[[D]][%c0
// CHECK-COUNT-2: nvvm.shfl.sync bfly
// CHECK: memref.store %{{.*}}, %[[D]][%c1
// CHECK-NOT: nvvm.shfl
// CHECK: return
func.func @by_thread() attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %p = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  attn.tile_einsum [m] = %p[n0,m] reduce add(n0) outs(%d) {attn.thread_sum} : (memref<8x16xf32>) -> memref<16xf32>
  attn.tile_einsum [m] = %d[m] outs(%d) {attn.join_threads} : (memref<16xf32>) -> memref<16xf32>
  return
}
