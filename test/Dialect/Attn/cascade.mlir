// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt | FileCheck %s

// The 3-pass cascade of FuseMax (Einsums 33-38), grouped heads as ranks k, g.
// CHECK-LABEL: func @three_pass
// CHECK: attn.cascade (%[[Q:.*]] = %{{.*}}, %[[K:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}}) where causal over (m, n) align bottom_right
// CHECK: attn.einsum [b,k,g,m,n] = mul(%[[Q]][b,k,g,m,e], %[[K]][b,k,n,e]) reduce add(e)
// CHECK: attn.einsum [b,k,g,m] = %{{.*}}[b,k,g,m,n] reduce max(n)
// CHECK: attn.einsum [b,k,g,m,n] = map(
// CHECK: attn.einsum [b,k,g,m,n] = div(
func.func @three_pass(%q: tensor<?x2x4x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>) -> tensor<?x2x4x?x32xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align bottom_right
      : (tensor<?x2x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> tensor<?x2x4x?x32xf32> {
    %qk = attn.einsum [b,k,g,m,n] = mul(%Q[b,k,g,m,e], %K[b,k,n,e]) reduce add(e)
        : (tensor<?x2x4x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x4x?x?xf32>
    %gm = attn.einsum [b,k,g,m] = %qk[b,k,g,m,n] reduce max(n) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
    %sn = attn.einsum [b,k,g,m,n] = map(%qk[b,k,g,m,n], %gm[b,k,g,m]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x2x4x?x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x?xf32>
    %sd = attn.einsum [b,k,g,m] = %sn[b,k,g,m,n] reduce add(n) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
    %a = attn.einsum [b,k,g,m,n] = div(%sn[b,k,g,m,n], %sd[b,k,g,m]) : (tensor<?x2x4x?x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x?xf32>
    %av = attn.einsum [b,k,g,m,f] = mul(%a[b,k,g,m,n], %V[b,k,n,f]) reduce add(n) : (tensor<?x2x4x?x?xf32>, tensor<?x2x?x32xf32>) -> tensor<?x2x4x?x32xf32>
    attn.yield %av : tensor<?x2x4x?x32xf32>
  }
  return %o : tensor<?x2x4x?x32xf32>
}

// Rotary embedding reads the partner element through an affine index.
// CHECK-LABEL: func @rotary
// CHECK: map(%{{.*}}[b,h,n,e], %{{.*}}[b,h,n,(e+32) mod 64], %{{.*}}[n,e mod 32], %{{.*}}[n,e mod 32])
func.func @rotary(%k: tensor<?x2x?x64xf32>, %c: tensor<?x32xf32>, %s: tensor<?x32xf32>) -> tensor<?x2x?x64xf32> {
  %o = attn.cascade (%K = %k, %C = %c, %S = %s) : (tensor<?x2x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32> {
    %r = attn.einsum [b,h,n,e] = map(%K[b,h,n,e], %K[b,h,n,(e+32) mod 64], %C[n,e mod 32], %S[n,e mod 32]) {
    ^bb0(%x: f32, %y: f32, %cos: f32, %sin: f32):
      %i = attn.index e : index
      %c32 = arith.constant 32 : index
      %first = arith.cmpi ult, %i, %c32 : index
      %neg = arith.negf %y : f32
      %z = arith.select %first, %neg, %y : f32
      %xc = arith.mulf %x, %cos : f32
      %zs = arith.mulf %z, %sin : f32
      %o2 = arith.addf %xc, %zs : f32
      attn.yield %o2 : f32
    } : (tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x2x?x64xf32>
    attn.yield %r : tensor<?x2x?x64xf32>
  }
  return %o : tensor<?x2x?x64xf32>
}

// CHECK-LABEL: func @iterate
// CHECK: attn.iterate n1 of n by n0 init(
// CHECK: attn.einsum [m] = %{{.*}}[m,n1*N0+n0] reduce max(n0)
func.func @iterate(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %cst = arith.constant 0xFF800000 : f32
    %i = attn.einsum [m] = map() { attn.yield %cst : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%RM: tensor<?xf32>):
      %lm = attn.einsum [m] = %S[m,n1*N0+n0] reduce max(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rm = attn.einsum [m] = max(%RM[m], %lm[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rm : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// CHECK-LABEL: func @part
// CHECK: where causal over (m, n) align offset(%[[X:.*]][b]) origin(m = %[[M:.*]][], n = %[[X]][b]) lengths key(%[[X]][b])
func.func @part(%s: tensor<2x?x?xf32>, %x: tensor<2xi32>, %m: tensor<i64>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %X = %x, %M = %m) where causal over (m, n) align offset(%X[b])
      origin(m = %M[], n = %X[b]) lengths key(%X[b])
      : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<i64>) -> tensor<2x?xf32> {
    %r = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// Reductions by a region: the value that comes first is %a.
// CHECK-LABEL: func @regions
// CHECK: attn.einsum [m] = %{{.*}}[m,n] reduce associative(n) identity(0xFF800000 : f32) commutative {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
// CHECK: attn.einsum [m] = map(%{{.*}}[m,n]) {
// CHECK: } reduce associative(n) identity(-1 : i32) {
func.func @regions(%x: tensor<?x?xbf16>, %i: tensor<?x?xi32>) -> (tensor<?xbf16>, tensor<?xi32>) {
  %o:2 = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xbf16>, tensor<?x?xi32>) -> (tensor<?xbf16>, tensor<?xi32>) {
    %lse = attn.einsum [m] = %X[m,n] reduce associative(n) identity(0xFF800000 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %hi = arith.maximumf %a, %b : f32
      %lo = arith.minimumf %a, %b : f32
      %d = arith.subf %lo, %hi : f32
      %e = math.exp %d : f32
      %l = math.log1p %e : f32
      %r = arith.addf %hi, %l : f32
      attn.yield %r : f32
    } : (tensor<?x?xbf16>) -> tensor<?xbf16>
    %last = attn.einsum [m] = map(%I[m,n]) {
    ^bb0(%v: i32):
      attn.yield %v : i32
    } reduce associative(n) identity(-1 : i32) {
    ^bb0(%a: i32, %b: i32):
      %none = arith.constant -1 : i32
      %c = arith.cmpi eq, %b, %none : i32
      %r = arith.select %c, %a, %b : i32
      attn.yield %r : i32
    } : (tensor<?x?xi32>) -> tensor<?xi32>
    attn.yield %lse, %last : tensor<?xbf16>, tensor<?xi32>
  }
  return %o#0, %o#1 : tensor<?xbf16>, tensor<?xi32>
}

// Indices that are data: pages of keys, and rows of a table. An index tensor that
// is read twice at one place has one type.
// CHECK-LABEL: func @pages
// CHECK: mul(%{{.*}}[b,m,e], %[[K:.*]][%[[T:.*]][b,n floordiv 16],n mod 16,e]) reduce add(e) : (tensor<?x?x64xf32>, tensor<?x16x64xf32>, tensor<?x?xi32>) -> tensor<?x?x?xf32>
// CHECK: map(%[[K]][%[[T]][b,n floordiv 16],n mod 16,e], %[[K]][%[[T]][b,n floordiv 16],0,e], %{{.*}}[e*2+%{{.*}}[n]*16 - n+E]) {
// CHECK: } : (tensor<?x16x64xf32>, tensor<?x16x64xf32>, tensor<?xf32>, tensor<?x?xi32>, tensor<?xi64>) -> tensor<?x?x64xf32>
func.func @pages(%q: tensor<?x?x64xf32>, %k: tensor<?x16x64xf32>, %t: tensor<?x?xi32>, %w: tensor<?xf32>, %p: tensor<?xi64>) -> (tensor<?x?x?xf32>, tensor<?x?x64xf32>) {
  %o:2 = attn.cascade (%Q = %q, %K = %k, %T = %t, %W = %w, %P = %p)
      : (tensor<?x?x64xf32>, tensor<?x16x64xf32>, tensor<?x?xi32>, tensor<?xf32>, tensor<?xi64>) -> (tensor<?x?x?xf32>, tensor<?x?x64xf32>) {
    %s = attn.einsum [b,m,n] = mul(%Q[b,m,e], %K[%T[b,n floordiv 16],n mod 16,e]) reduce add(e)
        : (tensor<?x?x64xf32>, tensor<?x16x64xf32>, tensor<?x?xi32>) -> tensor<?x?x?xf32>
    %r = attn.einsum [b,n,e] = map(%K[%T[b,n floordiv 16],n mod 16,e], %K[%T[b,n floordiv 16],0,e], %W[e*2+%P[n]*16-n+E]) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %d = arith.addf %a, %b : f32
      %e = arith.addf %d, %c : f32
      attn.yield %e : f32
    } : (tensor<?x16x64xf32>, tensor<?x16x64xf32>, tensor<?xf32>, tensor<?x?xi32>, tensor<?xi64>) -> tensor<?x?x64xf32>
    attn.yield %s, %r : tensor<?x?x?xf32>, tensor<?x?x64xf32>
  }
  return %o#0, %o#1 : tensor<?x?x?xf32>, tensor<?x?x64xf32>
}
