// RUN: attn-opt %s --attn-defer-division --attn-derive-single-pass | FileCheck %s
// RUN: attn-opt %s --attn-derive-single-pass | FileCheck %s --check-prefix=ALONE
// RUN: attn-opt %s --attn-derive-single-pass --mlir-print-op-generic -o %t.derived
// RUN: FileCheck %s --check-prefix=GENERIC < %t.derived
// RUN: attn-opt %s --attn-derive-single-pass | attn-opt --mlir-print-op-generic | diff %t.derived -

// Softmax: the 3-pass cascade becomes FuseMax's Einsums 39-56.
// CHECK-LABEL: func @softmax
// CHECK: attn.cascade (%[[Q:.*]] = %{{.*}}, %[[K:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}})
// CHECK: %[[RM0:.*]] = attn.einsum [m] = map() {
// CHECK-NEXT: arith.constant -3.40282347E+38
// CHECK: %[[RD0:.*]] = attn.einsum [m] = map() {
// CHECK-NEXT: arith.constant 0.000000e+00
// CHECK: %[[RNV0:.*]] = attn.einsum [m,f] = map() {
// CHECK-NEXT: arith.constant 0.000000e+00
// CHECK: %[[R:.*]]:3 = attn.iterate n1 of n by n0 init(%[[RM0]], %[[RD0]], %[[RNV0]]
// CHECK-NEXT: ^bb0(%[[RM:[^:]*]]: {{.*}}, %[[RD:[^:]*]]: {{.*}}, %[[RNV:[^:]*]]: {{.*}}):
// CHECK: %[[BQK:.*]] = attn.einsum [m,n0] = mul(%[[Q]][m,e], %[[K]][n1*N0+n0,e]) reduce add(e)
// CHECK: %[[LM:.*]] = attn.einsum [m] = %[[BQK]][m,n0] reduce max(n0)
// CHECK: %[[RM1:.*]] = attn.einsum [m] = max(%[[RM]][m], %[[LM]][m])
// CHECK: %[[SLN:.*]] = attn.einsum [m,n0] = map(%[[BQK]][m,n0], %[[RM1]][m])
// CHECK: %[[SLD:.*]] = attn.einsum [m] = %[[SLN]][m,n0] reduce add(n0)
// CHECK: %[[PRM:.*]] = attn.einsum [m] = map(%[[RM]][m], %[[RM1]][m]) {
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: %[[SPD:.*]] = attn.einsum [m] = mul(%[[RD]][m], %[[PRM]][m])
// CHECK: %[[RD1:.*]] = attn.einsum [m] = add(%[[SLD]][m], %[[SPD]][m])
// CHECK: %[[SLNV:.*]] = attn.einsum [m,f] = mul(%[[SLN]][m,n0], %[[V]][n1*N0+n0,f]) reduce add(n0)
// CHECK: %[[SPNV:.*]] = attn.einsum [m,f] = mul(%[[RNV]][m,f], %[[PRM]][m])
// CHECK: %[[RNV1:.*]] = attn.einsum [m,f] = add(%[[SLNV]][m,f], %[[SPNV]][m,f])
// CHECK: attn.yield %[[RM1]], %[[RD1]], %[[RNV1]]
// CHECK: attn.einsum [m,f] = div(%[[R]]#2[m,f], %[[R]]#1[m])
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

