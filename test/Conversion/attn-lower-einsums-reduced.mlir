// RUN: attn-opt %s --attn-lower-einsums --split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-lower-einsums=vector-bits=128 --split-input-file | FileCheck %s --check-prefix=SSE

// The features are side by side in both operands, and the keys in neither: the
// lanes are features. Four rows by four keys make one vector of sums, and each
// vector of a key is loaded once for all rows.
// CHECK-LABEL: func @scores
// CHECK: scf.for %[[KEY:.*]] = %{{.*}} to %{{.*}} step %c4
// CHECK: %[[SUMS:.*]]:16 = scf.for %{{.*}} = %c0{{.*}} to %{{.*}} step %c16
// Each row of both is loaded once, in front of its first use.
// CHECK: vector.load %arg0
// CHECK: vector.load %arg1
// CHECK: vector.fma
// CHECK-COUNT-3: vector.load %arg0
// CHECK: vector.fma
// CHECK-COUNT-3: vector.load %arg1
// CHECK-NOT: vector.load
// CHECK-COUNT-4: vector.fma
// CHECK: scf.yield
// Halves of two vectors become one, then halves of halves.
// CHECK: vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
// CHECK-NEXT: vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31]
// CHECK-NEXT: arith.addf
// CHECK: [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]
// CHECK: [0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29]
// CHECK: [0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30]
// CHECK-COUNT-4: vector.store %{{.*}} : memref<4x1x?xf32>, vector<4xf32>
// Keys that are left go one by one.
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1
// CHECK: %{{.*}}:4 = scf.for
func.func @scores(%q: memref<4x1x128xf32>, %k: memref<?x128xf32>, %s: memref<4x1x?xf32>) {
  attn.tile_einsum [g,m,n] = mul(%q[g,m,e], %k[n,e]) reduce add(e) outs(%s)
      : (memref<4x1x128xf32>, memref<?x128xf32>) -> memref<4x1x?xf32>
  return
}

// -----

// Seven rows of a group are parts of four and three, each with four keys: what a key has
// is loaded once for a part.
// CHECK-LABEL: func @parts
// CHECK: scf.for %[[KEY:.*]] = %{{.*}} to %{{.*}} step %c4
// CHECK: scf.for %[[ROW:.*]] = %c0{{.*}} to %c4{{.*}} step %c4
// CHECK: %[[SUMS:.*]]:16 = scf.for
// CHECK: vector.load %arg0[%[[ROW]],
// CHECK: scf.yield
// CHECK-COUNT-4: vector.store %{{.*}} : memref<7x?xf32>, vector<4xf32>
// CHECK: }
// CHECK: %[[REST:.*]]:12 = scf.for
// CHECK: vector.load %arg0[%c4{{.*}},
// CHECK: scf.yield
// CHECK-COUNT-3: vector.store %{{.*}} : memref<7x?xf32>, vector<4xf32>
// CHECK-NOT: vector.store %{{.*}} : memref<7x?xf32>, vector<4xf32>
// CHECK: return
func.func @parts(%q: memref<7x128xf32>, %k: memref<?x128xf32>, %s: memref<7x?xf32>) {
  attn.tile_einsum [g,n] = mul(%q[g,e], %k[n,e]) reduce add(e) outs(%s)
      : (memref<7x128xf32>, memref<?x128xf32>) -> memref<7x?xf32>
  return
}

// -----

// Four heads fill a register tile better than two queries do.
// CHECK-LABEL: func @longer
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c4
// CHECK: scf.for %{{.*}} = %c0{{.*}} to %c2{{.*}} step %c1
// CHECK: :16 = scf.for
func.func @longer(%q: memref<4x2x128xf32>, %k: memref<?x128xf32>, %s: memref<4x2x?xf32>) {
  attn.tile_einsum [g,m,n] = mul(%q[g,m,e], %k[n,e]) reduce add(e) outs(%s)
      : (memref<4x2x128xf32>, memref<?x128xf32>) -> memref<4x2x?xf32>
  return
}

// -----

// Narrow floats are converted by the load. Features past the last whole vector
// are masked, and the lanes that do not exist keep what they hold.
// CHECK-LABEL: func @rest_of_features
// CHECK: scf.for %{{.*}} to %c64{{.*}} step %c16
// CHECK: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK: vector.maskedload %arg1
// CHECK: vector.create_mask
// CHECK: arith.select
func.func @rest_of_features(%q: memref<3x72xf32>, %k: memref<?x72xbf16>, %s: memref<3x?xf32>) {
  attn.tile_einsum [m,n] = mul(%q[m,e], %k[n,e]) reduce add(e) outs(%s)
      : (memref<3x72xf32>, memref<?x72xbf16>) -> memref<3x?xf32>
  return
}

// -----

// A row's maximum over keys: the lanes are keys.
// CHECK-LABEL: func @row_maximum
// CHECK: %{{.*}}:4 = scf.for %{{.*}} step %c16
// CHECK-COUNT-4: vector.load
// CHECK: scf.if %{{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK: vector.maskedload
// CHECK: vector.store %{{.*}} : memref<4xf32>, vector<4xf32>
func.func @row_maximum(%s: memref<4x?xf32>, %r: memref<4xf32>) {
  attn.tile_einsum [m] = %s[m,n] reduce max(n) outs(%r) : (memref<4x?xf32>) -> memref<4xf32>
  return
}

// -----

// What the result holds already is one partial sum.
// CHECK-LABEL: func @added
// CHECK: %[[OLD:.*]] = memref.load %arg1
// CHECK: vector.insert %[[OLD]], %{{.*}} [0]
func.func @added(%s: memref<?xf32>, %r: memref<f32>) {
  attn.tile_einsum [] = %s[n] reduce add(n) outs(%r) accumulate : (memref<?xf32>) -> memref<f32>
  return
}

// -----

// Features of values are side by side in the result, too: they stay the lanes.
// Short ranks outside of them are the rows of a register tile together, and
// leave registers for four vectors.
// CHECK-LABEL: func @values
// CHECK: %{{.*}}:16 = scf.for
// CHECK-COUNT-4: vector.load %arg1
// CHECK-COUNT-16: vector.fma
func.func @values(%p: memref<2x2x?xf32>, %v: memref<?x128xf32>, %o: memref<2x2x128xf32>) attributes {attn.row_tile = 8 : i64} {
  attn.tile_einsum [g,m,f] = mul(%p[g,m,n], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<2x2x?xf32>, memref<?x128xf32>) -> memref<2x2x128xf32>
  return
}

// -----

// A vector of two sums: no more rows are in a register tile.
// SSE-LABEL: func @two_lanes
// SSE: %[[SUMS:.*]]:2 = scf.for
// SSE: vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [0, 2] : vector<2xf64>, vector<2xf64>
// SSE: vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [1, 3] : vector<2xf64>, vector<2xf64>
func.func @two_lanes(%q: memref<4x1x128xf64>, %k: memref<?x128xf64>, %s: memref<4x1x?xf64>) {
  attn.tile_einsum [g,m,n] = mul(%q[g,m,e], %k[n,e]) reduce add(e) outs(%s)
      : (memref<4x1x128xf64>, memref<?x128xf64>) -> memref<4x1x?xf64>
  return
}
