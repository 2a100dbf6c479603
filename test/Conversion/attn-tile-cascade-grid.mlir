// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade="warps=true" --canonicalize --cse | FileCheck %s --check-prefix=BLOCK

// An item is a box of 4 by 4 tokens on a grid of 20 by 30. It writes down its
// rows, the keys that they see, and per axis where windows lie; the steps then
// walk the numbers of the keys.
// CHECK-LABEL: func.func @grid_items0
// CHECK: affine.apply
// CHECK: arith.muli %{{.*}}, %c8
// CHECK-LABEL: func.func @grid_run0
// CHECK: arith.remui %{{.*}}, %c8
// CHECK: %[[ROWS:.*]] = scf.for
// CHECK: scf.for
// CHECK: arith.cmpi ult
// CHECK: %[[KEYS:.*]] = scf.for
// CHECK: scf.for
// CHECK: arith.cmpi ult
// CHECK: %[[END:.*]] = arith.select %{{.*}}, %c0, %[[KEYS]]
// CHECK: scf.for %{{.*}} = %c0 to %[[END]] step %c32
// CHECK: scf.if
// CHECK: attn.tile_einsum [n0,m]
// CHECK: else
// CHECK: attn.tile_einsum [n0,m]
// CHECK: arith.cmpi sge
// CHECK: arith.cmpi slt
// CHECK: scf.for %[[ROW:.*]] = %c0 to %[[ROWS]] step %c1
// Threads of a block share what is written, and have no room for the keys of a box:
// rows are computed from their numbers, and each step does that with its own keys. How
// many of either are tokens of the tensor is known without a walk.
// BLOCK-LABEL: func.func @grid_run0
// BLOCK: %[[WIDTH:.*]] = arith.maxsi %{{.*}}, %c1
// BLOCK-NEXT: %[[UNIT:.*]] = arith.divui %c2147483648, %[[WIDTH]]
// BLOCK-NEXT: arith.addi %[[UNIT]], %c1
// BLOCK-NOT: memref.store
// BLOCK-COUNT-5: attn.tile_einsum [m] = map() {
// BLOCK: %[[ROWS:.*]] = memref.view %{{.*}} to memref<16xi32>
// BLOCK: attn.tile_einsum [m] = map(%{{.*}}[m])
// BLOCK: outs(%[[ROWS]])
// BLOCK: scf.for %[[I:.*]] = %c0 to %{{.*}} step %c32 {
// BLOCK: scf.if
// BLOCK: %[[KEYS:.*]] = memref.view %{{.*}} to memref<32xi32>
// BLOCK: attn.tile_einsum [n0] = map() {
// BLOCK: %[[N:.*]] = attn.index n0
// BLOCK: arith.shrui %{{.*}}, %c31_i64
// BLOCK: arith.muli %{{.*}}, %c30_i32
// BLOCK: attn.tile_einsum [n0,e] = %{{.*}}[%{{.*}}[n0],e]
// BLOCK: } else {
// BLOCK-COUNT-3: attn.tile_einsum [n0] = map() {
// BLOCK: attn.tile_einsum [n0,m] = map(
// BLOCK: return
func.func @grid(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where neighborhood([5, 7], grid [20, 30]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [4, 4]>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (0)>> boxes {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// With dilation the number of an item holds the remainders, too: of the columns
// by 3, each of which has 10 columns or 9, and of the lines by 2.
// CHECK-LABEL: func.func @dilated_items0
// CHECK: affine.apply
// CHECK: arith.muli %{{.*}}, %c18
// CHECK-LABEL: func.func @dilated_run0
// CHECK: arith.divui %{{.*}}, %c9
// CHECK: arith.remui %{{.*}}, %c9
// CHECK: arith.divui %{{.*}}, %c3
// CHECK: %[[REMAINDER:.*]] = arith.remui %{{.*}}, %c3
// CHECK: arith.subi %c31, %[[REMAINDER]]
// CHECK: arith.divui %{{.*}}, %c2
// CHECK: arith.remui %{{.*}}, %c2
func.func @dilated(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where neighborhood([5, 7], grid [20, 29], dilation [2, 3]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [4, 4]>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (0)>> boxes {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// The keys of a box from 9 on are found by a search among those of its windows,
// and tested by these and by that. Then the others, which are loaded as they lie,
// for the same rows: their tokens stand in a table.
// CHECK-LABEL: func.func @grid_and_ranges_run0
// CHECK: %[[ROW:.*]] = memref.view {{.*}} to memref<17xi32>
// CHECK: %[[KEY:.*]] = memref.view {{.*}} to memref<81xi32>
// CHECK: scf.while
// CHECK: memref.load %[[KEY]]
// CHECK: scf.for {{.*}} step %c32
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[%{{.*}}[n0],e]) reduce add(e)
// CHECK: scf.for {{.*}} step %c32
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[n0,e]) reduce add(e)
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c1
func.func @grid_and_ranges(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where neighborhood([5, 7], grid [20, 30]) or leading(9) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [4, 4]>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (9, N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (9, N)>, nonnegative = affine_map<(m, n)[M, N] -> (8 - n)>> tokens <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (9)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (9)> to affine_map<(first, last)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (n - 9)>> boxes {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
