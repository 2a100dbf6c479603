// Sizes that name no rank, contradict a type or are no sizes.
//
// RUN: not attn-opt %s "--attn-print-passes=sizes=q=16" 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: attn-print-passes-invalid.mlir:{{.*}}: error: option 'sizes': no cascade has a rank 'q'; the ranks are m, n
// RUN: not attn-opt %s "--attn-print-passes=sizes=n=16" 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: option 'sizes': the size 16 of rank 'n' contradicts its type, which says 8
// RUN: not attn-opt %s "--attn-print-passes=sizes=m=many" 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: error: option 'sizes': 'm=many' is no size; write RANK=EXTENT, as in m=4096, with an extent from 0 to 2^31
// RUN: not attn-opt %s "--attn-print-passes=sizes=m=-1" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: option 'sizes': 'm=-1' is no size
// RUN: not attn-opt %s "--attn-print-passes=sizes=m=1,m=2" 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: option 'sizes': the size of rank 'm' is given twice

func.func @sum(%s: tensor<?x8xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x8xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x8xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
