// RUN: attn-opt %s --attn-lower-fragments --canonicalize --cse -split-input-file | FileCheck %s

// A thread's two neighbouring columns of 16 bits are converted at once, and stored so
// where all rows of the tensor begin at multiples of 4 bytes, else one by one.
// CHECK-LABEL: func.func @pairs
// CHECK-SAME: %[[O:[a-z0-9]+]]: memref<?x8xbf16,
// CHECK: %[[BASE:.*]], %[[OFFSET:.*]], %{{.*}}:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata %[[O]]
// CHECK: %[[ELEMENTS:.*]] = arith.ori %[[OFFSET]], %[[STRIDES]]#0
// CHECK: %[[BYTES:.*]] = arith.muli %[[ELEMENTS]], %c2
// CHECK: %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[BASE]]
// CHECK: %[[BITS:.*]] = arith.ori %[[BYTES]], %[[ADDRESS]]
// CHECK: %[[LOW:.*]] = arith.andi %[[BITS]], %c3
// CHECK: %[[ALIGNED:.*]] = arith.cmpi eq, %[[LOW]], %c0
// CHECK: %[[DIM:.*]] = memref.dim %[[O]], %c0
// CHECK: %[[EXISTS:.*]] = arith.cmpi ult, %[[LANE:.*]], %[[DIM]]
// CHECK: scf.if %[[EXISTS]] {
// CHECK: %[[X:.*]] = memref.load %{{.*}}[%c0, %c0] : memref<2x2xf32>
// CHECK: %[[Y:.*]] = memref.load %{{.*}}[%c0, %c1] : memref<2x2xf32>
// CHECK: %[[PAIR:.*]] = llvm.inline_asm {{.*}}"cvt.rn.bf16x2.f32 $0, $1, $2;", "=r,f,f" %[[Y]], %[[X]] : (f32, f32) -> i32
// CHECK: %[[ROW:.*]] = arith.muli %[[LANE]], %[[STRIDES]]#0
// CHECK: arith.addi %[[ROW]],
// CHECK: %[[PLACE:.*]] = llvm.addrspacecast
// CHECK: scf.if %[[ALIGNED]] {
// CHECK-NEXT: llvm.store %[[PAIR]], %[[PLACE]] {alignment = 4 : i64} : i32, !llvm.ptr<1>
// CHECK-NEXT: } else {
// CHECK-NEXT: %[[HIGH:.*]] = arith.shrui %[[PAIR]], %c16
// CHECK-NEXT: %[[BEHIND:.*]] = llvm.getelementptr %[[PLACE]][2]
// CHECK-NEXT: %[[FIRST:.*]] = arith.trunci %[[PAIR]] : i32 to i16
// CHECK-NEXT: llvm.store %[[FIRST]], %[[PLACE]] {alignment = 2 : i64} : i16, !llvm.ptr<1>
// CHECK-NEXT: %[[SECOND:.*]] = arith.trunci %[[HIGH]] : i32 to i16
// CHECK-NEXT: llvm.store %[[SECOND]], %[[BEHIND]] {alignment = 2 : i64} : i16, !llvm.ptr<1>
// CHECK: scf.if
// CHECK: scf.if %[[ALIGNED]] {
// CHECK-COUNT-3: llvm.store
// CHECK-NOT: llvm.store
// CHECK-NOT: memref.store
// CHECK: return
func.func @pairs(%o: memref<?x8xbf16, strided<[?, 1], offset: ?>>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  attn.tile_einsum [m,f] = %s[f,m] outs(%o) : (memref<8x16xf32>) -> memref<?x8xbf16, strided<[?, 1], offset: ?>>
  return
}

// -----

// One by one: numbers of 32 bits, columns that do not lie side by side, some of a
// matrix' eight columns, and numbers of rows.
// CHECK-LABEL: func.func @singles
// CHECK-NOT: llvm.store
// CHECK: return
func.func @singles(%o: memref<?x8xf32, strided<[?, 1], offset: ?>>, %p: memref<?x8xf16, strided<[?, 2], offset: ?>>, %r: memref<?x6xf16, strided<[?, 1], offset: ?>>, %l: memref<?xf16, strided<[1], offset: ?>>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [m,f] = %s[f,m] outs(%o) : (memref<8x16xf32>) -> memref<?x8xf32, strided<[?, 1], offset: ?>>
  attn.tile_einsum [m,f] = %s[f,m] outs(%p) : (memref<8x16xf32>) -> memref<?x8xf16, strided<[?, 2], offset: ?>>
  %part = memref.subview %s[0, 0] [6, 16] [1, 1] : memref<8x16xf32> to memref<6x16xf32, strided<[16, 1]>>
  attn.tile_einsum [m,f] = %part[f,m] outs(%r) : (memref<6x16xf32, strided<[16, 1]>>) -> memref<?x6xf16, strided<[?, 1], offset: ?>>
  attn.tile_einsum [m] = %d[m] outs(%l) : (memref<16xf32>) -> memref<?xf16, strided<[1], offset: ?>>
  return
}

// -----

// What tensor cores summed is no more exact than functions that approximate.
// CHECK-LABEL: func.func @functions
// CHECK: math.exp %{{.*}} fastmath<afn>
// CHECK: math.tanh %{{.*}} fastmath<contract,afn>
// CHECK: math.log %{{[0-9a-z_]*}} : f32
func.func @functions() attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64, attn.block_threads = 32 : i64} {
  %d = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [m] = map(%d[m]) {
  ^bb0(%x: f32):
    %a = math.exp %x : f32
    %b = math.tanh %a fastmath<contract> : f32
    %c = math.log %b : f32
    attn.yield %c : f32
  } outs(%d) : (memref<16xf32>) -> memref<16xf32>
  return
}
