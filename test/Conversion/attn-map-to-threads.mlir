// RUN: attn-opt %s --attn-map-to-threads -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-map-to-threads="threads=64" -split-input-file | FileCheck %s --check-prefix=FEWER

// A thread computes its lane from columns of its own, without a barrier; what has
// no lane is computed by all threads between two.
// CHECK-LABEL: func.func @lanes
// CHECK-SAME: attn.block_threads = 32
// CHECK: scf.for
// CHECK-NEXT: gpu.barrier
// CHECK-NOT: gpu.barrier
// CHECK: attn.tile_einsum [e,m] = {{.*}}attn.thread_ranks = ["m"]
// CHECK-NOT: gpu.barrier
// CHECK: attn.tile_einsum [m] = {{.*}}attn.thread_ranks = ["m"]
// CHECK-NEXT: memref.view
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,e] = {{.*}}attn.thread_ranks = ["n0", "e"]
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.view
// CHECK-NEXT: attn.tile_einsum [n0,m] = {{.*}}attn.thread_ranks = ["m"]
// CHECK-NOT: gpu.barrier
// CHECK: attn.tile_einsum [m,e] = {{.*}}attn.thread_ranks = ["m"]
// CHECK-NOT: gpu.barrier
// CHECK: return
func.func @lanes(%q: memref<?x8xf32>, %k: memref<4x8xbf16>, %o: memref<?x8xf32>, %begin: index, %end: index, %w: memref<?xi8>)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c512 = arith.constant 512 : index
  %c576 = arith.constant 576 : index
  %c704 = arith.constant 704 : index
  scf.for %i = %begin to %end step %c1 {
    %packed = memref.view %w[%c0][] : memref<?xi8> to memref<8x16xf32>
    attn.tile_einsum [e,m] = %q[m,e] outs(%packed) clamp [m] : (memref<?x8xf32>) -> memref<8x16xf32>
    %sum = memref.view %w[%c512][] : memref<?xi8> to memref<16xf32>
    attn.tile_einsum [m] = %packed[e,m] reduce add(e) outs(%sum) : (memref<8x16xf32>) -> memref<16xf32>
    %staged = memref.view %w[%c576][] : memref<?xi8> to memref<4x8xf32>
    attn.tile_einsum [n0,e] = %k[n0,e] outs(%staged) : (memref<4x8xbf16>) -> memref<4x8xf32>
    %scores = memref.view %w[%c704][] : memref<?xi8> to memref<4x16xf32>
    attn.tile_einsum [n0,m] = mul(%packed[e,m], %staged[n0,e]) reduce add(e) outs(%scores)
        : (memref<8x16xf32>, memref<4x8xf32>) -> memref<4x16xf32>
    attn.tile_einsum [m,e] = mul(%packed[e,m], %sum[m]) outs(%o) : (memref<8x16xf32>, memref<16xf32>) -> memref<?x8xf32>
  }
  return
}

// -----

// Who reads another thread's column waits for it: a reduction over the lanes, the
// row of one lane, a number out of a column.
// CHECK-LABEL: func.func @others
// CHECK: attn.tile_einsum [m] =
// CHECK-NEXT: memref.view
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [] = {{.*}}attn.thread_ranks = []
// CHECK-NEXT: gpu.barrier
// CHECK: memref.load {{.*}} : memref<f32>
// CHECK: scf.for
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.load {{.*}} : memref<32xf32>
// CHECK-NEXT: gpu.barrier
// CHECK: memref.subview
// CHECK-NEXT: attn.tile_einsum [e] =
// CHECK: outs({{.*}}) {attn.thread_ranks = ["e"]}
// CHECK-NEXT: gpu.barrier
func.func @others(%q: memref<32x8xf32>, %o: memref<8xf32>, %w: memref<?xi8>)
    attributes {attn.lanes = "m", attn.lane_tile = 32 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c1024 = arith.constant 1024 : index
  %c1152 = arith.constant 1152 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<8x32xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<32x8xf32>) -> memref<8x32xf32>
  %sum = memref.view %w[%c1024][] : memref<?xi8> to memref<32xf32>
  attn.tile_einsum [m] = %packed[e,m] reduce add(e) outs(%sum) : (memref<8x32xf32>) -> memref<32xf32>
  %total = memref.view %w[%c1152][] : memref<?xi8> to memref<f32>
  attn.tile_einsum [] = %sum[m] reduce add(m) outs(%total) : (memref<32xf32>) -> memref<f32>
  %all = memref.load %total[] : memref<f32>
  scf.for %row = %c0 to %c32 step %c1 {
    %one = memref.load %sum[%row] : memref<32xf32>
    %column = memref.subview %packed[0, %row] [8, 1] [1, 1] : memref<8x32xf32> to memref<8xf32, strided<[32], offset: ?>>
    attn.tile_einsum [e] = map(%column[e]) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %one : f32
      %z = arith.addf %y, %all : f32
      attn.yield %z : f32
    } outs(%o) : (memref<8xf32, strided<[32], offset: ?>>) -> memref<8xf32>
  }
  return
}

// -----

