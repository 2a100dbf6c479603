// RUN: attn-opt %s --attn-lower-einsums --split-input-file | FileCheck %s

// A product that a sum alone reads is one multiply-add with it, on whichever side it
// stands, and what is the same for all lanes is spread over them.
// CHECK-LABEL: func.func @sum
// CHECK: %[[B:.*]] = memref.load
// CHECK: %[[S:.*]] = vector.load
// CHECK-NOT: arith.mulf
// CHECK: %[[WIDE:.*]] = vector.broadcast %[[B]] : f32 to vector<16xf32>
// CHECK: math.fma %[[S]], %{{.*}}, %[[WIDE]] : vector<16xf32>
// CHECK-NOT: arith.addf
// CHECK: return
func.func @sum(%s: memref<8x16xf32>, %b: memref<8xf32>) {
  attn.tile_einsum [n,m] = map(%b[n], %s[n,m]) {
  ^bb0(%bias: f32, %score: f32):
    %scale = arith.constant 0.3 : f32
    %scaled = arith.mulf %score, %scale : f32
    %sum = arith.addf %bias, %scaled : f32
    attn.yield %sum : f32
  } outs(%s) : (memref<8xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}

// -----

// A product that something else reads, too, is computed once for both.
// CHECK-LABEL: func.func @shared
// CHECK: %[[P:.*]] = arith.mulf
// CHECK: %[[SUM:.*]] = arith.addf %[[P]],
// CHECK: arith.subf %[[SUM]], %[[P]]
// CHECK-NOT: math.fma
// CHECK: return
func.func @shared(%s: memref<8x16xf32>, %t: memref<8x16xf32>) {
  attn.tile_einsum [n,m] = map(%s[n,m], %t[n,m]) {
  ^bb0(%x: f32, %y: f32):
    %product = arith.mulf %x, %x : f32
    %sum = arith.addf %product, %y : f32
    %rest = arith.subf %sum, %product : f32
    attn.yield %rest : f32
  } outs(%s) : (memref<8x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}

// -----

// What rounds to 16 bits rounds each time.
// CHECK-LABEL: func.func @half
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK-NOT: math.fma
// CHECK: return
func.func @half(%s: memref<8x16xf32>, %t: memref<8x16xf32>) {
  attn.tile_einsum [n,m] = map(%s[n,m], %t[n,m]) {
  ^bb0(%x: f32, %y: f32):
    %a = arith.truncf %x : f32 to f16
    %b = arith.truncf %y : f32 to f16
    %product = arith.mulf %a, %a : f16
    %sum = arith.addf %product, %b : f16
    %wide = arith.extf %sum : f16 to f32
    attn.yield %wide : f32
  } outs(%s) : (memref<8x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
