// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s

// A state that is read behind its successor keeps its buffer until then.
// CHECK-LABEL: func.func @state_run0
// CHECK: attn.tile_einsum [m] = add(%[[A:.*]][m], %{{.*}}[m]) outs(%[[NEXT:[a-z0-9_]+]]) :
// CHECK: attn.tile_einsum [m] = add(%[[B:.*]][m], %[[A]][m]) outs(%[[B]]) :
// CHECK: attn.tile_einsum [m] = %[[NEXT]][m] outs(%[[A]]) :
func.func @state(%s: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %a, %b = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %zero = arith.constant 0.0 : f32
    %a0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %b0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %a, %b = attn.iterate n1 of n by n0 init(%a0, %b0 : tensor<?xf32>, tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>, %B: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %next = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %sum = attn.einsum [m] = add(%B[m], %A[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %next, %sum : tensor<?xf32>, tensor<?xf32>
    }
    attn.yield %a, %b : tensor<?xf32>, tensor<?xf32>
  }
  return %a, %b : tensor<?xf32>, tensor<?xf32>
}