// And so does every lane that reads the number of one.
// CHECK-LABEL: func.func @number
// CHECK: attn.tile_einsum [m] =
// CHECK-NEXT: memref.subview
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [m] =
func.func @number(%q: memref<32xf32>, %o: memref<32xf32>, %row: index, %w: memref<?xi8>)
    attributes {attn.lanes = "m", attn.lane_tile = 32 : i64} {
  %c0 = arith.constant 0 : index
  %x = memref.view %w[%c0][] : memref<?xi8> to memref<32xf32>
  attn.tile_einsum [m] = %q[m] outs(%x) : (memref<32xf32>) -> memref<32xf32>
  %one = memref.subview %x[%row] [1] [1] : memref<32xf32> to memref<f32, strided<[], offset: ?>>
  attn.tile_einsum [m] = mul(%q[m], %one[]) outs(%o) : (memref<32xf32>, memref<f32, strided<[], offset: ?>>) -> memref<32xf32>
  return
}

// -----

// Points of a parallel loop go to threads, neighbours of the last dimension to
// neighbours; a store that stands alone is done by the first thread.
// CHECK-LABEL: func.func @unfused
// CHECK-SAME: attn.block_threads = 128
// FEWER-LABEL: func.func @unfused
// FEWER-SAME: attn.block_threads = 64
// CHECK: %[[TOTAL:.*]] = arith.muli
// CHECK: %[[T:.*]] = gpu.thread_id x
// CHECK: gpu.barrier
// CHECK-NEXT: scf.for %[[I:.*]] = %[[T]] to %[[TOTAL]] step %c128
// CHECK: %[[LAST:.*]] = arith.remui %[[I]], %[[N:.*]] : index
// CHECK: %[[FIRST:.*]] = arith.divui %[[I]], %[[N]] : index
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[FIRST]], %[[LAST]]]
// CHECK: gpu.barrier
// CHECK: %[[ISFIRST:.*]] = arith.cmpi eq
// CHECK: scf.if %[[ISFIRST]] {
// CHECK-NEXT: memref.store
// CHECK: gpu.barrier
func.func @unfused(%a: memref<?x?xf32>, %s: memref<f32>, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = memref.dim %a, %c0 : memref<?x?xf32>
  %n = memref.dim %a, %c1 : memref<?x?xf32>
  scf.parallel (%i, %j) = (%c0, %c0) to (%m, %n) step (%c1, %c1) {
    memref.store %x, %a[%i, %j] : memref<?x?xf32>
    scf.reduce
  }
  memref.store %x, %s[] : memref<f32>
  return
}

// -----

// What only asks for sizes runs on the host.
// CHECK-LABEL: func.func @items
// CHECK-NOT: attn.block_threads
func.func @items(%a: memref<?xf32>) -> index {
  %c0 = arith.constant 0 : index
  %m = memref.dim %a, %c0 : memref<?xf32>
  return %m : index
}

// -----

// What only reads is done by every thread, a search for one.
// CHECK-LABEL: func.func @search
// CHECK-NOT: gpu.barrier
// CHECK: scf.while
// CHECK: gpu.barrier
// CHECK: memref.store
func.func @search(%a: memref<?xi32>, %o: memref<i32>, %least: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %found = scf.while (%i = %c0) : (index) -> index {
    %x = memref.load %a[%i] : memref<?xi32>
    %goes = arith.cmpi slt, %x, %least : i32
    scf.condition(%goes) %i : index
  } do {
  ^bb0(%i: index):
    %next = arith.addi %i, %c1 : index
    scf.yield %next : index
  }
  %number = arith.index_cast %found : index to i32
  memref.store %number, %o[] : memref<i32>
  return
}

// -----

// Warps take their lanes themselves, and threads that take part in a copy wait for it
// where attn-stage-copies says so: a loop that begins with that needs no barrier, one
// that writes and does not begin so does.
// CHECK-LABEL: func.func @warps
// CHECK-SAME: attn.block_threads = 64 : i64
// CHECK: memref.alloca() {attn.layout = "row_vector"} : memref<32xf32>
// CHECK: %[[OWN:.*]] = memref.alloca() {attn.layout = "uniform"} : memref<f32>
// CHECK-NOT: gpu.barrier
// CHECK: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK-NOT: gpu.barrier
// CHECK: scf.for
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK-NEXT: attn.tile_einsum [m] = %{{.*}}[m] outs(%{{.*}}) :
// What has no lanes is shared out as ever.
// CHECK: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [] = {{.*}}attn.thread_ranks = []
// CHECK-NEXT: gpu.barrier
// A number that each keeps needs no barrier of others.
// CHECK-NEXT: attn.tile_einsum [] = {{.*}} outs(%[[OWN]]) :
// CHECK-NOT: gpu.barrier
// CHECK: scf.for
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [m] = %{{.*}}[m] outs(%{{.*}}) :
func.func @warps(%k: memref<16x8xbf16>, %n: index, %w: memref<?xi8>)
    attributes {attn.lanes = "m", attn.lane_tile = 32 : i64, attn.warp_lanes = 16 : i64, attn.block_threads = 64 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c256 = arith.constant 256 : index
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<32xf32>
  %own = memref.alloca() {attn.layout = "uniform"} : memref<f32>
  %keys = memref.view %w[%c0][] : memref<?xi8> to memref<16x8xbf16>
  %total = memref.view %w[%c256][] : memref<?xi8> to memref<f32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (memref<16x8xbf16>) -> memref<16x8xbf16>
  scf.for %i = %c0 to %n step %c1 {
    nvvm.cp.async.wait.group 0
    gpu.barrier
    attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (memref<16x8xbf16>) -> memref<16x8xbf16>
    attn.tile_einsum [m] = %max[m] outs(%max) : (memref<32xf32>) -> memref<32xf32>
    attn.tile_einsum [] = %keys[n0,e] reduce add(n0,e) outs(%total) : (memref<16x8xbf16>) -> memref<f32>
    attn.tile_einsum [] = %keys[n0,e] reduce add(n0,e) outs(%own) : (memref<16x8xbf16>) -> memref<f32>
  }
  scf.for %i = %c0 to %n step %c1 {
    attn.tile_einsum [m] = %max[m] outs(%max) : (memref<32xf32>) -> memref<32xf32>
  }
  return
}

