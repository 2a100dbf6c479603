// RUN: attn-opt %s --attn-derive-cascades="bf16-products=tiles" -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-derive-cascades="bf16-products=pairs" -split-input-file | FileCheck %s --check-prefix=PAIRS

// A matrix unit keeps no sums of a step in registers: tiles of lanes are wide, and
// a step is long, as far as its scores fit an eighth of the second level.
// CHECK-LABEL: func.func @any_rows
// CHECK: mapping <lanes = m by [128, 32], stream = 256,
// PAIRS-LABEL: func.func @any_rows
// PAIRS: mapping <lanes = m by [48, 32, 16], stream = 64,
func.func @any_rows(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x8x?x64xbf16>, %v: tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16>
  return %o : tensor<?x8x?x64xbf16>
}

// -----

// What is left of 300 rows are 44.
// CHECK-LABEL: func.func @known_rows
// CHECK: mapping <lanes = m by [128, 64], stream = 256,
func.func @known_rows(%q: tensor<?x8x300x128xbf16>, %k: tensor<?x8x?x128xbf16>, %v: tensor<?x8x?x128xbf16>) -> tensor<?x8x300x128xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x300x128xbf16>, tensor<?x8x?x128xbf16>, tensor<?x8x?x128xbf16>) -> tensor<?x8x300x128xbf16>
  return %o : tensor<?x8x300x128xbf16>
}

// -----

// CHECK-LABEL: func.func @few_rows
// CHECK: mapping <lanes = m by [32], stream = 320,
func.func @few_rows(%q: tensor<?x8x20x64xbf16>, %k: tensor<?x8x?x64xbf16>, %v: tensor<?x8x?x64xbf16>) -> tensor<?x8x20x64xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x20x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) -> tensor<?x8x20x64xbf16>
  return %o : tensor<?x8x20x64xbf16>
}

// -----

// Products of f32 are none of the unit's.
// CHECK-LABEL: func.func @single
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 64,
func.func @single(%q: tensor<?x8x?x64xf32>, %k: tensor<?x8x?x64xf32>, %v: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
