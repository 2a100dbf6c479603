// RUN: attn-opt %s --split-input-file --attn-describe-kernel --attn-tile-cascade --canonicalize --cse | FileCheck %s

// Tiles lie among the rows that share a list; its blocks are walked one by one.
// CHECK-LABEL: func.func @blocks_items0
// CHECK: %[[LISTS:.*]] = arith.ceildivui %{{.*}}, %c64
// CHECK: arith.muli %[[LISTS]], %c4
// CHECK-LABEL: func.func @blocks_run0
// CHECK: %[[GROUP:.*]] = arith.divui %{{.*}}, %c4
// CHECK: %[[ROW:.*]] = arith.muli %[[GROUP]], %c64
// CHECK: %[[LIST:.*]] = arith.divui %[[ROW]], %c64
// CHECK: memref.load %arg3[%[[LIST]]]
// CHECK: scf.for %[[ENTRY:.*]] = %{{.*}}#0 to %{{.*}}#1 step %c1
// CHECK: memref.load %arg4[%[[ENTRY]]]
// CHECK: scf.for %{{.*}} step %c32
// CHECK-NOT: memref.prefetch %arg1
func.func @blocks(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %x: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %X = %x, %Y = %y) where blocks(64, 32, %X[], %Y[]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (0)>> {
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

// Keys are read where the list says, eight at a time, and those of the next step
// asked for; values are read where it says, too, and asked for with their sums.
// CHECK-LABEL: func.func @tokens_run0
// CHECK: %[[COUNT:.*]]:2 = scf.while
// CHECK: scf.for %{{.*}} step %c32
// CHECK: scf.for %{{.*}} step %c8
// CHECK: scf.for
// CHECK: memref.load %arg3[
// CHECK: memref.prefetch %arg1[
// CHECK-NOT: memref.prefetch
// CHECK: } {attn.requests}
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[e,m], %{{.*}}[%{{.*}}[n0],e]) reduce add(e)
// CHECK: scf.for %{{.*}} = %c0 to %c32 step %c1
// CHECK-NOT: memref.prefetch %arg1
// CHECK: memref.prefetch %arg2[
// CHECK: } {attn.requests}
// CHECK: attn.tile_einsum [f,m] = mul(%{{.*}}[n0,m], %{{.*}}[%{{.*}}[n0],f]) reduce add(n0)
func.func @tokens(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %x: tensor<?x?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %X = %x) where indices(16, %X[]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x?xi32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (0)>> {
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

// A plan of the user's own may ask for a list that is walked by itself, which
// names all keys that are visited.
// CHECK-LABEL: func.func @own_plan_run0
// CHECK: scf.for %{{.*}} = %{{.*}}#0 to %{{.*}}#1 step %c1
// CHECK: %[[FIRST:.*]] = arith.divui %{{.*}}, %c32
// CHECK: scf.for %{{.*}} step %c32
func.func @own_plan(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %x: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %X = %x, %Y = %y) where blocks(64, 32, %X[], %Y[]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N, L0], live = affine_map<(first, last)[M, N, L] -> (0)> to affine_map<(first, last)[M, N, L] -> (N, N * L)>, full = affine_map<(first, last)[M, N, L] -> (0)> to affine_map<(first, last)[M, N, L] -> (N, N * L)>, nonnegative = affine_map<(m, n)[M, N, L] -> (L - 1)>> {
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

// Two lists cut the keys into parts: a part ends where the next entry of one of
// them begins or ends, and a tile lies among rows that share the entries of
// both.
// CHECK-LABEL: func.func @parts_items0
// CHECK: %[[GROUPS:.*]] = arith.ceildivui %{{.*}}, %c16
// CHECK-LABEL: func.func @parts_run0
// CHECK: arith.divui %{{.*}}, %c48
// CHECK: arith.divui %{{.*}}, %c64
// CHECK: scf.for %{{.*}} iter_args(%[[BEGIN:.*]] = %c0, %[[FIRST:.*]] = %{{.*}}, %[[SECOND:.*]] = %{{.*}}) -> (index, index, index)
// CHECK: memref.load %arg4[%[[FIRST]]]
// CHECK: memref.load %arg6[%[[SECOND]]]
// CHECK: scf.for %{{.*}} step %c32
// CHECK-NOT: memref.prefetch %arg1
// CHECK: scf.yield %{{.*}}, %{{.*}}, %{{.*}} : index, index, index
func.func @parts(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %x: tensor<?xi32>, %y: tensor<?xi32>, %z: tensor<?xi32>, %w: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v, %X = %x, %Y = %y, %Z = %z, %W = %w) where blocks(48, 32, %X[], %Y[]) and not blocks(64, 16, %Z[], %W[]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>)
        plan <symbols = [M, N, L0, L1], live = affine_map<(first, last)[M, N, A, B] -> (0)> to affine_map<(first, last)[M, N, A, B] -> (N * A, N * (1 - B))>, full = affine_map<(first, last)[M, N, A, B] -> (0)> to affine_map<(first, last)[M, N, A, B] -> (N * A, N * (1 - B))>, nonnegative = affine_map<(m, n)[M, N, A, B] -> (A - 1, -B)>> {
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
