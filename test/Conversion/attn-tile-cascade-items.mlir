// RUN: attn-opt %s --attn-describe-kernel --attn-derive-cascades="lane-tiles=32" --attn-tile-cascade="warps=true" --canonicalize --cse -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-describe-kernel --attn-derive-cascades="lane-tiles=32" --attn-tile-cascade --canonicalize --cse -split-input-file | FileCheck %s --check-prefix=ROWS

// On a GPU, items whose last tiles take longest go by tile, for groups of some 512 items.
// CHECK-LABEL: func.func @causal_run0
// CHECK: scf.for %[[ITEM:.*]] = %{{.*}} to %{{.*}} step %c1 {
// CHECK: %[[PER:.*]] = arith.ceildivui %c512, %[[TILES:.*]] : index
// CHECK: %[[SIZE:.*]] = arith.muli %[[PER]], %[[TILES]]
// CHECK: %[[GROUP:.*]] = arith.divui %[[ITEM]], %[[SIZE]]
// CHECK: %[[IN:.*]] = arith.remui %[[ITEM]], %[[SIZE]]
// CHECK: %[[FIRST:.*]] = arith.muli %[[GROUP]], %[[PER]]
// CHECK: %[[LEFT:.*]] = arith.subi %{{.*}}, %[[FIRST]]
// CHECK: %[[POINTS:.*]] = arith.minui %[[PER]], %[[LEFT]]
// CHECK: %[[TILE:.*]] = arith.divui %[[IN]], %[[POINTS]]
// CHECK: %[[OF:.*]] = arith.remui %[[IN]], %[[POINTS]]
// CHECK: %[[POINT:.*]] = arith.addi %[[FIRST]], %[[OF]]
// CHECK-DAG: arith.remui %[[POINT]],
// CHECK-DAG: arith.muli %[[TILE]], %c32
// On a CPU, where a worker takes what is next, one head follows the other.
// ROWS-LABEL: func.func @causal_run0
// ROWS-NOT: c512
func.func @causal(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32> {
  %o = attn.attention(%q, %k, %k) where causal
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// -----

// Where the first tiles take longest, the last items are those.
// CHECK-LABEL: func.func @falling_run0
// CHECK: arith.ceildivui %c512, %[[TILES:[a-z0-9_]+]] : index
// CHECK: arith.minui
// CHECK: %[[TILE:.*]] = arith.divui
// CHECK: %[[LAST:.*]] = arith.subi %[[TILES]], %c1
// CHECK: %[[TURNED:.*]] = arith.subi %[[LAST]], %[[TILE]]
// CHECK: arith.muli %[[TURNED]], %c32
func.func @falling(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32> {
  %o = attn.attention(%q, %k, %k) where not causal
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// -----

// All items take as long, or there is one tile.
// CHECK-LABEL: func.func @even_run0
// CHECK-NOT: c512
// CHECK: return
func.func @even(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32> {
  %o = attn.attention(%q, %k, %k) where causal and window(99, 0)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// -----

// CHECK-LABEL: func.func @one_tile_run0
// CHECK-NOT: c512
// CHECK: return
func.func @one_tile(%q: tensor<?x4x24x16xf32>, %k: tensor<?x4x?x16xf32>) -> tensor<?x4x24x16xf32> {
  %o = attn.attention(%q, %k, %k) where causal
      : (tensor<?x4x24x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x24x16xf32>
  return %o : tensor<?x4x24x16xf32>
}
