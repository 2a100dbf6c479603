// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-derive-cascades=split=none --attn-tile-cascade --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-derive-cascades=split=none --attn-tile-cascade=vector-multiplies=1 --canonicalize --cse | FileCheck %s --check-prefix=TURN

// Four rows share each key, two queries for each of two heads. Tiles have the
// order of their tensors, so that keys and features are side by side, and an
// item is a key head.
// CHECK-LABEL: func.func @few_items0
// CHECK: return %c2_i64
// CHECK-LABEL: func.func @few_run0
// CHECK: attn.tile_einsum [g,m,f] = map()
// CHECK: -> memref<2x2x64xf32>
// CHECK: attn.tile_einsum [g,m,e] = map(
// CHECK: clamp [m] : {{.*}} -> memref<2x2x64xf32>
// Keys begin on whole vectors. They are asked for 16 ahead, values with them,
// where an item has more of them than caches hold.
// CHECK: scf.for
// CHECK: %[[FULL:.*]] = arith.andi
// CHECK: scf.if %[[FULL]]
// CHECK: scf.for %{{.*}} step %c16
// CHECK: arith.cmpi sgt, %{{.*}}, %c2048
// CHECK: scf.for
// CHECK: memref.prefetch %arg{{[0-9]+}}
// CHECK: memref.prefetch %arg{{[0-9]+}}
// Narrow keys and values are read as they are: no step converts them.
// CHECK: attn.tile_einsum [g,m,n0] = mul(%{{.*}}[g,m,e], %{{.*}}[n0,e]) reduce add(e) outs(%{{.*}}) : (memref<2x2x64xf32>, memref<?x64xbf16, {{.*}}>) -> memref<2x2x?xf32, {{.*}}>
// CHECK: attn.tile_einsum [g,m] = %{{.*}}[g,m,n0] reduce max(n0)
// CHECK: attn.tile_einsum [g,m,f] = mul(%{{.*}}[g,m,n0], %{{.*}}[n0,f]) reduce add(n0) outs(%{{.*}}) accumulate : (memref<2x2x?xf32, {{.*}}>, memref<?x64xbf16, {{.*}}>) -> memref<2x2x64xf32>
// CHECK: } else {
// The other steps test the queries, which are the tile, and keys.
// CHECK: attn.tile_einsum [g,m,n0] = map(
// CHECK: attn.index m
// CHECK: attn.index n0
// Where one multiply-add begins in a cycle, the four sums of a key keep it busy, and
// keys are read in turn, which hardware follows. The values of four keys at hand are
// asked for.
// TURN-LABEL: func.func @few_run0
// TURN: scf.for %{{.*}} step %c4 {
// TURN: %[[AT:.*]] = arith.addi
// TURN: arith.cmpi sgt, %{{.*}}, %c2048
// TURN: scf.for
// TURN-NOT: memref.prefetch %arg1
// TURN-COUNT-2: memref.prefetch %arg2
// TURN-NOT: memref.prefetch
// TURN: attn.tile_einsum [g,m,n0] = mul(%{{.*}}[g,m,e], %{{.*}}[n0,e]) reduce add(e) outs(%{{.*}}) {attn.rows_in_turn}
func.func @few(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x2x?x64xbf16>, %v: tensor<1x2x?x64xbf16>) -> tensor<1x4x2x64xbf16> {
  %o = attn.attention(%q, %k, %v) where window(255, 0) : (tensor<1x4x2x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x4x2x64xbf16>
  return %o : tensor<1x4x2x64xbf16>
}

// -----

// One row for each key is one sum, which waits for itself: 16 keys take turns, and are
// asked for ahead.
// TURN-LABEL: func.func @one_run0
// TURN: scf.for %{{.*}} step %c16
// TURN: memref.prefetch %arg1
// TURN-NOT: attn.rows_in_turn
// TURN: return
func.func @one(%q: tensor<1x2x1x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) -> tensor<1x2x1x64xf32> {
  %o = attn.attention(%q, %k, %v) : (tensor<1x2x1x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x2x1x64xf32>
  return %o : tensor<1x2x1x64xf32>
}
