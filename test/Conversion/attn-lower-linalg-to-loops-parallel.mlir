// RUN: attn-opt %s --attn-lower-linalg-to-loops="parallel" | FileCheck %s

// Independent points are one parallel loop around the reductions, whatever their
// order was.
// CHECK-LABEL: func.func @contraction
// CHECK: scf.parallel (%[[M:.*]], %[[F:.*]]) =
// CHECK: %[[OLD:.*]] = memref.load %arg2[%[[M]], %[[F]]]
// CHECK: %[[SUM:.*]] = scf.for %[[N:.*]] = {{.*}} iter_args(%{{.*}} = %[[OLD]])
// CHECK: memref.load %arg0[%[[M]], %[[N]]]
// CHECK: memref.load %arg1[%[[N]], %[[F]]]
// CHECK: memref.store %[[SUM]], %arg2[%[[M]], %[[F]]]
func.func @contraction(%p: memref<?x?xf32>, %v: memref<?x8xf32>, %o: memref<?x8xf32>) {
  linalg.generic {
      indexing_maps = [affine_map<(m, n, f) -> (m, n)>, affine_map<(m, n, f) -> (n, f)>, affine_map<(m, n, f) -> (m, f)>],
      iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%p, %v : memref<?x?xf32>, memref<?x8xf32>) outs(%o : memref<?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %product = arith.mulf %a, %b : f32
    %sum = arith.addf %c, %product : f32
    linalg.yield %sum : f32
  }
  return
}

// CHECK-LABEL: func.func @elementwise
// CHECK: scf.parallel (%[[I:.*]]) =
// CHECK-NOT: memref.load %arg1
// CHECK: memref.load %arg0[%[[I]]]
// CHECK: memref.store %{{.*}}, %arg1[%[[I]]]
func.func @elementwise(%a: memref<?xf32>, %b: memref<?xf32>) {
  linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%b : memref<?xf32>) {
  ^bb0(%x: f32, %old: f32):
    %y = arith.negf %x : f32
    linalg.yield %y : f32
  }
  return
}

// A number has no points to share out.
// CHECK-LABEL: func.func @total
// CHECK-NOT: scf.parallel
// CHECK: scf.for
func.func @total(%a: memref<?xf32>, %b: memref<f32>) {
  linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%a : memref<?xf32>) outs(%b : memref<f32>) {
  ^bb0(%x: f32, %old: f32):
    %y = arith.addf %x, %old : f32
    linalg.yield %y : f32
  }
  return
}
