// RUN: attn-opt --attn-derive-cascades="vector-bits=512 split=none" --split-input-file %s | FileCheck %s
// RUN: attn-opt --attn-derive-cascades="vector-bits=512 split=none bf16-products=pairs" --split-input-file %s | FileCheck %s --check-prefix=PAIRS

// Rows that a list names, or an order, leave the first level of cache sooner.
// CHECK-LABEL: func.func @listed
// CHECK: stream = 32
func.func @listed(%q: tensor<?x1x?x64xf32>, %k: tensor<?x1x?x64xf32>, %v: tensor<?x1x?x64xf32>, %l: tensor<?x?xi32>) -> tensor<?x1x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where indices(16, %l[] : tensor<?x?xi32>) : (tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>) -> tensor<?x1x?x64xf32>
  return %r : tensor<?x1x?x64xf32>
}

// -----

// CHECK-LABEL: func.func @permuted
// CHECK: stream = 32
func.func @permuted(%q: tensor<?x1x?x64xf32>, %k: tensor<?x1x?x64xf32>, %v: tensor<?x1x?x64xf32>, %p: tensor<?xi32>) -> tensor<?x1x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where window(512, 512) in permuted permute(%p : tensor<?xi32>) : (tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>) -> tensor<?x1x?x64xf32>
  return %r : tensor<?x1x?x64xf32>
}

// -----

// Where no atom reads the order, keys are walked as they lie.
// CHECK-LABEL: func.func @in_order
// CHECK: stream = 64
func.func @in_order(%q: tensor<?x1x?x64xf32>, %k: tensor<?x1x?x64xf32>, %v: tensor<?x1x?x64xf32>, %p: tensor<?xi32>) -> tensor<?x1x?x64xf32> {
  %r = attn.attention(%q, %k, %v) where window(512, 512) permute(%p : tensor<?xi32>) : (tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>) -> tensor<?x1x?x64xf32>
  return %r : tensor<?x1x?x64xf32>
}

// -----

// What is multiplied in pairs is copied first.
// PAIRS-LABEL: func.func @pairs
// PAIRS: stream = 128
func.func @pairs(%q: tensor<?x1x?x64xbf16>, %k: tensor<?x1x?x64xbf16>, %v: tensor<?x1x?x64xbf16>, %p: tensor<?xi32>) -> tensor<?x1x?x64xbf16> {
  %r = attn.attention(%q, %k, %v) where window(512, 512) in permuted permute(%p : tensor<?xi32>) : (tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>) -> tensor<?x1x?x64xbf16>
  return %r : tensor<?x1x?x64xbf16>
}
