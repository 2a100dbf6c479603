// RUN: attn-opt %s --attn-hold-maxima | FileCheck %s

// The output and the log-sum-exp are those of any number in the place of the maximum: it moves
// where weights would be more than 2^8, which is 8 / log2(e) above it.
// CHECK-LABEL: func @softmax
// CHECK: attn.iterate
// CHECK: ^bb0(%[[M:.*]]: tensor<?xf32>, %{{.*}}: tensor<?xf32>, %{{.*}}: tensor<?x8xf32>):
// CHECK: %[[LM:.*]] = attn.einsum [m] = %{{.*}} reduce max(n0)
// CHECK: attn.einsum [m] = map(%[[M]][m], %[[LM]][m]) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[Y:.*]]: f32):
// CHECK-NEXT: %[[RISE:.*]] = arith.subf %[[Y]], %[[X]] : f32
// CHECK-NEXT: %[[ROOM:.*]] = arith.constant 5.54517746 : f32
// CHECK-NEXT: %[[IS:.*]] = arith.cmpf ogt, %[[RISE]], %[[ROOM]] : f32
// CHECK-NEXT: %[[HELD:.*]] = arith.select %[[IS]], %[[Y]], %[[X]] : f32
// CHECK-NEXT: attn.yield %[[HELD]] : f32
func.func @softmax(%s: tensor<?x?xf32>, %v: tensor<?x8xbf16>) -> (tensor<?x8xbf16>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> (tensor<?x8xbf16>, tensor<?xf32>) {
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
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %t = arith.subf %x, %y : f32
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = map(%ld[m], %D[m], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %la = attn.einsum [m,f] = mul(%p[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> tensor<?x8xf32>
      %a1 = attn.einsum [m,f] = map(%la[m,f], %A[m,f], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      attn.yield %m1, %d1, %a1 : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
    }
    %i = attn.einsum [m] = map(%d[m]) {
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %q = arith.divf %one, %x : f32
      attn.yield %q : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = map(%a[m,f], %i[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = arith.mulf %x, %y : f32
      %none = arith.constant 0.0 : f32
      %is = arith.cmpf une, %y, %none : f32
      %w = arith.select %is, %t, %none : f32
      attn.yield %w : f32
    } : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xbf16>
    %s2 = attn.einsum [m] = map(%m[m], %d[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = math.log %y : f32
      %u = arith.addf %x, %t : f32
      attn.yield %u : f32
    } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r, %s2 : tensor<?x8xbf16>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?x8xbf16>, tensor<?xf32>
}

// Exponents with another factor have another room.
// CHECK-LABEL: func @other_factor
// CHECK: arith.constant 4.000000e+00 : f32
// CHECK-NEXT: arith.cmpf ogt
func.func @other_factor(%s: tensor<?x?xf32>, %v: tensor<?x8xbf16>) -> (tensor<?x8xbf16>) {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> (tensor<?x8xbf16>) {
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
        %l = arith.constant 2.0 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %t = arith.subf %x, %y : f32
        %l = arith.constant 2.0 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = map(%ld[m], %D[m], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %la = attn.einsum [m,f] = mul(%p[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> tensor<?x8xf32>
      %a1 = attn.einsum [m,f] = map(%la[m,f], %A[m,f], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      attn.yield %m1, %d1, %a1 : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
    }
    %i = attn.einsum [m] = map(%d[m]) {
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %q = arith.divf %one, %x : f32
      attn.yield %q : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = map(%a[m,f], %i[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = arith.mulf %x, %y : f32
      %none = arith.constant 0.0 : f32
      %is = arith.cmpf une, %y, %none : f32
      %w = arith.select %is, %t, %none : f32
      attn.yield %w : f32
    } : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xbf16>
    attn.yield %r : tensor<?x8xbf16>
  }
  return %o : tensor<?x8xbf16>
}

// A result of its own.
// CHECK-LABEL: func @maximum_is_a_result
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.einsum [m] = max(
func.func @maximum_is_a_result(%s: tensor<?x?xf32>, %v: tensor<?x8xbf16>) -> (tensor<?x8xbf16>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> (tensor<?x8xbf16>, tensor<?xf32>) {
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
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %t = arith.subf %x, %y : f32
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = map(%ld[m], %D[m], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %la = attn.einsum [m,f] = mul(%p[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> tensor<?x8xf32>
      %a1 = attn.einsum [m,f] = map(%la[m,f], %A[m,f], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      attn.yield %m1, %d1, %a1 : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
    }
    %i = attn.einsum [m] = map(%d[m]) {
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %q = arith.divf %one, %x : f32
      attn.yield %q : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = map(%a[m,f], %i[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = arith.mulf %x, %y : f32
      %none = arith.constant 0.0 : f32
      %is = arith.cmpf une, %y, %none : f32
      %w = arith.select %is, %t, %none : f32
      attn.yield %w : f32
    } : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xbf16>
    %s2 = attn.einsum [m] = map(%m[m], %d[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = math.log %y : f32
      %u = arith.addf %x, %t : f32
      attn.yield %u : f32
    } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r, %m : tensor<?x8xbf16>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?x8xbf16>, tensor<?xf32>
}

// Products of f32 take longer than repairs.
// CHECK-LABEL: func @wide_values
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.einsum [m] = max(
func.func @wide_values(%s: tensor<?x?xf32>, %v: tensor<?x8xf32>) -> (tensor<?x8xbf16>) {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xf32>) -> (tensor<?x8xbf16>) {
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
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %t = arith.subf %x, %y : f32
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
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
    %i = attn.einsum [m] = map(%d[m]) {
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %q = arith.divf %one, %x : f32
      attn.yield %q : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = map(%a[m,f], %i[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = arith.mulf %x, %y : f32
      %none = arith.constant 0.0 : f32
      %is = arith.cmpf une, %y, %none : f32
      %w = arith.select %is, %t, %none : f32
      attn.yield %w : f32
    } : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xbf16>
    attn.yield %r : tensor<?x8xbf16>
  }
  return %o : tensor<?x8xbf16>
}

// A result of f32 would show how the largest weight is rounded.
// CHECK-LABEL: func @wide_results
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.einsum [m] = max(
func.func @wide_results(%s: tensor<?x?xf32>, %v: tensor<?x8xbf16>) -> (tensor<?x8xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> (tensor<?x8xf32>, tensor<?xf32>) {
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
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
      %c = attn.einsum [m] = map(%M[m], %m1[m]) {
      ^bb0(%x: f32, %y: f32):
        %t = arith.subf %x, %y : f32
        %l = arith.constant 1.44269502 : f32
        %u = arith.mulf %t, %l : f32
        %e = math.exp2 %u fastmath<afn> : f32
        attn.yield %e : f32
      } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %ld = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %d1 = attn.einsum [m] = map(%ld[m], %D[m], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %la = attn.einsum [m,f] = mul(%p[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xbf16>) -> tensor<?x8xf32>
      %a1 = attn.einsum [m,f] = map(%la[m,f], %A[m,f], %c[m]) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %t = arith.mulf %y, %z : f32
        %u = arith.addf %x, %t : f32
        attn.yield %u : f32
      } : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      attn.yield %m1, %d1, %a1 : tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
    }
    %i = attn.einsum [m] = map(%d[m]) {
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %q = arith.divf %one, %x : f32
      attn.yield %q : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = map(%a[m,f], %i[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = arith.mulf %x, %y : f32
      %none = arith.constant 0.0 : f32
      %is = arith.cmpf une, %y, %none : f32
      %w = arith.select %is, %t, %none : f32
      attn.yield %w : f32
    } : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    %s2 = attn.einsum [m] = map(%m[m], %d[m]) {
    ^bb0(%x: f32, %y: f32):
      %t = math.log %y : f32
      %u = arith.addf %x, %t : f32
      attn.yield %u : f32
    } : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r, %s2 : tensor<?x8xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?x8xf32>, tensor<?xf32>
}
