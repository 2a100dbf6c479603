// RUN: attn-opt %s --attn-lower-einsums -split-input-file -verify-diagnostics | FileCheck %s

// Threads for lanes: the thread's number is its point of the rank, eight rows are
// summed at a time, and there is no vector.
// CHECK-LABEL: func.func @lanes
// CHECK-NOT: vector
// CHECK: %[[T:.*]] = gpu.thread_id x
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %c16{{.*}} step %c8
// CHECK: scf.for %[[E:.*]] = {{.*}} iter_args({{.*}}) -> (f32, f32, f32, f32, f32, f32, f32, f32)
// CHECK: memref.load %{{.*}}[%[[E]], %[[T]]] : memref<4x32xf32>
// CHECK: memref.load %{{.*}}[%[[N]], %[[E]]] : memref<16x4xf32>
// CHECK-COUNT-8: math.fma
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[N]], %[[T]]] : memref<16x32xf32>
func.func @lanes(%q: memref<4x32xf32>, %k: memref<16x4xf32>, %s: memref<16x32xf32>)
    attributes {attn.lanes = "m", attn.block_threads = 32 : i64} {
  attn.tile_einsum [n0,m] = mul(%q[e,m], %k[n0,e]) reduce add(e) outs(%s) {attn.thread_ranks = ["m"]}
      : (memref<4x32xf32>, memref<16x4xf32>) -> memref<16x32xf32>
  return
}

// -----

// A thread past the last row reads that row, and stores nothing.
// CHECK-LABEL: func.func @clamped
// CHECK: %[[T:.*]] = gpu.thread_id x
// CHECK: %[[LAST:.*]] = arith.subi
// CHECK: %[[MIN:.*]] = arith.minsi %[[T]], %[[LAST]]
// CHECK: %[[ROW:.*]] = arith.maxsi %[[MIN]]
// CHECK: memref.load %{{.*}}[%[[ROW]], %{{.*}}] : memref<?x4xf32>
// CHECK: %[[T2:.*]] = gpu.thread_id x
// CHECK: %[[TAKES:.*]] = arith.cmpi ult, %[[T2]], %{{.*}}
// CHECK: scf.if %[[TAKES]]
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[T2]], %{{.*}}] : memref<?x4xf32>
func.func @clamped(%q: memref<?x4xf32>, %s: memref<4x32xf32>, %o: memref<?x4xf32>)
    attributes {attn.lanes = "m", attn.block_threads = 32 : i64} {
  attn.tile_einsum [e,m] = %q[m,e] outs(%s) clamp [m] {attn.thread_ranks = ["m"]} : (memref<?x4xf32>) -> memref<4x32xf32>
  attn.tile_einsum [m,e] = %s[e,m] outs(%o) {attn.thread_ranks = ["m"]} : (memref<4x32xf32>) -> memref<?x4xf32>
  return
}

// -----

// All threads share the points of all ranks, the last one fastest.
// CHECK-LABEL: func.func @shared
// CHECK: %[[T:.*]] = gpu.thread_id x
// CHECK: scf.for %[[I:.*]] = %[[T]] to %c40{{.*}} step %c32
// CHECK: %[[E:.*]] = arith.remui %[[I]], %c4
// CHECK: %[[N:.*]] = arith.divui %[[I]], %c4
// CHECK: memref.load %{{.*}}[%[[N]], %[[E]]] : memref<10x4xbf16>
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[N]], %[[E]]] : memref<10x4xf32>
func.func @shared(%k: memref<10x4xbf16>, %s: memref<10x4xf32>) attributes {attn.block_threads = 32 : i64} {
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%s) {attn.thread_ranks = ["n0", "e"]} : (memref<10x4xbf16>) -> memref<10x4xf32>
  return
}

// -----

// One number is reduced by all threads: each its points, then a warp's by shuffles,
// then warp by warp.
// CHECK-LABEL: func.func @number
// CHECK: %[[T2:.*]] = gpu.thread_id x
// CHECK: %[[PART:.*]] = scf.for %{{.*}} = %[[T2]] to %c40{{.*}} step %c64{{.*}} iter_args
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[T2]], %c0
// CHECK: scf.if %[[FIRST]]
// CHECK-NEXT: memref.store %[[SUM:.*]], %[[OUT:.*]][] : memref<f32>
// CHECK: gpu.barrier
// CHECK: %[[SECOND:.*]] = arith.cmpi eq, %[[T2]], %c32
// CHECK: scf.if %[[SECOND]]
// CHECK-NEXT: %[[BEFORE:.*]] = memref.load %[[OUT]][]
// CHECK-NEXT: %[[ALL:.*]] = arith.addf %[[BEFORE]], %[[SUM]]
// CHECK-NEXT: memref.store %[[ALL]], %[[OUT]][]
func.func @number(%s: memref<10x4xf32>, %t: memref<f32>) attributes {attn.block_threads = 64 : i64} {
  attn.tile_einsum [] = %s[n0,e] reduce add(n0,e) outs(%t) {attn.thread_ranks = []} : (memref<10x4xf32>) -> memref<f32>
  return
}

// -----

func.func @alone(%k: memref<4xf32>, %s: memref<4xf32>) {
  // expected-error @+1 {{has 'attn.thread_ranks', but its function has no 'attn.block_threads'; attn-map-to-threads sets both}}
  attn.tile_einsum [e] = %k[e] outs(%s) {attn.thread_ranks = ["e"]} : (memref<4xf32>) -> memref<4xf32>
  return
}
