// RUN: attn-opt %s --attn-defer-division | FileCheck %s

// FuseMax, Einsums 31-32. The sum is rounded once, after the division.
// CHECK-LABEL: func @division
// CHECK: attn.cascade (%[[SN:.*]] = %{{.*}}, %[[SD:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}})
// CHECK-NEXT: %[[SNV:.*]] = attn.einsum [m,f] = mul(%[[SN]][m,n], %[[V]][n,f]) reduce add(n) : {{.*}} -> tensor<?x8xf32>
// CHECK-NEXT: %[[AV:.*]] = attn.einsum [m,f] = div(%[[SNV]][m,f], %[[SD]][m]) : {{.*}} -> tensor<?x8xbf16>
// CHECK-NEXT: attn.yield %[[AV]]
func.func @division(%sn: tensor<?x?xf32>, %sd: tensor<?xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xbf16> {
  %o = attn.cascade (%SN = %sn, %SD = %sd, %V = %v) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?x8xf32>) -> tensor<?x8xbf16> {
    %a = attn.einsum [m,n] = div(%SN[m,n], %SD[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xbf16>
    attn.yield %av : tensor<?x8xbf16>
  }
  return %o : tensor<?x8xbf16>
}

// Factors pass through chains: a division, a constant and a product after it.
// What depends on the reduced rank and is more than a tensor becomes an einsum.
// CHECK-LABEL: func @chain
// CHECK: attn.cascade (%[[S:.*]] = %{{.*}}, %[[SD:.*]] = %{{.*}}, %[[G:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}})
// CHECK-NEXT: %[[REST:.*]] = attn.einsum [m,n] = map(%[[S]][m,n]) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT: %[[E:.*]] = math.exp %[[X]]
// CHECK-NEXT: attn.yield %[[E]]
// CHECK: %[[SNV:.*]] = attn.einsum [m,f] = mul(%[[REST]][m,n], %[[V]][n,f]) reduce add(n)
// CHECK: attn.einsum [m,f] = map(%[[SNV]][m,f], %[[SD]][m], %[[G]][m]) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32):
// CHECK: %[[EPS:.*]] = arith.addf %[[B]], %{{.*}}
// CHECK: %[[HALF:.*]] = arith.constant 5.000000e-01
// CHECK: %[[AH:.*]] = arith.mulf %[[A]], %[[HALF]]
// CHECK: %[[AHG:.*]] = arith.mulf %[[AH]], %[[C]]
// CHECK: arith.divf %[[AHG]], %[[EPS]]
func.func @chain(%s: tensor<?x?xf32>, %sd: tensor<?xf32>, %g: tensor<?xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %SD = %sd, %G = %g, %V = %v) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %a = attn.einsum [m,n] = map(%S[m,n], %SD[m]) {
    ^bb0(%x: f32, %d: f32):
      %tiny = arith.constant 1.0e-6 : f32
      %e = math.exp %x : f32
      %dd = arith.addf %d, %tiny : f32
      %r = arith.divf %e, %dd : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %h = attn.einsum [m,n] = map(%a[m,n]) {
    ^bb0(%x: f32):
      %half = arith.constant 0.5 : f32
      %r = arith.mulf %x, %half : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %w = attn.einsum [n,m] = mul(%h[m,n], %G[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%w[n,m], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// A factor of the keys alone stays with them: past the sum it would be applied
// to every score.
// CHECK-LABEL: func @not_worthwhile
// CHECK: %[[NK:.*]] = attn.einsum [n,e] = mul(%{{.*}}[n,e], %{{.*}}[n])
// CHECK: attn.einsum [m,n] = mul(%{{.*}}[m,e], %[[NK]][n,e]) reduce add(e)
func.func @not_worthwhile(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %r: tensor<?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %R = %r) : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x?xf32> {
    %nk = attn.einsum [n,e] = mul(%K[n,e], %R[n]) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    %s = attn.einsum [m,n] = mul(%Q[m,e], %nk[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    attn.yield %s : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// A divisor that is a sum over the same rank saves a pass, whatever it costs.
// CHECK-LABEL: func @saves_a_pass
// CHECK: %[[SNV:.*]] = attn.einsum [m,f] = mul(%{{.*}}[m,n], %{{.*}}[n,f]) reduce add(n)
// CHECK: attn.einsum [m,f] = div(%[[SNV]][m,f], %{{.*}}[m])
func.func @saves_a_pass(%s: tensor<?x4xf32>, %v: tensor<4x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x4xf32>, tensor<4x8xf32>) -> tensor<?x8xf32> {
    %d = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x4xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%S[m,n], %d[m]) : (tensor<?x4xf32>, tensor<?xf32>) -> tensor<?x4xf32>
    %o = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x4xf32>, tensor<4x8xf32>) -> tensor<?x8xf32>
    attn.yield %o : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// Weights rounded to a narrower type are left alone, and so is a sum whose rank
// no kept factor has, and an extremum.
// CHECK-LABEL: func @left_alone
// CHECK: attn.einsum [m,n] = div({{.*}} -> tensor<?x?xbf16>
// CHECK: reduce add(n)
// CHECK: attn.einsum [m,n] = mul(
// CHECK-NEXT: attn.einsum [m] = %{{.*}}[m,n] reduce max(n)
func.func @left_alone(%s: tensor<?x?xf32>, %d: tensor<?xf32>, %v: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %D = %d, %V = %v) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?xf32>) {
    %a = attn.einsum [m,n] = div(%S[m,n], %D[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xbf16>
    %o = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %c = attn.einsum [m,n] = mul(%S[m,n], %D[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %c[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %o, %x : tensor<?x8xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?x8xf32>, tensor<?xf32>
}

// A coordinate stays where it is: in the sum its rank has another name.
// CHECK-LABEL: func @coordinate
// CHECK: attn.einsum [m,n] = map(
// CHECK: attn.index m
// CHECK: attn.einsum [q] = %{{.*}}[q,n] reduce add(n)
// CHECK-NEXT: attn.yield
func.func @coordinate(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %w = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %i = attn.index m : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %r = arith.mulf %x, %f : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [q] = %w[q,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// An infinite factor stays: times the sum over no live point it would be NaN.
// CHECK-LABEL: func @infinite
// CHECK: %[[TERMS:.*]] = attn.einsum [m,n] = map(%{{.*}}[m,n]) {
// CHECK: arith.constant 0x7F800000 : f32
// CHECK: arith.mulf
// CHECK: %[[SUM:.*]] = attn.einsum [m] = %[[TERMS]][m,n] reduce add(n)
// CHECK-NEXT: attn.yield %[[SUM]]
func.func @infinite(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where window(1, 1) over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?xf32> {
    %w = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %inf = arith.constant 0x7F800000 : f32
      %r = arith.mulf %x, %inf : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %w[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
