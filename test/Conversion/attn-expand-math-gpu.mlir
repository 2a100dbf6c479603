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

// Where approximations do, a tanh is a quotient of polynomials, with the inverse as an
// instruction; what is beyond 8 is 8, and NaN stays.
// CHECK-LABEL: func.func @tanh
// CHECK: %[[AT_MOST:.*]] = arith.minimumf %arg0, %{{.*}} : f32
// CHECK: %[[X:.*]] = arith.maximumf %[[AT_MOST]], %{{.*}} : f32
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[X]], %[[X]] : f32
// CHECK-COUNT-3: math.fma %{{.*}}, %[[SQUARE]], %{{.*}} : f32
// CHECK: %[[P:.*]] = math.fma %{{.*}}, %[[SQUARE]], %{{.*}} : f32
// CHECK-COUNT-2: math.fma %{{.*}}, %[[SQUARE]], %{{.*}} : f32
// CHECK: %[[Q:.*]] = math.fma %{{.*}}, %[[SQUARE]], %{{.*}} : f32
// CHECK: %[[INVERSE:.*]] = llvm.call_intrinsic "llvm.nvvm.rcp.approx.ftz.f"(%[[Q]])
// CHECK: %[[PRODUCT:.*]] = arith.mulf %[[X]], %[[P]] : f32
// CHECK: %[[A:.*]] = arith.mulf %[[PRODUCT]], %[[INVERSE]] : f32
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
// CHECK: %[[X:.*]] = arith.minimumf %arg0, %{{.*}} : f32
// CHECK: %[[Y:.*]] = arith.maximumf %[[X]], %{{.*}} : f32
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
