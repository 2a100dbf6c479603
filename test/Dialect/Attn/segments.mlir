// RUN: attn-opt %s | FileCheck %s
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attn-opt %s --emit-bytecode | attn-opt | FileCheck %s

// CHECK-LABEL: @shared
// CHECK: where causal align bottom_right segments(%{{.*}} : tensor<?xi32>)
func.func @shared(%q: tensor<1x8x?x64xf32>, %k: tensor<1x2x?x64xf32>, %s: tensor<?xi32>) -> tensor<1x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal segments(%s : tensor<?xi32>)
      : (tensor<1x8x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x8x?x64xf32>
  return %o : tensor<1x8x?x64xf32>
}

// CHECK-LABEL: @apart
// CHECK: align offset(%{{.*}} : tensor<i32>) origin(b = %{{.*}} : tensor<i32>) lengths key(%{{.*}} : tensor<?xi32>)
// CHECK-SAME: segments query(%{{.*}} : tensor<?x5xi64>) key(%{{.*}} : tensor<5xi32>) sinks(
func.func @apart(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %s: tensor<?x5xi64>, %t: tensor<5xi32>,
                 %l: tensor<?xi32>, %x: tensor<i32>, %z: tensor<8xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(4, 4) align offset(%x : tensor<i32>) origin(b = %x : tensor<i32>)
      lengths key(%l : tensor<?xi32>) segments query(%s : tensor<?x5xi64>) key(%t : tensor<5xi32>)
      sinks(%z : tensor<8xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: @cascade
// CHECK: over (m, n) align bottom_right lengths query(%[[L:.*]][b]) segments query(%[[S:.*]][b]) key(%[[T:.*]][])
func.func @cascade(%s: tensor<2x?x?xf32>, %l: tensor<2xi32>, %x: tensor<2x?xi32>, %y: tensor<?xi64>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %L = %l, %X = %x, %Y = %y) over (m, n) align bottom_right
      lengths query(%L[b]) segments query(%X[b]) key(%Y[])
      : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<2x?xi32>, tensor<?xi64>) -> tensor<2x?xf32> {
    %r = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}
