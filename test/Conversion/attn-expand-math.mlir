// RUN: attn-opt %s --attn-expand-math --split-input-file | FileCheck %s --check-prefixes=CHECK,FMA
// RUN: attn-opt %s --attn-expand-math=avx512=true --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: attn-opt %s --attn-expand-math=fma=false --split-input-file | FileCheck %s --check-prefixes=CHECK,PLAIN

// Clamps compare the bound with the number, so that NaN passes through them;
// the scaling instruction needs none.
// CHECK-LABEL: func @exp2
// CHECK-NOT: math.exp2
// FMA: %[[HIGH:.*]] = arith.constant dense<1.280000e+02> : vector<16xf32>
// FMA: %[[OVER:.*]] = arith.cmpf olt, %[[HIGH]], %[[X:.*]] : vector<16xf32>
// FMA: arith.select %[[OVER]], %[[HIGH]], %[[X]]
// FMA-COUNT-5: math.fma
// FMA: arith.minsi
// FMA: arith.mulf
// AVX512: %[[N:.*]] = math.roundeven %[[X:.*]] : vector<16xf32>
// AVX512: %[[F:.*]] = arith.subf %[[X]], %[[N]]
// AVX512-COUNT-5: math.fma
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%{{.*}}, %[[N]], %{{.*}}, %{{.*}}, %{{.*}}) : (vector<16xf32>, vector<16xf32>, vector<16xf32>, i16, i32) -> vector<16xf32>
// PLAIN-NOT: math.fma
// CHECK: return
func.func @exp2(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp2 %x : vector<16xf32>
  return %y : vector<16xf32>
}

// -----

// A weight of which 16 bits are seen: two multiply-adds less, and with AVX-512 the
// fraction is one instruction, for any exponent.
// CHECK-LABEL: func @relaxed
// CHECK-NOT: math.exp2
// FMA: %[[HIGH:.*]] = arith.constant dense<1.280000e+02> : vector<16xf32>
// FMA-COUNT-3: math.fma
// FMA-NOT: math.fma
// AVX512: %[[F:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.512"(%[[X:.*]], %{{.*}}, %[[X]], %{{.*}}, %{{.*}}) : (vector<16xf32>, i32, vector<16xf32>, i16, i32) -> vector<16xf32>
// AVX512-COUNT-3: math.fma %{{.*}}, %[[F]], %{{.*}}
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%{{.*}}, %[[X]], %{{.*}}, %{{.*}}, %{{.*}})
// PLAIN-NOT: math.fma
// CHECK: return
func.func @relaxed(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp2 %x fastmath<afn> {attn.relaxed} : vector<16xf32>
  return %y : vector<16xf32>
}

// -----

// Registers of other shapes are scaled one register at a time; what fills no
// register takes the generic form.
// CHECK-LABEL: func @shapes
// CHECK-NOT: math.exp
// AVX512-COUNT-3: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.256"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (vector<8xf32>, vector<8xf32>, vector<8xf32>, i8) -> vector<8xf32>
// AVX512-NOT: llvm.call_intrinsic
// CHECK: return
func.func @shapes(%a: vector<3x16xf32>, %b: vector<8xf32>, %c: vector<3xf32>, %d: f32, %e: vector<[4]xf32>)
    -> (vector<3x16xf32>, vector<8xf32>, vector<3xf32>, f32, vector<[4]xf32>) {
  %0 = math.exp %a : vector<3x16xf32>
  %1 = math.exp %b : vector<8xf32>
  %2 = math.exp2 %c : vector<3xf32>
  %3 = math.exp2 %d : f32
  %4 = math.exp %e : vector<[4]xf32>
  return %0, %1, %2, %3, %4 : vector<3x16xf32>, vector<8xf32>, vector<3xf32>, f32, vector<[4]xf32>
}

// -----

// CHECK-LABEL: func @others
// CHECK-NOT: math.{{exp|log|tanh}}
// CHECK: return
func.func @others(%x: vector<8xf32>) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
  %0 = math.expm1 %x : vector<8xf32>
  %1 = math.log %x : vector<8xf32>
  %2 = math.log2 %x : vector<8xf32>
  %3 = math.log10 %x : vector<8xf32>
  %4 = math.log1p %x : vector<8xf32>
  %5 = math.tanh %x : vector<8xf32>
  return %0, %1, %2, %3, %4, %5 : vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>
}

// -----

