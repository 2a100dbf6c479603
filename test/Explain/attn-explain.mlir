// From the text of a cascade to its loop nest, in the names of the text.
//
// RUN: split-file %s %t
// RUN: attn-explain %t/softmax.mlir | FileCheck %s
// RUN: attn-explain %t/softmax.mlir --sizes m=1024,n=4096 | FileCheck %s --check-prefix=SIZES
// RUN: attn-explain - < %t/softmax.mlir --form=unfused | FileCheck %s --check-prefix=UNFUSED
// RUN: attn-explain %t/attention.mlir --sizes=b=1,m=64,n=64 | FileCheck %s --check-prefix=ATTENTION
// RUN: attn-explain %t/balanced.mlir | FileCheck %s --check-prefix=BALANCED
// RUN: attn-explain %t/halves.mlir | FileCheck %s --check-prefix=FALLBACK
// RUN: attn-explain %t/refused.mlir | FileCheck %s --check-prefix=REFUSED
// RUN: attn-explain %t/short.mlir | FileCheck %s --check-prefix=SHORT
// RUN: attn-explain %t/pages.mlir | FileCheck %s --check-prefix=PAGES
// RUN: attn-explain %t/comparisons.mlir | FileCheck %s --check-prefix=COMPARISONS
// RUN: attn-opt %t/softmax.mlir --emit-bytecode -o %t/softmax.mlirbc
// RUN: attn-explain %t/softmax.mlirbc | FileCheck %s --check-prefix=BYTECODE

// CHECK:      kernel softmax
// CHECK:      cascade at {{.*}}softmax.mlir:2:8
// CHECK-NEXT:   qk[m,n] = Q[m,e] * K[n,e] :: add(e)
// CHECK-NEXT:   gm[m] = qk[m,n] :: max(n)
// CHECK-NEXT:   sn[m,n] = exp(qk[m,n] - gm[m])
// CHECK-NEXT:   sd[m] = sn[m,n] :: add(n)
// CHECK-NEXT:   a[m,n] = sn[m,n] / sd[m]
// CHECK-NEXT:   av[m,f] = a[m,n] * V[n,f] :: add(n)
// CHECK-NEXT:   result av
// CHECK:      passes
// CHECK-NEXT:   rank n: 3 passes
// CHECK:          forced by sn[m,n] ({{.*}}softmax.mlir:5:11)
// CHECK-NEXT:       which needs the whole of gm[m] reduce max(n) ({{.*}}softmax.mlir:4:11)
// CHECK:      what removes them
// CHECK-NEXT:   pass 2 over n: sn[m,n] needs the whole of gm[m] reduce max(n)
// CHECK-NEXT:     removed by the law 'exp-difference': exp(x - r') = exp(x - r) * exp(r - r')
// CHECK-NEXT:   pass 3 over n: a[m,n] needs the whole of sd[m] reduce add(n)
// CHECK-NEXT:     removed by deferral: what does not depend on n moves past the sum, sum x*r = r * sum x
// CHECK-DAG:    running gm[m] reduce max(n): needs no repair
// CHECK-DAG:    running sd[m] reduce add(n): multiplied by a correction whenever gm moves
// CHECK:      loop nest
// CHECK-NEXT:   parallel for tiles of 48 m (at the end 32 or 16)
// CHECK:          for n1: steps of 64 n
// CHECK-NEXT:       qk[m,n0] = Q[m,e] * K[n1*N0+n0,e] :: add(e) first-level cache 12288 (12.0 KiB)
// CHECK:            gm[n1+1,m] = max(gm[n1,m], gm_step[m])
// CHECK:          sd'[m] = 1 / sd[N1,m]
// CHECK-NEXT:     av'[m,f] = select(sd'[m] != 0, av[N1,m,f] * sd'[m], 0) memory

// SIZES: live at a time, for one point of (m)
// SIZES:   qk[m,n] reduce add(e) {{ *}}N {{ *}}16384 (16.0 KiB)
// SIZES: operations {{ *}}826277888

// UNFUSED:      loop nest
// UNFUSED-NEXT:   unfused, as asked
// UNFUSED-NEXT:   einsum by einsum, loops over all ranks
// UNFUSED-NEXT:     qk[m,n] = Q[m,e] * K[n,e] :: add(e) {{ *}}memory {{ *}}4*M*N

// ATTENTION:        over the live points of (m, n): {{.*}}causal{{.*}}
// ATTENTION-NEXT:   S[b,k,g,m,n] = Q[b,k,g,m,e] * K[b,k,n,e] :: add(e)
// ATTENTION-NEXT:   S'[b,k,g,m,n] = S[b,k,g,m,n] * 0.125
// ATTENTION-NEXT:   X[b,k,g,m] = S'[b,k,g,m,n] :: max(n)
// ATTENTION-NEXT:   P[b,k,g,m,n] = exp(S'[b,k,g,m,n] - X[b,k,g,m])
// ATTENTION:      what removes them
// ATTENTION-NEXT:   pass 2 over n: P[b,k,g,m,n] needs the whole of X[b,k,g,m] reduce max(n)
// ATTENTION-NEXT:     removed by the law
// ATTENTION-NEXT:   pass 3 over n: W[b,k,g,m,n] needs the whole of D[b,k,g,m] reduce add(n)
// ATTENTION-NEXT:     removed by deferral
// ATTENTION:      live points of (m, n) {{ *}}2080 of 4096, 50.78%
// ATTENTION:        parallel for b, k, g, tiles of 48 m
// ATTENTION:          for n1: steps of 64 n, those with a live point
// ATTENTION:        for the rows first to last of a tile
// ATTENTION-NEXT:     live: 0 <= n < last-M+N+1
// ATTENTION-NEXT:     without a test: 0 <= n < first-M+N+1

