// RUN: attn-opt %s --attn-plan-sparsity --attn-choose-mapping | FileCheck %s

// Terms that are tested at each point, a mask or what a plan has no room for, are so
// in boxes of a grid, too: 'tokens' says that some points are dead.
// CHECK-LABEL: @mask
// CHECK: mapping <lanes = m by [16], {{.*}}, grid = [4, 4]>
// CHECK: attn.iterate {{.*}} tokens <{{.*}} boxes {
func.func @mask(%s: tensor<?x?xf32>, %t: tensor<?x?xi8>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %T = %t) where neighborhood([13, 13], grid [128, 128]) and mask(%T[m,n]) over (m, n) align top_left : (tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// CHECK-LABEL: @bands
// CHECK: mapping <lanes = m by [16], {{.*}}, grid = [4, 4]>
// CHECK: attn.iterate {{.*}} tokens <{{.*}} boxes {
func.func @bands(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([13, 13], grid [128, 128]) and (prefix(5) and not prefix(0) or prefix(15) and not prefix(10) or prefix(25) and not prefix(20) or prefix(35) and not prefix(30) or prefix(45) and not prefix(40) or prefix(55) and not prefix(50) or prefix(65) and not prefix(60) or prefix(75) and not prefix(70) or prefix(85) and not prefix(80) or prefix(95) and not prefix(90) or prefix(105) and not prefix(100) or prefix(115) and not prefix(110) or prefix(125) and not prefix(120) or prefix(135) and not prefix(130) or prefix(145) and not prefix(140) or prefix(155) and not prefix(150) or prefix(165) and not prefix(160)) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
