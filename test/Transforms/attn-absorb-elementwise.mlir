// RUN: attn-opt %s --split-input-file --attn-absorb-elementwise | FileCheck %s
// RUN: attn-opt %s --split-input-file --attn-absorb-elementwise=all | FileCheck %s --check-prefix=ALL

// Operations that may be reassociated and contracted join; others keep their
// rounding, and a quotient needs to know of no infinity.
// CHECK-LABEL: func.func @flags(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xbf16>, %[[Y:.*]]: tensor<?x4xbf16>)
// CHECK: %[[A:.*]] = attn.cascade (%[[IX:.*]] = %[[X]], %[[IY:.*]] = %[[Y]]) : (tensor<?x4xbf16>, tensor<?x4xbf16>) -> tensor<?x4xbf16>
// CHECK: attn.einsum [i0,i1] = map(%[[IX]][i0,i1], %[[IY]][i0,i1])
// CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<fast> : f32
// CHECK: %[[B:.*]] = arith.mulf %[[A]], %[[Y]] : tensor<?x4xbf16>
// CHECK: %[[C:.*]] = arith.divf %[[B]], %[[Y]] fastmath<reassoc,contract>
// CHECK: %[[D:.*]] = tensor.cast %[[C]]
// CHECK: attn.cascade (%{{.*}} = %[[D]])
// CHECK: arith.constant 2.000000e+00 : f32
// CHECK: math.exp2 %{{.*}} fastmath<reassoc,contract> : f32
// ALL-LABEL: func.func @flags(
// ALL-COUNT-5: = attn.cascade
// ALL: return
func.func @flags(%x: tensor<?x4xbf16>, %y: tensor<?x4xbf16>) -> tensor<?x4xbf16> {
  %a = arith.addf %x, %y fastmath<fast> : tensor<?x4xbf16>
  %b = arith.mulf %a, %y : tensor<?x4xbf16>
  %c = arith.divf %b, %y fastmath<reassoc,contract> : tensor<?x4xbf16>
  %two = arith.constant dense<2.0> : tensor<1x4xbf16>
  %d0 = tensor.cast %c : tensor<?x4xbf16> to tensor<1x4xbf16>
  %d1 = arith.mulf %d0, %two fastmath<reassoc,contract> : tensor<1x4xbf16>
  %d = math.exp2 %d1 fastmath<reassoc,contract> : tensor<1x4xbf16>
  %e = tensor.cast %d : tensor<1x4xbf16> to tensor<?x4xbf16>
  return %e : tensor<?x4xbf16>
}

// -----

// A generic operation with a broadcast operand, constants from inside and
// outside, and a result that is rounded at the end.
// CHECK-LABEL: func.func @generic(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xbf16>, %[[W:.*]]: tensor<8xf32>)
// CHECK: attn.cascade (%[[IX:.*]] = %[[X]], %[[IW:.*]] = %[[W]]) : (tensor<?x8xbf16>, tensor<8xf32>) -> tensor<?x8xbf16>
// CHECK: attn.einsum [i0,i1] = map(%[[IX]][i0,i1], %[[IW]][i1])
// CHECK-NEXT: ^bb0(%[[P:.*]]: f32, %[[Q:.*]]: f32):
// CHECK: %[[R:.*]] = arith.mulf %[[P]], %[[Q]] fastmath<fast> : f32
// CHECK: arith.constant 5.000000e-01 : f32
// CHECK: arith.mulf %[[R]]
// CHECK: attn.yield
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
func.func @generic(%x: tensor<?x8xbf16>, %w: tensor<8xf32>) -> tensor<?x8xbf16> {
  %half = arith.constant 0.5 : f32
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x8xbf16>
  %init = tensor.empty(%m) : tensor<?x8xbf16>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %w : tensor<?x8xbf16>, tensor<8xf32>) outs(%init : tensor<?x8xbf16>) {
  ^bb0(%a: bf16, %b: f32, %old: bf16):
    %c = arith.extf %a : bf16 to f32
    %d = arith.mulf %c, %b fastmath<fast> : f32
    %e = arith.mulf %d, %half fastmath<fast> : f32
    %f = arith.truncf %e : f32 to bf16
    linalg.yield %f : bf16
  } -> tensor<?x8xbf16>
  return %y : tensor<?x8xbf16>
}

// -----

// Computed in more precision than a map of the result has, accumulated in the
// output, of integers, or reduced: left alone.
// CHECK-LABEL: func.func @left(
// CHECK-NOT: attn.cascade
// ALL-LABEL: func.func @left(
// ALL-NOT: attn.cascade
#id = affine_map<(i) -> (i)>
#none = affine_map<(i) -> ()>
func.func @left(%x: tensor<8xf64>, %y: tensor<8xf32>, %i: tensor<8xi32>, %s: tensor<f32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xi32>, tensor<f32>) {
  %init = tensor.empty() : tensor<8xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf64>) outs(%init : tensor<8xf32>) {
  ^bb0(%p: f64, %old: f32):
    %q = arith.mulf %p, %p fastmath<fast> : f64
    %r = arith.truncf %q : f64 to f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%y : tensor<8xf32>) outs(%y : tensor<8xf32>) {
  ^bb0(%p: f32, %old: f32):
    %q = arith.mulf %p, %old fastmath<fast> : f32
    linalg.yield %q : f32
  } -> tensor<8xf32>
  %c = arith.addi %i, %i : tensor<8xi32>
  %d = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%y : tensor<8xf32>) outs(%s : tensor<f32>) {
  ^bb0(%p: f32, %old: f32):
    %q = arith.addf %p, %old fastmath<fast> : f32
    linalg.yield %q : f32
  } -> tensor<f32>
  return %a, %b, %c, %d : tensor<8xf32>, tensor<8xf32>, tensor<8xi32>, tensor<f32>
}
