// RUN: attn-opt %s --attn-lower-einsums="amx=true" | FileCheck %s
// RUN: attn-opt %s --attn-lower-einsums="amx=true" | FileCheck %s --check-prefix=KEPT
// RUN: attn-opt %s --attn-lower-einsums="bf16-dots=true" | FileCheck %s --check-prefix=DOTS
// RUN: attn-opt %s --attn-lower-einsums="amx=true" --convert-scf-to-cf --expand-strided-metadata --convert-to-llvm --reconcile-unrealized-casts | FileCheck %s --check-prefix=LLVM

// Four sums at a time. An operand of rows this small stays in cache: lanes go by
// outside. The three tiles of rows are two and one.
// CHECK-LABEL: func @scores
// CHECK: %[[Q:.*]] = memref.collapse_shape %{{.*}} {{\[}}[0], [1, 2]]
// CHECK: scf.for %[[LANE:.*]] = %c0{{.*}} to %c64{{.*}} step %c32
// CHECK: scf.for %[[ROW:.*]] = %c0{{.*}} to %c32{{.*}} step %c32
// CHECK-COUNT-4: amx.tile_zero : !amx.tile<16x16xf32>
// CHECK-COUNT-2: amx.tile_load %{{.*}}[%{{.*}}, %{{.*}}] : memref<48x64xbf16> into !amx.tile<16x32xbf16>
// CHECK-COUNT-2: amx.tile_load %[[Q]][%{{.*}}, %{{.*}}] : memref<32x128xbf16> into !amx.tile<16x32xbf16>
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-COUNT-4: amx.tile_load
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-COUNT-4: amx.tile_store
// CHECK: scf.for %{{.*}} = %c32{{.*}} to %c48{{.*}} step %c16
// CHECK-COUNT-2: amx.tile_zero
// CHECK-COUNT-2: amx.tile_mulf
// CHECK-COUNT-2: amx.tile_mulf
// CHECK-COUNT-2: amx.tile_store
// The meaning is that of pairs.
// DOTS-LABEL: func @scores
// DOTS-NOT: amx
// DOTS: dpbf16ps
// LLVM-LABEL: llvm.func @scores
// LLVM: x86_amx
func.func @scores(%q: memref<32x64x2xbf16>, %k: memref<48x64xbf16>, %s: memref<48x64xf32>) {
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.matrix_tiles, attn.pairs = "i"}
      : (memref<32x64x2xbf16>, memref<48x64xbf16>) -> memref<48x64xf32>
  return
}

// A sum of any length, added to what is there; one tile of lanes.
// CHECK-LABEL: func @values
// CHECK: scf.for
// CHECK: amx.tile_load %{{.*}} : memref<32x16xf32> into !amx.tile<16x16xf32>
// CHECK: amx.tile_load %{{.*}} : memref<32x16xf32> into !amx.tile<16x16xf32>
// CHECK: %[[END:.*]] = memref.dim %{{.*}}, %c1
// CHECK: scf.for %[[POINT:.*]] = %c0{{.*}} to %{{.*}} step %c32{{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
// CHECK: %[[PAIR:.*]] = arith.divui %[[POINT]], %c2
// CHECK: amx.tile_load %{{.*}}[%{{.*}}, %[[POINT]]] : memref<32x?xbf16, strided<[128, 1]>>
// CHECK: amx.tile_load %{{.*}}[%[[PAIR]], %{{.*}}] : memref<?x32xbf16>
// CHECK: amx.tile_mulf %{{.*}}, %{{.*}}, %[[A]]
// CHECK: amx.tile_mulf %{{.*}}, %{{.*}}, %[[B]]
// CHECK: scf.yield
func.func @values(%w: memref<?x16x2xbf16>, %v: memref<32x?xbf16, strided<[128, 1]>>, %o: memref<32x16xf32>) {
  attn.tile_einsum [f,m] = mul(%w[p,m,i], %v[f,p*2+i]) reduce add(p,i) outs(%o) accumulate {attn.matrix_tiles, attn.pairs = "i"}
      : (memref<?x16x2xbf16>, memref<32x?xbf16, strided<[128, 1]>>) -> memref<32x16xf32>
  return
}

