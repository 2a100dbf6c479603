// RUN: attn-opt %s --attn-map-to-warps -split-input-file -verify-diagnostics | FileCheck %s
// RUN: attn-opt %s --attn-map-to-warps="shared-bytes=1216" -split-input-file 2>&1 | FileCheck %s --check-prefix=FITS
// RUN: attn-opt %s --attn-map-to-warps="shared-bytes=1215" -split-input-file 2>&1 | FileCheck %s --check-prefix=SMALL

// A whole step of 16 lanes. The statistics are numbers of rows, the scores and the
// sum of values accumulators: both leave scratch.
// CHECK-LABEL: func.func @step_run0
// CHECK-SAME: attn.block_threads = 32 : i64
// CHECK-SAME: attn.warp_lanes = 16 : i64
// CHECK-DAG: %[[MAX:.*]] = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
// CHECK-DAG: %[[S:.*]] = memref.alloca() {attn.layout = "accumulator"} : memref<32x16xf32>
// CHECK-DAG: %[[WEIGHTS:.*]] = memref.alloca() {attn.layout = "accumulator"} : memref<32x16xbf16>
// CHECK-DAG: %[[O:.*]] = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
// What is left of scratch is 16 rows of queries, 32 of keys, 32 of values.
// CHECK: %[[BYTES:.*]] = arith.constant 3328 : i64
// CHECK: llvm.insertvalue %[[BYTES]], %{{.*}}[3, 0]
// The queries lie by rows, as they are, with padding behind each.
// CHECK: %[[ROWS:.*]] = memref.view %{{.*}}[%{{.*}}][] : memref<?xi8> to memref<16x24xbf16>
// CHECK: %[[Q:.*]] = memref.subview %[[ROWS]][0, 0] [16, 16] [1, 1]
// CHECK: attn.tile_einsum [m,e] = %{{.*}}[m,e] outs(%[[Q]]) clamp [m] {attn.async} : (memref<?x16xbf16>)
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK: %[[PART:.*]] = memref.subview %[[S]][0, 0] [%{{.*}}, 16] [1, 1]
// Keys have the type of their tensor, with padding, and the sizes that they had.
// CHECK: memref.view %{{.*}} to memref<32x24xbf16>
// CHECK-NEXT: memref.subview %{{.*}}[0, 0] [32, 16] [1, 1]
// CHECK-NEXT: %[[K:.*]] = memref.subview %{{.*}}[0, 0] [%{{.*}}, 16] [1, 1]
// CHECK-NEXT: attn.tile_einsum [n0,e] = %{{.*}}[n0,e] outs(%[[K]])
// CHECK-NOT: attn.async
// The factor of the queries is applied to the sums.
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[m,e], %[[K]][n0,e]) reduce add(e) outs(%[[PART]]) : (memref<16x16xbf16, {{.*}}>, memref<?x16xbf16,
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%[[PART]][n0,m]) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT: %[[FACTOR:.*]] = arith.constant 2.500000e-01 : f32
// CHECK-NEXT: arith.mulf %[[X]], %[[FACTOR]]
// CHECK: outs(%[[PART]])
// CHECK: attn.tile_einsum [m] = %[[PART]][n0,m] reduce max(n0) outs(%[[MAX]])
// CHECK: attn.tile_einsum [n0,m] = sub(%[[PART]][n0,m], %[[MAX]][m]) outs(%[[PART]])
// Weights are rounded as soon as nothing reads them in 32 bits any more.
// CHECK: %[[P:.*]] = memref.subview %[[WEIGHTS]][0, 0] [%{{.*}}, 16] [1, 1]
// CHECK-NEXT: attn.tile_einsum [n0,m] = %[[PART]][n0,m] outs(%[[P]])
// CHECK: memref.view %{{.*}} to memref<32x16xbf16>
// CHECK: attn.tile_einsum [n0,f] =
// CHECK: attn.tile_einsum [f,m] = mul(%[[P]][n0,m], %{{.*}}[n0,f]) reduce add(n0) outs(%[[O]]) accumulate
// CHECK: attn.tile_einsum [m,f] = div(%[[O]][f,m], %[[MAX]][m]) outs(%{{.*}}) : {{.*}} -> memref<?x8xbf16>
// CHECK-LABEL: func.func @step_worker
// CHECK: %[[SIZE:.*]] = arith.constant 3328 : i64
// CHECK: return %[[SIZE]] : i64
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @step_run0(%q: memref<?x16xbf16>, %k: memref<?x16xbf16>, %v: memref<?x8xbf16>, %o: memref<?x8xbf16>, %n: index, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %bytes = arith.constant 9999 : i64
  %all = llvm.insertvalue %bytes, %with[3, 0] : !descriptor
  %w = builtin.unrealized_conversion_cast %all : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c6144 = arith.constant 6144 : index
  %c8192 = arith.constant 8192 : index
  %quarter = arith.constant 0.25 : f32
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = map(%q[m,e]) {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %quarter : f32
    attn.yield %y : f32
  } outs(%packed) clamp [m] : (memref<?x16xbf16>) -> memref<16x16xf32>
  %tile = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
  %s = memref.subview %tile[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  %staged = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
  %keys = memref.subview %staged[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<?x16xbf16>) -> memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<?x16xf32, strided<[16, 1]>>) -> memref<?x16xf32, strided<[16, 1]>>
  %max = memref.view %w[%c1024][] : memref<?xi8> to memref<16xf32>
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (memref<?x16xf32, strided<[16, 1]>>) -> memref<16xf32>
  attn.tile_einsum [n0,m] = sub(%s[n0,m], %max[m]) outs(%s) : (memref<?x16xf32, strided<[16, 1]>>, memref<16xf32>) -> memref<?x16xf32, strided<[16, 1]>>
  %sum = memref.view %w[%c6144][] : memref<?xi8> to memref<8x16xf32>
  %others = memref.view %w[%c8192][] : memref<?xi8> to memref<32x8xf32>
  %values = memref.subview %others[0, 0] [%n, 8] [1, 1] : memref<32x8xf32> to memref<?x8xf32, strided<[8, 1]>>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%values) : (memref<?x8xbf16>) -> memref<?x8xf32, strided<[8, 1]>>
  attn.tile_einsum [f,m] = mul(%s[n0,m], %values[n0,f]) reduce add(n0) outs(%sum) accumulate : (memref<?x16xf32, strided<[16, 1]>>, memref<?x8xf32, strided<[8, 1]>>) -> memref<8x16xf32>
  attn.tile_einsum [m,f] = div(%sum[f,m], %max[m]) outs(%o) : (memref<8x16xf32>, memref<16xf32>) -> memref<?x8xbf16>
  return
}
func.func @step_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}

