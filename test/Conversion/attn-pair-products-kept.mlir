// RUN: attn-opt %s --attn-pair-products="kept-bytes=4096" -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-pair-products="kept-bytes=0" -split-input-file | FileCheck %s --check-prefix=NONE
// RUN: attn-opt %s --attn-pair-products="kept-bytes=4096 tiles=true" -split-input-file | FileCheck %s --check-prefix=TILES

// Values in pairs stay for the items behind, in slots of 32 rows, four of which fit.
// NONE-LABEL: func.func @step_run0
// NONE-NOT: memref.store
// NONE-LABEL: func.func @step_worker
// NONE: return %{{.*}} : i64
// NONE-LABEL: func.func @written_run0

// CHECK-LABEL: func.func @step_run0
// CHECK-SAME: %[[V:arg1]]: memref<2x?x16xbf16>
// CHECK-SAME: %[[WORKER:arg[0-9]+]]: !llvm.ptr, %{{.*}}: !llvm.ptr
// The scratch lies behind the word that the runtime clears.
// CHECK: %[[SCRATCH:.*]] = llvm.getelementptr %[[WORKER]][64]
// CHECK: llvm.insertvalue %[[SCRATCH]], %{{.*}}[1]
// CHECK: arith.index_cast %arg4
// CHECK: %[[ROWS:.*]] = memref.dim %[[V]], %{{.*}}
// CHECK: %[[COUNTED:.*]] = arith.ceildivui %[[ROWS]], %{{.*}}
// CHECK: %[[FOUR:.*]] = arith.constant 4 : index
// CHECK: %[[SLOTS:.*]] = arith.minsi %[[COUNTED]], %[[FOUR]]
// Behind it, the tags and the slots.
// CHECK: %[[SIZE:.*]] = arith.constant 8192 : i64
// CHECK: %[[BASE:.*]] = llvm.getelementptr %[[WORKER]][64]
// CHECK: %[[BEHIND:.*]] = llvm.getelementptr %[[BASE]][%[[SIZE]]]
// CHECK: %[[TAGS:.*]] = memref.view %[[MEMORY:.*]][%{{.*}}][%{{.*}}] : memref<?xi8> to memref<?xindex>
// The first items of a phase set them.
// CHECK: %[[FRESH:.*]] = arith.cmpi eq, %{{.*}}, %{{.*}} : index
// CHECK: scf.if %[[FRESH]] {
// CHECK: %[[UNSET:.*]] = arith.constant -1 : index
// CHECK: scf.for %[[TAG:.*]] =
// CHECK: memref.store %[[UNSET]], %[[TAGS]][%[[TAG]]]
// CHECK: scf.for %[[ITEM:.*]] =
// CHECK: %[[HEAD:.*]] = arith.divui %[[ITEM]]
// CHECK: scf.for %[[KEY:.*]] =
// CHECK: %[[COUNT:.*]] = arith.minsi
// A head that another item read, in a tile that has a slot, at an even key.
// CHECK: %[[END:.*]] = arith.addi %[[KEY]], %[[COUNT]]
// CHECK: memref.store %{{.*}}, %[[TAGS]]
// CHECK: memref.store %[[ITEM]], %[[TAGS]]
// CHECK: %[[AGAIN:.*]] = arith.cmpi ne, %{{.*}}, %[[ITEM]] : index
// CHECK: %[[NUMBER:.*]] = arith.divui %[[KEY]], %{{.*}}
// CHECK: %[[FIRST:.*]] = arith.muli %[[NUMBER]], %{{.*}}
// CHECK: %[[LAST:.*]] = arith.minsi %{{.*}}, %[[ROWS]]
// CHECK: %[[INSIDE:.*]] = arith.cmpi ule, %[[END]], %[[LAST]]
// CHECK: arith.andi %[[AGAIN]], %[[INSIDE]]
// CHECK: arith.cmpi ult, %[[NUMBER]], %[[SLOTS]]
// CHECK: arith.remui %[[KEY]], %{{.*}}
// CHECK: arith.remui %[[END]], %{{.*}}
// CHECK: arith.cmpi eq, %[[END]], %[[ROWS]]
// CHECK: %[[KEEPS:.*]] = arith.andi
// CHECK: arith.select %[[KEEPS]], %{{.*}}, %{{.*}}
// CHECK: %[[FROM:.*]] = arith.select %[[KEEPS]], %[[FIRST]], %[[KEY]]
// CHECK: %[[TO:.*]] = arith.select %[[KEEPS]], %[[LAST]], %[[END]]
// CHECK: %[[MISSING:.*]] = arith.cmpi ne, %{{.*}}, %{{.*}} : index
// CHECK: %[[SLOT:.*]] = memref.view %[[MEMORY]][%{{.*}}][] : memref<?xi8> to memref<16x16x2xbf16>
// CHECK: %[[AT:.*]] = arith.subi %[[KEY]], %[[FROM]]
// CHECK: %[[FILLED:.*]] = arith.subi %[[TO]], %[[FROM]]
// Rows are asked for where they will be read from.
// CHECK: scf.if %{{.*}} {
// CHECK: scf.if %[[MISSING]] {
// CHECK: memref.prefetch %[[V]]
// CHECK: } else {
// CHECK: memref.prefetch %{{.*}}[%{{.*}}], read, locality<3>, data : memref<512xbf16>
// CHECK: attn.requests
// CHECK: scf.if %[[MISSING]] {
// CHECK: memref.store %{{.*}}, %[[TAGS]]
// CHECK: memref.subview %[[V]][%[[HEAD]], %[[FROM]], 0] [1, %[[FILLED]], 16]
// CHECK: attn.tile_einsum [n0_pair,f,n0_place] = %{{.*}} outs(%{{.*}}) {attn.seldom}
// CHECK: %[[PAIR:.*]] = arith.divui %[[AT]], %{{.*}}
// CHECK: %[[READ:.*]] = memref.subview %[[SLOT]][%[[PAIR]], 0, 0]
// CHECK: mul(%{{.*}}, %[[READ]][n0_pair,f,n0_place])
// CHECK-LABEL: func.func @step_worker
// CHECK: arith.constant {{[0-9]+}} : index
// CHECK: memref.dim %arg1, %{{.*}}
// CHECK: %[[SUM:.*]] = arith.index_cast %{{.*}} : index to i64
// CHECK: return %[[SUM]]

