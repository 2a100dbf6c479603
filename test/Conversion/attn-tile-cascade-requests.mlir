// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade=pairs --canonicalize --cse | FileCheck %s --check-prefix=PAIRS

// Values are summed a few features at a time, in strides that hardware does not
// follow: where there are many keys, each row is asked for with its scores.
// CHECK-LABEL: func.func @values_run0
// CHECK: scf.for %{{.*}} step %c32
// CHECK: %[[FAR:.*]] = arith.cmpi sgt, %{{.*}}, %c512
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c1 {
// CHECK: scf.if %[[FAR]] {
// CHECK-NOT: memref.prefetch %arg1
// CHECK-COUNT-2: memref.prefetch %arg2[%{{.*}}, %{{.*}}], read
// CHECK-NOT: memref.prefetch
// CHECK: } {attn.requests}
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[n0,e]) reduce add(e)
// CHECK-NOT: memref.prefetch
func.func @values(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x32xf32>) -> tensor<?x32xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x32xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x32xf32>) {
    ^bb0(%A: tensor<?x32xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
      attn.yield %n : tensor<?x32xf32>
    }
    attn.yield %r : tensor<?x32xf32>
  }
  return %o : tensor<?x32xf32>
}

// -----

// bf16 that is multiplied in pairs is read where it lies, like f32: of values of 40
// features two lines. f16 is converted.
// CHECK-LABEL: func.func @pairs_run0
// CHECK-NOT: memref.prefetch
// PAIRS-LABEL: func.func @pairs_run0
// PAIRS-NOT: memref.prefetch %arg1
// PAIRS-COUNT-2: memref.prefetch %arg2[%{{.*}}, %{{.*}}], read
// PAIRS-NOT: memref.prefetch
// PAIRS-LABEL: func.func @converted_run0
// PAIRS-NOT: memref.prefetch
func.func @pairs(%q: tensor<?x8xbf16>, %k: tensor<?x8xbf16>, %v: tensor<?x40xbf16>) -> tensor<?x40xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xbf16>, tensor<?x8xbf16>, tensor<?x40xbf16>) -> tensor<?x40xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x40xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x40xf32>) {
    ^bb0(%A: tensor<?x40xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xbf16>, tensor<?x8xbf16>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x40xbf16>) -> tensor<?x40xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x40xf32>, tensor<?x40xf32>) -> tensor<?x40xf32>
      attn.yield %n : tensor<?x40xf32>
    }
    attn.yield %r : tensor<?x40xf32>
  }
  return %o : tensor<?x40xf32>
}

// -----

// What is converted is copied row by row before.
// CHECK-LABEL: func.func @converted_run0
// CHECK-NOT: memref.prefetch
func.func @converted(%q: tensor<?x8xf16>, %k: tensor<?x8xf16>, %v: tensor<?x32xf16>) -> tensor<?x32xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf16>, tensor<?x8xf16>, tensor<?x32xf16>) -> tensor<?x32xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x32xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x32xf32>) {
    ^bb0(%A: tensor<?x32xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf16>, tensor<?x8xf16>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x32xf16>) -> tensor<?x32xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
      attn.yield %n : tensor<?x32xf32>
    }
    attn.yield %r : tensor<?x32xf32>
  }
  return %o : tensor<?x32xf32>
}
