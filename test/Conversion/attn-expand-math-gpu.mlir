// RUN: attn-opt %s --attn-expand-math="gpu" -split-input-file -verify-diagnostics | FileCheck %s

// A GPU has an exp2 of f32; all else is arithmetic.
// CHECK-LABEL: func.func @instruction
// CHECK: math.exp2 %{{.*}} : f32
// CHECK-NOT: math.exp
// CHECK: math.sqrt
func.func @instruction(%x: f32, %y: f64) -> (f32, f64, f32, f32) {
  %a = math.exp2 %x : f32
  %b = math.exp2 %y : f64
  %c = math.exp %x : f32
  %d = math.sqrt %x : f32
  return %a, %b, %c, %d : f32, f64, f32, f32
}

// -----

func.func @library(%x: f32) -> f32 {
  // expected-error @+1 {{'math.erf' has no form on GPUs yet, which have no libm}}
  %a = math.erf %x : f32
  return %a : f32
}

// -----

func.func @remainder(%x: f64, %y: f64) -> f64 {
  // expected-error @+1 {{'arith.remf' has no form on GPUs yet, which have no libm}}
  %a = arith.remf %x, %y : f64
  return %a : f64
}