// Transposed copies of whole tiles: two numbers of 16 bits are one of 32. The same
// copy in two places is a function.
// CHECK-LABEL: func @columns
// CHECK: call @attn_copy0(
// CHECK-NOT: attn.einsum
// CHECK: call @attn_copy0(
func.func @columns(%v: memref<?x48xbf16>, %a: memref<48x?xbf16, strided<[64, 1]>>, %b: memref<48x?xbf16, strided<[64, 1]>>) {
  attn.tile_einsum [f,n] = %v[n,f] outs(%a) clamp [n] {attn.matrix_tiles} : (memref<?x48xbf16>) -> memref<48x?xbf16, strided<[64, 1]>>
  attn.tile_einsum [f,n] = %v[n,f] outs(%b) clamp [n] {attn.matrix_tiles} : (memref<?x48xbf16>) -> memref<48x?xbf16, strided<[64, 1]>>
  return
}

// Two rows at a time are laid out in pairs behind what computes them; a third one
// is stored for what reads it.
// CHECK-LABEL: func @pack
// CHECK: %[[PAIRS:.*]] = memref.collapse_shape %{{.*}} {{\[}}[0], [1, 2]]
// CHECK: arith.truncf
// CHECK: arith.truncf
// CHECK: vector.interleave
// CHECK: vector.store %{{.*}}, %{{.*}} : memref<1x32xbf16>, vector<32xbf16>
// CHECK: vector.store %{{.*}} : memref<3x16xf32>, vector<16xf32>
// CHECK-NOT: vector.store
// CHECK: return
//
// The copy of @columns.
// CHECK-LABEL: func.func private @attn_copy0({{.*}}) attributes {passthrough = ["noinline"]} {
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-32: vector.load %{{.*}} : memref<?x48xbf16>, vector<32xbf16>
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [0, 32, 1, 33, 2, 34, 3, 35, 8, 40, 9, 41, 10, 42, 11, 43, 16,
// CHECK: vector.bitcast %{{.*}} : vector<32xbf16> to vector<16xi32>
// CHECK-COUNT-16: vector.store %{{.*}} : memref<48x?xbf16, strided<[64, 1]>>, vector<32xbf16>
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [4, 36, 5, 37, 6, 38, 7, 39, 12, 44,
// CHECK-COUNT-16: vector.store %{{.*}} : memref<48x?xbf16, strided<[64, 1]>>, vector<32xbf16>
// The last 16 rows.
// CHECK-COUNT-32: vector.load %{{.*}} : memref<?x48xbf16>, vector<16xbf16>
// CHECK-COUNT-16: vector.store %{{.*}} : memref<48x?xbf16, strided<[64, 1]>>, vector<32xbf16>
// CHECK-NOT: vector.
// CHECK: return
func.func @pack(%x: memref<3x16xf32>, %max: memref<16xf32>, %w: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %y = memref.view %w[%c0][] : memref<?xi8> to memref<3x16xf32>
  %pairs = memref.view %w[%c1024][] : memref<?xi8> to memref<1x16x2xbf16>
  attn.tile_einsum [n,m] = sub(%x[n,m], %max[m]) outs(%y) : (memref<3x16xf32>, memref<16xf32>) -> memref<3x16xf32>
  attn.tile_einsum [p,m,i] = %y[p*2+i,m] outs(%pairs) {attn.last_reader} : (memref<3x16xf32>) -> memref<1x16x2xbf16>
  return
}

// Rows that something else reads are stored, too.
// KEPT-LABEL: func @pack_and_keep
// KEPT: vector.interleave
// KEPT: vector.store %{{.*}} : memref<1x32xbf16>, vector<32xbf16>
// KEPT-COUNT-2: vector.store %{{.*}} : memref<2x16xf32>, vector<16xf32>
// KEPT-NOT: vector.store
// KEPT: return
func.func @pack_and_keep(%x: memref<2x16xf32>, %max: memref<16xf32>, %w: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %y = memref.view %w[%c0][] : memref<?xi8> to memref<2x16xf32>
  %pairs = memref.view %w[%c1024][] : memref<?xi8> to memref<1x16x2xbf16>
  attn.tile_einsum [n,m] = sub(%x[n,m], %max[m]) outs(%y) : (memref<2x16xf32>, memref<16xf32>) -> memref<2x16xf32>
  attn.tile_einsum [p,m,i] = %y[p*2+i,m] outs(%pairs) : (memref<2x16xf32>) -> memref<1x16x2xbf16>
  return
}
