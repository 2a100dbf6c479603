// RUN: attn-opt %s --attn-lower-copies --canonicalize --cse -split-input-file | FileCheck %s

// 16 rows of 32 bytes are one copy of 16 bytes for each of 32 threads, two to a row,
// where all rows of the tensor begin at multiples of 16 bytes, and those of a thread's
// pieces, 16 rows apart, at less than 2^31 bytes from each other.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x16xbf16,
// CHECK: %[[BASE:.*]], %[[OFFSET:.*]], %{{.*}}:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata %[[K]]
// CHECK: %[[ELEMENTS:.*]] = arith.ori %[[OFFSET]], %[[STRIDES]]#0
// CHECK: %[[BYTES:.*]] = arith.muli %[[ELEMENTS]], %c2
// CHECK: %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[BASE]]
// CHECK: %[[BITS:.*]] = arith.ori %[[BYTES]], %[[ADDRESS]]
// CHECK: %[[LOW:.*]] = arith.andi %[[BITS]], %c15
// CHECK: %[[ALIGNED:.*]] = arith.cmpi eq, %[[LOW]], %c0
// CHECK: %[[NEAR:.*]] = arith.cmpi ule, %[[STRIDES]]#0, %c67108863
// CHECK: %[[BOTH:.*]] = arith.andi %[[ALIGNED]], %[[NEAR]]
// CHECK: scf.if %[[BOTH]] {
// CHECK: gpu.thread_id x
// CHECK: %[[ROW:.*]] = arith.divui %[[T:.*]], %c2
// CHECK: %[[PIECE:.*]] = arith.remui %[[T]], %c2
// CHECK: %[[COLUMN:.*]] = arith.muli %[[PIECE]], %c8
// CHECK: %[[AT:.*]] = arith.muli %[[ROW]], %c24
// CHECK: arith.addi %[[AT]], %[[COLUMN]]
// CHECK: arith.muli %[[ROW]], %[[STRIDES]]#0
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
// CHECK-NOT: nvvm.cp.async.shared.global
// CHECK: } else {
// Elsewhere its elements are copied one by one, in a loop that is not written out.
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %c256 step %c32
// CHECK: %[[R:.*]] = arith.divui %[[I]], %c16
// CHECK: %[[C:.*]] = arith.remui %[[I]], %c16
// CHECK: %[[X:.*]] = memref.load %[[K]][%[[R]], %[[C]]]
// CHECK: memref.store %[[X]], %{{.*}}[%[[R]], %[[C]]] : memref<16x24xbf16>
// CHECK-NEXT: } {loop_annotation = #loop_annotation}
// CHECK: nvvm.cp.async.commit.group
// CHECK-NOT: attn.einsum
// CHECK: return
!tensor = memref<?x16xbf16, strided<[?, 1], offset: ?>>
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @rows(%k: !tensor, %w: memref<?xi8>) attributes {attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
  %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (!tensor) -> !rows
  return
}

// -----

