// RUN: attn-opt %s --attn-expand-attention --attn-merge-cascades --split-input-file | FileCheck %s

// Branches share a pass where their predicates compute the same.
// CHECK-LABEL: func @same
// CHECK: attn.cascade {{.*}} where causal and predicate(%{{.*}}[n]) {
// CHECK: arith.cmpf olt
// CHECK-NOT: attn.cascade
func.func @same(%q1: tensor<?x4x?x32xf32>, %q2: tensor<?x4x?x32xf32>, %k1: tensor<?x4x?x32xf32>, %k2: tensor<?x4x?x32xf32>, %v: tensor<?x4x?x64xf32>, %x: tensor<?xf32>) -> tensor<?x4x?x64xf32> {
  %a = attn.attention(%q1, %k1, %v) where causal and predicate(%x[n] : tensor<?xf32>) {
      ^bb0(%e: f32, %b: index, %h: index, %m: index, %n: index):
        %c = arith.constant 0.25 : f32
        %r = arith.cmpf olt, %e, %c : f32
        attn.yield %r : i1
      } : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %b = attn.attention(%q2, %k2, %v) where causal and predicate(%x[n] : tensor<?xf32>) {
      ^bb0(%e: f32, %b: index, %h: index, %m: index, %n: index):
        %c = arith.constant 0.25 : f32
        %r = arith.cmpf olt, %e, %c : f32
        attn.yield %r : i1
      } : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %o = attn.mix %a, %b : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}

// -----

// Equal atoms say nothing about the regions that they name.
// CHECK-LABEL: func @other_regions
// CHECK: attn.cascade
// CHECK: arith.cmpf olt
// CHECK: attn.cascade
// CHECK: arith.cmpf oge
func.func @other_regions(%q1: tensor<?x4x?x32xf32>, %q2: tensor<?x4x?x32xf32>, %k1: tensor<?x4x?x32xf32>, %k2: tensor<?x4x?x32xf32>, %v: tensor<?x4x?x64xf32>, %x: tensor<?xf32>) -> tensor<?x4x?x64xf32> {
  %a = attn.attention(%q1, %k1, %v) where causal and predicate(%x[n] : tensor<?xf32>) {
      ^bb0(%e: f32, %b: index, %h: index, %m: index, %n: index):
        %c = arith.constant 0.25 : f32
        %r = arith.cmpf olt, %e, %c : f32
        attn.yield %r : i1
      } : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %b = attn.attention(%q2, %k2, %v) where causal and predicate(%x[n] : tensor<?xf32>) {
      ^bb0(%e: f32, %b: index, %h: index, %m: index, %n: index):
        %c = arith.constant 0.25 : f32
        %r = arith.cmpf oge, %e, %c : f32
        attn.yield %r : i1
      } : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %o = attn.mix %a, %b : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}

// -----

// CHECK-LABEL: func @other_atoms
// CHECK: attn.cascade {{.*}} where causal and
// CHECK: attn.cascade {{.*}} where predicate
func.func @other_atoms(%q1: tensor<?x4x?x32xf32>, %q2: tensor<?x4x?x32xf32>, %k1: tensor<?x4x?x32xf32>, %k2: tensor<?x4x?x32xf32>, %v: tensor<?x4x?x64xf32>, %x: tensor<?xf32>) -> tensor<?x4x?x64xf32> {
  %a = attn.attention(%q1, %k1, %v) where causal and predicate(%x[n] : tensor<?xf32>) {
      ^bb0(%e: f32, %b: index, %h: index, %m: index, %n: index):
        %c = arith.constant 0.25 : f32
        %r = arith.cmpf olt, %e, %c : f32
        attn.yield %r : i1
      } : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %b = attn.attention(%q2, %k2, %v) where predicate(%x[n] : tensor<?xf32>) {
      ^bb0(%e: f32, %b: index, %h: index, %m: index, %n: index):
        %c = arith.constant 0.25 : f32
        %r = arith.cmpf olt, %e, %c : f32
        attn.yield %r : i1
      } : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  %o = attn.mix %a, %b : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}
