// RUN: attn-opt %s --attn-derive-single-pass=split=64 -split-input-file -verify-diagnostics | FileCheck %s

// What stays whole although a number of points is given says why.

// CHECK-LABEL: func.func @short
// CHECK-NOT: split
func.func @short(%s: tensor<?x48xf32>) -> tensor<?xf32> {
  // expected-remark @+1 {{is not split along its stream: one split holds all of it}}
  %o = attn.cascade (%S = %s) : (tensor<?x48xf32>) -> tensor<?xf32> {
    %e = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x48xf32>, tensor<?x48xf32>) -> tensor<?x48xf32>
    %x = attn.einsum [m] = %e[m,n] reduce add(n) : (tensor<?x48xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CHECK-LABEL: func.func @segments
// CHECK-NOT: split
func.func @segments(%s: tensor<?x?xf32>, %b: tensor<?xi32>) -> tensor<?xf32> {
  // expected-remark @+1 {{is not split along its stream: segments, lists, orders, remainders or boxes say which points follow each other}}
  %o = attn.cascade (%S = %s, %B = %b) over (m, n) segments query(%B[]) key(%B[]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %e = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %e[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A reduction by a region has no operation that a step could be known by.
// CHECK-LABEL: func.func @region
// CHECK-NOT: split
func.func @region(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-remark @+1 {{is not split along its stream: a step does not combine each carried value with a reduction of its own points}}
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %e = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %e[m,n] reduce associative(n) identity(0.0 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %b : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// An iteration that someone wrote: a step halves what it carries, which no run could
// know of another.
// CHECK-LABEL: func.func @decay
// CHECK-NOT: split
func.func @decay(%s: tensor<8x?xf32>) -> tensor<8xf32> {
  %o = attn.cascade (%S = %s) : (tensor<8x?xf32>) -> tensor<8xf32> {
    %zero = attn.einsum [m] = map() {
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : () -> tensor<8xf32>
    %r = attn.iterate n1 of n by n0 init(%zero : tensor<8xf32>) {
    ^bb0(%A: tensor<8xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<8x?xf32>) -> tensor<8xf32>
      %n = attn.einsum [m] = map(%A[m], %l[m]) {
      ^bb0(%a: f32, %b: f32):
        %half = arith.constant 0.5 : f32
        %old = arith.mulf %a, %half : f32
        %sum = arith.addf %b, %old : f32
        attn.yield %sum : f32
      } : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
      attn.yield %n : tensor<8xf32>
    }
    attn.yield %r : tensor<8xf32>
  }
  return %o : tensor<8xf32>
}
