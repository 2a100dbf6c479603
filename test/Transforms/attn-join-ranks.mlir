// RUN: attn-opt %s --attn-join-ranks --split-input-file | FileCheck %s

// Pages and their rows: both are reduced together, and inputs are read at
// quotients and remainders.
// CHECK-LABEL: func.func @pages
// CHECK: %[[S:.*]] = attn.einsum [m,pj] = mul(%{{.*}}[m,e], %{{.*}}[%{{.*}}[pj floordiv 32],pj mod 32,e]) reduce add(e)
// CHECK-SAME: -> tensor<?x?xf32>
// CHECK: %[[B:.*]] = attn.einsum [m,pj] = map(%[[S]][m,pj], %{{.*}}[m,pj floordiv 32,pj mod 32]) {
// CHECK: %[[I:.*]] = attn.index pj : index
// CHECK: %[[P:.*]] = arith.divui %[[I]], %{{.*}} : index
// CHECK: %[[I2:.*]] = attn.index pj : index
// CHECK: %[[J:.*]] = arith.remui %[[I2]], %{{.*}} : index
// CHECK: arith.addi %[[P]], %[[J]]
// CHECK: attn.einsum [m] = %[[B]][m,pj] reduce max(pj)
// CHECK: attn.einsum [m,f] = mul(%[[B]][m,pj], %{{.*}}[%{{.*}}[pj floordiv 32],pj mod 32,f]) reduce add(pj)
func.func @pages(%q: tensor<?x8xf32>, %k: tensor<?x32x8xf32>, %v: tensor<?x32x8xf32>, %t: tensor<?xi32>, %b: tensor<?x?x32xf32>)
    -> (tensor<?xf32>, tensor<?x8xf32>) {
  %o:2 = attn.cascade (%Q = %q, %K = %k, %V = %v, %T = %t, %B = %b)
      : (tensor<?x8xf32>, tensor<?x32x8xf32>, tensor<?x32x8xf32>, tensor<?xi32>, tensor<?x?x32xf32>) -> (tensor<?xf32>, tensor<?x8xf32>) {
    %s = attn.einsum [m,p,j] = mul(%Q[m,e], %K[%T[p],j,e]) reduce add(e)
        : (tensor<?x8xf32>, tensor<?x32x8xf32>, tensor<?xi32>) -> tensor<?x?x32xf32>
    %u = attn.einsum [m,p,j] = map(%s[m,p,j], %B[m,p,j]) {
    ^bb0(%x: f32, %y: f32):
      %i = attn.index p : index
      %j = attn.index j : index
      %k0 = arith.addi %i, %j : index
      %k1 = arith.index_cast %k0 : index to i32
      %k2 = arith.sitofp %k1 : i32 to f32
      %z = arith.addf %x, %y : f32
      %w = arith.addf %z, %k2 : f32
      attn.yield %w : f32
    } : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    %x = attn.einsum [m] = %u[m,p,j] reduce max(p, j) : (tensor<?x?x32xf32>) -> tensor<?xf32>
    %n = attn.einsum [m,f] = mul(%u[m,p,j], %V[%T[p],j,f]) reduce add(p, j)
        : (tensor<?x?x32xf32>, tensor<?x32x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    attn.yield %x, %n : tensor<?xf32>, tensor<?x8xf32>
  }
  return %o#0, %o#1 : tensor<?xf32>, tensor<?x8xf32>
}

// -----

// Three ranks become one, of known extent where theirs are, and a sum of them
// that counts its points is the rank itself. A name that is taken is not.
// CHECK-LABEL: func.func @boxes
// CHECK: attn.einsum [m,zyx_] = mul(%{{.*}}[m,e], %{{.*}}[zyx_ floordiv 20,zyx_ floordiv 5 mod 4,zyx_ mod 5,e]) reduce add(e)
// CHECK-SAME: -> tensor<?x60xf32>
// CHECK: attn.einsum [m,zyx] = mul(%{{.*}}[m,zyx_], %{{.*}}[zyx_,zyx]) reduce add(zyx_)
func.func @boxes(%q: tensor<?x8xf32>, %k: tensor<3x4x5x8xf32>, %v: tensor<60x2xf32>) -> tensor<?x2xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (tensor<?x8xf32>, tensor<3x4x5x8xf32>, tensor<60x2xf32>) -> tensor<?x2xf32> {
    %s = attn.einsum [m,z,y,x] = mul(%Q[m,e], %K[z,y,x,e]) reduce add(e)
        : (tensor<?x8xf32>, tensor<3x4x5x8xf32>) -> tensor<?x3x4x5xf32>
    %n = attn.einsum [m,zyx] = mul(%s[m,z,y,x], %V[z*20+y*5+x,zyx]) reduce add(z, y, x)
        : (tensor<?x3x4x5xf32>, tensor<60x2xf32>) -> tensor<?x2xf32>
    attn.yield %n : tensor<?x2xf32>
  }
  return %o : tensor<?x2xf32>
}

