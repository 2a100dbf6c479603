// RUN: attn-opt %s --attn-choose-mapping="shared-bytes=101376" | FileCheck %s
// RUN: attn-opt %s --attn-choose-mapping="shared-bytes=232448" | FileCheck %s --check-prefix=LARGE
// RUN: attn-opt %s --attn-choose-mapping="shared-bytes=4096" | FileCheck %s --check-prefix=SMALL
// RUN: attn-opt %s --attn-choose-mapping="shared-bytes=101376 lane-tiles=48 stream-tile=8" | FileCheck %s --check-prefix=GIVEN
// RUN: not attn-opt %s --attn-choose-mapping="shared-bytes=-1" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: option 'shared-bytes' must be positive, or 0 for a CPU; got -1

// Two blocks fit beside each other: 64 lanes with 64 features of f32 twice, and
// the scores of 16 points or more.
// CHECK: mapping <lanes = m by [64], stream = [[POINTS:16|32|64]],
// LARGE: mapping <lanes = m by [128], stream = {{16|32|64}},
// What fits nowhere lies in global memory.
// SMALL: mapping <lanes = m by [32], stream = 32,
// GIVEN: mapping <lanes = m by [48], stream = 8,
func.func @f(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x64xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?x64xf32>) {
    ^bb0(%A: tensor<?x64xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x?xf32>
      %p = attn.einsum [m,f] = mul(%s[m,n0], %K[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
      %t = attn.einsum [m,f] = add(%A[m,f], %p[m,f]) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
      attn.yield %t : tensor<?x64xf32>
    }
    attn.yield %r : tensor<?x64xf32>
  }
  return %o : tensor<?x64xf32>
}
