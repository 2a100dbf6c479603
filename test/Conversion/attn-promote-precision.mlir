// RUN: attn-opt %s --attn-promote-precision | FileCheck %s
// RUN: attn-opt %s --attn-promote-precision=boundary=false | FileCheck %s --check-prefix=INNER

// Types, constants and attributes become f64; conversions vanish; integers stay.
// CHECK-LABEL: func @attention(%{{.*}}: tensor<?x8x?x64xf64>, %{{.*}}: tensor<?x8x?x64xf64>, %{{.*}}: tensor<?x8x?x64xf64>, %{{.*}}: tensor<?xi32>) -> tensor<?x8x?x64xf64>
// CHECK: attn.attention
// CHECK: score [scale(1.250000e-01), map() {
// CHECK: ^bb0(%[[S:.*]]: f64,
// CHECK: arith.constant 0.10000000149011612 : f64
// CHECK: %[[R:.*]] = arith.mulf
// CHECK: attn.yield %[[R]] : f64
// CHECK: -> tensor<?x8x?x64xf64>
// INNER-LABEL: func @attention(%{{.*}}: tensor<?x8x?x64xbf16>
// INNER-COUNT-3: arith.extf %{{.*}} : tensor<?x8x?x64xbf16> to tensor<?x8x?x64xf64>
// INNER: attn.attention
// INNER: %[[T:.*]] = arith.truncf %{{.*}} : tensor<?x8x?x64xf64> to tensor<?x8x?x64xbf16>
// INNER: return %[[T]]
func.func @attention(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x8x?x64xbf16>, %v: tensor<?x8x?x64xbf16>, %kl: tensor<?xi32>) -> tensor<?x8x?x64xbf16> {
  %o = attn.attention(%q, %k, %v)
      score [scale(0.125), map() {
        ^bb0(%s: f32, %b: index, %h: index, %m: index, %n: index):
          %c = arith.constant 0.1 : f32
          %r = arith.mulf %s, %c : f32
          attn.yield %r : f32
        }] lengths key(%kl : tensor<?xi32>)
      : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16>
  return %o : tensor<?x8x?x64xbf16>
}

// CHECK-LABEL: func private @around
// CHECK-NOT: arith.extf
// CHECK: %[[C:.*]] = arith.constant dense<[1.000000e+00, 0x7FF0000000000000]> : tensor<2xf64>
// CHECK: %[[Y:.*]] = arith.addf %{{.*}}, %[[C]] : tensor<2xf64>
// CHECK: return %[[Y]] : tensor<2xf64>
func.func private @around(%x: tensor<2xbf16>) -> tensor<2xf32> {
  %w = arith.extf %x : tensor<2xbf16> to tensor<2xf32>
  %c = arith.constant dense<[1.0, 0x7F800000]> : tensor<2xf32>
  %y = arith.addf %w, %c : tensor<2xf32>
  return %y : tensor<2xf32>
}

// CHECK-LABEL: func private @cascade
// CHECK: attn.einsum [m] = map(%{{.*}}[m,n]) {
// CHECK: ^bb0(%{{.*}}: f64):
// CHECK: reduce add(n) : (tensor<?x?xf64>) -> tensor<?xf64>
func.func private @cascade(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %a = attn.cascade (%X = %x) where causal over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %y = attn.einsum [m] = map(%X[m,n]) {
    ^bb0(%u: f32):
      %e = math.exp %u : f32
      attn.yield %e : f32
    } reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %y : tensor<?xf32>
  }
  return %a : tensor<?xf32>
}
