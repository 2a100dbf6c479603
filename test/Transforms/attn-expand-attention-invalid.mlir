// RUN: attn-opt %s --attn-expand-attention --split-input-file --verify-diagnostics

func.func @map(%q: tensor<1x4x16x32xf32>, %x: f32) -> tensor<1x4x16x32xf32> {
  %o = attn.attention(%q, %q, %q) score [map() {
      ^bb0(%s: f32, %b: index, %h: index, %m: index, %n: index):
        // expected-error @+1 {{in a score map uses a value from outside; only constants and the map's arguments are allowed: list it as 'map(%t[ranks])'}}
        %r = arith.addf %s, %x : f32
        attn.yield %r : f32
      }] : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %o : tensor<1x4x16x32xf32>
}

// -----

func.func @predicate(%q: tensor<1x4x16x32xf32>, %x: index) -> tensor<1x4x16x32xf32> {
  %o = attn.attention(%q, %q, %q) where predicate() {
      ^bb0(%b: index, %h: index, %m: index, %n: index):
        // expected-error @+1 {{in a predicate uses a value from outside; only constants and the predicate's arguments are allowed: list it as 'predicate(%t[ranks])'}}
        %r = arith.cmpi slt, %m, %x : index
        attn.yield %r : i1
      } : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %o : tensor<1x4x16x32xf32>
}