// -----

// Of warps, too, all read the tokens that some threads leave in scratch; what is shared
// out already, and a loop over the lanes whose threads do their own, has no barriers.
// CHECK-LABEL: func.func @tables
// CHECK: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [m] = map(%{{.*}}[m])
// CHECK: outs(%{{.*}}) :
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.view
// CHECK-NEXT: attn.tile_einsum [m,e] = %{{.*}}[%{{.*}}[m],e] outs(%{{.*}}) {attn.thread_ranks = ["m", "e"]}
// CHECK-NEXT: scf.for
// CHECK-NEXT: memref.load
// CHECK-NOT: gpu.barrier
// CHECK: return
func.func @tables(%t: memref<32xi32>, %q: memref<?x16xf32>, %o: memref<?xf32>, %n: index, %w: memref<?xi8>)
    attributes {attn.lanes = "m", attn.lane_tile = 32 : i64, attn.warp_lanes = 16 : i64, attn.block_threads = 64 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c128 = arith.constant 128 : index
  %sum = memref.alloca() {attn.layout = "row_vector"} : memref<32xf32>
  %tokens = memref.view %w[%c0][] : memref<?xi8> to memref<32xi32>
  attn.tile_einsum [m] = map(%t[m]) {
  ^bb0(%x: i32):
    attn.yield %x : i32
  } outs(%tokens) : (memref<32xi32>) -> memref<32xi32>
  %rows = memref.view %w[%c128][] : memref<?xi8> to memref<32x16xbf16>
  attn.tile_einsum [m,e] = %q[%tokens[m],e] outs(%rows) {attn.thread_ranks = ["m", "e"]} : (memref<?x16xf32>, memref<32xi32>) -> memref<32x16xbf16>
  scf.for %i = %c0 to %n step %c1 {
    %number = memref.load %tokens[%i] : memref<32xi32>
    %token = arith.index_cast %number : i32 to index
    %to = memref.subview %o[%token] [1] [1] : memref<?xf32> to memref<f32, strided<[], offset: ?>>
    %one = memref.subview %sum[%i] [1] [1] : memref<32xf32> to memref<f32, strided<[], offset: ?>>
    attn.tile_einsum [] = %one[] outs(%to) : (memref<f32, strided<[], offset: ?>>) -> memref<f32, strided<[], offset: ?>>
  } {attn.row_loop}
  return
}

// -----

// Products of a step read whole tiles: threads that are no warps write zeros where the
// step has no keys.
// CHECK-LABEL: func.func @filled
// CHECK: gpu.barrier
// CHECK: %[[REST:.*]] = arith.subi %c4{{.*}}, %[[COUNT:.*]] :
// CHECK-NEXT: %[[BEHIND:.*]] = memref.subview %{{.*}}[%[[COUNT]], 0] [%[[REST]], 8]
// CHECK-NEXT: attn.tile_einsum [n0,e] = map() {
// CHECK: outs(%[[BEHIND]]) {attn.thread_ranks = ["n0", "e"]}
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,e] = {{.*}}{attn.filled, attn.thread_ranks = ["n0", "e"]}
// CHECK-NEXT: gpu.barrier
func.func @filled(%k: memref<?x8xbf16>, %count: index, %w: memref<?xi8>)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %whole = memref.view %w[%c0][] : memref<?xi8> to memref<4x8xf32>
  %keys = memref.subview %k[0, 0] [%count, 8] [1, 1] : memref<?x8xbf16> to memref<?x8xbf16, strided<[8, 1]>>
  %part = memref.subview %whole[0, 0] [%count, 8] [1, 1] : memref<4x8xf32> to memref<?x8xf32, strided<[8, 1]>>
  attn.tile_einsum [n0,e] = %keys[n0,e] outs(%part) {attn.filled} : (memref<?x8xbf16, strided<[8, 1]>>) -> memref<?x8xf32, strided<[8, 1]>>
  return
}