// Of a step with fewer rows than the tile has, the others are zeros: no byte is read,
// and the address is that of a row that exists. A whole step tests nothing, and a
// piece is a distance of 32 bits from the first one: 16 rows of 48 bytes further in the
// tile.
// CHECK-LABEL: func.func @some
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
// CHECK: scf.if
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[N]], %c32
// CHECK: scf.if %[[WHOLE]] {
// CHECK-NOT: arith.select
// CHECK: llvm.getelementptr
// CHECK: %[[SMALL:.*]] = llvm.inline_asm has_side_effects {{.*}}"mov.b32 $0, $1;"{{.*}} : (i32) -> i32
// CHECK: %[[DISTANCE:.*]] = arith.index_castui %[[SMALL]]
// CHECK: nvvm.cp.async.shared.global %[[TO:.*]], %[[FROM:.*]], 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>{{$}}
// CHECK: %[[MOVED:.*]] = arith.index_cast %[[DISTANCE]]
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[FROM]][%[[MOVED]]] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
// CHECK-NEXT: %[[BELOW:.*]] = llvm.getelementptr %[[TO]][768]
// CHECK-NEXT: nvvm.cp.async.shared.global %[[BELOW]], %[[NEXT]], 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>{{$}}
// CHECK: } else {
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %[[ROW:.*]], %[[N]]
// CHECK: arith.select %[[INSIDE]], %{{.*}}, %{{.*}} : !llvm.ptr<1>
// CHECK: %[[BYTES:.*]] = arith.select %[[INSIDE]], %c16_i32, %c0_i32 : i32
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg, %[[BYTES]]
// CHECK: %[[BELOW:.*]] = arith.addi %[[ROW]], %c16
// CHECK: %[[THERE:.*]] = arith.cmpi ult, %[[BELOW]], %[[N]]
// CHECK: %[[MORE:.*]] = arith.select %[[THERE]], %c16_i32, %c0_i32 : i32
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg, %[[MORE]]
// CHECK: } else {
// CHECK: scf.for %{{.*}} = %{{.*}} to %c512
// CHECK: %[[IN:.*]] = arith.cmpi ult, %[[R:.*]], %[[N]]
// CHECK: %[[SAFE:.*]] = arith.select %[[IN]], %[[R]], %c0
// CHECK: %[[X:.*]] = memref.load %{{.*}}[%[[SAFE]], %{{.*}}]
// CHECK: %[[Y:.*]] = arith.select %[[IN]], %[[X]], %cst : bf16
// CHECK: memref.store %[[Y]], %{{.*}}[%[[R]], %{{.*}}]
!tensor = memref<?x16xbf16, strided<[?, 1], offset: ?>>
!rows = memref<?x16xbf16, strided<[24, 1]>>
func.func @some(%k: !tensor, %n: index, %w: memref<?xi8>) attributes {attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<32x24xbf16>
  %keys = memref.subview %padded[0, 0] [%n, 16] [1, 1] : memref<32x24xbf16> to !rows
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (!tensor) -> !rows
  return
}

// -----

// Rows whose numbers a table holds are looked up one by one, each for the threads
// that copy it. A row adds its number times the stride, in bytes, to an address that
// all rows share, and its place in the tile is a constant behind the first one: 16 rows
// of 48 bytes.
// CHECK-LABEL: func.func @permuted
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x16xbf16,{{.*}} %[[TABLE:[a-z0-9]+]]: memref<?xindex>
// CHECK: %{{.*}}, %{{.*}}, %{{.*}}:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata %[[K]]
// CHECK: scf.if
// CHECK: %[[ROW:.*]] = arith.divui %{{.*}}, %c2
// CHECK: %[[START:.*]] = llvm.addrspacecast %{{.*}} : !llvm.ptr to !llvm.ptr<1>
// CHECK: %[[PLACE:.*]] = llvm.addrspacecast %{{.*}} : !llvm.ptr to !llvm.ptr<3>
// CHECK: %[[WIDE:.*]] = arith.muli %[[STRIDES]]#0, %c2
// CHECK: %[[CUT:.*]] = arith.index_cast %[[WIDE]] : index to i32
// CHECK: %[[SMALL:.*]] = llvm.inline_asm has_side_effects {{.*}}"mov.b32 $0, $1;"{{.*}} %[[CUT]]
// CHECK: %[[STRIDE:.*]] = arith.index_castui %[[SMALL]]
// CHECK: %[[TOKEN:.*]] = memref.load %[[TABLE]][%[[ROW]]]
// CHECK: %[[BYTES:.*]] = arith.muli %{{.*}}, %[[STRIDE]]
// CHECK: %[[OFFSET:.*]] = arith.index_cast %[[BYTES]] : index to i64
// CHECK: %[[FROM:.*]] = llvm.getelementptr %[[START]][%[[OFFSET]]]
// CHECK: nvvm.cp.async.shared.global %[[PLACE]], %[[FROM]], 16
// CHECK: %[[BELOW:.*]] = arith.addi %[[ROW]], %c16
// CHECK: memref.load %[[TABLE]][%[[BELOW]]]
// CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[START]][
// CHECK: %[[TO:.*]] = llvm.getelementptr %[[PLACE]][768]
// CHECK: nvvm.cp.async.shared.global %[[TO]], %[[NEXT]], 16
// CHECK: } else {
// CHECK: memref.load %[[TABLE]]
// CHECK: memref.load %[[K]]
// CHECK: memref.store
!tensor = memref<?x16xbf16, strided<[?, 1], offset: ?>>
!rows = memref<32x16xbf16, strided<[24, 1]>>
func.func @permuted(%k: !tensor, %table: memref<?xindex>, %w: memref<?xi8>) attributes {attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<32x24xbf16>
  %keys = memref.subview %padded[0, 0] [32, 16] [1, 1] : memref<32x24xbf16> to !rows
  attn.tile_einsum [n0,e] = %k[%table[n0],e] outs(%keys) {attn.async} : (!tensor, memref<?xindex>) -> !rows
  return
}

