// RUN: attn-opt %s | FileCheck %s
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attn-opt %s --emit-bytecode | attn-opt | FileCheck %s

// CHECK: attn.mask = #attn.sparsity<causal and (predicate(0, 0[b, m], 1[], k, n) or not predicate(1)) and predicate(2, n)>
module attributes {attn.mask = #attn.sparsity<causal and (predicate(0, 0[b, m], 1[], k, n) or not predicate(1)) and predicate(2, n)>} {
  // Regions of maps, predicates and weights stand in the order of the text.
  // CHECK-LABEL: @operator
  // CHECK: score {{.*}}map() {
  // CHECK: where predicate(%{{.*}}[b, m] : tensor<?x?xi32>, %{{.*}}[b, n] : tensor<?x?xi32>) {
  // CHECK-NEXT: ^bb0(%[[X:.*]]: i32, %[[Y:.*]]: i32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK-NEXT: arith.cmpi eq, %[[X]], %[[Y]] : i32
  // CHECK-NEXT: attn.yield %{{.*}} : i1
  // CHECK-NEXT: } and (causal or predicate() {
  // CHECK: }) align bottom_right
  // CHECK: weights() {
  func.func @operator(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %doc: tensor<?x?xi32>) -> tensor<?x8x?x64xf32> {
    %r = attn.attention(%q, %k, %k)
        score [map() {
        ^bb0(%s: f32, %b: index, %h: index, %m: index, %n: index):
          attn.yield %s : f32
        }]
        where predicate(%doc[b, m] : tensor<?x?xi32>, %doc[b, n] : tensor<?x?xi32>) {
        ^bb0(%x: i32, %y: i32, %b: index, %h: index, %m: index, %n: index):
          %same = arith.cmpi eq, %x, %y : i32
          attn.yield %same : i1
        } and (causal or predicate() {
        ^bb0(%b: index, %h: index, %m: index, %n: index):
          %near = arith.cmpi slt, %n, %h : index
          attn.yield %near : i1
        })
        weights() {
        ^bb0(%w: f32, %b: index, %h: index, %m: index, %n: index):
          attn.yield %w : f32
        }
        : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %r : tensor<?x8x?x64xf32>
  }

  // Elements of bf16 come in f32; a region may have no operand, and no index.
  // CHECK-LABEL: @cascade
  // CHECK: where predicate(%[[A:.*]][b,m], %[[A]][b,n], n) {
  // CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32, %{{.*}}: index):
  // CHECK: } and predicate(b, m) {
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %{{.*}}: index):
  // CHECK: } over (m, n) align top_left
  func.func @cascade(%s: tensor<2x?x?xf32>, %a: tensor<2x?xbf16>) -> tensor<2x?xf32> {
    %r = attn.cascade (%S = %s, %A = %a) where predicate(%A[b,m], %A[b,n], n) {
        ^bb0(%x: f32, %y: f32, %n: index):
          %c = arith.constant 3 : index
          %near = arith.cmpf olt, %x, %y : f32
          %few = arith.cmpi ult, %n, %c : index
          %r = arith.ori %near, %few : i1
          attn.yield %r : i1
        } and predicate(b, m) {
        ^bb0(%b: index, %m: index):
          %r = arith.cmpi sle, %b, %m : index
          attn.yield %r : i1
        } over (m, n) align top_left
        : (tensor<2x?x?xf32>, tensor<2x?xbf16>) -> tensor<2x?xf32> {
      %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      attn.yield %x : tensor<2x?xf32>
    }
    return %r : tensor<2x?xf32>
  }

  // Tokens may be permuted, packed or listed.
  // CHECK-LABEL: @permuted
  // CHECK: where window(4, 4) in permuted and predicate()
  // CHECK: permute(m = %{{.*}}[m])
  func.func @permuted(%s: tensor<2x?x?xf32>, %p: tensor<?xi32>) -> tensor<2x?xf32> {
    %r = attn.cascade (%S = %s, %P = %p) where window(4, 4) in permuted and predicate() {
          %t = arith.constant true
          attn.yield %t : i1
        } over (m, n) align top_left permute(m = %P[m])
        : (tensor<2x?x?xf32>, tensor<?xi32>) -> tensor<2x?xf32> {
      %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      attn.yield %x : tensor<2x?xf32>
    }
    return %r : tensor<2x?xf32>
  }
}
