// RUN: attn-opt --attn-derive-cascades="vector-bits=512 split=none" --split-input-file %s | FileCheck %s

// Rows that share a list fill the lanes.
// CHECK-LABEL: func.func @shared
// CHECK: mapping <lanes = m by [64], {{.*}} parallel = [b, k, g]>
func.func @shared(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %o: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where blocks(64, 64, %o[] : tensor<?xi32>, %i[] : tensor<?xi32>) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %r : tensor<?x8x?x64xf32>
}

// -----

// What is left of them has a tile of its own.
// CHECK-LABEL: func.func @with_rest
// CHECK: mapping <lanes = m by [48, 32], {{.*}} parallel = [b, k, g]>
func.func @with_rest(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %o: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where blocks(80, 64, %o[] : tensor<?xi32>, %i[] : tensor<?xi32>) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %r : tensor<?x8x?x64xf32>
}

// -----

// A row with a list of its own is an item, with the heads of its group.
// CHECK-LABEL: func.func @of_a_row
// CHECK: mapping <tile = m by [1], {{.*}} parallel = [b, k]>
func.func @of_a_row(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %l: tensor<?x?x?xi32>) -> tensor<?x8x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where causal and indices(1, %l[b] : tensor<?x?x?xi32>) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %r : tensor<?x8x?x64xf32>
}

// -----

// Unless heads have other lists.
// CHECK-LABEL: func.func @of_a_head
// CHECK: mapping <tile = m by [1], {{.*}} parallel = [b, k, g]>
func.func @of_a_head(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %l: tensor<8x?x?xi32>) -> tensor<?x8x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where causal and indices(1, %l[h] : tensor<8x?x?xi32>) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %r : tensor<?x8x?x64xf32>
}

// -----

// Many heads that share one key head fill the lanes.
// CHECK-LABEL: func.func @many_heads
// CHECK: mapping <lanes = g by [48, 32, 16], {{.*}} parallel = [b, k, m]>
func.func @many_heads(%q: tensor<?x128x?x64xf32>, %k: tensor<?x1x?x64xf32>, %v: tensor<?x1x?x64xf32>, %l: tensor<?x?xi32>) -> tensor<?x128x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where causal and indices(1, %l[] : tensor<?x?xi32>) : (tensor<?x128x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>) -> tensor<?x128x?x64xf32>
  return %r : tensor<?x128x?x64xf32>
}

// -----

// More heads than rows that share a list, too.
// CHECK-LABEL: func.func @few_rows
// CHECK: mapping <lanes = g by [16], {{.*}} parallel = [b, k, m]>
func.func @few_rows(%q: tensor<?x16x?x64xf32>, %k: tensor<?x1x?x64xf32>, %v: tensor<?x1x?x64xf32>, %l: tensor<?x?xi32>) -> tensor<?x16x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where indices(4, %l[] : tensor<?x?xi32>) : (tensor<?x16x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>) -> tensor<?x16x?x64xf32>
  return %r : tensor<?x16x?x64xf32>
}

// -----

// All queries of a call that share a list are an item.
// CHECK-LABEL: func.func @decoding
// CHECK: mapping <tile = m by [2], {{.*}} parallel = [b, k]>
func.func @decoding(%q: tensor<?x8x2x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %l: tensor<?x?x?xi32>) -> tensor<?x8x2x64xf32> {
  %r = attn.attention(%q, %k, %v) where causal and indices(16, %l[b] : tensor<?x?x?xi32>) : (tensor<?x8x2x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x2x64xf32>
  return %r : tensor<?x8x2x64xf32>
}
