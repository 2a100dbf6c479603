// RUN: not attn-opt --attn-choose-mapping=vector-registers=0 %s 2>&1 | FileCheck %s --check-prefix=REGISTERS
// RUN: not attn-opt --attn-choose-mapping=vector-bits=-512 %s 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: not attn-opt --attn-choose-mapping=l1-bytes=0 %s 2>&1 | FileCheck %s --check-prefix=L1
// RUN: not attn-opt --attn-choose-mapping=l2-bytes=0 %s 2>&1 | FileCheck %s --check-prefix=L2
// RUN: not attn-opt --attn-choose-mapping=vector-multiplies=0 %s 2>&1 | FileCheck %s --check-prefix=MULTIPLIES
// RUN: not attn-opt --attn-choose-mapping=bf16-products=halves %s 2>&1 | FileCheck %s --check-prefix=PRODUCTS
// RUN: not attn-opt --attn-choose-mapping=stream-tile=-1 %s 2>&1 | FileCheck %s --check-prefix=STREAM
// RUN: not attn-opt --attn-choose-mapping=row-tile=9 %s 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not attn-opt --attn-choose-mapping=lane-tiles=20 %s 2>&1 | FileCheck %s --check-prefix=LANES
// RUN: not attn-opt --attn-choose-mapping=lane-tiles=16,32 %s 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: not attn-opt --attn-choose-mapping=residency=shared %s 2>&1 | FileCheck %s --check-prefix=RESIDENCY
// RUN: not attn-opt --attn-choose-mapping=order=n,m %s 2>&1 | FileCheck %s --check-prefix=RANKS
// RUN: attn-opt --attn-choose-mapping="vector-registers=1 l1-bytes=1 l2-bytes=1" %s | FileCheck %s --check-prefix=TINY

// REGISTERS: error: option 'vector-registers' must be positive; got 0
// BITS: error: option 'vector-bits' must be positive; got -512
// L1: error: option 'l1-bytes' must be positive; got 0
// L2: error: option 'l2-bytes' must be positive; got 0
// MULTIPLIES: error: option 'vector-multiplies' must be positive; got 0
// PRODUCTS: error: option 'bf16-products' must be f32, pairs or tiles; got 'halves'
// STREAM: error: option 'stream-tile' must be positive, or 0 for the model's choice; got -1
// RESIDENCY: error: option 'residency' must be register or cache; got 'shared'
// ROWS: [[#@LINE+8]]:{{.*}}: error: 'attn.cascade' op cannot be mapped: a register tile has 1 to 8 rows; got 9
// LANES: [[#@LINE+7]]:{{.*}}: error: 'attn.cascade' op cannot be mapped: lane tiles are multiples of 8 up to 128; got 20
// ORDER: [[#@LINE+6]]:{{.*}}: error: 'attn.cascade' op cannot be mapped: lane tiles come largest first; got 32 after 16
// RANKS: [[#@LINE+5]]:{{.*}}: error: 'attn.cascade' op cannot be mapped: the order lists each parallel rank and the lanes once; got 'n'

// The smallest machine gets the smallest tiles.
// TINY: stream = 16, rows = 1,
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