// No law removes the second passes: the einsum and the reason are named, and the
// cascade becomes several.
// BALANCED:      what removes them
// BALANCED:        stays: b[m,n] ({{.*}}balanced.mlir:11:10) is a result of the cascade and is indexed by 'm'
// BALANCED:      loop nest
// BALANCED-NEXT:     {{.*}}balanced.mlir:11:10: remark: starts another pass over 'm'
// BALANCED:        phase 1 of {{[0-9]+}}
// BALANCED-NEXT:   parallel for tiles of 48

// FALLBACK:      loop nest
// FALLBACK:          {{.*}}halves.mlir:3:10: remark: the cascade is compiled unfused: {{.*}}
// FALLBACK-NEXT:   einsum by einsum, loops over all ranks {{ *}}kept in {{ *}}bytes
// FALLBACK-NEXT:     p[m,n] = S[m,(m+n) floordiv 2] * S[m,n] {{ *}}memory {{ *}}4*M*N

// REFUSED:      loop nest
// REFUSED-NEXT:   none: the operator is refused
// REFUSED-NEXT:     {{.*}}refused.mlir:2:8: error: 'attn.cascade' op attribute 'attn.passes' is "both"

// SHORT: one step covers n: its passes stay in the tile, and nothing is repaired
// SHORT: for n1: steps of 96 n

// BYTECODE: #1[m,n] = in0[m,e] * in1[n,e] :: add(e)

// PAGES:      s[m,p,j] = Q[m,e] * K[T[p floordiv 2],j,e] :: add(e)
// PAGES-NEXT: l[m] = s[m,p,j] :: {select(b != 0, b, a) from 0}(p,j)
// PAGES:      rank p: 1 pass
// PAGES:      loop nest
// PAGES-NEXT: {{.*}}remark: keeps the cascade from a single pass over 'j': reduces by a region that is not declared commutative
// PAGES-NEXT: {{.*}}remark: the cascade is compiled unfused: rank 'j' of an intermediate has no static extent and is neither parallel, lanes nor streamed

// Comparisons have C's signs where C's have the same results for NaN.
// COMPARISONS:      a[m,n] = select(m - n < 3, select(S[m,n] >= 1, S[m,n], S[m,n] * 2), 0)
// COMPARISONS-NEXT: b[m,n] = select(ult(m, n), select(ueq(S[m,n], 1), a[m,n], 1), 0)

//--- softmax.mlir
func.func @softmax(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x32xf32> {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %qk[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%qk[m,n], %gm[m]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%sn[m,n], %sd[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    attn.yield %av : tensor<?x32xf32>
  }
  return %o : tensor<?x32xf32>
}

//--- attention.mlir
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

//--- balanced.mlir
func.func @balanced(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %p = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %e = math.exp %x : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%p[m,n], %r[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %c = attn.einsum [n] = %a[m,n] reduce add(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    %b = attn.einsum [m,n] = div(%a[m,n], %c[n]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %b : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

//--- refused.mlir
func.func @refused(%s: tensor<?x96xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) attributes {attn.passes = "both"} : (tensor<?x96xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xf32>
    %r = attn.einsum [m] = %c[m,n] reduce add(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- short.mlir
func.func @short(%q: tensor<?x64xf32>, %k: tensor<96x64xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
    %gm = attn.einsum [m] = %c[m,n] reduce max(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%c[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x96xf32>, tensor<?xf32>) -> tensor<?x96xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    attn.yield %sd : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- halves.mlir
func.func @halves(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %p = attn.einsum [m,n] = mul(%S[m,n], %S[m,(m+n) floordiv 2]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- pages.mlir
func.func @pages(%q: tensor<?x8xf32>, %k: tensor<?x?x8xf32>, %t: tensor<?xi32>, %w: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %T = %t, %W = %w)
      : (tensor<?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xf32>) -> tensor<?xf32> {
    %s = attn.einsum [m,p,j] = map(%Q[m,e], %K[%T[p floordiv 2],j,e], %W[p]) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      attn.yield %p : f32
    } reduce add(e) : (tensor<?x8xf32>, tensor<?x?x8xf32>, tensor<?xf32>, tensor<?xi32>) -> tensor<?x?x?xf32>
    %l = attn.einsum [m] = %s[m,p,j] reduce associative(p, j) identity(0.0 : f32) {
    ^bb0(%a: f32, %b: f32):
      %z = arith.constant 0.0 : f32
      %c = arith.cmpf une, %b, %z : f32
      %d = arith.select %c, %b, %a : f32
      attn.yield %d : f32
    } : (tensor<?x?x?xf32>) -> tensor<?xf32>
    attn.yield %l : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- comparisons.mlir
func.func @comparisons(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %three = arith.constant 3 : index
    %a = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %m = attn.index m : index
      %n = attn.index n : index
      %d = arith.subi %m, %n : index
      %near = arith.cmpi slt, %d, %three : index
      %large = arith.cmpf oge, %x, %one : f32
      %y = arith.mulf %x, %two : f32
      %z = arith.select %large, %x, %y : f32
      %r = arith.select %near, %z, %zero : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %b = attn.einsum [m,n] = map(%S[m,n], %a[m,n]) {
    ^bb0(%x: f32, %y: f32):
      %m = attn.index m : index
      %n = attn.index n : index
      %below = arith.cmpi ult, %m, %n : index
      %is = arith.cmpf ueq, %x, %one : f32
      %z = arith.select %is, %y, %one : f32
      %r = arith.select %below, %z, %zero : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %b : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}
