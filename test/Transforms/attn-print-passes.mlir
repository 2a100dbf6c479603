// FuseMax, table I: the same operator in three passes as on paper, in two once
// the division is deferred or the maxima are local, and in one as derived.
//
// RUN: split-file %s %t
// RUN: attn-opt %t/softmax.mlir --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=THREE
// RUN: attn-opt %t/softmax.mlir --attn-defer-division --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=DEFERRED
// RUN: attn-opt %t/softmax.mlir --attn-defer-division --attn-derive-single-pass --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=ONE
// RUN: attn-opt %t/local-maxima.mlir --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=LOCAL
// RUN: attn-opt %t/softmax.mlir "--attn-print-passes=sizes=m=1024,n=4096" -o /dev/null 2>&1 | FileCheck %s --check-prefix=SIZES
// RUN: attn-opt %t/causal.mlir "--attn-print-passes=sizes=i=1000000000,j=1000000000" -o /dev/null 2>&1 | FileCheck %s --check-prefix=CAUSAL
// RUN: attn-opt %t/causal.mlir --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=UNSIZED
// RUN: attn-opt %t/balanced.mlir --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=BALANCED
// RUN: attn-opt %t/late.mlir --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=LATE

// THREE:      cascade at {{.*}}softmax.mlir:2:8
// THREE-NEXT:   rank n: 3 passes
// THREE-NEXT:     pass 1: #1 [m,n] reduce add(e); #2 [m] reduce max(n){{$}}
// THREE-NEXT:     pass 2: #3 [m,n]; #4 [m] reduce add(n){{$}}
// THREE-NEXT:       forced by #3 [m,n] ({{.*}}softmax.mlir:5:11)
// THREE-NEXT:         which needs the whole of #2 [m] reduce max(n) ({{.*}}softmax.mlir:4:11)
// THREE-NEXT:     pass 3: #5 [m,n]; #6 [m,f] reduce add(n){{$}}
// THREE-NEXT:       forced by #5 [m,n] ({{.*}}softmax.mlir:12:10)
// THREE-NEXT:         which needs the whole of #4 [m] reduce add(n) ({{.*}}softmax.mlir:11:11)
// THREE-NEXT:     tensor  made in  read in  passes over it
// THREE-NEXT:     in1     input    1        1
// THREE-NEXT:     #1      1        1, 2     2
// THREE-NEXT:     #3      2        2, 3     2
// THREE-NEXT:     #5      3        3        1
// THREE-NEXT:     in2     input    3        1
// THREE-NEXT:   rank e: 1 pass
// THREE:        live at a time, for one point of (m)
// THREE-NEXT:     tensor                   elements  bytes
// THREE-NEXT:     #1 [m,n] reduce add(e)   N         4*N    read again in a later pass over n
// THREE-NEXT:     #2 [m] reduce max(n)     1         4
// THREE-NEXT:     #3 [m,n]                 N         4*N    read again in a later pass over n
// THREE-NEXT:     #4 [m] reduce add(n)     1         4
// THREE-NEXT:     #5 [m,n]                 1         4
// THREE-NEXT:     #6 [m,f] reduce add(n)   F         128    result
// THREE-NEXT:     together                           8*N + 140
// THREE-NEXT:   operations                    197*M*N
// THREE-NEXT:     multiply-accumulates        192*M*N
// THREE-NEXT:     elementary functions        M*N
// THREE-NEXT:   bytes moved, passes fused     384*M + 384*N
// THREE-NEXT:     and kept between passes     16*M*N + 384*M + 384*N
// THREE-NEXT:   bytes moved, einsum by einsum 32*M*N + 400*M + 384*N

// DEFERRED: rank n: 2 passes

// In one pass nothing over n is live for a whole fiber; a step keeps its points
// because the local maximum comes before the exponentials.
// ONE:      rank n: 1 pass{{$}}
// ONE-NEXT:   pass 1: #4 iterate n1 of n{{$}}
// ONE:      rank n0: 2 passes in each step of n
// ONE:        forced by #{{[0-9]+}} [m,n0]
// ONE-NEXT:     which needs the whole of #{{[0-9]+}} [m] reduce max(n0)
// ONE-NEXT:     through #{{[0-9]+}} [m] (
// ONE:      live at a time, for one point of (m)
// ONE:        #{{[0-9]+}} [m,n0] reduce add(e)   N0        4*N0    read again in a later pass over n0
// ONE-NOT:    over n{{$}}

// LOCAL:      rank m0: 2 passes
// LOCAL:      rank m1: 2 passes
// LOCAL-NEXT:   pass 1: #1 [m1,m0,p] reduce add(e); #2 [m1,p] reduce max(m0); #3 [m1,m0,p]; #4 [m1,p] reduce add(m0); #5 [f,m1,p] reduce add(m0); #6 [p] reduce max(m1){{$}}
// LOCAL-NEXT:   pass 2: #7 [m1,p]; #8 [p] reduce add(m1); #9 [f,p] reduce add(m1){{$}}
// LOCAL-NEXT:     forced by #7 [m1,p]
// LOCAL-NEXT:       which needs the whole of #6 [p] reduce max(m1)