// -----

// Views of one place in two branches are one buffer; those of another place in
// shared memory follow it, each at a multiple of 64 bytes.
// CHECK-LABEL: func.func @branches_run0
// CHECK-COUNT-1: memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
// CHECK-NOT: memref.alloca
// CHECK: scf.if
// CHECK: %[[FIRST:.*]] = arith.constant 0 : index
// CHECK: memref.view %{{.*}}[%[[FIRST]]][] : memref<?xi8> to memref<8x24xf16>
// CHECK: else
// CHECK: %[[AGAIN:.*]] = arith.constant 0 : index
// CHECK: memref.view %{{.*}}[%[[AGAIN]]][] : memref<?xi8> to memref<8x24xf16>
// CHECK: %[[NEXT:.*]] = arith.constant 384 : index
// CHECK: memref.view %{{.*}}[%[[NEXT]]][] : memref<?xi8> to memref<f32>
// CHECK-LABEL: func.func @branches_worker
// 8 rows of 24 numbers of 2 bytes, a number, 16 rows of 24.
// CHECK: arith.constant 1216 : i64
// FITS: func.func @branches_run0
// FITS-SAME: attn.warp_lanes = 16
// SMALL: remark: runs without tensor cores: operands take 1216 bytes of shared memory, more than 1215
// SMALL: func.func @branches_run0
// SMALL-NOT: attn.warp_lanes
// SMALL-NOT: attn.layout
// SMALL: func.func @branches_worker
// SMALL: return %c9999_i64
func.func @branches_run0(%q: memref<?x16xf16>, %k: memref<8x16xf16>, %go: i1, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) clamp [m] : (memref<?x16xf16>) -> memref<16x16xf32>
  scf.if %go {
    %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
    attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xf16>) -> memref<8x16xf32>
    %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
    attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  } else {
    %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
    attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xf16>) -> memref<8x16xf32>
    %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
    attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
    %total = memref.view %w[%c4096][] : memref<?xi8> to memref<f32>
    attn.tile_einsum [] = %keys[n0,e] reduce add(n0,e) outs(%total) : (memref<8x16xf32>) -> memref<f32>
    %x = memref.load %total[] : memref<f32>
  }
  return
}
func.func @branches_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}

