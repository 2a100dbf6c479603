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

// Origins and an offset: an index, or tensors of one number or one for each row.
// CHECK-LABEL: func @part
// CHECK: where causal align offset(%{{.*}} : tensor<?xi32>) origin(m = %{{.*}} : index, n = %{{.*}} : tensor<i64>, b = %{{.*}} : tensor<?xi64>) lengths key(%{{.*}} : tensor<?xi32>)
func.func @part(%q: tensor<?x8x?x64xf32>, %x: tensor<?xi32>, %m: index, %n: tensor<i64>, %b: tensor<?xi64>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %q, %q) where causal align offset(%x : tensor<?xi32>)
      origin(m = %m : index, n = %n : tensor<i64>, b = %b : tensor<?xi64>)
      lengths key(%x : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Lengths are those of the whole, so a part may keep its alignment.
// CHECK-LABEL: func @part_with_lengths
// CHECK: where causal align bottom_right origin(n = %{{.*}} : index) lengths
func.func @part_with_lengths(%q: tensor<?x8x?x64xf32>, %l: tensor<?xi32>, %n: index) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %q, %q) where causal origin(n = %n : index)
      lengths key(%l : tensor<?xi32>) query(%l : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Gates, each on a line of its own.
// CHECK-LABEL: func @gates
// CHECK: align bottom_right{{$}}
// CHECK-NEXT: gate key none(%{{.*}}[k] : tensor<2xf32>){{$}}
// CHECK-NEXT: gate weight sigmoid(%{{.*}}[b, n] : tensor<?x?xbf16>) renormalised{{$}}
// CHECK-NEXT: gate output silu(%{{.*}}[b, h, m, f] : tensor<?x8x?x64xf32>){{$}}
// CHECK-NEXT: : (tensor
func.func @gates(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %gk: tensor<2xf32>, %gw: tensor<?x?xbf16>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) gate key none(%gk[k] : tensor<2xf32>)
      gate weight sigmoid(%gw[b, n] : tensor<?x?xbf16>) renormalised
      gate output silu(%q[b, h, m, f] : tensor<?x8x?x64xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// What makes weights of scores, and what edits them. The softmax is not printed.
// CHECK-LABEL: func @normalisers
// CHECK: align bottom_right normalise sigmoid
// CHECK-NEXT: gate output silu
// CHECK: align bottom_right{{$}}
// CHECK-NEXT: weights(%{{.*}}[h, m] : tensor<8x?xf32>) {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
// CHECK: }
// CHECK-NEXT: gate weight none(%{{.*}}[h, m] : tensor<8x?xf32>){{$}}
func.func @normalisers(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %x: tensor<8x?xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) {
  %o = attn.attention(%q, %k, %k) where causal normalise sigmoid
      gate output silu(%q[b, h, m, f] : tensor<?x8x?x64xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  %w = attn.attention(%q, %k, %k) normalise softmax
      weights(%x[h, m] : tensor<8x?xf32>) {
      ^bb0(%p: f32, %t: f32, %b: index, %h: index, %m: index, %n: index):
        %r = arith.mulf %p, %t : f32
        attn.yield %r : f32
      }
      gate weight none(%x[h, m] : tensor<8x?xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o, %w : tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @mix
// CHECK: attn.mix %{{.*}}, %{{.*}} : (tensor<?x8x?x64xf32>, tensor<2x8x?x64xbf16>) -> tensor<?x8x?x64xf16>
func.func @mix(%a: tensor<?x8x?x64xf32>, %b: tensor<2x8x?x64xbf16>) -> tensor<?x8x?x64xf16> {
  %o = attn.mix %a, %b : (tensor<?x8x?x64xf32>, tensor<2x8x?x64xbf16>) -> tensor<?x8x?x64xf16>
  return %o : tensor<?x8x?x64xf16>
}
