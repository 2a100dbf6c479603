// RUN: attn-opt %s --attn-rebase-exponentials --split-input-file | FileCheck %s

// A weight and the repair of its sum: both exponents are at most 0, whatever the
// scores are. The running maximum has seen the scores of this step and the old
// maximum.
// CHECK-LABEL: func @weights
// CHECK: %[[M:.*]] = attn.einsum [m] = max(
// CHECK: attn.einsum [m,n0] = map(%{{.*}}[m,n0], %[[M]][m])
// CHECK: %[[D:.*]] = arith.subf
// CHECK: %[[L:.*]] = arith.constant 1.44269502 : f32
// CHECK: %[[P:.*]] = arith.mulf %[[D]], %[[L]] : f32
// CHECK: math.exp2 %[[P]] fastmath<afn> : f32
// CHECK: attn.einsum [m] = map(%{{.*}}[m], %[[M]][m])
// CHECK: math.exp2
// CHECK-NOT: math.exp %
func.func @weights(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %lowest = arith.constant -3.40282347E+38 : f32
    %zero = arith.constant 0.0 : f32
    %rm0 = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %rd0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %rm, %rd = attn.iterate n1 of n by n0 init(%rm0, %rd0 : tensor<?xf32>, tensor<?xf32>) {
    ^bb0(%M: tensor<?xf32>, %D: tensor<?xf32>):
      %x = attn.einsum [m,n0] = add(%S[m,n1*N0+n0], %S[m,n1*N0+n0]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      %lm = attn.einsum [m] = %x[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %m1 = attn.einsum [m] = max(%M[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %p = attn.einsum [m,n0] = map(%x[m,n0], %m1[m]) {
      ^bb0(%a: f32, %b: f32):
        %d = arith.subf %a, %b : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%a: f32, %b: f32):
        %d = arith.subf %a, %b : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = map(%D[m], %c[m], %ld[m]) {
      ^bb0(%a: f32, %b: f32, %l: f32):
        %r = arith.mulf %a, %b : f32
        %t = arith.addf %r, %l : f32
        attn.yield %t : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %m1, %d1 : tensor<?xf32>, tensor<?xf32>
    }
    attn.yield %rd : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The maximum of another row, of another tensor, a minimum, and an exponent that
// is no difference from a maximum: these may be positive, and keep exp.
// CHECK-LABEL: func @unbounded
// CHECK-COUNT-4: math.exp %
// CHECK-NOT: math.exp2
func.func @unbounded(%s: tensor<4x4xf32>, %t: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %o:4 = attn.cascade (%S = %s, %T = %t) : (tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
    %max = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<4x4xf32>) -> tensor<4xf32>
    %other = attn.einsum [m] = %T[m,n] reduce max(n) : (tensor<4x4xf32>) -> tensor<4xf32>
    %min = attn.einsum [m] = %S[m,n] reduce min(n) : (tensor<4x4xf32>) -> tensor<4xf32>
    %a = attn.einsum [m,n] = map(%S[m,n], %max[n]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
    %b = attn.einsum [m,n] = map(%S[m,n], %other[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
    %c = attn.einsum [m,n] = map(%S[m,n], %min[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
    %d = attn.einsum [m,n] = map(%S[m,n], %max[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %y, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
    attn.yield %a, %b, %c, %d : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
  }
  return %o#0, %o#1, %o#2, %o#3 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// A maximum with more terms bounds all of them; f64 has no instruction to save,
// and a maximum that was rounded to bf16 bounds nothing.
// CHECK-LABEL: func @kinds
// CHECK: attn.einsum [m] = map(
// CHECK: math.exp2 {{.*}} fastmath<afn> : f32
// CHECK: math.exp {{.*}} : f64
// CHECK: math.exp {{.*}} : f32
func.func @kinds(%s: tensor<4xf32>, %t: tensor<4xf32>, %w: tensor<4xf64>) -> (tensor<4xf32>, tensor<4xf64>, tensor<4xf32>) {
  %o:3 = attn.cascade (%S = %s, %T = %t, %D = %w) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf64>) -> (tensor<4xf32>, tensor<4xf64>, tensor<4xf32>) {
    %max = attn.einsum [m] = map(%T[m], %S[m], %T[m]) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %a = arith.maximumf %x, %y : f32
      %b = arith.maximumf %a, %z : f32
      attn.yield %b : f32
    } : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %wide = attn.einsum [m] = max(%D[m], %D[m]) : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
    %short = attn.einsum [m] = max(%S[m], %T[m]) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xbf16>
    %a = attn.einsum [m] = map(%S[m], %max[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %b = attn.einsum [m] = map(%D[m], %wide[m]) {
    ^bb0(%x: f64, %y: f64):
      %d = arith.subf %x, %y : f64
      %e = math.exp %d : f64
      attn.yield %e : f64
    } : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
    %c = attn.einsum [m] = map(%S[m], %short[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<4xf32>, tensor<4xbf16>) -> tensor<4xf32>
    attn.yield %a, %b, %c : tensor<4xf32>, tensor<4xf64>, tensor<4xf32>
  }
  return %o#0, %o#1, %o#2 : tensor<4xf32>, tensor<4xf64>, tensor<4xf32>
}