// -----

// Whether values are finite is a number that every thread keeps; that a sum of them
// is 0 is not asked for that, and stays shared.
// CHECK-LABEL: func.func @finite_run0
// CHECK-DAG: memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
// CHECK-DAG: %[[FOUND:.*]] = memref.alloca() {attn.layout = "uniform"} : memref<f32>
// CHECK: attn.tile_einsum [] = map(%{{.*}}[n0,e])
// CHECK: reduce add(n0,e) outs(%[[FOUND]]) : (memref<8x16xbf16,
// CHECK: memref.load %[[FOUND]][]
// CHECK: %[[SUM:.*]] = memref.view %{{.*}} to memref<f32>
// CHECK: attn.tile_einsum [] = %{{.*}} reduce add(n0,e) outs(%[[SUM]])
// CHECK-LABEL: func.func @finite_worker
// CHECK: arith.constant 1216 : i64
func.func @finite_run0(%q: memref<?x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c4160 = arith.constant 4160 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) clamp [m] : (memref<?x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %found = memref.view %w[%c4096][] : memref<?xi8> to memref<f32>
  attn.tile_einsum [] = map(%keys[n0,e]) {
  ^bb0(%x: f32):
    %zero = arith.constant 0.0 : f32
    %y = arith.mulf %x, %zero : f32
    attn.yield %y : f32
  } reduce add(n0,e) outs(%found) : (memref<8x16xf32>) -> memref<f32>
  %x = memref.load %found[] : memref<f32>
  %sum = memref.view %w[%c4160][] : memref<?xi8> to memref<f32>
  attn.tile_einsum [] = %keys[n0,e] reduce add(n0,e) outs(%sum) : (memref<8x16xf32>) -> memref<f32>
  %y = memref.load %sum[] : memref<f32>
  return
}
func.func @finite_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}

// -----

// A warp takes 32 lanes of 128 where a thread has registers for them: 8 numbers of
// scores, here. No factor, no einsum behind the product.
// CHECK-LABEL: func.func @wide_run0
// CHECK-SAME: attn.block_threads = 128 : i64
// CHECK-SAME: attn.warp_lanes = 32 : i64
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK-NEXT: return
func.func @wide_run0(%q: memref<?x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 128 : i64} {
  %c0 = arith.constant 0 : index
  %c8192 = arith.constant 8192 : index
  %c9216 = arith.constant 9216 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x128xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) clamp [m] : (memref<?x16xbf16>) -> memref<16x128xf32>
  %keys = memref.view %w[%c8192][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c9216][] : memref<?xi8> to memref<8x128xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x128xf32>, memref<8x16xf32>) -> memref<8x128xf32>
  return
}
func.func @wide_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}

// -----

// 32 lanes would be 256 numbers of scores for a thread; with 16 they are 128.
// CHECK-LABEL: func.func @many_run0
// CHECK-SAME: attn.block_threads = 256 : i64
// CHECK-SAME: attn.warp_lanes = 16 : i64
func.func @many_run0(%q: memref<?x16xbf16>, %k: memref<256x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 128 : i64} {
  %c0 = arith.constant 0 : index
  %c8192 = arith.constant 8192 : index
  %c24576 = arith.constant 24576 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x128xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) clamp [m] : (memref<?x16xbf16>) -> memref<16x128xf32>
  %keys = memref.view %w[%c8192][] : memref<?xi8> to memref<256x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<256x16xbf16>) -> memref<256x16xf32>
  %s = memref.view %w[%c24576][] : memref<?xi8> to memref<256x128xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x128xf32>, memref<256x16xf32>) -> memref<256x128xf32>
  return
}
func.func @many_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}

