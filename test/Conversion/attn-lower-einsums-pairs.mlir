// RUN: attn-opt %s --attn-lower-einsums="bf16-dots=true" | FileCheck %s
// RUN: attn-opt %s --attn-lower-einsums | FileCheck %s --check-prefix=LOOPS

// One instruction for both points of a pair, which lie in 32 bits side by side.
// CHECK-LABEL: func @rows
// CHECK: %[[Q:.*]] = memref.collapse_shape %{{.*}} {{\[}}[0], [1, 2]]
// CHECK-COUNT-3: vector.load %[[Q]][%{{.*}}, %{{.*}}] : memref<32x96xbf16>, vector<32xbf16>
// CHECK: %[[PAIR:.*]] = vector.load %{{.*}} : memref<8x64xbf16>, vector<2xbf16>
// CHECK: %[[BITS:.*]] = vector.bitcast %[[PAIR]] : vector<2xbf16> to vector<1xi32>
// CHECK: %[[ONE:.*]] = vector.extract %[[BITS]][0]
// CHECK: %[[ALL:.*]] = vector.broadcast %[[ONE]] : i32 to vector<16xi32>
// CHECK: vector.bitcast %[[ALL]] : vector<16xi32> to vector<32xbf16>
// CHECK-COUNT-24: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// Without the instruction the second point comes first, too.
// LOOPS-LABEL: func @rows
// LOOPS-NOT: dpbf16ps
// LOOPS: %[[SECOND:.*]] = arith.addi %{{.*}}, %c1
// LOOPS-COUNT-24: vector.fma
// LOOPS-COUNT-24: vector.fma
func.func @rows(%q: memref<32x48x2xbf16>, %k: memref<8x64xbf16>, %s: memref<8x48xf32>) {
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<8x64xbf16>) -> memref<8x48xf32>
  return
}

// Masked products are added one by one.
// CHECK-LABEL: func @masked
// CHECK-NOT: dpbf16ps
// CHECK: vector.fma
// CHECK: arith.select
// CHECK: vector.fma
// CHECK: arith.select
func.func @masked(%w: memref<16x16x2xbf16>, %v: memref<16x8x2xbf16>, %o: memref<8x16xf32>, %live: index) {
  attn.tile_einsum [f,m] = map(%w[p,m,i], %v[p,f,i]) {
  ^bb0(%x: f32, %y: f32):
    %product = arith.mulf %x, %y : f32
    %zero = arith.constant 0.0 : f32
    %row = attn.index p : index
    %is = arith.cmpi ult, %row, %live : index
    %r = arith.select %is, %product, %zero : f32
    attn.yield %r : f32
  } reduce add(p,i) outs(%o) accumulate {attn.pairs = "i"}
      : (memref<16x16x2xbf16>, memref<16x8x2xbf16>) -> memref<8x16xf32>
  return
}

// Weights in pairs, the second row first: rounded two vectors at a time, as the loop
// that computes them stores nothing else.
// CHECK-LABEL: func @pack_swapped
// CHECK: %[[FIRST:.*]] = arith.subf
// CHECK: %[[SECOND:.*]] = arith.subf
// CHECK: %[[BOTH:.*]] = llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"(%[[FIRST]], %[[SECOND]]) : (vector<16xf32>, vector<16xf32>) -> vector<32xbf16>
// CHECK: %[[PAIRS:.*]] = vector.shuffle %[[BOTH]], %[[BOTH]] [0, 16, 1, 17, 2, 18,
// CHECK: vector.store %[[PAIRS]], %{{.*}} : memref<2x32xbf16>, vector<32xbf16>
// CHECK-NOT: vector.store
// CHECK: return
// LOOPS-LABEL: func @pack_swapped
// LOOPS: %[[A:.*]] = arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// LOOPS: %[[B:.*]] = arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// LOOPS: vector.interleave %[[A]], %[[B]]
func.func @pack_swapped(%x: memref<4x16xf32>, %max: memref<16xf32>, %w: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %y = memref.view %w[%c0][] : memref<?xi8> to memref<4x16xf32>
  %pairs = memref.view %w[%c1024][] : memref<?xi8> to memref<2x16x2xbf16>
  attn.tile_einsum [n,m] = sub(%x[n,m], %max[m]) outs(%y) : (memref<4x16xf32>, memref<16xf32>) -> memref<4x16xf32>
  attn.tile_einsum [p,m,i] = %y[p*2+i*(-1)+1,m] outs(%pairs) {attn.last_reader} : (memref<4x16xf32>) -> memref<2x16x2xbf16>
  return
}

// A copy in pairs of rows takes all features of two rows at once: one loop over pairs,
// that reads each row once.
// CHECK-LABEL: func @interleave
// CHECK-COUNT-1: scf.for
// CHECK-COUNT-4: vector.store %{{.*}} : memref<8x128xbf16>, vector<32xbf16>
// CHECK-NOT: scf.for
// CHECK: return
func.func @interleave(%v: memref<16x64xbf16>, %pairs: memref<8x64x2xbf16>) {
  attn.tile_einsum [p,f,i] = %v[p*2+i*(-1)+1,f] outs(%pairs) : (memref<16x64xbf16>) -> memref<8x64x2xbf16>
  return
}

// A copy that few steps run is a function where it stands twice, and others stay.
// CHECK-LABEL: func.func @seldom
// CHECK-COUNT-2: call @attn_copy0(
// CHECK-NOT: call
// CHECK: vector.store
// CHECK: return
// CHECK: func.func private @attn_copy0
func.func @seldom(%v: memref<16x32xbf16>, %a: memref<8x32x2xbf16>, %b: memref<8x32x2xbf16>, %c: memref<8x32x2xbf16>) {
  attn.tile_einsum [p,f,i] = %v[p*2+1 - i,f] outs(%a) {attn.seldom} : (memref<16x32xbf16>) -> memref<8x32x2xbf16>
  attn.tile_einsum [p,f,i] = %v[p*2+1 - i,f] outs(%b) {attn.seldom} : (memref<16x32xbf16>) -> memref<8x32x2xbf16>
  attn.tile_einsum [p,f,i] = %v[p*2+1 - i,f] outs(%c) : (memref<16x32xbf16>) -> memref<8x32x2xbf16>
  return
}
