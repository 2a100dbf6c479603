// RUN: attn-opt %s --attn-map-to-warps -split-input-file -verify-diagnostics | FileCheck %s

// Tokens of the lanes stay where all threads find rows by them; a loop that stores the
// rows one by one is left to the threads that hold them.
// CHECK-LABEL: func.func @permuted_run0
// CHECK-SAME: attn.warp_lanes = 16 : i64
// CHECK-DAG: %[[D:.*]] = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
// CHECK-DAG: %[[S:.*]] = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
// CHECK: %[[TOKENS:.*]] = memref.view %{{.*}}[%{{.*}}][] : memref<?xi8> to memref<16xi32>
// CHECK: attn.tile_einsum [m] = map(%{{.*}}[m])
// CHECK: outs(%[[TOKENS]]) clamp [m]
// CHECK: attn.tile_einsum [m,e] = %{{.*}}[%[[TOKENS]][m],e] outs(%{{.*}}) clamp [m] {attn.async}
// CHECK: scf.for %[[LANE:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK: memref.load %[[TOKENS]][%[[LANE]]]
// CHECK: %[[ROW:.*]] = memref.subview %[[S]][0, %[[LANE]]] [8, 1] [1, 1]
// CHECK: %[[NUMBER:.*]] = memref.subview %[[D]][%[[LANE]]] [1] [1]
// CHECK: attn.tile_einsum [n] = div(%[[ROW]][n], %[[NUMBER]][])
// CHECK: } {attn.row_loop}
func.func @permuted_run0(%q: memref<?x16xbf16>, %k: memref<8x16xbf16>, %t: memref<?xi32>, %o: memref<?x8xbf16>, %n: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c6144 = arith.constant 6144 : index
  %tokens = memref.view %w[%c0][] : memref<?xi8> to memref<16xi32>
  attn.tile_einsum [m] = map(%t[m]) {
  ^bb0(%x: i32):
    attn.yield %x : i32
  } outs(%tokens) clamp [m] : (memref<?xi32>) -> memref<16xi32>
  %packed = memref.view %w[%c2048][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[%tokens[m],e] outs(%packed) clamp [m] : (memref<?x16xbf16>, memref<16xi32>) -> memref<16x16xf32>
  %keys = memref.view %w[%c4096][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c6144][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %d = memref.view %w[%c64][] : memref<?xi8> to memref<16xf32>
  attn.tile_einsum [m] = %s[n0,m] reduce add(n0) outs(%d) : (memref<8x16xf32>) -> memref<16xf32>
  scf.for %lane = %c0 to %n step %c1 {
    %number = memref.load %tokens[%lane] : memref<16xi32>
    %token = arith.index_cast %number : i32 to index
    %to = memref.subview %o[%token, 0] [1, 8] [1, 1] : memref<?x8xbf16> to memref<8xbf16, strided<[1], offset: ?>>
    %row = memref.subview %s[0, %lane] [8, 1] [1, 1] : memref<8x16xf32> to memref<8xf32, strided<[16], offset: ?>>
    %sum = memref.subview %d[%lane] [1] [1] : memref<16xf32> to memref<f32, strided<[], offset: ?>>
    attn.tile_einsum [n] = div(%row[n], %sum[]) outs(%to) : (memref<8xf32, strided<[16], offset: ?>>, memref<f32, strided<[], offset: ?>>) -> memref<8xbf16, strided<[1], offset: ?>>
  }
  return
}
func.func @permuted_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// What maps compute in 16 bits is an operand as copies are: all threads share its
// points, and a factor behind the map is applied to the sums. A copy that a map reads
// keeps the type of its tensor, and rows that the step has not are zeros.
// CHECK-LABEL: func.func @computed_run0
// CHECK-SAME: attn.warp_lanes = 16 : i64
// CHECK: %[[Q:.*]] = memref.subview %{{.*}}[0, 0] [16, 16] [1, 1] : memref<16x24xbf16>
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [m,e] = mul(%{{.*}}[m,e], %{{.*}}[m]) outs(%[[Q]]) clamp [m] {attn.thread_ranks = ["m", "e"]}
// CHECK-NEXT: gpu.barrier
// CHECK: %[[COPY:.*]] = memref.subview %{{.*}}[0, 0] [%[[N:.*]], 16] [1, 1] : memref<8x16xbf16, {{.*}}> to memref<?x16xbf16,
// CHECK: attn.tile_einsum [n0,e] = %{{.*}}[n0,e] outs(%[[COPY]])
// CHECK: %[[K:.*]] = memref.subview %{{.*}}[0, 0] [%[[N]], 16] [1, 1] : memref<8x16xbf16, {{.*}}> to memref<?x16xbf16,
// CHECK: %[[REST:.*]] = arith.subi %c8{{.*}}, %[[N]]
// CHECK: %[[BEHIND:.*]] = memref.subview %{{.*}}[%[[N]], 0] [%[[REST]], 16] [1, 1] : memref<8x24xbf16>
// CHECK: attn.tile_einsum [n0,e] = map() {
// CHECK: outs(%[[BEHIND]])
// CHECK: attn.tile_einsum [n0,e] = sub(%[[COPY]][n0,e], %[[COPY]][n0,(e+8) mod 16]) outs(%[[K]])
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[m,e], %[[K]][n0,e]) reduce add(e)
// CHECK: arith.constant 2.500000e-01 : f32
func.func @computed_run0(%q: memref<?x16xbf16>, %g: memref<?xf32>, %k: memref<?x16xbf16>, %n: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %quarter = arith.constant 0.25 : f32
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = map(%q[m,e], %g[m]) {
  ^bb0(%x: f32, %y: f32):
    %product = arith.mulf %x, %y : f32
    %z = arith.mulf %product, %quarter : f32
    attn.yield %z : f32
  } outs(%packed) clamp [m] {attn.element = bf16} : (memref<?x16xbf16>, memref<?xf32>) -> memref<16x16xf32>
  %staged = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  %copy = memref.subview %staged[0, 0] [%n, 16] [1, 1] : memref<8x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%copy) : (memref<?x16xbf16>) -> memref<?x16xf32, strided<[16, 1]>>
  %turned = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  %keys = memref.subview %turned[0, 0] [%n, 16] [1, 1] : memref<8x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  attn.tile_einsum [n0,e] = map(%copy[n0,e], %copy[n0,(e+8) mod 16]) {
  ^bb0(%x: f32, %y: f32):
    %z = arith.subf %x, %y : f32
    attn.yield %z : f32
  } outs(%keys) {attn.element = bf16} : (memref<?x16xf32, strided<[16, 1]>>, memref<?x16xf32, strided<[16, 1]>>) -> memref<?x16xf32, strided<[16, 1]>>
  %s = memref.view %w[%c4096][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<?x16xf32, strided<[16, 1]>>) -> memref<8x16xf32>
  return
}
func.func @computed_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A map of rows that tokens find reads the table for their places alone.
// CHECK-LABEL: func.func @computed_tokens_run0
// CHECK: attn.tile_einsum [m,e] = mul(%{{.*}}[%[[T:.*]][m],e], %{{.*}}[m]) outs(%{{.*}}) {attn.thread_ranks = ["m", "e"]}
func.func @computed_tokens_run0(%q: memref<?x16xbf16>, %g: memref<16xf32>, %k: memref<8x16xbf16>, %t: memref<16xi32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c4096 = arith.constant 4096 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = mul(%q[%t[m],e], %g[m]) outs(%packed) {attn.element = bf16} : (memref<?x16xbf16>, memref<16xf32>, memref<16xi32>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c4096][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @computed_tokens_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}
