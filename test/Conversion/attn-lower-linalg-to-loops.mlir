// RUN: attn-opt %s --attn-lower-linalg-to-loops --canonicalize | FileCheck %s

#mne = affine_map<(m, n, e) -> (m, e)>
#key = affine_map<(m, n, e) -> (n, e)>
#mn3 = affine_map<(m, n, e) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>

// A sum is carried in a value and stored once.
// CHECK-LABEL: func @sum
// CHECK: scf.for %[[M:.*]] =
// CHECK:   scf.for %[[N:.*]] =
// CHECK:     %[[START:.*]] = memref.load %[[S:.*]][%[[M]], %[[N]]]
// CHECK:     %[[SUM:.*]] = scf.for %[[E:.*]] = {{.*}} iter_args(%[[CARRIED:.*]] = %[[START]]) -> (f32) {
// CHECK:       memref.load %{{.*}}[%[[M]], %[[E]]]
// CHECK:       memref.load %{{.*}}[%[[N]], %[[E]]]
// CHECK:       arith.addf %[[CARRIED]], %{{.*}}
// CHECK:     memref.store %[[SUM]], %[[S]][%[[M]], %[[N]]]
func.func @sum(%q: memref<?x8xf32>, %k: memref<?x8xf32>, %s: memref<?x?xf32>) {
  linalg.generic {indexing_maps = [#mne, #key, #mn3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%q, %k : memref<?x8xf32>, memref<?x8xf32>) outs(%s : memref<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %c, %p : f32
    linalg.yield %r : f32
  }
  return
}

// What does not move in the innermost loop is loaded in front of it; indices
// are the loops' counters; an unused old element is not loaded.
// CHECK-LABEL: func @map
// CHECK: scf.for %[[M:.*]] =
// CHECK:   %[[X:.*]] = memref.load %{{.*}}[%[[M]]] : memref<?xf32>
// CHECK:   scf.for %[[N:.*]] =
// CHECK-NEXT: %[[V:.*]] = memref.load %[[S:.*]][%[[M]], %[[N]]]
// CHECK-NEXT: %[[D:.*]] = arith.subf %[[V]], %[[X]]
// CHECK-NEXT: arith.cmpi sle, %[[N]], %[[M]]
// CHECK-NEXT: arith.select
// CHECK-NEXT: memref.store %{{.*}}, %[[S]][%[[M]], %[[N]]]
func.func @map(%s: memref<?x?xf32>, %x: memref<?xf32>) {
  linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]} ins(%s, %x : memref<?x?xf32>, memref<?xf32>) outs(%s : memref<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %t = arith.cmpi sle, %j, %i : index
    %r = arith.select %t, %d, %b : f32
    linalg.yield %r : f32
  }
  return
}

// Left for convert-linalg-to-loops.
// CHECK-LABEL: func @others
// CHECK: linalg.generic
// CHECK: linalg.fill
func.func @others(%x: memref<f32>, %y: memref<f32>, %z: memref<4xf32>, %v: f32) {
  linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []} ins(%x : memref<f32>) outs(%y : memref<f32>) {
  ^bb0(%a: f32, %b: f32):
    %r = arith.negf %a : f32
    linalg.yield %r : f32
  }
  linalg.fill ins(%v : f32) outs(%z : memref<4xf32>)
  return
}
