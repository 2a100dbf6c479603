// RUN: attn-opt %s --attn-describe-kernel --attn-derive-cascades="bf16-products=tiles" --attn-tile-cascade="key-unit=32" -split-input-file | FileCheck %s

// Ranges of keys are those of whole matrix tiles.
// CHECK-LABEL: func.func @attention_run0
// CHECK: scf.if
// CHECK: %[[UNIT:.*]] = arith.constant 32 : index
// CHECK: %[[LESS:.*]] = arith.constant 31 : index
// CHECK: %[[TILES:.*]] = arith.divui %{{.*}}, %[[UNIT]]
// CHECK: arith.muli %[[TILES]], %[[UNIT]]
// CHECK: arith.addi %{{.*}}, %[[LESS]]
func.func @attention(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x8x?x64xbf16>, %v: tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16> {
  %o = attn.attention(%q, %k, %v) where window(100, 0) : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16>
  return %o : tensor<?x8x?x64xbf16>
}

// -----

// A cascade of f32 takes register tiles, of 8 rows.
// CHECK-LABEL: func.func @single_run0
// CHECK-NOT: arith.constant 31 : index
// CHECK: arith.constant 7 : index
func.func @single(%q: tensor<?x8x?x64xf32>, %k: tensor<?x8x?x64xf32>, %v: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where window(100, 0) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// Listed keys are multiplied at once, from a copy of whole rows, behind all requests of the
// step: chunks of eight would be no matrix.
// CHECK-LABEL: func.func @listed_run0
// CHECK: attn.tile_einsum [n0,e] = %{{.*}}[%{{.*}}[n0],e] outs(%{{.*}})
// CHECK: memref.prefetch
// CHECK: } {attn.requests}
// CHECK-NOT: scf.for
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[n0,e]) reduce add(e) outs(%{{.*}}) : (memref<64x16xf32>, memref<?x64xf32, strided<[64, 1]>>)
func.func @listed(%q: tensor<1x1x?x64xbf16>, %k: tensor<1x1x?x64xbf16>, %v: tensor<1x1x?x64xbf16>, %x: tensor<?x?xi32>) -> tensor<1x1x?x64xbf16> {
  %o = attn.attention(%q, %k, %v) where indices(16, %x[] : tensor<?x?xi32>) align top_left
      : (tensor<1x1x?x64xbf16>, tensor<1x1x?x64xbf16>, tensor<1x1x?x64xbf16>) -> tensor<1x1x?x64xbf16>
  return %o : tensor<1x1x?x64xbf16>
}
