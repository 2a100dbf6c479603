// RUN: attn-opt %s --attn-fuse-cascade | FileCheck %s

// The scale moves to the query, which the stream does not touch; cap and bias
// are one traversal.
// CHECK-LABEL: func @modifiers
// CHECK: %[[QS:.*]] = attn.einsum [m,e] = map(
// CHECK: arith.mulf
// CHECK: attn.iterate
// CHECK: %[[S:.*]] = attn.einsum [m,n0] = mul(%[[QS]][m,e], %{{.*}}[n1*N0+n0,e]) reduce add(e)
// CHECK-NEXT: %[[C:.*]] = attn.einsum [m,n0] = map(%{{.*}}[m], %[[S]][m,n0])
// CHECK: math.tanh
// CHECK: arith.addf
// CHECK: reduce max(n0)
func.func @modifiers(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %bias: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %B = %bias) : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %lo = arith.constant -3.40282347E+38 : f32
    %rm0 = attn.einsum [m] = map() { attn.yield %lo : f32 } : () -> tensor<?xf32>
    %rm = attn.iterate n1 of n by n0 init(%rm0 : tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>):
      %s0 = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x?xf32>
      %s1 = attn.einsum [m,n0] = map(%s0[m,n0]) {
      ^bb0(%s: f32):
        %c = arith.constant 0.125 : f32
        %r = arith.mulf %s, %c : f32
        attn.yield %r : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %s2 = attn.einsum [m,n0] = map(%s1[m,n0]) {
      ^bb0(%s: f32):
        %r = math.tanh %s : f32
        attn.yield %r : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %s3 = attn.einsum [m,n0] = add(%s2[m,n0], %B[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %lm = attn.einsum [m] = %s3[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm1 = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm1 : tensor<?xf32>
    }
    attn.yield %rm : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// A result kept in the cache is not computed in its reader.
// CHECK-LABEL: func @stored
// CHECK: %[[T:.*]] = attn.einsum [m] = add({{.*}}) in cache :
// CHECK-NEXT: attn.einsum [m] = mul(%[[T]][m],
func.func @stored(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    %t = attn.einsum [m] = add(%S[m], %S[m]) in cache : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = mul(%t[m], %S[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// A division by a constant is a product, and two constant factors are one: the scale of
// scores and the divisor of a soft cap. The scale is no power of two, so it stays behind
// the sum. A divisor whose inverse is subnormal stays, as do a factor that something else
// reads and a divisor that is data.
// CHECK-LABEL: func @factors
// CHECK: attn.einsum [m] = map(
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32):
// CHECK-NEXT: %[[F:.*]] = arith.constant 0.00500000035 : f32
// CHECK-NEXT: %[[X:.*]] = arith.mulf %[[S]], %[[F]] : f32
// CHECK-NEXT: %[[Y:.*]] = math.tanh %[[X]] : f32
// CHECK-NEXT: %[[G:.*]] = arith.constant 4.000000e+01 : f32
// CHECK-NEXT: %[[Z:.*]] = arith.mulf %[[Y]], %[[G]] : f32
// CHECK-NEXT: attn.yield %[[Z]]
// CHECK: attn.einsum [m] = map(
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[DATA:.*]]: f32):
// CHECK-NEXT: %[[HUGE:.*]] = arith.constant 3.40282347E+38 : f32
// CHECK-NEXT: %[[A:.*]] = arith.divf %[[S]], %[[HUGE]]
// CHECK-NEXT: %[[B:.*]] = arith.divf %[[A]], %[[DATA]]
// CHECK-NEXT: %[[HALF:.*]] = arith.constant 1.000000e-01 : f32
// CHECK-NEXT: %[[C:.*]] = arith.mulf %[[B]], %[[HALF]]
// CHECK-NEXT: %[[D:.*]] = arith.mulf %[[C]], %[[HALF]]
// CHECK-NEXT: arith.addf %[[C]], %[[D]]
func.func @factors(%s: tensor<?xf32>, %g: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o, %p = attn.cascade (%S = %s, %G = %g) : (tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %a = attn.einsum [m] = map(%S[m]) {
    ^bb0(%x: f32):
      %f = arith.constant 0.1 : f32
      %r = arith.mulf %f, %x : f32
      attn.yield %r : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %b = attn.einsum [m] = map(%a[m]) {
    ^bb0(%x: f32):
      %c = arith.constant 20.0 : f32
      %two = arith.constant 2.0 : f32
      %q = arith.divf %x, %c : f32
      %t = math.tanh %q : f32
      %u = arith.mulf %c, %t : f32
      %r = arith.mulf %u, %two : f32
      attn.yield %r : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m] = map(%S[m], %G[m]) {
    ^bb0(%x: f32, %y: f32):
      %huge = arith.constant 3.40282347E+38 : f32
      %q = arith.divf %x, %huge : f32
      %t = arith.divf %q, %y : f32
      %f = arith.constant 0.1 : f32
      %u = arith.mulf %t, %f : f32
      %v = arith.mulf %u, %f : f32
      %r = arith.addf %u, %v : f32
      attn.yield %r : f32
    } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %b, %d : tensor<?xf32>, tensor<?xf32>
  }
  return %o, %p : tensor<?xf32>, tensor<?xf32>
}

// An exact factor leaves what a map computes in its type, so that a target may round it;
// a copy of the operand with a factor is in the compute type.
// CHECK-LABEL: func @types
// CHECK-DAG: %[[Q:.*]] = attn.einsum [m,e] = map(%{{.*}}[m,e]) {{{.*}}
// CHECK-DAG: } : (tensor<?x16xbf16>) -> tensor<?x16xf32>
// CHECK-DAG: } : (tensor<?x16xbf16>, tensor<?xbf16>) -> tensor<?x16xbf16>
// CHECK: attn.iterate
func.func @types(%q: tensor<?x16xbf16>, %g: tensor<?xbf16>, %k: tensor<?x16xbf16>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %G = %g, %K = %k) : (tensor<?x16xbf16>, tensor<?xbf16>, tensor<?x16xbf16>) -> tensor<?xf32> {
    %lo = arith.constant 0.0 : f32
    %t = attn.einsum [m,e] = mul(%Q[m,e], %G[m]) : (tensor<?x16xbf16>, tensor<?xbf16>) -> tensor<?x16xbf16>
    %a0 = attn.einsum [m] = map() { attn.yield %lo : f32 } : () -> tensor<?xf32>
    %a = attn.iterate n1 of n by n0 init(%a0 : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %s0 = attn.einsum [m,n0] = mul(%t[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
      %s1 = attn.einsum [m,n0] = map(%s0[m,n0]) {
      ^bb0(%s: f32):
        %c = arith.constant 0.25 : f32
        %r = arith.mulf %s, %c : f32
        attn.yield %r : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %u0 = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
      %u1 = attn.einsum [m,n0] = map(%u0[m,n0]) {
      ^bb0(%s: f32):
        %c = arith.constant 0.25 : f32
        %r = arith.mulf %s, %c : f32
        attn.yield %r : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %w = attn.einsum [m,n0] = max(%s1[m,n0], %u1[m,n0]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m] = %w[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %a1 = attn.einsum [m] = max(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %a1 : tensor<?xf32>
    }
    attn.yield %a : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
