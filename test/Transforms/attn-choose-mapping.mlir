// RUN: attn-opt --attn-choose-mapping --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: attn-opt --attn-choose-mapping="vector-registers=16 vector-bits=256" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=AVX2
// RUN: attn-opt --attn-choose-mapping="l1-bytes=8192" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=L1
// RUN: attn-opt --attn-choose-mapping="lane-tiles=32,16 stream-tile=64 row-tile=4" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=GIVEN

// Single-pass attention over grouped heads. K and V know nothing of m and g; m
// is the longer of the two. b and k index K; f would repeat the scores.
// CHECK-LABEL: func @attention
// CHECK: attn.cascade {{.*}} mapping <lanes = m by [48, 32, 16], stream = 64, rows = 8, parallel = [b, k, g]>
// AVX2-LABEL: func @attention
// AVX2: mapping <lanes = m by [48, 32, 16], stream = 64, rows = 4,
// L1-LABEL: func @attention
// L1: stream = 32, rows = 8,
// GIVEN-LABEL: func @attention
// GIVEN: mapping <lanes = m by [32, 16], stream = 64, rows = 4, parallel = [b, k, g]>
func.func @attention(%q: tensor<?x2x4x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>) -> tensor<?x2x4x?x32xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v)
      : (tensor<?x2x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> tensor<?x2x4x?x32xf32> {
    %lowest = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %rm0 = attn.einsum [b,k,g,m] = map() { attn.yield %lowest : f32 } : () -> tensor<?x2x4x?xf32>
    %rd0 = attn.einsum [b,k,g,m] = map() { attn.yield %zero : f32 } : () -> tensor<?x2x4x?xf32>
    %rv0 = attn.einsum [b,k,g,m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x2x4x?x32xf32>
    %rm, %rd, %rv = attn.iterate n1 of n by n0 init(%rm0, %rd0, %rv0 : tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?x32xf32>) {
    ^bb0(%M: tensor<?x2x4x?xf32>, %D: tensor<?x2x4x?xf32>, %A: tensor<?x2x4x?x32xf32>):
      %s = attn.einsum [b,k,g,m,n0] = mul(%Q[b,k,g,m,e], %K[b,k,n1*N0+n0,e]) reduce add(e) : (tensor<?x2x4x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x4x?x?xf32>
      %lm = attn.einsum [b,k,g,m] = %s[b,k,g,m,n0] reduce max(n0) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
      %m1 = attn.einsum [b,k,g,m] = max(%M[b,k,g,m], %lm[b,k,g,m]) : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
      %p = attn.einsum [b,k,g,m,n0] = map(%s[b,k,g,m,n0], %m1[b,k,g,m]) {
      ^bb0(%x: f32, %y: f32):
        %d = arith.subf %x, %y : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?x2x4x?x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x?xf32>
      %c = attn.einsum [b,k,g,m] = map(%M[b,k,g,m], %m1[b,k,g,m]) {
      ^bb0(%x: f32, %y: f32):
        %d = arith.subf %x, %y : f32
        %e = math.exp %d : f32
        attn.yield %e : f32
      } : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
      %ld = attn.einsum [b,k,g,m] = %p[b,k,g,m,n0] reduce add(n0) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
      %d1 = attn.einsum [b,k,g,m] = map(%D[b,k,g,m], %c[b,k,g,m], %ld[b,k,g,m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %r = arith.mulf %x, %y : f32
        %t = arith.addf %r, %z : f32
        attn.yield %t : f32
      } : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
      %lv = attn.einsum [b,k,g,m,f] = mul(%p[b,k,g,m,n0], %V[b,k,n1*N0+n0,f]) reduce add(n0) : (tensor<?x2x4x?x?xf32>, tensor<?x2x?x32xf32>) -> tensor<?x2x4x?x32xf32>
      %a1 = attn.einsum [b,k,g,m,f] = map(%A[b,k,g,m,f], %c[b,k,g,m], %lv[b,k,g,m,f]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %r = arith.mulf %x, %y : f32
        %t = arith.addf %r, %z : f32
        attn.yield %t : f32
      } : (tensor<?x2x4x?x32xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?x32xf32>) -> tensor<?x2x4x?x32xf32>
      attn.yield %m1, %d1, %a1 : tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?x32xf32>
    }
    %o = attn.einsum [b,k,g,m,f] = div(%rv[b,k,g,m,f], %rd[b,k,g,m]) : (tensor<?x2x4x?x32xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x32xf32>
    attn.yield %o : tensor<?x2x4x?x32xf32>
  }
  return %o : tensor<?x2x4x?x32xf32>
}

// -----

// The features of the value index every carried tensor here, but the score
// does not have them: an item per feature would repeat it. A bias over the keys
// is no operand of a contraction and has no say. Heads may come after rows.
// CHECK-LABEL: func @sum_of_weights
// CHECK: mapping <lanes = q by [48, 32, 16], stream = 64, rows = 8, parallel = [h]>
func.func @sum_of_weights(%q: tensor<?x8x64xf32>, %k: tensor<?x8x64xf32>, %v: tensor<?x8x64xf32>, %bias: tensor<?x?xf32>) -> tensor<?x8x64xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %B = %bias)
      : (tensor<?x8x64xf32>, tensor<?x8x64xf32>, tensor<?x8x64xf32>, tensor<?x?xf32>) -> tensor<?x8x64xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [q,h,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8x64xf32>
    %r = attn.iterate t1 of t by t0 init(%i : tensor<?x8x64xf32>) {
    ^bb0(%A: tensor<?x8x64xf32>):
      %s = attn.einsum [q,h,t0] = mul(%Q[q,h,e], %K[t1*T0+t0,h,e]) reduce add(e) : (tensor<?x8x64xf32>, tensor<?x8x64xf32>) -> tensor<?x8x?xf32>
      %sb = attn.einsum [q,h,t0] = add(%s[q,h,t0], %B[q,t1*T0+t0]) : (tensor<?x8x?xf32>, tensor<?x?xf32>) -> tensor<?x8x?xf32>
      %l = attn.einsum [q,h,f] = mul(%sb[q,h,t0], %V[t1*T0+t0,h,f]) reduce add(t0) : (tensor<?x8x?xf32>, tensor<?x8x64xf32>) -> tensor<?x8x64xf32>
      %n = attn.einsum [q,h,f] = add(%A[q,h,f], %l[q,h,f]) : (tensor<?x8x64xf32>, tensor<?x8x64xf32>) -> tensor<?x8x64xf32>
      attn.yield %n : tensor<?x8x64xf32>
    }
    attn.yield %r : tensor<?x8x64xf32>
  }
  return %o : tensor<?x8x64xf32>
}

// -----

// f64 halves what fits: 384 bytes of scores a key.
// CHECK-LABEL: func @double
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 64, rows = 8, parallel = [b]>
func.func @double(%q: tensor<2x?x64xf64>, %k: tensor<2x?x64xf64>) -> tensor<2x?xf64> {
  %o = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) : (tensor<2x?x64xf64>, tensor<2x?x64xf64>) -> tensor<2x?xf64> {
    %zero = arith.constant 0.0 : f64
    %i = attn.einsum [b,m] = map() { attn.yield %zero : f64 } : () -> tensor<2x?xf64>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<2x?xf64>) {
    ^bb0(%A: tensor<2x?xf64>):
      %s = attn.einsum [b,m,n0] = mul(%Q[b,m,e], %K[b,n1*N0+n0,e]) reduce add(e) : (tensor<2x?x64xf64>, tensor<2x?x64xf64>) -> tensor<2x?x?xf64>
      %l = attn.einsum [b,m] = %s[b,m,n0] reduce add(n0) : (tensor<2x?x?xf64>) -> tensor<2x?xf64>
      %n = attn.einsum [b,m] = add(%A[b,m], %l[b,m]) : (tensor<2x?xf64>, tensor<2x?xf64>) -> tensor<2x?xf64>
      attn.yield %n : tensor<2x?xf64>
    }
    attn.yield %r : tensor<2x?xf64>
  }
  return %o : tensor<2x?xf64>
}

// -----

// Merged partial results: no loop. Lanes are the rows; features stay inside.
// CHECK-LABEL: func @merge
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 512, rows = 8, parallel = [b, h]>
func.func @merge(%o0: tensor<?x8x?x64xf32>, %l0: tensor<?x8x?xf32>, %o1: tensor<?x8x?x64xf32>, %l1: tensor<?x8x?xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
  %o, %l = attn.cascade (%A = %o0, %LA = %l0, %B = %o1, %LB = %l1)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
    %l = attn.einsum [b,h,m] = max(%LA[b,h,m], %LB[b,h,m]) : (tensor<?x8x?xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?xf32>
    %s = attn.einsum [b,h,m,f] = add(%A[b,h,m,f], %B[b,h,m,f]) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    %o = attn.einsum [b,h,m,f] = mul(%s[b,h,m,f], %l[b,h,m]) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
    attn.yield %o, %l : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
  }
  return %o, %l : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
}

// -----

// A mapping that is there stays.
// CHECK-LABEL: func @given
// CHECK: mapping <lanes = b by [16], stream = 32, rows = 1, parallel = []>
func.func @given(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = b by [16], stream = 32, rows = 1, parallel = []>
      : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %r = attn.einsum [b,m] = add(%S[b,m], %S[b,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// Every rank of the result is summed over somewhere.
// CHECK-LABEL: func @no_lanes
// CHECK-NOT: mapping
func.func @no_lanes(%s: tensor<?xf32>) -> tensor<?xf32> {
  // expected-remark @+1 {{is not mapped: no rank of every result is free of reductions and of iteration}}
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    %sum = attn.einsum [] = %S[b] reduce add(b) : (tensor<?xf32>) -> tensor<f32>
    %r = attn.einsum [b] = div(%S[b], %sum[]) : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
