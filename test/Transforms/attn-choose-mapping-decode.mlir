// RUN: attn-opt --attn-derive-cascades="vector-bits=512" --split-input-file %s | FileCheck %s
// RUN: attn-opt --attn-derive-cascades="vector-bits=256" --split-input-file %s | FileCheck %s --check-prefix=AVX2

// One query at the end sees every key, so that nothing is masked, and the heads of
// a group fill the lanes.
// CHECK-LABEL: func.func @causal
// CHECK-NOT: where
// CHECK: mapping <lanes = g by [16], {{.*}} parallel = [b, k, m]>
// CHECK-NOT: plan
// AVX2-LABEL: func.func @causal
// AVX2: mapping <lanes = g by [8],
func.func @causal(%q: tensor<?x8x1x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x8x1x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32>
  return %o : tensor<?x8x1x64xf32>
}

// -----

// Rows are items: their plan is that of one row, whatever the lanes are.
// CHECK-LABEL: func.func @window_of_two
// CHECK: where window(255, 0)
// CHECK-SAME: mapping <lanes = g by [16], {{.*}} parallel = [b, k, m]>
// CHECK: plan
func.func @window_of_two(%q: tensor<?x8x2x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x2x64xf32> {
  %o = attn.attention(%q, %k, %v) where window(255, 0) : (tensor<?x8x2x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x2x64xf32>
  return %o : tensor<?x8x2x64xf32>
}

// -----

// As many queries as heads of a group: queries, whose tiles share masks.
// CHECK-LABEL: func.func @as_many
// CHECK: mapping <lanes = m by [16],
func.func @as_many(%q: tensor<?x8x4x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x4x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x8x4x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x4x64xf32>
  return %o : tensor<?x8x4x64xf32>
}

// -----

// Of top-left alignment the one query sees one key.
// CHECK-LABEL: func.func @top_left
// CHECK: where causal
func.func @top_left(%q: tensor<?x8x1x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal align top_left : (tensor<?x8x1x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32>
  return %o : tensor<?x8x1x64xf32>
}