// SIZES:       #1 [m,n] reduce add(e)   N         16384 (16.0 KiB)  read again in a later pass over n
// SIZES:       operations                    826277888
// SIZES:       bytes moved, passes fused     1966080 (1.9 MiB)

// The sum over a billion rows is closed.
// CAUSAL: operations                    6.55e+19
// CAUSAL: live points of (i, j)         500000000500000000 of 1000000000000000000, 50%
// UNSIZED: operations                   131*live
// UNSIZED: live points of (i, j)        live, by the sizes of I and J

// Columns after rows: the weights cross passes over n, not over m.
// BALANCED:      rank n: 2 passes
// BALANCED:      rank m: 2 passes
// BALANCED:        pass 2: #5 [m,n]{{$}}
// BALANCED-NEXT:     forced by #5 [m,n]
// BALANCED-NEXT:       which needs the whole of #4 [n] reduce add(m)
// BALANCED:      live at a time{{$}}
// BALANCED:        #1 [m,n]              N         4*N  read again in a later pass over n
// BALANCED:        #3 [m,n]              M         4*M  read again in a later pass over m

// A map of an input that the last pass alone reads is made there.
// LATE:      rank n: 2 passes
// LATE-NEXT:   pass 1: #1 [m] reduce max(n){{$}}
// LATE-NEXT:   pass 2: #2 [n]; #3 [m] reduce add(n){{$}}
// LATE-NEXT:     forced by #3 [m] reduce add(n)
// LATE:          in0     input    1, 2     2
// LATE:          in1     input    2        1
// LATE:          #2      2        2        1
// LATE:      #2 [n]               1         4{{$}}

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

//--- local-maxima.mlir
func.func @local_maxima(%q: tensor<64x?xf32>, %k: tensor<64x?xf32>, %v: tensor<32x?xf32>) -> tensor<32x?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (tensor<64x?xf32>, tensor<64x?xf32>, tensor<32x?xf32>) -> tensor<32x?xf32> {
    %bqk = attn.einsum [m1,m0,p] = mul(%Q[e,p], %K[e,m1*M0+m0]) reduce add(e) : (tensor<64x?xf32>, tensor<64x?xf32>) -> tensor<?x?x?xf32>
    %lm = attn.einsum [m1,p] = %bqk[m1,m0,p] reduce max(m0) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %sln = attn.einsum [m1,m0,p] = map(%bqk[m1,m0,p], %lm[m1,p]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
    %sld = attn.einsum [m1,p] = %sln[m1,m0,p] reduce add(m0) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %slnv = attn.einsum [f,m1,p] = mul(%sln[m1,m0,p], %V[f,m1*M0+m0]) reduce add(m0) : (tensor<?x?x?xf32>, tensor<32x?xf32>) -> tensor<32x?x?xf32>
    %gm = attn.einsum [p] = %lm[m1,p] reduce max(m1) : (tensor<?x?xf32>) -> tensor<?xf32>
    %c = attn.einsum [m1,p] = map(%lm[m1,p], %gm[p]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [p] = mul(%sld[m1,p], %c[m1,p]) reduce add(m1) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %nv = attn.einsum [f,p] = mul(%slnv[f,m1,p], %c[m1,p]) reduce add(m1) : (tensor<32x?x?xf32>, tensor<?x?xf32>) -> tensor<32x?xf32>
    %av = attn.einsum [f,p] = div(%nv[f,p], %d[p]) : (tensor<32x?xf32>, tensor<?xf32>) -> tensor<32x?xf32>
    attn.yield %av : tensor<32x?xf32>
  }
  return %o : tensor<32x?xf32>
}

//--- causal.mlir
func.func @causal(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) where causal over (i, j) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?xf32> {
    %s = attn.einsum [i,j] = mul(%Q[i,e], %K[j,e]) reduce add(e) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x?xf32>
    %p = attn.einsum [i,j] = map(%s[i,j]) {
    ^bb0(%x: f32):
      %t = math.tanh %x : f32
      %y = math.absf %t : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [i] = %p[i,j] reduce add(j) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
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

//--- late.mlir
func.func @late(%s: tensor<?x?xf32>, %v: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %g = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [n] = map(%V[n]) {
    ^bb0(%x: f32):
      %e = math.exp %x : f32
      attn.yield %e : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = map(%S[m,n], %g[m], %w[n]) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %d = arith.subf %x, %y : f32
      %p = arith.mulf %d, %z : f32
      attn.yield %p : f32
    } reduce add(n) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
