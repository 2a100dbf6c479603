// RUN: attn-opt %s --attn-lower-einsums | FileCheck %s

// A quotient whose divisor is 0 is 0. The divisor of a sigmoid, 1 plus a power, is not
// asked; one that adds data to a power is.
// CHECK-LABEL: func.func @sigmoid
// CHECK: arith.divf
// CHECK-NOT: arith.cmpf
// CHECK: return
func.func @sigmoid(%x: memref<4x16xf32>, %o: memref<4x16xf32>) {
  attn.tile_einsum [f,m] = map(%x[f,m]) {
  ^bb0(%a: f32):
    %one = arith.constant 1.0 : f32
    %e = math.exp %a : f32
    %s = arith.addf %e, %one : f32
    %q = arith.divf %one, %s : f32
    attn.yield %q : f32
  } outs(%o) : (memref<4x16xf32>) -> memref<4x16xf32>
  return
}

// CHECK-LABEL: func.func @shifted
// CHECK: %[[D:.*]] = arith.addf
// CHECK: %[[Q:.*]] = arith.divf %{{.*}}, %[[D]]
// CHECK: %[[IS:.*]] = arith.cmpf oeq, %[[D]], %[[ZERO:.*]] :
// CHECK: arith.select %[[IS]], %[[ZERO]], %[[Q]]
func.func @shifted(%x: memref<4x16xf32>, %o: memref<4x16xf32>) {
  attn.tile_einsum [f,m] = map(%x[f,m]) {
  ^bb0(%a: f32):
    %one = arith.constant 1.0 : f32
    %e = math.exp %a : f32
    %s = arith.addf %e, %a : f32
    %q = arith.divf %one, %s : f32
    attn.yield %q : f32
  } outs(%o) : (memref<4x16xf32>) -> memref<4x16xf32>
  return
}

// CHECK-LABEL: func.func @constant
// CHECK: arith.divf
// CHECK: arith.cmpf oeq
func.func @constant(%x: memref<4x16xf32>, %o: memref<4x16xf32>) {
  attn.tile_einsum [f,m] = map(%x[f,m]) {
  ^bb0(%a: f32):
    %one = arith.constant 1.0 : f32
    %s = arith.addf %a, %one : f32
    %q = arith.divf %one, %s : f32
    attn.yield %q : f32
  } outs(%o) : (memref<4x16xf32>) -> memref<4x16xf32>
  return
}
