// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade="warps=true" --canonicalize --cse -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade --canonicalize --cse -split-input-file | FileCheck %s --check-prefix=ROWS

// Steps for warps begin and end on whole tiles of the stream, of 32 keys, and those in
// the middle of the plane are masked as a whole. A step that has fewer keys is masked,
// too: copies fill up with zeros, products read whole tiles, and one test for a column
// says that it has no key, in a branch for such steps.
// CHECK-LABEL: func.func @causal_run0
// CHECK: arith.divui %{{.*}}, %c32
// CHECK: %[[UP:.*]] = arith.addi %{{.*}}, %c31
// CHECK: arith.divui %[[UP]], %c32
// CHECK: scf.for %{{.*}} step %c32 {
// CHECK: %[[COUNT:.*]] = arith.subi
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[COUNT]], %c32
// CHECK: %[[IS:.*]] = arith.andi %{{.*}}, %[[WHOLE]]
// CHECK: scf.if %[[IS]] {
// CHECK: %[[PART:.*]] = memref.subview %[[KEYS:.*]][0, 0] [%[[COUNT]], 16]
// CHECK: attn.tile_einsum [n0,e] = %{{.*}} outs(%[[PART]]) {attn.filled}
// CHECK-NEXT: attn.tile_einsum [n0,m] = mul(%{{.*}}, %[[KEYS]][n0,e])
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK-NOT: arith.select
// CHECK: } else {
// CHECK: attn.tile_einsum [n0,m] = mul({{.*}} outs(%[[S:.*]]) :
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%[[S]][n0,m]) {
// CHECK: math.exp
// CHECK: arith.select
// CHECK: } outs(%[[S]])
// CHECK: %[[FEW:.*]] = arith.cmpi slt, %[[COUNT]], %c32
// CHECK-NEXT: scf.if %[[FEW]] {
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%[[S]][n0,m]) {
// CHECK: %[[N:.*]] = attn.index n0
// CHECK: %[[KEY:.*]] = arith.index_cast %[[N]]
// CHECK: %[[END:.*]] = arith.index_cast %[[COUNT]]
// CHECK: %[[HAS:.*]] = arith.cmpi slt, %[[KEY]], %[[END]]
// CHECK: arith.select %[[HAS]],
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

// -----

// Nothing is masked but for the keys that the last step has not.
// CHECK-LABEL: func.func @plain_run0
// CHECK: %[[DEAD:.*]] = arith.constant 0xFF800000 : f32
// CHECK: scf.for %{{.*}} step %c32 {
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[COUNT:.*]], %c32
// CHECK-NEXT: scf.if %[[WHOLE]] {
// CHECK: attn.tile_einsum [m] = %{{.*}}[n0,m] reduce max(n0)
// CHECK: } else {
// CHECK: attn.tile_einsum [n0,m] = mul({{.*}} outs(%[[S:.*]]) :
// CHECK-NEXT: arith.cmpi slt, %[[COUNT]], %c32
// CHECK-NEXT: scf.if
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[DEAD]]
// CHECK: } outs(%[[S]])
// CHECK: }
// CHECK: attn.tile_einsum [m] = %[[S]][n0,m] reduce max(n0)
// CHECK: } {attn.untested}
func.func @plain(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %a0 = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %a = attn.iterate n1 of n by n0 init(%a0 : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
      %l = attn.einsum [m] = %s[m,n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = max(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %a : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// What is reduced over the keys without lanes would see those that are not there: the
// steps of these cascades compute the points that they have.
// CHECK-LABEL: func.func @shared_run0
// CHECK: scf.for %{{.*}} step %c32 {
// CHECK: %[[COUNT:.*]] = arith.subi
// CHECK-NOT: scf.if
// CHECK: attn.tile_einsum [n0,e] = {{.*}} outs(%{{[a-z0-9_]*}}) : (memref<?x16xbf16
// CHECK: attn.tile_einsum [e] = %{{.*}}[n0,e] reduce max(n0)
// CHECK: return
func.func @shared(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>) -> tensor<?x16xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x16xf32> {
    %zero = arith.constant 0.0 : f32
    %a0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x16xf32>
    %a = attn.iterate n1 of n by n0 init(%a0 : tensor<?x16xf32>) {
    ^bb0(%A: tensor<?x16xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
      %b = attn.einsum [e] = %K[n1*N0+n0,e] reduce max(n0) : (tensor<?x16xbf16>) -> tensor<16xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %K[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x16xbf16>) -> tensor<?x16xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
      %p = attn.einsum [m,f] = add(%n[m,f], %b[f]) : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
      attn.yield %p : tensor<?x16xf32>
    }
    attn.yield %a : tensor<?x16xf32>
  }
  return %o : tensor<?x16xf32>
}
// -----

// CHECK-LABEL: func.func @counted_run0
// CHECK: scf.for %{{.*}} step %c32 {
// CHECK: %[[COUNT:.*]] = arith.subi
// CHECK-NOT: scf.if
// CHECK: %[[PART:.*]] = memref.subview %{{.*}}[0] [%[[COUNT]]]
// CHECK: attn.tile_einsum [n0] = map()
// CHECK: outs(%[[PART]])
// CHECK: attn.tile_einsum [] = %[[PART]][n0] reduce add(n0)
// CHECK: return
func.func @counted(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>) -> tensor<?x16xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x16xf32> {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %a0 = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x16xf32>
    %a = attn.iterate n1 of n by n0 init(%a0 : tensor<?x16xf32>) {
    ^bb0(%A: tensor<?x16xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x16xbf16>, tensor<?x16xbf16>) -> tensor<?x?xf32>
      %u = attn.einsum [n0] = map() { attn.yield %one : f32 } : () -> tensor<?xf32>
      %b = attn.einsum [] = %u[n0] reduce add(n0) : (tensor<?xf32>) -> tensor<f32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %K[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x16xbf16>) -> tensor<?x16xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
      %p = attn.einsum [m,f] = add(%n[m,f], %b[]) : (tensor<?x16xf32>, tensor<f32>) -> tensor<?x16xf32>
      attn.yield %p : tensor<?x16xf32>
    }
    attn.yield %a : tensor<?x16xf32>
  }
  return %o : tensor<?x16xf32>
}
