// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attn-opt %s -resolve-shaped-type-result-dims -canonicalize -cse | FileCheck %s --check-prefix=DIMS

// The runs of a streamed rank: round trip, and how many there are.

// CHECK-LABEL: func.func @sums
// CHECK: attn.iterate n1 of n by n0 split s by 1024 init(%{{.*}} : tensor<?x8xf32>) {
// DIMS-LABEL: func.func @sums
// DIMS-SAME: (%[[S:.*]]: tensor<8x?xf32>)
// DIMS-DAG: %[[SIZE:.*]] = arith.constant 1024 : index
// DIMS-DAG: %[[N:.*]] = tensor.dim %[[S]]
// DIMS: %[[RUNS:.*]] = arith.ceildivui %[[N]], %[[SIZE]]
// DIMS: return %{{.*}}, %[[RUNS]]
func.func @sums(%s: tensor<8x?xf32>) -> (tensor<?x8xf32>, index) {
  %x = attn.cascade (%S = %s) : (tensor<8x?xf32>) -> tensor<?x8xf32> {
    %zero = attn.einsum [s,m] = map() {
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : () -> tensor<?x8xf32>
    %sum = attn.iterate n1 of n by n0 split s by 1024 init(%zero : tensor<?x8xf32>) {
    ^bb0(%A: tensor<?x8xf32>):
      %l = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<8x?xf32>) -> tensor<?x8xf32>
      %next = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %next : tensor<?x8xf32>
    }
    attn.yield %sum : tensor<?x8xf32>
  }
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x8xf32>
  return %x, %d : tensor<?x8xf32>, index
}