// -----

// Nothing in a function has 16 bits, or it has no lanes: no remark is due.
// CHECK-LABEL: func.func @wide_type_run0
// CHECK-NOT: attn.warp_lanes
// CHECK-LABEL: func.func @no_lanes_run0
// CHECK-NOT: attn.warp_lanes
func.func @wide_type_run0(%q: memref<?xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  return
}
func.func @wide_type_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}
func.func @no_lanes_run0(%q: memref<?xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr) {
  return
}
func.func @no_lanes_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}

// -----

// Products in two branches share their weights, which are rounded in front of both;
// values of another type have weights of their own. A sum with a mask takes those of
// the product whose values it reads.
// CHECK-LABEL: func.func @types_run0
// CHECK-DAG: %[[P:.*]] = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xbf16>
// CHECK-DAG: %[[R:.*]] = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf16>
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[m,e], %{{.*}}[n0,e]) reduce add(e) outs(%[[S:.*]]) :
// CHECK-DAG: attn.tile_einsum [n0,m] = %[[S]][n0,m] outs(%[[P]])
// CHECK-DAG: attn.tile_einsum [n0,m] = %[[S]][n0,m] outs(%[[R]])
// CHECK: scf.if
// CHECK-NOT: attn.einsum [n0,m]
// CHECK: attn.tile_einsum [f,m] = mul(%[[P]][n0,m],
// CHECK: else
// CHECK-NOT: attn.einsum [n0,m]
// CHECK: attn.tile_einsum [f,m] = map(%[[P]][n0,m],
// CHECK: attn.tile_einsum [f,m] = mul(%[[R]][n0,m],
func.func @types_run0(%q: memref<16x16xbf16>, %k: memref<16x16xbf16>, %v: memref<16x8xf16>, %go: i1, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c3072 = arith.constant 3072 : index
  %c4096 = arith.constant 4096 : index
  %c5120 = arith.constant 5120 : index
  %c6144 = arith.constant 6144 : index
  %zero = arith.constant 0.0 : f32
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %values = memref.view %w[%c2048][] : memref<?xi8> to memref<16x8xf32>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%values) : (memref<16x8xf16>) -> memref<16x8xf32>
  %s = memref.view %w[%c3072][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<16x16xf32>) -> memref<16x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %weight = math.exp2 %x fastmath<afn> : f32
    attn.yield %weight : f32
  } outs(%s) : (memref<16x16xf32>) -> memref<16x16xf32>
  %sum = memref.view %w[%c4096][] : memref<?xi8> to memref<16x16xf32>
  scf.if %go {
    attn.tile_einsum [f,m] = mul(%s[n0,m], %keys[n0,f]) reduce add(n0) outs(%sum) : (memref<16x16xf32>, memref<16x16xf32>) -> memref<16x16xf32>
  } else {
    attn.tile_einsum [f,m] = map(%s[n0,m], %keys[n0,f]) {
    ^bb0(%x: f32, %y: f32):
      %p = arith.mulf %x, %y : f32
      %i = attn.index m : index
      %j = attn.index n0 : index
      %live = arith.cmpi uge, %i, %j : index
      %z = arith.select %live, %p, %zero : f32
      attn.yield %z : f32
    } reduce add(n0) outs(%sum) : (memref<16x16xf32>, memref<16x16xf32>) -> memref<16x16xf32>
  }
  %other = memref.view %w[%c6144][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [f,m] = mul(%s[n0,m], %values[n0,f]) reduce add(n0) outs(%other) : (memref<16x16xf32>, memref<16x8xf32>) -> memref<8x16xf32>
  return
}
func.func @types_worker(%n: index) -> i64 {
  %bytes = arith.constant 9999 : i64
  return %bytes : i64
}
