// RUN: attn-opt %s --attn-invert-divisors | FileCheck %s

// The sum of a row's weights divides its features once, also where a gate is in the same
// map: the sum of a running sum times its repair and of a step's weights, those that a
// mask drops being 0. What is divided by a sum of 0 is 0, NaN as well.
// CHECK-LABEL: func @softmax
// CHECK: %[[R:.*]]:3 = attn.iterate
// CHECK: %[[I:.*]] = attn.einsum [m] = map(%[[R]]#1[m]) {
// CHECK-NEXT: ^bb0(%[[B:.*]]: f32):
// CHECK-NEXT: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-NEXT: %[[INVERSE:.*]] = arith.divf %[[ONE]], %[[B]] : f32
// CHECK-NEXT: attn.yield %[[INVERSE]]
// CHECK: attn.einsum [m,f] = map(%[[R]]#2[m,f], %[[I]][m], %{{.*}}[m,f]) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[Y:.*]]: f32, %[[G:.*]]: f32):
// CHECK-NEXT: %[[O:.*]] = arith.mulf %[[X]], %[[Y]] : f32
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[IS:.*]] = arith.cmpf une, %[[Y]], %[[ZERO]] : f32
// CHECK-NEXT: %[[R:.*]] = arith.select %[[IS]], %[[O]], %[[ZERO]] : f32
// CHECK-NEXT: arith.mulf %[[R]], %[[G]] : f32
func.func @softmax(%s: tensor<?x?xf32>, %v: tensor<?x8xf32>, %g: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v, %G = %g) : (tensor<?x?xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %lowest = arith.constant -3.40282347E+38 : f32
    %zero = arith.constant 0.0 : f32
    %m0 = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %d0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %a0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %m, %d, %a = attn.iterate n1 of n by n0 init(%m0, %d0, %a0 : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>) {
    ^bb0(%M: tensor<?xf32>, %D: tensor<?xf32>, %A: tensor<?x8xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %m1 = attn.einsum [m] = max(%M[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %p = attn.einsum [m,n0] = map(%S[m,n1*N0+n0], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %t = arith.subf %x, %y : f32
        %e = math.exp2 %t fastmath<afn> : f32
        %none = arith.constant 0.0 : f32
        %big = arith.constant 1.0 : f32
        %is = arith.cmpf olt, %x, %big : f32
        %w = arith.select %is, %e, %none : f32
        attn.yield %w : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %t = arith.subf %x, %y : f32
        %e = math.exp2 %t fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = map(%ld[m], %D[m], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %la = attn.einsum [m,f] = mul(%p[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %a1 = attn.einsum [m,f] = map(%la[m,f], %A[m,f], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      attn.yield %m1, %d1, %a1 : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
    }
    %r = attn.einsum [m,f] = map(%a[m,f], %d[m], %G[m,f]) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %q = arith.divf %x, %y : f32
      %t = arith.mulf %q, %z : f32
      attn.yield %t : f32
    } : (tensor<?x8xf32>, tensor<?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// What stays a division: one of all points by numbers of their own, by data, by a sum of
// what may be subnormal (an exponential that is exact, a weight times data or a weight),
// and by a number of f64.
// CHECK-LABEL: func @stays
// CHECK-NOT: arith.constant 1.000000e+00
// CHECK: attn.einsum [m,n] = div(
// CHECK-NOT: arith.constant 1.000000e+00
// CHECK: attn.einsum [m,n] = div(
// CHECK-NOT: arith.constant 1.000000e+00
// CHECK: attn.einsum [m,n] = div(
// CHECK-NOT: arith.constant 1.000000e+00
// CHECK: attn.einsum [m,n] = div(
// CHECK-NOT: arith.constant 1.000000e+00
// CHECK: attn.einsum [m,n] = div(
// CHECK-NOT: arith.constant 1.000000e+00
// CHECK: attn.einsum [m,n] = div(
func.func @stays(%s: tensor<?x?xf32>, %v: tensor<?xf32>, %w: tensor<?x?xf64>) -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf64>) {
  %o:6 = attn.cascade (%S = %s, %V = %v, %W = %w) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf64>) -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf64>) {
    %p = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %e = math.exp2 %x fastmath<afn> : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %own = attn.einsum [m,n] = div(%S[m,n], %p[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %data = attn.einsum [m,n] = div(%S[m,n], %V[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %e = math.exp2 %x : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %xs = attn.einsum [m] = %x[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %exact = attn.einsum [m,n] = div(%S[m,n], %xs[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %y = attn.einsum [m] = mul(%p[m,n], %V[n]) reduce add(n) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %mixed = attn.einsum [m,n] = div(%S[m,n], %y[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %z = attn.einsum [m] = map(%W[m,n]) {
    ^bb0(%x0: f64):
      %e = math.exp2 %x0 fastmath<afn> : f64
      attn.yield %e : f64
    } reduce add(n) : (tensor<?x?xf64>) -> tensor<?xf64>
    %wide = attn.einsum [m,n] = div(%W[m,n], %z[m]) : (tensor<?x?xf64>, tensor<?xf64>) -> tensor<?x?xf64>
    %pp = attn.einsum [m] = mul(%p[m,n], %p[m,n]) reduce add(n) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %twice = attn.einsum [m,n] = div(%S[m,n], %pp[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %twice, %own, %data, %exact, %mixed, %wide : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf64>
  }
  return %o#0, %o#1, %o#2, %o#3, %o#4, %o#5 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf64>
}
