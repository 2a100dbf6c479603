// RUN: attn-opt --canonicalize --split-input-file %s | FileCheck %s

// A product with 1 is exact; so is one with a power of two that grows, before
// one that does not shrink, and a change of sign. Anything else keeps its two
// roundings. What is between two scales keeps them apart.
// CHECK-LABEL: func @scales
// CHECK: score [scale(3.000000e+00), softcap(3.000000e+01), scale(-1.200000e+01), scale(5.000000e-01), scale(3.000000e-01), scale(7.500000e-01)]
func.func @scales(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v)
      score [scale(1.0), scale(3.0), softcap(30.0), scale(-1.0), scale(4.0), scale(3.0), scale(0.5), scale(1.0), scale(0.3), scale(0.75)]
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// The last scale stays: without it the list would get the default one (MD-2).
// A product that overflows the compute type is not formed.
// CHECK-LABEL: func @last_scale
// CHECK: score [softcap(3.000000e+01), scale(1.000000e+00)]
// CHECK: score [scale(3.000000e+38), scale(2.000000e+00)]
// CHECK: score [scale(6.000000e+38)]
func.func @last_scale(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %qd: tensor<?x8x?x64xf64>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf64>) {
  %a = attn.attention(%q, %k, %v) score [scale(1.0), softcap(30.0), scale(1.0)]
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  %b = attn.attention(%q, %k, %v) score [scale(2.0), scale(1.5e+38), scale(2.0)]
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  %c = attn.attention(%qd, %qd, %qd) score [scale(4.0), scale(1.5e+38)]
      : (tensor<?x8x?x64xf64>, tensor<?x8x?x64xf64>, tensor<?x8x?x64xf64>) -> tensor<?x8x?x64xf64>
  return %a, %b, %c : tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf64>
}

// -----

// CHECK-LABEL: func @unused_lse
// CHECK: attn.attention
// CHECK: -> tensor<?x8x?x64xf32>
// CHECK: attn.merge
// CHECK-SAME: -> tensor<?x8x?x64xf32>
// CHECK: attn.attention
// CHECK: -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
func.func @unused_lse(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %a: tensor<?x8x?x64xf32>, %l: tensor<?x8x?xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
  %o, %lse = attn.attention(%q, %k, %k) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  %m, %ml = attn.merge(%a, %o) lse(%l, %l)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?xf32>, tensor<?x8x?xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  %u, %ul = attn.attention(%q, %k, %k)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  return %o, %m, %ul : tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
}

// -----

// What the operands state, the results have; what a cast forgot is found again.
// CHECK-LABEL: func @casts
// CHECK-SAME: %[[Q:.*]]: tensor<2x8x128x64xf32>, %[[K:.*]]: tensor<?x2x256x64xf32>, %[[V:.*]]: tensor<?x2x?x64xf32>, %[[BIAS:.*]]: tensor<128x256xf32>
// CHECK: %[[O:.*]], %[[L:.*]] = attn.attention(%[[Q]], %[[K]], %[[V]])
// CHECK: bias(%[[BIAS]][m, n] : tensor<128x256xf32>)
// CHECK: : (tensor<2x8x128x64xf32>, tensor<?x2x256x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<2x8x128x64xf32>, tensor<2x8x128xf32>)
// CHECK-DAG: tensor.cast %[[O]] : tensor<2x8x128x64xf32> to tensor<?x8x?x64xf32>
// CHECK-DAG: tensor.cast %[[L]] : tensor<2x8x128xf32> to tensor<?x8x?xf32>
func.func @casts(%q: tensor<2x8x128x64xf32>, %k: tensor<?x2x256x64xf32>, %v: tensor<?x2x?x64xf32>, %bias: tensor<128x256xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
  %qc = tensor.cast %q : tensor<2x8x128x64xf32> to tensor<?x8x?x64xf32>
  %kc = tensor.cast %k : tensor<?x2x256x64xf32> to tensor<?x2x?x64xf32>
  %bc = tensor.cast %bias : tensor<128x256xf32> to tensor<?x?xf32>
  %o, %l = attn.attention(%qc, %kc, %v) score [scale(0.125), bias(%bc[m, n] : tensor<?x?xf32>)]
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  return %o, %l : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
}

// -----

// Extents that disagree are left for the kernel's checks to find.
// CHECK-LABEL: func @disagree
// CHECK: tensor.cast
// CHECK: : (tensor<?x8x?x64xf32>, tensor<3x2x?x64xf32>, tensor<?x2x?x64xf32>)
func.func @disagree(%q: tensor<2x8x128x64xf32>, %k: tensor<3x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %qc = tensor.cast %q : tensor<2x8x128x64xf32> to tensor<?x8x?x64xf32>
  %o = attn.attention(%qc, %k, %v)
      : (tensor<?x8x?x64xf32>, tensor<3x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// A cast to an element type or to more is no cast to see through.
// CHECK-LABEL: func @cast_to_more
// CHECK: %[[C:.*]] = tensor.cast
// CHECK: attn.attention(%[[C]],
func.func @cast_to_more(%q: tensor<?x8x?x64xf32>, %k: tensor<2x2x?x64xf32>) -> tensor<2x8x128x64xf32> {
  %qc = tensor.cast %q : tensor<?x8x?x64xf32> to tensor<2x8x128x64xf32>
  %o = attn.attention(%qc, %k, %k)
      : (tensor<2x8x128x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32>) -> tensor<2x8x128x64xf32>
  return %o : tensor<2x8x128x64xf32>
}

// -----

// A result and its own log-sum-exp merge to themselves.
// CHECK-LABEL: func @single_partial
// CHECK: %[[O:.*]], %[[L:.*]] = attn.attention
// CHECK-NOT: attn.merge
// CHECK: return %[[O]], %[[L]], %[[O]]
func.func @single_partial(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>, tensor<?x8x?x64xf32>) {
  %o, %l = attn.attention(%q, %k, %k) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  %a, %la = attn.merge(%o) lse(%l) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  %b = attn.merge(%a) lse(%la) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
  return %a, %la, %b : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>, tensor<?x8x?x64xf32>
}

// -----

// Sinks change the sum. A pair that is not known to belong together may hold a
// number beside -inf, which merging turns into 0.
// CHECK-LABEL: func @partials_that_stay
// CHECK-COUNT-3: attn.merge
func.func @partials_that_stay(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %s: tensor<8xf32>, %x: tensor<?x8x?x64xf32>, %lx: tensor<?x8x?xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) {
  %o, %l = attn.attention(%q, %k, %k) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  %a = attn.merge(%o) lse(%l) sinks(%s) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>, tensor<8xf32>) -> tensor<?x8x?x64xf32>
  %b = attn.merge(%x) lse(%lx) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
  %c = attn.merge(%x) lse(%l) : (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) -> tensor<?x8x?x64xf32>
  return %a, %b, %c : tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>
}

// A mix of one branch is that branch, unless it changes its type.
// CHECK-LABEL: func @mix_of_one
// CHECK-SAME: (%[[A:.*]]: tensor<?x8x?x64xf32>)
// CHECK-COUNT-1: attn.mix
// CHECK: return %[[A]], %{{.*}}
func.func @mix_of_one(%a: tensor<?x8x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?x64xbf16>) {
  %o = attn.mix %a : (tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  %p = attn.mix %a : (tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xbf16>
  return %o, %p : tensor<?x8x?x64xf32>, tensor<?x8x?x64xbf16>
}