// Sum-normalised ReLU takes the same route; nothing needs a repair.
// CHECK-LABEL: func @relu
// CHECK: %[[R:.*]]:2 = attn.iterate n1 of n by n0
// CHECK: %[[P:.*]] = attn.einsum [m,n0] = map(%{{.*}}[m,n1*N0+n0])
// CHECK: arith.maximumf
// CHECK: %[[LD:.*]] = attn.einsum [m] = %[[P]][m,n0] reduce add(n0)
// CHECK: %[[D:.*]] = attn.einsum [m] = add(%{{.*}}[m], %[[LD]][m])
// CHECK: %[[LV:.*]] = attn.einsum [m,f] = mul(%[[P]][m,n0], %{{.*}}[n1*N0+n0,f]) reduce add(n0)
// CHECK: %[[V:.*]] = attn.einsum [m,f] = add(%{{.*}}[m,f], %[[LV]][m,f])
// CHECK: attn.yield %[[D]], %[[V]]
// CHECK: attn.einsum [m,f] = div(%[[R]]#1[m,f], %[[R]]#0[m])
func.func @relu(%s: tensor<?x?xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %p = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %zero = arith.constant 0.0 : f32
      %r = arith.maximumf %x, %zero : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%p[m,n], %d[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %av : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// Base 2 with a temperature per row, the l2 norm, the row maximum and the
// largest weight as results. One correction serves all: its square repairs the
// sum of squares, its product with the quotient's the largest weight. The sign of
// the temperature is not known, so that the correction has no bound, and sums
// that are still empty are left alone. As results, extrema of nothing are -inf.
// CHECK-LABEL: func @l2
// CHECK: %[[R:.*]]:5 = attn.iterate
// CHECK-NEXT: ^bb0(%[[RM:[^:]*]]: tensor<?xf32>, %[[SQ:[^:]*]]: tensor<?xf32>, %[[NV:[^:]*]]: tensor<?x8xf32>, %[[SD:[^:]*]]: tensor<?xf32>, %[[TOP:[^:]*]]: tensor<?xf32>):
// CHECK: %[[RM1:.*]] = attn.einsum [m] = max(%[[RM]][m]
// CHECK: math.exp2
// CHECK: %[[PRM:.*]] = attn.einsum [m] = map(%[[RM]][m], %[[RM1]][m], %{{.*}}[m]) {
// CHECK: %[[DIFF:.*]] = arith.subf
// CHECK: %[[TWICE:.*]] = arith.mulf %[[DIFF]], %{{.*}}
// CHECK: %[[TIMES:.*]] = arith.mulf %[[TWICE]], %{{.*}}
// CHECK: math.exp2 %[[TIMES]]
// CHECK: attn.einsum [m] = map(%[[SQ]][m], %[[PRM]][m]) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[C:.*]]: f32):
// CHECK: %[[ONCE:.*]] = arith.mulf %[[A]], %[[C]]
// CHECK: %[[REPAIRED:.*]] = arith.mulf %[[ONCE]], %[[C]]
// CHECK: %[[EMPTY:.*]] = arith.cmpf oeq, %[[A]], %{{.*}}
// CHECK: arith.select %[[EMPTY]], %{{.*}}, %[[REPAIRED]]
// CHECK: attn.einsum [m,f] = map(%[[NV]][m,f], %[[PRM]][m])
// CHECK: attn.einsum [m] = map(%[[SD]][m], %[[PRM]][m])
// CHECK: %[[SD1:.*]] = attn.einsum [m] = add(
// CHECK: %[[QUOTIENT:.*]] = attn.einsum [m] = div(%[[SD]][m], %[[SD1]][m])
// CHECK: attn.einsum [m] = map(%[[TOP]][m], %[[PRM]][m], %[[QUOTIENT]][m])
// CHECK: attn.einsum [m] = max(
// CHECK: math.sqrt
// CHECK: %[[GM:.*]] = attn.einsum [m] = map(%[[R]]#0[m]) {
// CHECK: arith.constant 0xFF800000
// CHECK: arith.cmpf ole
// CHECK: %[[MOST:.*]] = attn.einsum [m] = map(%[[R]]#4[m]) {
// CHECK: attn.yield %{{.*}}, %[[GM]], %[[MOST]]
func.func @l2(%s: tensor<?x?xf32>, %t: tensor<?xf32>, %v: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>) {
  %o:3 = attn.cascade (%S = %s, %T = %t, %V = %v) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>) {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m], %T[m]) {
    ^bb0(%x: f32, %y: f32, %w: f32):
      %two = arith.constant 2.0 : f32
      %d = arith.subf %x, %y : f32
      %d2 = arith.mulf %d, %two : f32
      %d3 = arith.mulf %d2, %w : f32
      %r = math.exp2 %d3 : f32
      attn.yield %r : f32
    } : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sq = attn.einsum [m] = mul(%p[m,n], %p[m,n]) reduce add(n) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    %norm = attn.einsum [m] = map(%sq[m]) {
    ^bb0(%x: f32):
      %r = math.sqrt %x : f32
      attn.yield %r : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%p[m,n], %norm[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %sd = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = div(%p[m,n], %sd[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %top = attn.einsum [m] = %w[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %av, %gm, %top : tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1, %o#2 : tensor<?x8xf32>, tensor<?xf32>, tensor<?xf32>
}

// A value computed from the running maximum without n (here with a sink) is
// evaluated in the loop on the old and on the new state.
// CHECK-LABEL: func @sink
// CHECK: attn.iterate
// CHECK-NEXT: ^bb0(%[[RM:[^:]*]]: tensor<?xf32>
// CHECK: %[[RM1:.*]] = attn.einsum [m] = max(%[[RM]][m], %{{.*}}[m])
// CHECK: %[[NEW:.*]] = attn.einsum [m] = max(%[[RM1]][m], %[[SINK:.*]][])
// CHECK: attn.einsum [m,n0] = map(%{{.*}}[m,n1*N0+n0], %[[NEW]][m])
// CHECK: %[[OLD:.*]] = attn.einsum [m] = max(%[[RM]][m], %[[SINK]][])
// CHECK: attn.einsum [m] = map(%[[OLD]][m], %[[NEW]][m])
// CHECK: math.exp
// CHECK: attn.yield %[[RM1]]
func.func @sink(%s: tensor<?x?xf32>, %t: tensor<f32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %SINK = %t) : (tensor<?x?xf32>, tensor<f32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = %S[m,n] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %x = attn.einsum [m] = max(%gm[m], %SINK[]) : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %y: f32):
      %d = arith.subf %a, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %sd : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Extrema of differences move by addition. The minimum is symmetric.
// CHECK-LABEL: func @difference
// CHECK: %[[SHIFT:.*]] = attn.einsum [m] = sub(%[[OLD:.*]][m], %[[NEW:.*]][m])
// CHECK: attn.einsum [m] = map(%{{.*}}[m], %[[SHIFT]][m]) {
// CHECK: arith.addf
// CHECK: arith.constant 3.40282347E+38
// CHECK: arith.cmpf oeq
// CHECK: attn.einsum [m] = min(
func.func @difference(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = sub(%S[m,n], %gm[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %least = attn.einsum [m] = %d[m,n] reduce min(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %least : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Coordinates of the streaming rank stay coordinates of it. Integers reduce too.
// CHECK-LABEL: func @coordinates
// CHECK: arith.constant true
// CHECK: attn.iterate n_1 of n by n_0
// CHECK: attn.index n : index
// CHECK: attn.einsum [m] = map(%{{.*}}[m], %{{.*}}[m]) {
// CHECK: arith.andi
func.func @coordinates(%s: tensor<?x?xf32>, %t: tensor<?xf32>) -> (tensor<?xi1>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s, %T = %t) : (tensor<?x?xf32>, tensor<?xf32>) -> (tensor<?xi1>, tensor<?xf32>) {
    %p = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %i = attn.index n : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %c = arith.cmpf olt, %x, %f : f32
      attn.yield %c : i1
    } : (tensor<?x?xf32>) -> tensor<?x?xi1>
    %all = attn.einsum [m] = map(%p[m,n]) { ^bb0(%x: i1): attn.yield %x : i1 } reduce and(n) : (tensor<?x?xi1>) -> tensor<?xi1>
    %sum = attn.einsum [n1] = add(%T[n1], %T[n1]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %all, %sum : tensor<?xi1>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?xi1>, tensor<?xf32>
}

// Nothing is reduced after it indexed an intermediate; nothing to do.
// CHECK-LABEL: func @elementwise
// CHECK-NOT: attn.iterate
func.func @elementwise(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    attn.yield %s : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// A sum of products with a factor that moves by a sum: the sum without it joins
// the carried values, though no result asks for it, and both are repaired.
// CHECK-LABEL: func @tuple
// CHECK: attn.iterate n1 of n by n0 init(%{{.*}}, %{{.*}}, %{{.*}} :
// CHECK: ^bb0(%[[RM:.*]]: tensor<?xf32>, %[[RD:.*]]: tensor<?xf32>, %[[RT:.*]]: tensor<?xf32>):
// CHECK: attn.einsum [m] = %{{.*}}[m,n0] reduce add(n0)
// CHECK: %[[T:.*]] = attn.einsum [m] = mul(%{{.*}}[m,n0], %{{.*}}[m,n0]) reduce add(n0)
// CHECK: %[[WAY:.*]] = attn.einsum [m] = sub(%[[RM]][m], %{{.*}}[m])
// CHECK: attn.einsum [m] = map(%[[RT]][m], %{{.*}}[m], %[[RD]][m], %[[WAY]][m]) {
// CHECK: ^bb0(%[[OLD:.*]]: f32, %[[C:.*]]: f32, %[[SUM:.*]]: f32, %[[D:.*]]: f32):
// CHECK: %[[PRODUCT:.*]] = arith.mulf %[[SUM]], %[[D]]
// CHECK: %[[MOVED:.*]] = arith.addf %[[OLD]], %[[PRODUCT]]
// CHECK: arith.mulf %[[MOVED]], %[[C]]
// CHECK: arith.select
func.func @tuple(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = sub(%id[m,n], %gm[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %e = attn.einsum [m,n] = map(%d[m,n]) {
    ^bb0(%x: f32):
      %e = math.exp %x : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %t = attn.einsum [m] = mul(%e[m,n], %d[m,n]) reduce add(n) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %t : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// Summands that move by unequal factors are summed apart.
// CHECK-LABEL: func @summands
// CHECK: attn.iterate
// CHECK-COUNT-2: attn.einsum [m] = %{{.*}}[m,n0] reduce add(n0)
// CHECK: }
// CHECK: attn.einsum [m] = add(
func.func @summands(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %q = attn.einsum [m,n] = map(%p[m,n]) {
    ^bb0(%x: f32):
      %x2 = arith.mulf %x, %x : f32
      %y = arith.addf %x, %x2 : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %q[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// A sum of a product with a tensor that is read at data is found again by what
// the data reads: its symbols have other numbers in each einsum.
// ALONE-LABEL: func @companion_at_data
// ALONE: attn.iterate
// ALONE: %[[SUM:.*]] = attn.einsum [f] = mul(%{{.*}}[%{{.*}}[]*2+1,n1*N0+n0], %{{.*}}[n1*N0+n0,f]) reduce add(n0)
// ALONE-NEXT: attn.einsum [f] = add(%{{.*}}[f], %[[SUM]][f])
// ALONE-NOT: attn.einsum [f]
// ALONE: attn.yield %{{.*}}, %{{.*}}, %{{.*}} : tensor<8xf32>, tensor<4xf32>, tensor<8x4xf32>
func.func @companion_at_data(%s: tensor<8x?xf32>, %v: tensor<?x4xf32>, %i: tensor<i64>) -> tensor<8x4xf32> {
  %o = attn.cascade (%S = %s, %V = %v, %I = %i) : (tensor<8x?xf32>, tensor<?x4xf32>, tensor<i64>) -> tensor<8x4xf32> {
    %d = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<8x?xf32>) -> tensor<8xf32>
    %w = attn.einsum [m,n] = mul(%S[2*%I[]+1,n], %d[m]) : (tensor<8x?xf32>, tensor<8xf32>, tensor<i64>) -> tensor<8x?xf32>
    %r = attn.einsum [m,f] = mul(%w[m,n], %V[n,f]) reduce add(n) : (tensor<8x?xf32>, tensor<?x4xf32>) -> tensor<8x4xf32>
    attn.yield %r : tensor<8x4xf32>
  }
  return %o : tensor<8x4xf32>
}

// The extents of an einsum are listed as the assembly says them.
// GENERIC: sym_name = "reversed"
// GENERIC: extents = ["n0", "e"]
func.func @reversed(%q: tensor<?x?xf32>, %k: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%Q = %q, %K = %k) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,E-e-1]) reduce add(e) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%s[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %y = math.exp %d : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %d : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
