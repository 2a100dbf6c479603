// RUN: attn-opt --attn-derive-cascades="vector-bits=512 split=none" --split-input-file %s | FileCheck %s
// RUN: attn-opt --attn-derive-cascades="vector-bits=256 vector-registers=16 split=none" --split-input-file %s | FileCheck %s --check-prefix=AVX2
// RUN: attn-opt --attn-derive-cascades="lane-tiles=8 split=none" --split-input-file %s | FileCheck %s --check-prefix=LANES
// RUN: attn-opt --attn-derive-cascades="shared-bytes=65536 split=none" --split-input-file %s | FileCheck %s --check-prefix=GPU

// One query at the end sees every key, so that nothing is masked. The heads of a
// group are held together, and each einsum has lanes of its own. Tiles of lanes
// that are given say that there are lanes; threads are lanes always.
// CHECK-LABEL: func.func @causal
// CHECK-NOT: where
// CHECK: mapping <tile = g by [4], stream = 128, rows = 8, parallel = [b, k]>
// CHECK-NOT: plan
// AVX2-LABEL: func.func @causal
// AVX2: mapping <tile = g by [4], stream = 128, rows = 4,
// LANES-LABEL: func.func @causal
// LANES: mapping <lanes = g by [8],
// GPU-LABEL: func.func @causal
// GPU: mapping <lanes = g by
func.func @causal(%q: tensor<?x8x1x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x8x1x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32>
  return %o : tensor<?x8x1x64xf32>
}

// -----

// The rows of a restricted plane are the tile: a plan is made for it.
// CHECK-LABEL: func.func @window_of_two
// CHECK: where window(255, 0)
// CHECK-SAME: mapping <tile = m by [2], {{.*}} parallel = [b, k]>
// CHECK: plan
// LANES-LABEL: func.func @window_of_two
// LANES: mapping <lanes = g by [8], {{.*}} parallel = [b, k, m]>
func.func @window_of_two(%q: tensor<?x8x2x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x2x64xf32> {
  %o = attn.attention(%q, %k, %v) where window(255, 0) : (tensor<?x8x2x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x2x64xf32>
  return %o : tensor<?x8x2x64xf32>
}

// -----

// CHECK-LABEL: func.func @as_many
// CHECK: mapping <tile = m by [4], {{.*}} parallel = [b, k]>
// LANES-LABEL: func.func @as_many
// LANES: mapping <lanes = m by [8],
func.func @as_many(%q: tensor<?x8x4x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x4x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x8x4x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x4x64xf32>
  return %o : tensor<?x8x4x64xf32>
}

// -----

// More rows than take their turns in the registers well: heads are items.
// CHECK-LABEL: func.func @many_rows
// CHECK: mapping <tile = m by [12], {{.*}} parallel = [b, k, g]>
func.func @many_rows(%q: tensor<?x8x12x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x12x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x8x12x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x12x64xf32>
  return %o : tensor<?x8x12x64xf32>
}

// -----

// Heads that share one key head fill the lanes, and every query is an item.
// CHECK-LABEL: func.func @many_heads
// CHECK: mapping <lanes = g by [48, 32, 16], {{.*}} parallel = [b, k, m]>
func.func @many_heads(%q: tensor<?x32x2x64xf32>, %k: tensor<?x1x?x64xf32>, %v: tensor<?x1x?x64xf32>) -> tensor<?x32x2x64xf32> {
  %o = attn.attention(%q, %k, %v) where window(255, 0) : (tensor<?x32x2x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>) -> tensor<?x32x2x64xf32>
  return %o : tensor<?x32x2x64xf32>
}

// -----

// A length for each head is read by an item of the head.
// CHECK-LABEL: func.func @lengths_of_heads
// CHECK: mapping <tile = m by [2], {{.*}} parallel = [b, k, g]>
func.func @lengths_of_heads(%q: tensor<?x2x4x2x64xf32>, %k: tensor<?x2x?x64xf32>, %x: tensor<2x4xi32>) -> tensor<?x2x4x2xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %X = %x) over (m, n) align top_left lengths key(%X[k, g]) : (tensor<?x2x4x2x64xf32>, tensor<?x2x?x64xf32>, tensor<2x4xi32>) -> tensor<?x2x4x2xf32> {
    %s = attn.einsum [b,k,g,m,n] = mul(%Q[b,k,g,m,e], %K[b,k,n,e]) reduce add(e) : (tensor<?x2x4x2x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x4x2x?xf32>
    %r = attn.einsum [b,k,g,m] = %s[b,k,g,m,n] reduce max(n) : (tensor<?x2x4x2x?xf32>) -> tensor<?x2x4x2xf32>
    attn.yield %r : tensor<?x2x4x2xf32>
  }
  return %o : tensor<?x2x4x2xf32>
}

// -----

// Of top-left alignment the one query sees one key.
// CHECK-LABEL: func.func @top_left
// CHECK: where causal
func.func @top_left(%q: tensor<?x8x1x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal align top_left : (tensor<?x8x1x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32>
  return %o : tensor<?x8x1x64xf32>
}
