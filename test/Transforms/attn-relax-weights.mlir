// RUN: attn-opt %s --attn-relax-weights --split-input-file | FileCheck %s

// A result of bf16 is all that sees the weights, through a sum and a product with the
// values. The repair, of maxima alone, keeps its bits: repairs multiply each other.
// CHECK-LABEL: func @attention
// CHECK: attn.einsum [m,n0] = map(
// CHECK: math.exp2 %{{.*}} fastmath<afn> {attn.relaxed} : f32
// CHECK: attn.einsum [m] = map(
// CHECK: math.exp2 %{{.*}} fastmath<afn> : f32
func.func @attention(%s: tensor<?x?xf32>, %v: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    %lowest = arith.constant -3.40282347E+38 : f32
    %zero = arith.constant 0.0 : f32
    %rm0 = attn.einsum [m] = map() { attn.yield %lowest : f32 } : () -> tensor<?xf32>
    %rd0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %ro0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x64xf32>
    %rm, %rd, %ro = attn.iterate n1 of n by n0 init(%rm0, %rd0, %ro0 : tensor<?xf32>, tensor<?xf32>, tensor<?x64xf32>) {
    ^bb0(%M: tensor<?xf32>, %D: tensor<?xf32>, %O: tensor<?x64xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %m1 = attn.einsum [m] = max(%M[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %p = attn.einsum [m,n0] = map(%S[m,n1*N0+n0], %m1[m]) {
      ^bb0(%a: f32, %b: f32):
        %d = arith.subf %a, %b : f32
        %l = arith.constant 1.44269502 : f32
        %x = arith.mulf %d, %l : f32
        %e = math.exp2 %x fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%a: f32, %b: f32):
        %d = arith.subf %a, %b : f32
        %l = arith.constant 1.44269502 : f32
        %x = arith.mulf %d, %l : f32
        %e = math.exp2 %x fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = map(%D[m], %c[m], %ld[m]) {
      ^bb0(%a: f32, %b: f32, %x: f32):
        %y = arith.mulf %a, %b : f32
        %z = arith.addf %y, %x : f32
        attn.yield %z : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %lo = attn.einsum [m,f] = mul(%p[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x64xbf16>) -> tensor<?x64xf32>
      %o1 = attn.einsum [m,f] = map(%O[m,f], %c[m], %lo[m,f]) {
      ^bb0(%a: f32, %b: f32, %x: f32):
        %y = arith.mulf %a, %b : f32
        %z = arith.addf %y, %x : f32
        attn.yield %z : f32
      } : (tensor<?x64xf32>, tensor<?xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
      attn.yield %m1, %d1, %o1 : tensor<?xf32>, tensor<?xf32>, tensor<?x64xf32>
    }
    %r = attn.einsum [m,f] = div(%ro[m,f], %rd[m]) : (tensor<?x64xf32>, tensor<?xf32>) -> tensor<?x64xbf16>
    attn.yield %r : tensor<?x64xbf16>
  }
  return %o : tensor<?x64xbf16>
}

// -----

// What is seen of these weights: all of their bits, by a result of f32; an error that
// a difference enlarges; one that a logarithm takes to a number near 0; whether they
// are less than others.
// CHECK-LABEL: func @exact
// CHECK: math.exp2
// CHECK-NOT: attn.relaxed
func.func @exact(%s: tensor<?x?xf32>, %x: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %p = attn.einsum [m,n] = map(%S[m,n], %X[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %l = arith.constant 1.44269502 : f32
      %y = arith.mulf %d, %l : f32
      %e = math.exp2 %y fastmath<afn> : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// CHECK-LABEL: func @difference
// CHECK: math.exp2
// CHECK-NOT: attn.relaxed
func.func @difference(%s: tensor<?x?xf32>, %x: tensor<?xf32>) -> tensor<?xbf16> {
  %o = attn.cascade (%S = %s, %X = %x) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xbf16> {
    %p = attn.einsum [m,n] = map(%S[m,n], %X[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %l = arith.constant 1.44269502 : f32
      %y = arith.mulf %d, %l : f32
      %e = math.exp2 %y fastmath<afn> : f32
      %one = arith.constant 1.0 : f32
      %r = arith.subf %e, %one : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xbf16>
    attn.yield %r : tensor<?xbf16>
  }
  return %o : tensor<?xbf16>
}

// CHECK-LABEL: func @logarithm
// CHECK: math.exp2
// CHECK-NOT: attn.relaxed
func.func @logarithm(%s: tensor<?x?xf32>, %x: tensor<?xf32>) -> tensor<?xbf16> {
  %o = attn.cascade (%S = %s, %X = %x) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xbf16> {
    %p = attn.einsum [m,n] = map(%S[m,n], %X[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %l = arith.constant 1.44269502 : f32
      %y = arith.mulf %d, %l : f32
      %e = math.exp2 %y fastmath<afn> : f32
      %r = math.log %e : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xbf16>
    attn.yield %r : tensor<?xbf16>
  }
  return %o : tensor<?xbf16>
}

// CHECK-LABEL: func @order
// CHECK: math.exp2
// CHECK-NOT: attn.relaxed
func.func @order(%s: tensor<?x?xf32>, %x: tensor<?xf32>) -> tensor<?xbf16> {
  %o = attn.cascade (%S = %s, %X = %x) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xbf16> {
    %p = attn.einsum [m,n] = map(%S[m,n], %X[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %l = arith.constant 1.44269502 : f32
      %y = arith.mulf %d, %l : f32
      %e = math.exp2 %y fastmath<afn> : f32
      %is = arith.cmpf olt, %e, %a : f32
      %r = arith.select %is, %e, %b : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xbf16>
    attn.yield %r : tensor<?xbf16>
  }
  return %o : tensor<?xbf16>
}

// CHECK-LABEL: func @largest
// CHECK: math.exp2
// CHECK-NOT: attn.relaxed
func.func @largest(%s: tensor<?x?xf32>, %x: tensor<?xf32>) -> tensor<?xbf16> {
  %o = attn.cascade (%S = %s, %X = %x) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xbf16> {
    %p = attn.einsum [m,n] = map(%S[m,n], %X[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %l = arith.constant 1.44269502 : f32
      %y = arith.mulf %d, %l : f32
      %e = math.exp2 %y fastmath<afn> : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xbf16>
    attn.yield %r : tensor<?xbf16>
  }
  return %o : tensor<?xbf16>
}

// Whether a weight is 0 does not change, and what it is multiplied with, or divided
// by, keeps the error what it is.
// CHECK-LABEL: func @products
// CHECK: math.exp2 %{{.*}} fastmath<afn> {attn.relaxed} : f32
func.func @products(%s: tensor<?x?xf32>, %x: tensor<?xf32>) -> tensor<?xf16> {
  %o = attn.cascade (%S = %s, %X = %x) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf16> {
    %p = attn.einsum [m,n] = map(%S[m,n], %X[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %l = arith.constant 1.44269502 : f32
      %y = arith.mulf %d, %l : f32
      %e = math.exp2 %y fastmath<afn> : f32
      %zero = arith.constant 0.0 : f32
      %dead = arith.cmpf oeq, %e, %zero : f32
      %q = arith.divf %e, %b : f32
      %r = arith.select %dead, %zero, %q : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf16>
    attn.yield %r : tensor<?xf16>
  }
  return %o : tensor<?xf16>
}