// -----

// What stays: a rank that a result has, an inner rank of unknown extent, one of
// the two alone, another rank beside one of them in an index, a space that names
// one, an intermediate that is read at other points, and a dimension that would
// say how far the joined rank runs.
// CHECK-LABEL: func.func @result
// CHECK: [m,p,j]
func.func @result(%s: tensor<?x?x4xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?x4xf32>) -> tensor<?x?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %S[m,p,j]) : (tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %r = attn.einsum [m,p] = %a[m,p,j] reduce add(j) : (tensor<?x?x4xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}
// CHECK-LABEL: func.func @dynamic
// CHECK: [m,p,j]
func.func @dynamic(%s: tensor<?x?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?x?xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %S[m,p,j]) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %r = attn.einsum [m] = %a[m,p,j] reduce add(p, j) : (tensor<?x?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
// CHECK-LABEL: func.func @alone
// CHECK: [m,p,j]
func.func @alone(%s: tensor<?x?x4xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?x4xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m] = %S[m,p,0] reduce max(p) : (tensor<?x?x4xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %c[m]) : (tensor<?x?x4xf32>, tensor<?xf32>) -> tensor<?x?x4xf32>
    %r = attn.einsum [m] = %a[m,p,j] reduce add(p, j) : (tensor<?x?x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
// CHECK-LABEL: func.func @beside
// CHECK: [m,p,j]
func.func @beside(%s: tensor<?x?x4xf32>, %t: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<?x?x4xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %T[m+j]) : (tensor<?x?x4xf32>, tensor<?xf32>) -> tensor<?x?x4xf32>
    %r = attn.einsum [m] = %a[m,p,j] reduce add(p, j) : (tensor<?x?x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
// CHECK-LABEL: func.func @space
// CHECK: [m,p,j]
func.func @space(%s: tensor<?x?x4xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, p) align top_left : (tensor<?x?x4xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %S[m,p,j]) : (tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %r = attn.einsum [m] = %a[m,p,j] reduce add(p, j) : (tensor<?x?x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
// CHECK-LABEL: func.func @turned
// CHECK: [m,p,j]
func.func @turned(%s: tensor<?x4x4xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x4x4xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %S[m,p,j]) : (tensor<?x4x4xf32>, tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
    %b = attn.einsum [m,p,j] = add(%a[m,p,j], %a[m,j,p]) : (tensor<?x4x4xf32>, tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
    %r = attn.einsum [m] = %b[m,p,j] reduce add(p, j) : (tensor<?x4x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
// CHECK-LABEL: func.func @counted
// CHECK: [m,p,j]
func.func @counted(%s: tensor<?x?x4xf32>, %t: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<?x?x4xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %T[p*4+j]) : (tensor<?x?x4xf32>, tensor<?xf32>) -> tensor<?x?x4xf32>
    %r = attn.einsum [m] = %a[m,p,j] reduce add(p, j) : (tensor<?x?x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
// CHECK-LABEL: func.func @quarters
// CHECK: [m,p,j]
func.func @quarters(%s: tensor<?x?x4xf32>, %t: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<?x?x4xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %T[(p*4+j) floordiv 8]) : (tensor<?x?x4xf32>, tensor<?xf32>) -> tensor<?x?x4xf32>
    %r = attn.einsum [m] = %a[m,p,j] reduce add(p, j) : (tensor<?x?x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
// CHECK-LABEL: func.func @more
// CHECK: [m,p,j]
func.func @more(%s: tensor<?x3x4xf32>, %t: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<?x3x4xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %a = attn.einsum [m,p,j] = add(%S[m,p,j], %T[p*4+j]) : (tensor<?x3x4xf32>, tensor<?xf32>) -> tensor<?x3x4xf32>
    %r = attn.einsum [m] = %a[m,p,j] reduce add(p, j) : (tensor<?x3x4xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
