// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt | FileCheck %s

// CHECK-LABEL: func @everything
// CHECK: attn.attention(%{{.*}}, %{{.*}}, %{{.*}})
// CHECK-NEXT: score [scale(1.250000e-01), softcap(3.000000e+01), bias(%{{.*}}[h, m, n] : tensor<8x?x?xf32>), map(%{{.*}}[h] : tensor<8xf32>) {
// CHECK: where causal and window(255, 0) align top_left lengths key(%{{.*}} : tensor<?xi32>) query(%{{.*}} : tensor<?xi32>) sinks(%{{.*}} : tensor<8xf32>)
func.func @everything(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %bias: tensor<8x?x?xf32>, %t: tensor<8xf32>, %kl: tensor<?xi32>, %ql: tensor<?xi32>, %sink: tensor<8xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
  %o, %lse = attn.attention(%q, %k, %v)
      score [scale(0.125), softcap(30.0), bias(%bias[h, m, n] : tensor<8x?x?xf32>), map(%t[h] : tensor<8xf32>) {
        ^bb0(%s: f32, %x: f32, %b: index, %h: index, %m: index, %n: index):
          %r = arith.addf %s, %x : f32
          attn.yield %r : f32
        }]
      where causal and window(255, 0) align top_left
      lengths key(%kl : tensor<?xi32>) query(%ql : tensor<?xi32>)
      sinks(%sink : tensor<8xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  return %o, %lse : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
}

// A missing scale is written down, and so is the alignment.
// CHECK-LABEL: func @plain
// CHECK: score [scale(1.250000e-01)]
// CHECK-NEXT: align bottom_right
func.func @plain(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x8x?x64xbf16>, %v: tensor<?x8x?x32xbf16>) -> tensor<?x8x?x32xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?x32xbf16>) -> tensor<?x8x?x32xbf16>
  return %o : tensor<?x8x?x32xbf16>
}

// CHECK-LABEL: func @merge
// CHECK: attn.merge(%{{.*}}, %{{.*}}) lse(%{{.*}}, %{{.*}}) :
func.func @merge(%a: tensor<?x8x?x32xf32>, %la: tensor<?x8x?xf32>, %b: tensor<?x8x?x32xf32>, %lb: tensor<?x8x?xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>) {
  %o, %l = attn.merge(%a, %b) lse(%la, %lb) : (tensor<?x8x?x32xf32>, tensor<?x8x?x32xf32>, tensor<?x8x?xf32>, tensor<?x8x?xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>)
  return %o, %l : tensor<?x8x?x32xf32>, tensor<?x8x?xf32>
}