// Half precision is computed in f32; tensors and functions without an expansion
// stay for libm.
// CHECK-LABEL: func @types
// CHECK: arith.extf %{{.*}} : vector<4xbf16> to vector<4xf32>
// CHECK-NOT: math.exp
// CHECK: arith.truncf %{{.*}} : vector<4xf32> to vector<4xbf16>
// CHECK: %[[W:.*]] = arith.extf %{{.*}} : f16 to f32
// CHECK: %[[S:.*]] = math.sin %[[W]] : f32
// CHECK: arith.truncf %[[S]] : f32 to f16
// CHECK: math.sin %{{.*}} : f64
// CHECK: math.exp %{{.*}} : tensor<4xf32>
// CHECK: math.absf %{{.*}} : bf16
func.func @types(%a: vector<4xbf16>, %b: f16, %c: f64, %d: tensor<4xf32>, %e: bf16) -> (vector<4xbf16>, f16, f64, tensor<4xf32>, bf16) {
  %0 = math.exp %a : vector<4xbf16>
  %1 = math.sin %b : f16
  %2 = math.sin %c : f64
  %3 = math.exp %d : tensor<4xf32>
  %4 = math.absf %e : bf16
  return %0, %1, %2, %3, %4 : vector<4xbf16>, f16, f64, tensor<4xf32>, bf16
}

// -----

// Double precision scales by two factors: 64-bit integers have no minimum
// before AVX-512.
// CHECK-LABEL: func @double
// CHECK-NOT: math.exp2
// FMA: arith.constant dense<1.024000e+03> : vector<8xf64>
// FMA-COUNT-11: math.fma
// FMA-COUNT-2: arith.shli {{.*}} : vector<8xi64>
// FMA-NOT: arith.minsi
// FMA-COUNT-2: arith.mulf
// AVX512: math.roundeven %{{.*}} : vector<8xf64>
// AVX512-COUNT-11: math.fma
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.pd.512"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (vector<8xf64>, vector<8xf64>, vector<8xf64>, i8, i32) -> vector<8xf64>
// PLAIN-NOT: math.fma
// CHECK: return
func.func @double(%x: vector<8xf64>) -> vector<8xf64> {
  %y = math.exp2 %x : vector<8xf64>
  return %y : vector<8xf64>
}

// -----

// CHECK-LABEL: func @double_shapes
// AVX512-COUNT-6: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.pd.512"
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.pd.256"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (vector<4xf64>, vector<4xf64>, vector<4xf64>, i8) -> vector<4xf64>
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.pd.128"
// AVX512-NOT: llvm.call_intrinsic
// CHECK-NOT: math.{{exp|log|tanh}}
// CHECK: return
func.func @double_shapes(%a: vector<3x16xf64>, %b: vector<4xf64>, %c: vector<2xf64>, %d: f64)
    -> (vector<3x16xf64>, vector<4xf64>, vector<2xf64>, f64, f64, f64, f64) {
  %0 = math.exp %a : vector<3x16xf64>
  %1 = math.exp %b : vector<4xf64>
  %2 = math.exp2 %c : vector<2xf64>
  %3 = math.exp2 %d : f64
  %4 = math.log %d : f64
  %5 = math.tanh %d : f64
  %6 = math.log1p %d : f64
  return %0, %1, %2, %3, %4, %5, %6 : vector<3x16xf64>, vector<4xf64>, vector<2xf64>, f64, f64, f64, f64
}

// -----

// What looks at bits, clamps and integer powers have no instruction or library function.
// CHECK-LABEL: func.func @arithmetic
// CHECK-NOT: math.{{clampf|isinf|isnormal|ipowi|fpowi}}
// CHECK: return
func.func @arithmetic(%x: vector<8xf32>, %y: f64, %n: vector<8xi32>, %i: i64) -> (vector<8xf32>, vector<8xi1>, i1, vector<8xi32>, i64, vector<8xf32>) {
  %a = math.clampf %x to [%x, %x] : vector<8xf32>
  %b = math.isinf %x : vector<8xf32>
  %c = math.isnormal %y : f64
  %d = math.ipowi %n, %n : vector<8xi32>
  %e = math.ipowi %i, %i : i64
  %f = math.fpowi %x, %n : vector<8xf32>, vector<8xi32>
  return %a, %b, %c, %d, %e, %f : vector<8xf32>, vector<8xi1>, i1, vector<8xi32>, i64, vector<8xf32>
}
