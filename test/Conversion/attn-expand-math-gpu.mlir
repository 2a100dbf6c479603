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

// -----

// Where approximations do, a tanh takes two of them, and a polynomial where it is
// small.
// CHECK-LABEL: func.func @tanh
// CHECK: %[[TWICE:.*]] = arith.mulf %arg0, %{{.*}} : f32
// CHECK: %[[POWER:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"(%[[TWICE]])
// CHECK: %[[SUM:.*]] = arith.addf %[[POWER]], %{{.*}} : f32
// CHECK: %[[QUOTIENT:.*]] = llvm.call_intrinsic "llvm.nvvm.rcp.approx.ftz.f"(%[[SUM]])
// CHECK: %[[LARGE:.*]] = math.fma %[[QUOTIENT]], %{{.*}}, %{{.*}} : f32
// CHECK: %[[SQUARE:.*]] = arith.mulf %arg0, %arg0 : f32
// CHECK-COUNT-4: math.fma %{{.*}}, %[[SQUARE]], %{{.*}} : f32
// CHECK: %[[SMALL:.*]] = math.fma %{{.*}}, %arg0, %arg0 : f32
// CHECK: %[[IS_SMALL:.*]] = arith.cmpf olt, %[[SQUARE]], %{{.*}} : f32
// CHECK: %[[A:.*]] = arith.select %[[IS_SMALL]], %[[SMALL]], %[[LARGE]] : f32
// CHECK-NOT: call_intrinsic
// CHECK: return %[[A]]
func.func @tanh(%x: f32) -> (f32, f32) {
  %a = math.tanh %x fastmath<afn> : f32
  %b = math.tanh %x : f32
  return %a, %b : f32, f32
}

// -----

// Where approximations do, an exponential is one of them, with a factor for what rounding
// the exponent took away; a number beyond its range is the range's end, and NaN stays.
// CHECK-LABEL: func.func @exp
// CHECK: %[[LOW:.*]] = arith.cmpf olt, %arg0, %[[LEAST:.*]] : f32
// CHECK: %[[X:.*]] = arith.select %[[LOW]], %[[LEAST]], %arg0
// CHECK: %[[HIGH:.*]] = arith.cmpf ogt, %[[X]], %[[MOST:.*]] : f32
// CHECK: %[[Y:.*]] = arith.select %[[HIGH]], %[[MOST]], %[[X]]
// CHECK: %[[EXPONENT:.*]] = arith.mulf %[[Y]], %[[LOG2E:.*]] : f32
// CHECK: %[[MINUS:.*]] = arith.negf %[[EXPONENT]]
// CHECK: %[[ROUNDED:.*]] = math.fma %[[Y]], %[[LOG2E]], %[[MINUS]]
// CHECK: %[[REST:.*]] = math.fma %[[Y]], %{{.*}}, %[[ROUNDED]]
// CHECK: %[[POWER:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"(%[[EXPONENT]])
// CHECK: %[[FACTOR:.*]] = math.fma %[[REST]],
// CHECK: %[[A:.*]] = arith.mulf %[[POWER]], %[[FACTOR]]
// CHECK-NOT: call_intrinsic
// CHECK: return %[[A]]
func.func @exp(%x: f32) -> (f32, f32) {
  %a = math.exp %x fastmath<afn> : f32
  %b = math.exp %x : f32
  return %a, %b : f32, f32
}
