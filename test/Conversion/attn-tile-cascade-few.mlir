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
// Where one multiply-add begins in a cycle, values of the keys at hand are asked for
// while their scores are computed, and keys of the next step while values are summed up:
// to the second level of cache, as a step goes by before they are read.
// TURN-LABEL: func.func @few_run0
// TURN: %[[FAR:.*]] = arith.cmpi sgt, %{{.*}}, %c2048
// TURN: scf.for %[[KEY:.*]] = %c0 to %[[COUNT:.*]] step %c1 {
// TURN-NEXT: scf.if %[[FAR]]
// TURN-NEXT: arith.addi %[[FIRST:.*]], %[[KEY]]
// TURN-NOT: memref.prefetch %arg1
// TURN-COUNT-2: memref.prefetch %arg2{{.*}}, read, locality<2>
// TURN-NOT: memref.prefetch
// TURN: } {attn.requests}
// TURN-NEXT: attn.tile_einsum [g,m,n0] = mul(%{{.*}}[g,m,e], %{{.*}}[n0,e]) reduce add(e)
// TURN: %[[NEXT:.*]] = arith.addi %[[FIRST]], %c128
// TURN: scf.for %[[ROW:.*]] = %c0 to %c128 step %c1 {
// TURN-NEXT: scf.if
// TURN-NEXT: arith.addi %[[NEXT]], %[[ROW]]
// TURN-COUNT-2: memref.prefetch %arg1{{.*}}, read, locality<2>
// TURN-NOT: memref.prefetch
// TURN: } {attn.requests}
// TURN-NEXT: attn.tile_einsum [g,m,f] = mul(%{{.*}}[g,m,n0], %{{.*}}[n0,f]) reduce add(n0)
func.func @few(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x2x?x64xbf16>, %v: tensor<1x2x?x64xbf16>) -> tensor<1x4x2x64xbf16> {
  %o = attn.attention(%q, %k, %v) where window(255, 0) : (tensor<1x4x2x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x4x2x64xbf16>
  return %o : tensor<1x4x2x64xbf16>
}

// -----

// So with one row for each key.
// TURN-LABEL: func.func @one_run0
// TURN: memref.prefetch %arg2
// TURN-NOT: memref.prefetch %arg1
// TURN: } {attn.requests}
// TURN-NEXT: attn.tile_einsum [g,m,n0] = mul(
// TURN: memref.prefetch %arg1
// TURN: } {attn.requests}
// TURN: return
func.func @one(%q: tensor<1x2x1x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) -> tensor<1x2x1x64xf32> {
  %o = attn.attention(%q, %k, %v) : (tensor<1x2x1x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x2x1x64xf32>
  return %o : tensor<1x2x1x64xf32>
}

// -----

// The heads of a group fill the lanes, and no other tile reads the keys.
// TURN-LABEL: func.func @lanes_run0
// TURN: memref.prefetch %arg2{{.*}}, read, locality<2>
// TURN-NOT: memref.prefetch %arg1
// TURN: } {attn.requests}
// TURN: attn.tile_einsum [n0,g] = mul(
// TURN: memref.prefetch %arg1{{.*}}, read, locality<2>
// TURN-NOT: memref.prefetch %arg2
// TURN: } {attn.requests}
// TURN-NEXT: attn.tile_einsum [f,g] = mul(
// CHECK-LABEL: func.func @lanes_run0
// CHECK-NOT: memref.prefetch %arg1
func.func @lanes(%q: tensor<1x16x1x64xf32>, %k: tensor<1x1x?x64xf32>, %v: tensor<1x1x?x64xf32>) -> tensor<1x16x1x64xf32> {
  %o = attn.attention(%q, %k, %v) : (tensor<1x16x1x64xf32>, tensor<1x1x?x64xf32>, tensor<1x1x?x64xf32>) -> tensor<1x16x1x64xf32>
  return %o : tensor<1x16x1x64xf32>
}

// -----

// Sixteen rows are two register tiles: each converts what it reads only where conversions
// run beside multiply-adds.
// CHECK-LABEL: func.func @narrow_run0
// CHECK: attn.tile_einsum [g,m,n0] = mul(%{{.*}}[g,m,e], %{{.*}}[n0,e]) reduce add(e) outs(%{{.*}}) : (memref<4x4x64xf32>, memref<?x64xf32
// TURN-LABEL: func.func @narrow_run0
// TURN: attn.tile_einsum [g,m,n0] = mul(%{{.*}}[g,m,e], %{{.*}}[n0,e]) reduce add(e) outs(%{{.*}}) : (memref<4x4x64xf32>, memref<?x64xf16
func.func @narrow(%q: tensor<1x4x4x64xf16>, %k: tensor<1x1x?x64xf16>, %v: tensor<1x1x?x64xf16>) -> tensor<1x4x4x64xf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<1x4x4x64xf16>, tensor<1x1x?x64xf16>, tensor<1x1x?x64xf16>) -> tensor<1x4x4x64xf16>
  return %o : tensor<1x4x4x64xf16>
}
