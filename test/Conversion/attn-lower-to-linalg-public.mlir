// As a pass among upstream ones: cascades stand between other operations, in
// loops and branches, in several functions, and bufferize with them.
// RUN: attn-opt --pass-pipeline='builtin.module(func.func(attn-expand-attention),attn-lower-to-linalg{remarks=false})' %s | FileCheck %s
// RUN: attn-opt --pass-pipeline='builtin.module(func.func(attn-expand-attention),attn-lower-to-linalg{remarks=false},one-shot-bufferize{bufferize-function-boundaries})' %s | FileCheck --check-prefix=BUFFER %s
// BUFFER-NOT: {{attn\.|: tensor<|-> tensor<}}

// CHECK-LABEL: func @loop
// CHECK: scf.for

// CHECK: linalg.generic
// CHECK-NOT: attn.
// CHECK: scf.yield
func.func @loop(%q: tensor<2x4x?x8xf32>, %k: tensor<2x4x?x8xf32>, %n: index) -> tensor<2x4x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%x = %q) -> tensor<2x4x?x8xf32> {
    %o = attn.attention(%x, %k, %k) where causal : (tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>) -> tensor<2x4x?x8xf32>
    %y = linalg.copy ins(%o : tensor<2x4x?x8xf32>) outs(%x : tensor<2x4x?x8xf32>) -> tensor<2x4x?x8xf32>
    scf.yield %y : tensor<2x4x?x8xf32>
  }
  return %r : tensor<2x4x?x8xf32>
}

// CHECK-LABEL: func @branch
// CHECK: scf.if
// CHECK-NOT: attn.
func.func @branch(%q: tensor<2x4x?x8xf32>, %k: tensor<2x4x?x8xf32>, %p: i1) -> tensor<2x4x?x8xf32> {
  %r = scf.if %p -> tensor<2x4x?x8xf32> {
    %o, %l = attn.attention(%q, %k, %k) : (tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>) -> (tensor<2x4x?x8xf32>, tensor<2x4x?xf32>)
    %m = attn.merge(%o, %q) lse(%l, %l) : (tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>, tensor<2x4x?xf32>, tensor<2x4x?xf32>) -> tensor<2x4x?x8xf32>
    scf.yield %m : tensor<2x4x?x8xf32>
  } else {
    scf.yield %q : tensor<2x4x?x8xf32>
  }
  return %r : tensor<2x4x?x8xf32>
}
