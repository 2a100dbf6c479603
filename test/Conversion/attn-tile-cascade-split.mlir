// RUN: attn-opt %s --attn-describe-kernel --attn-split-phases --attn-tile-cascade | FileCheck %s

// An item of a run walks the keys of the run alone, and there are as many items as
// runs of 64 keys, for each tile of rows.
// CHECK-LABEL: func.func private @runs_phase0_items0(
// CHECK: %[[N:.*]] = memref.dim %{{.*}}, %c1
// CHECK: %[[RUNS:.*]] = arith.ceildivui %[[N]], %c64
// CHECK: arith.muli %[[RUNS]],
// CHECK-LABEL: func.func private @runs_phase0_run0(
// CHECK: %[[ITEM:.*]] = arith.divui
// CHECK: %[[BEGIN:.*]] = arith.muli %[[ITEM]], %{{.*}} : index
// CHECK: %[[END:.*]] = arith.addi %[[BEGIN]], %{{.*}} : index
// CHECK: %[[FIRST:.*]] = arith.maxsi %{{.*}}, %[[BEGIN]] : index
// CHECK: %[[LAST:.*]] = arith.minsi %{{.*}}, %[[END]] : index
// CHECK: arith.cmpi sge, %[[FIRST]], %[[LAST]] : index
func.func @runs(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [s]> : (tensor<?x?xf32>) -> tensor<?x?xf32> {
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
  %t = attn.cascade (%P = %o) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %P[s,m] reduce add(s) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %t : tensor<?xf32>
}
