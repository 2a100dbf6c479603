// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade="warps=true" --canonicalize --cse -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade --canonicalize --cse -split-input-file | FileCheck %s --check-prefix=ROWS

// Steps for warps begin and end on whole tiles of the stream, of 32 keys, and those in
// the middle of the plane are masked as a whole.
// CHECK-LABEL: func.func @causal_run0
// CHECK: arith.divui %{{.*}}, %c32
// CHECK: %[[UP:.*]] = arith.addi %{{.*}}, %c31
// CHECK: arith.divui %[[UP]], %c32
// CHECK: scf.for %{{.*}} step %c32 {
// CHECK: scf.if
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK-NOT: arith.select
// CHECK: } else {
// CHECK: attn.tile_einsum [n0,m] = mul({{.*}} outs(%[[S:.*]]) :
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%[[S]][n0,m]) {
// CHECK: math.exp
// CHECK: arith.select
// CHECK: } outs(%[[S]])
// CHECK-NOT: attn.einsum [n0,m]
// CHECK: attn.tile_einsum [f,m] = mul(%[[S]][n0,m]
// CHECK: return
// Without, on rows of register tiles, and in three parts.
// ROWS-LABEL: func.func @causal_run0
// ROWS: arith.divui %{{.*}}, %c8
// ROWS: scf.for %{{.*}} step %c32 {
// ROWS: } else {
// ROWS: attn.tile_einsum [n0,m] = mul(
// ROWS-COUNT-3: attn.tile_einsum [n0,m] = map(
// ROWS: return
func.func @causal(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>) -> tensor<?x16xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) align top_left
      mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x16xf32> {
    %zero = arith.constant 0.0 : f32
    %a0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x16xf32>
    %a = attn.iterate n1 of n by n0 init(%a0 : tensor<?x16xf32>)
        plan <symbols = [M, N],
              live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>,
              full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>,
              nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%A: tensor<?x16xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
      %p = attn.einsum [m,n0] = map(%s[m,n0]) {
      ^bb0(%x: f32):
        %e = math.exp %x : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%p[m,n0], %K[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x16xbf16>) -> tensor<?x16xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
      attn.yield %n : tensor<?x16xf32>
    }
    attn.yield %a : tensor<?x16xf32>
  }
  return %o : tensor<?x16xf32>
}

// -----

// Tensor cores take no f32: the steps are those of lanes.
// CHECK-LABEL: func.func @wide_run0
// CHECK: arith.divui %{{.*}}, %c8
// CHECK: } else {
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK-COUNT-3: attn.tile_einsum [n0,m] = map(
// CHECK: return
func.func @wide(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) align top_left
      mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32> {
    %zero = arith.constant 0.0 : f32
    %a0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x16xf32>
    %a = attn.iterate n1 of n by n0 init(%a0 : tensor<?x16xf32>)
        plan <symbols = [M, N],
              live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (last + 1, N)>,
              full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (first + 1, N)>,
              nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%A: tensor<?x16xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x?xf32>
      %p = attn.einsum [m,n0] = map(%s[m,n0]) {
      ^bb0(%x: f32):
        %e = math.exp %x : f32
        attn.yield %e : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%p[m,n0], %K[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
      attn.yield %n : tensor<?x16xf32>
    }
    attn.yield %a : tensor<?x16xf32>
  }
  return %o : tensor<?x16xf32>
}

// -----

// For warps a tile says which 16 bits the map that computes it may be rounded to, and
// what a map reads of other columns of a copied row is read from the copy.
// CHECK-LABEL: func.func @turned_run0
// CHECK: attn.tile_einsum [n0,e] = %{{.*}}[n0,e] outs(%[[COPY:[a-z0-9_]+]])
// CHECK: attn.tile_einsum [n0,e] = sub(%[[COPY]][n0,e], %[[COPY]][n0,(e+8) mod 16]) outs(%{{.*}}) {attn.element = bf16}
// CHECK: return
// ROWS-LABEL: func.func @turned_run0
// ROWS: attn.tile_einsum [n0,e] = sub(
// ROWS-NOT: attn.element
// ROWS: return
func.func @turned(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>) -> tensor<?x16xf32> {
  %o = attn.cascade (%Q = %q, %K = %k)
      mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x16xf32> {
    %zero = arith.constant 0.0 : f32
    %a0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x16xf32>
    %a = attn.iterate n1 of n by n0 init(%a0 : tensor<?x16xf32>) {
    ^bb0(%A: tensor<?x16xf32>):
      %t = attn.einsum [n0,e] = sub(%K[n1*N0+n0,e], %K[n1*N0+n0,(e+8) mod 16]) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x16xbf16>
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %t[n0,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %K[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x16xbf16>) -> tensor<?x16xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
      attn.yield %n : tensor<?x16xf32>
    }
    attn.yield %a : tensor<?x16xf32>
  }
  return %o : tensor<?x16xf32>
}