// -----

// Lanes that the tensor has not read its last row.
// CHECK-LABEL: func.func @clamped
// CHECK: %[[LAST:.*]] = arith.subi %{{.*}}, %c1
// CHECK: arith.minsi %{{.*}}, %[[LAST]]
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
!tensor = memref<?x16xbf16, strided<[?, 1], offset: ?>>
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @clamped(%q: !tensor, %w: memref<?xi8>) attributes {attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
  %rows = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
  attn.tile_einsum [m,e] = %q[m,e] outs(%rows) clamp [m] {attn.async} : (!tensor) -> !rows
  return
}

// -----

// Rows that do not lie side by side, that have another type, or that are no multiples
// of 16 bytes have elements alone; the group is there all the same.
// CHECK-LABEL: func.func @apart
// CHECK-NOT: nvvm.cp.async.shared.global
// CHECK: scf.for
// CHECK-NOT: loop_annotation
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for %{{.*}} = %{{.*}} to %c192
// CHECK: nvvm.cp.async.commit.group
// CHECK-NOT: nvvm.cp.async.shared.global
// CHECK: return
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @apart(%columns: memref<?x16xbf16, strided<[?, ?], offset: ?>>, %wide: memref<?x16xf32>, %odd: memref<?x12xbf16>, %w: memref<?xi8>) attributes {attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
  %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
  attn.tile_einsum [n0,e] = %columns[n0,e] outs(%keys) {attn.async} : (memref<?x16xbf16, strided<[?, ?], offset: ?>>) -> !rows
  attn.tile_einsum [n0,e] = %wide[n0,e] outs(%keys) {attn.async} : (memref<?x16xf32>) -> !rows
  %few = memref.subview %padded[0, 0] [16, 12] [1, 1] : memref<16x24xbf16> to memref<16x12xbf16, strided<[24, 1]>>
  attn.tile_einsum [n0,f] = %odd[n0,f] outs(%few) {attn.async} : (memref<?x12xbf16>) -> memref<16x12xbf16, strided<[24, 1]>>
  return
}

// -----

// More than 16 copies for each thread are a loop.
// CHECK-LABEL: func.func @long
// CHECK: scf.if
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %c544 step %c32
// CHECK: arith.divui %[[I]], %c2
// CHECK: nvvm.cp.async.shared.global
// CHECK: }
// CHECK: } else {
!rows = memref<272x16xbf16, strided<[24, 1]>>
func.func @long(%k: memref<?x16xbf16>, %w: memref<?xi8>) attributes {attn.block_threads = 32 : i64} {
  %c0 = arith.constant 0 : index
  %padded = memref.view %w[%c0][] : memref<?xi8> to memref<272x24xbf16>
  %keys = memref.subview %padded[0, 0] [272, 16] [1, 1] : memref<272x24xbf16> to !rows
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (memref<?x16xbf16>) -> !rows
  return
}
