// RUN: attn-opt %s --attn-choose-mapping | FileCheck %s
// RUN: not attn-opt %s --attn-choose-mapping=stream-tile=48 2>&1 | FileCheck %s --check-prefix=WRONG

// Runs are items, their steps divide them, and no lanes are along them.
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 64, rows = 8, parallel = [s]>
// WRONG: [[#@LINE+2]]:{{.*}}: error: 'attn.cascade' op cannot be mapped: the stream tile is 48, which does not divide the 64 points of a split
func.func @runs(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %zero : f32 } : () -> tensor<?x?xf32>
    %r = attn.iterate n1 of n by n0 split s by 64 init(%i : tensor<?x?xf32>) {
    ^bb0(%A: tensor<?x?xf32>):
      %l = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %n : tensor<?x?xf32>
    }
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// What asks to be compiled einsum by einsum gets no mapping.
// CHECK-LABEL: func.func @asks
// CHECK-NOT: mapping
func.func @asks(%s: tensor<?x4xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) attributes {attn.form = "unfused"} : (tensor<?x4xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