// Columns of whole matrix tiles begin at multiples of 32 keys.
// TILES-LABEL: func.func @step_run0
// TILES: %[[C32:.*]] = arith.constant 32 : index
// TILES: arith.remui %{{.*}}, %{{.*}} : index
// TILES: memref.view %{{.*}} to memref<16x32xbf16>
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @step_run0(%q: memref<2x?x16xbf16>, %v: memref<2x?x16xbf16>, %out: memref<16x16xf32>, %begin: i64, %end: i64, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %bytes = arith.constant 7168 : i64
  %all = llvm.insertvalue %bytes, %with[3, 0] : !descriptor
  %w = builtin.unrealized_conversion_cast %all : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c32 = arith.constant 32 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c6144 = arith.constant 6144 : index
  %rows = memref.dim %v, %c1 : memref<2x?x16xbf16>
  %far = arith.cmpi sgt, %rows, %c4096 : index
  %first = arith.index_cast %begin : i64 to index
  %last = arith.index_cast %end : i64 to index
  scf.for %item = %first to %last step %c1 {
    %head = arith.divui %item, %c4 : index
    %st = memref.view %w[%c0][] : memref<?xi8> to memref<32x16xf32>
    %o = memref.view %w[%c6144][] : memref<?xi8> to memref<16x16xf32>
    scf.for %key = %c0 to %rows step %c32 {
      %left = arith.subi %rows, %key : index
      %n = arith.minsi %left, %c32 : index
      %s = memref.subview %st[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
      %gt = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
      %given = memref.subview %gt[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
      scf.for %row = %c0 to %n step %c1 {
        scf.if %far {
          %at = arith.addi %key, %row : index
          memref.prefetch %v[%head, %at, %c0], read, locality<3>, data : memref<2x?x16xbf16>
        }
      } {attn.requests}
      attn.tile_einsum [n0,m] = map(%given[n0,m]) {
      ^bb0(%x: f32):
        %y = math.exp %x : f32
        attn.yield %y : f32
      } outs(%s) : (memref<?x16xf32, strided<[16, 1]>>) -> memref<?x16xf32, strided<[16, 1]>>
      %part = memref.subview %v[%head, %key, 0] [1, %n, 16] [1, 1, 1] : memref<2x?x16xbf16> to memref<?x16xbf16, strided<[16, 1], offset: ?>>
      %vt = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
      %vp = memref.subview %vt[0, 0] [%n, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
      attn.tile_einsum [n0,f] = %part[n0,f] outs(%vp) : (memref<?x16xbf16, strided<[16, 1], offset: ?>>) -> memref<?x16xf32, strided<[16, 1]>>
      attn.tile_einsum [f,m] = mul(%s[n0,m], %vp[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<?x16xf32, strided<[16, 1]>>, memref<?x16xf32, strided<[16, 1]>>) -> memref<16x16xf32>
    }
    attn.tile_einsum [f,m] = %o[f,m] outs(%out) : (memref<16x16xf32>) -> memref<16x16xf32>
  }
  return
}
func.func @step_worker(%q: memref<2x?x16xbf16>, %v: memref<2x?x16xbf16>, %out: memref<16x16xf32>) -> i64 {
  %bytes = arith.constant 7168 : i64
  return %bytes : i64
}

// -----

// What the function writes to would not be what was copied.
// CHECK-LABEL: func.func @written_run0
// CHECK-NOT: memref.store
// CHECK: attn.tile_einsum [n0_pair,f,n0_place]
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @written_run0(%v: memref<2x32x16xbf16>, %begin: i64, %end: i64, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %bytes = arith.constant 7168 : i64
  %all = llvm.insertvalue %bytes, %with[3, 0] : !descriptor
  %w = builtin.unrealized_conversion_cast %all : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c6144 = arith.constant 6144 : index
  %first = arith.index_cast %begin : i64 to index
  %last = arith.index_cast %end : i64 to index
  scf.for %head = %first to %last step %c1 {
    %s = memref.view %w[%c0][] : memref<?xi8> to memref<32x16xf32>
    %o = memref.view %w[%c6144][] : memref<?xi8> to memref<16x16xf32>
    %given = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
    attn.tile_einsum [n0,m] = map(%given[n0,m]) {
    ^bb0(%x: f32):
      %y = math.exp %x : f32
      attn.yield %y : f32
    } outs(%s) : (memref<32x16xf32>) -> memref<32x16xf32>
    %part = memref.subview %v[%head, 0, 0] [1, 32, 16] [1, 1, 1] : memref<2x32x16xbf16> to memref<32x16xbf16, strided<[16, 1], offset: ?>>
    %vp = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
    attn.tile_einsum [n0,f] = %part[n0,f] outs(%vp) : (memref<32x16xbf16, strided<[16, 1], offset: ?>>) -> memref<32x16xf32>
    attn.tile_einsum [f,m] = mul(%s[n0,m], %vp[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<32x16xf32>, memref<32x16xf32>) -> memref<16x16xf32>
    attn.tile_einsum [n0,f] = map() {
      %zero = arith.constant 0.0 : f32
      attn.yield %zero : f32
    } outs(%part) : () -> memref<32x16xbf16, strided<[16, 1], offset: ?>>
  }
  return
}
func.func @written_worker(%v: memref<2x32x16xbf16>) -> i64 {
  %bytes = arith.constant 7168 : i64
  return %bytes : i64
}

// -----

// Two heads that a step reads have slots of their own, and two reads of one head the
// same.
// CHECK-LABEL: func.func @heads_run0
// CHECK-COUNT-2: memref.view %{{.*}} : memref<?xi8> to memref<?xindex>
// CHECK-NOT: to memref<?xindex>
// CHECK: scf.for
// CHECK-LABEL: func.func @heads_worker
!descriptor = !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
func.func @heads_run0(%v: memref<8x32x16xbf16>, %out: memref<16x16xf32>, %begin: i64, %end: i64, %scratch: !llvm.ptr, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %fields = llvm.mlir.poison : !descriptor
  %with = llvm.insertvalue %scratch, %fields[1] : !descriptor
  %bytes = arith.constant 11264 : i64
  %all = llvm.insertvalue %bytes, %with[3, 0] : !descriptor
  %w = builtin.unrealized_conversion_cast %all : !descriptor to memref<?xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c6144 = arith.constant 6144 : index
  %c8192 = arith.constant 8192 : index
  %c10240 = arith.constant 10240 : index
  %first = arith.index_cast %begin : i64 to index
  %last = arith.index_cast %end : i64 to index
  scf.for %item = %first to %last step %c1 {
    %head = arith.divui %item, %c4 : index
    %other = arith.addi %head, %c1 : index
    %given = memref.view %w[%c0][] : memref<?xi8> to memref<32x16xf32>
    %s = memref.view %w[%c2048][] : memref<?xi8> to memref<32x16xf32>
    attn.tile_einsum [n0,m] = map(%given[n0,m]) {
    ^bb0(%x: f32):
      %y = math.exp %x : f32
      attn.yield %y : f32
    } outs(%s) : (memref<32x16xf32>) -> memref<32x16xf32>
    %o = memref.view %w[%c10240][] : memref<?xi8> to memref<16x16xf32>
    %p1 = memref.subview %v[%head, 0, 0] [1, 32, 16] [1, 1, 1] : memref<8x32x16xbf16> to memref<32x16xbf16, strided<[16, 1], offset: ?>>
    %v1 = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
    attn.tile_einsum [n0,f] = %p1[n0,f] outs(%v1) : (memref<32x16xbf16, strided<[16, 1], offset: ?>>) -> memref<32x16xf32>
    attn.tile_einsum [f,m] = mul(%s[n0,m], %v1[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<32x16xf32>, memref<32x16xf32>) -> memref<16x16xf32>
    %p2 = memref.subview %v[%other, 0, 0] [1, 32, 16] [1, 1, 1] : memref<8x32x16xbf16> to memref<32x16xbf16, strided<[16, 1], offset: ?>>
    %v2 = memref.view %w[%c6144][] : memref<?xi8> to memref<32x16xf32>
    attn.tile_einsum [n0,f] = %p2[n0,f] outs(%v2) : (memref<32x16xbf16, strided<[16, 1], offset: ?>>) -> memref<32x16xf32>
    attn.tile_einsum [f,m] = mul(%s[n0,m], %v2[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<32x16xf32>, memref<32x16xf32>) -> memref<16x16xf32>
    %p3 = memref.subview %v[%head, 0, 0] [1, 32, 16] [1, 1, 1] : memref<8x32x16xbf16> to memref<32x16xbf16, strided<[16, 1], offset: ?>>
    %v3 = memref.view %w[%c8192][] : memref<?xi8> to memref<32x16xf32>
    attn.tile_einsum [n0,f] = %p3[n0,f] outs(%v3) : (memref<32x16xbf16, strided<[16, 1], offset: ?>>) -> memref<32x16xf32>
    attn.tile_einsum [f,m] = mul(%s[n0,m], %v3[n0,f]) reduce add(n0) outs(%o) accumulate : (memref<32x16xf32>, memref<32x16xf32>) -> memref<16x16xf32>
    attn.tile_einsum [f,m] = %o[f,m] outs(%out) : (memref<16x16xf32>) -> memref<16x16xf32>
  }
  return
}
func.func @heads_worker(%v: memref<8x32x16xbf16>, %out: memref<16x16xf32>) -> i64 {
  %bytes = arith.constant 11264 : i64
  return %bytes : i64
}
