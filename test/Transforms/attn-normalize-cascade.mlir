// RUN: attn-opt %s --attn-normalize-cascade --split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-normalize-cascade --attn-normalize-cascade --split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-normalize-cascade --split-input-file --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC
// RUN: attn-opt %s --attn-normalize-cascade=rename-ranks --split-input-file | FileCheck %s --check-prefix=NAMES

// Identity einsums are composed into their readers (FuseMax, Einsums 39-40),
// through changes of index, partitions and exact conversions.
// CHECK-LABEL: func @identities
// CHECK: attn.cascade (%[[K:.*]] = %{{.*}}) :
// CHECK-NEXT: %[[O:.*]] = attn.einsum [m1,e] = %[[K]][e,m1*M0+m0] reduce add(m0) : (tensor<8x?xbf16>) -> tensor<?x8xf32>
// CHECK-NEXT: attn.yield %[[O]]
func.func @identities(%k: tensor<8x?xbf16>) -> tensor<?x8xf32> {
  %o = attn.cascade (%K = %k) : (tensor<8x?xbf16>) -> tensor<?x8xf32> {
    %kt = attn.einsum [m,e] = %K[e,m] : (tensor<8x?xbf16>) -> tensor<?x8xf32>
    %bk = attn.einsum [e,m1,m0] = %kt[m1*M0+m0,e] : (tensor<?x8xf32>) -> tensor<8x?x?xf32>
    %s = attn.einsum [m1,e] = %bk[e,m1,m0] reduce add(m0) : (tensor<8x?x?xf32>) -> tensor<?x8xf32>
    attn.yield %s : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// A rounding is no identity, and neither is a broadcast whose reader reduces
// the rank.
// CHECK-LABEL: func @not_identities
// CHECK: attn.einsum [m] = %{{.*}}[m] : (tensor<?xf32>) -> tensor<?xbf16>
// CHECK: attn.einsum [m,n] = %{{.*}}[m] : (tensor<?xbf16>) -> tensor<?x8xf32>
// CHECK: reduce add(n)
func.func @not_identities(%x: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %X[m] : (tensor<?xf32>) -> tensor<?xbf16>
    %b = attn.einsum [m,n] = %r[m] : (tensor<?xbf16>) -> tensor<?x8xf32>
    %s = attn.einsum [m] = %b[m,n] reduce add(n) : (tensor<?x8xf32>) -> tensor<?xf32>
    attn.yield %s : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// Dead and repeated einsums and inputs go; commutative operands and reduced
// ranks are told apart by structure alone. A space that removes nothing goes.
// CHECK-LABEL: func @merging
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[Y:.*]]: tensor<?x8xf32>)
// CHECK: attn.cascade (%[[A:.*]] = %[[X]], %[[B:.*]] = %[[Y]]) : (
// CHECK-NEXT: %[[XY:.*]] = attn.einsum [m,n] = mul(%[[A]][m,e], %[[B]][n,e]) reduce add(e)
// CHECK-NEXT: %[[SQ:.*]] = attn.einsum [m,n] = map(%[[XY]][m,n]) {
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32):
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[V]], %[[V]]
// CHECK-NEXT: attn.yield %[[P]]
// CHECK: attn.yield %[[SQ]]
func.func @merging(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%Z = %y, %A = %x, %B = %y, %C = %x) over (m, n) align top_left : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32> {
    %dead = attn.einsum [m] = %A[m,e] reduce add(e) : (tensor<?x8xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = mul(%A[m,e], %B[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %q = attn.einsum [n,m] = mul(%Z[n,d], %C[m,d]) reduce add(d) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m,n] = mul(%p[m,n], %q[n,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// Constants move into the maps; operations of a map stand once, by use.
// CHECK-LABEL: func @maps
// CHECK: attn.cascade
// CHECK-NEXT: attn.einsum [m] = map(%{{.*}}[m], %{{.*}}[m]) {
// CHECK-NEXT: ^bb0(%[[B:.*]]: f32, %[[A:.*]]: f32):
// CHECK-NEXT: %[[TWO:.*]] = arith.constant 2.000000e+00
// CHECK-NEXT: %[[L:.*]] = arith.mulf %[[B]], %[[TWO]]
// CHECK-NEXT: %[[R:.*]] = arith.subf %[[L]], %[[A]]
// CHECK-NEXT: attn.yield %[[R]]
func.func @maps(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%A = %a, %B = %b) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %two = arith.constant 2.0 : f32
    %r = attn.einsum [m] = map(%A[m], %B[m], %A[m]) {
    ^bb0(%x: f32, %y: f32, %unused: f32):
      %dead = arith.addf %x, %y : f32
      %l = arith.mulf %two, %y : f32
      %d = arith.subf %l, %x : f32
      attn.yield %d : f32
    } : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A reduction reads products; other maps become einsums of their own, so that
// both sums share one. What a tile does not need to compute is hoisted: here
// the maximum with a sink.
// CHECK-LABEL: func @splitting
// CHECK: attn.cascade (%[[S:.*]] = %{{.*}}, %[[SINK:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}}) :
// CHECK: %[[GM:.*]] = attn.einsum [m] = %[[S]][m,n] reduce max(n)
// CHECK: %[[X:.*]] = attn.einsum [m] = max(%[[GM]][m], %[[SINK]][])
// CHECK: %[[SN:.*]] = attn.einsum [m,n] = map(%[[S]][m,n], %[[X]][m]) {
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: %[[SNV:.*]] = attn.einsum [m,f] = mul(%[[SN]][m,n], %[[V]][n,f]) reduce add(n)
// CHECK: %[[SD:.*]] = attn.einsum [m] = %[[SN]][m,n] reduce add(n)
// CHECK: div(%[[SNV]][m,f], %[[SD]][m])
func.func @splitting(%s: tensor<?x?xf32>, %sink: tensor<f32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %SINK = %sink, %V = %v) : (tensor<?x?xf32>, tensor<f32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %id = attn.einsum [m,n] = %S[m,n] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %snv = attn.einsum [m,f] = map(%id[m,n], %gm[m], %SINK[], %V[n,f]) {
    ^bb0(%x: f32, %max: f32, %y: f32, %w: f32):
      %r = arith.maximumf %max, %y : f32
      %d = arith.subf %x, %r : f32
      %e = math.exp %d : f32
      %p = arith.mulf %w, %e : f32
      attn.yield %p : f32
    } reduce add(n) : (tensor<?x?xf32>, tensor<?xf32>, tensor<f32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %sd = attn.einsum [m] = map(%id[m,n], %gm[m], %SINK[]) {
    ^bb0(%x: f32, %max: f32, %y: f32):
      %r = arith.maximumf %max, %y : f32
      %d = arith.subf %x, %r : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } reduce add(n) : (tensor<?x?xf32>, tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
    %a = attn.einsum [m,f] = div(%snv[m,f], %sd[m]) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    attn.yield %a : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// Iterations keep what their used results need. Ranks are renamed wherever
// they are named.
// CHECK-LABEL: func @iteration
// CHECK: %[[R:.*]] = attn.iterate n1 of n by n0 init(%{{.*}} : tensor<?x?xf32>)
// CHECK: attn.yield %{{.*}} : tensor<?x?xf32>
// CHECK: attn.yield %[[R]]
// NAMES-LABEL: func @iteration
// NAMES: where causal over (r1, r2) align top_left lengths key(%{{.*}}[r0])
// NAMES: attn.iterate r3 of r2 by r4
// NAMES: attn.einsum [r0,r1,r4] = map(%{{.*}}[r0,r1,r3*R4+r4])
// NAMES: attn.index r2
func.func @iteration(%s: tensor<?x?x?xf32>, %l: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s, %L = %l) where causal over (m, n) align top_left lengths key(%L[b]) : (tensor<?x?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [b,m] = map() { attn.yield %zero : f32 } : () -> tensor<?x?xf32>
    %r:2 = attn.iterate n1 of n by n0 init(%i, %i : tensor<?x?xf32>, tensor<?x?xf32>) {
    ^bb0(%unused: tensor<?x?xf32>, %RD: tensor<?x?xf32>):
      %x = attn.einsum [b,m,n0] = map(%S[b,m,n1*N0+n0]) {
      ^bb0(%v: f32):
        %p = attn.index n : index
        %pi = arith.index_cast %p : index to i32
        %pf = arith.sitofp %pi : i32 to f32
        %w = arith.mulf %v, %pf : f32
        attn.yield %w : f32
      } : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
      %lm = attn.einsum [b,m] = %x[b,m,n0] reduce add(n0) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
      %rd = attn.einsum [b,m] = add(%RD[b,m], %lm[b,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      %u = attn.einsum [b,m] = add(%unused[b,m], %lm[b,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %u, %rd : tensor<?x?xf32>, tensor<?x?xf32>
    }
    attn.yield %r#1 : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// No inputs, tensors that are constants, results that are inputs.
// CHECK-LABEL: func @constants
// CHECK: attn.cascade () : () -> (tensor<2xf32>, tensor<2xf32>)
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00]>
// CHECK-NEXT: %[[D:.*]] = arith.constant dense<[3.000000e+00, 4.000000e+00]>
// CHECK-NEXT: %[[P:.*]] = attn.einsum [m] = mul(
// CHECK-NEXT: attn.yield %[[P]], %[[C]]
func.func @constants() -> (tensor<2xf32>, tensor<2xf32>) {
  %o:2 = attn.cascade () : () -> (tensor<2xf32>, tensor<2xf32>) {
    %d = arith.constant dense<[3.0, 4.0]> : tensor<2xf32>
    %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %p = attn.einsum [m] = mul(%c[m], %d[m]) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    attn.yield %p, %c : tensor<2xf32>, tensor<2xf32>
  }
  return %o#0, %o#1 : tensor<2xf32>, tensor<2xf32>
}

// -----

// An operand that the map ignores stays where it alone says how large a rank is;
// one that says what another says goes.
// CHECK-LABEL: func @stated
// CHECK: attn.cascade (%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}}) :
// CHECK-NEXT: %[[O:.*]] = attn.einsum [b,i] = map(%[[A]][b,k], %[[B]][i]) {
// CHECK: attn.yield %[[O]]
func.func @stated(%a: tensor<?x?xf32>, %b: tensor<?xf32>, %c: tensor<?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%A = %a, %B = %b, %C = %c) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x?xf32> {
    %s = attn.einsum [b,i] = map(%A[b,k], %B[i], %C[k]) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      attn.yield %x : f32
    } reduce add(k) : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %s : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// A reduction that keeps its order keeps the order of its ranks, and reductions by
// regions are not taken for the same.
// CHECK-LABEL: func @regions
// CHECK: reduce associative(j,i) identity(0.000000e+00 : f32) {
// CHECK: reduce associative(i,j) identity(0.000000e+00 : f32) commutative {
// CHECK: arith.minimumf
// CHECK: reduce associative(i,j) identity(0.000000e+00 : f32) commutative {
// CHECK: arith.maximumf
func.func @regions(%x: tensor<?x?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %o:3 = attn.cascade (%X = %x) : (tensor<?x?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
    %r = attn.einsum [m] = %X[m,i,j] reduce associative(j, i) identity(0.0 : f32) {
    ^bb0(%a: f32, %b: f32):
      %zero = arith.constant 0.0 : f32
      %c = arith.cmpf one, %b, %zero : f32
      %d = arith.select %c, %b, %a : f32
      attn.yield %d : f32
    } : (tensor<?x?x?xf32>) -> tensor<?xf32>
    %s = attn.einsum [m] = %X[m,i,j] reduce associative(j, i) identity(0.0 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %c = arith.minimumf %a, %b : f32
      attn.yield %c : f32
    } : (tensor<?x?x?xf32>) -> tensor<?xf32>
    %t = attn.einsum [m] = %X[m,i,j] reduce associative(j, i) identity(0.0 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %c = arith.maximumf %a, %b : f32
      attn.yield %c : f32
    } : (tensor<?x?x?xf32>) -> tensor<?xf32>
    attn.yield %r, %s, %t : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
  }
  return %o#0, %o#1, %o#2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// -----

// An operand that no map uses goes, and with it the only einsum over a rank of
// the plane: no point is restricted then.
// CHECK-LABEL: func.func @rank_of_nothing
// CHECK: attn.cascade
// CHECK-NOT: where
// CHECK-NOT: over (
// CHECK: reduce add
func.func @rank_of_nothing(%s: tensor<?xf32>, %t: tensor<?x4xf32>) -> tensor<4xf32> {
  %r = attn.cascade (%S = %s, %T = %t) where causal over (m, n) align top_left
      : (tensor<?xf32>, tensor<?x4xf32>) -> tensor<4xf32> {
    %a = attn.einsum [] = %S[m] reduce max(m) : (tensor<?xf32>) -> tensor<f32>
    %b = attn.einsum [f] = map(%T[n,f], %a[]) {
    ^bb0(%x: f32, %y: f32):
      %n = arith.negf %x : f32
      attn.yield %n : f32
    } reduce add(n) : (tensor<?x4xf32>, tensor<f32>) -> tensor<4xf32>
    attn.yield %b : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// Its predicates go with the plane: no region is left without a name.
// CHECK-LABEL: func.func @predicate_of_nothing
// CHECK: attn.cascade
// CHECK-NOT: cmpi
// CHECK: reduce add
// GENERIC-LABEL: sym_name = "predicate_of_nothing"
// GENERIC-NOT: arith.cmpi
func.func @predicate_of_nothing(%s: tensor<?xf32>, %t: tensor<?x4xf32>) -> tensor<4xf32> {
  %r = attn.cascade (%S = %s, %T = %t) where predicate(m, n) {
      ^bb0(%i: index, %j: index):
        %c = arith.cmpi slt, %i, %j : index
        attn.yield %c : i1
      } over (m, n) align top_left
      : (tensor<?xf32>, tensor<?x4xf32>) -> tensor<4xf32> {
    %a = attn.einsum [] = %S[m] reduce max(m) : (tensor<?xf32>) -> tensor<f32>
    %b = attn.einsum [f] = map(%T[n,f], %a[]) {
    ^bb0(%x: f32, %y: f32):
      %n = arith.negf %x : f32
      attn.yield %n : f32
    } reduce add(n) : (tensor<?x4xf32>, tensor<f32>) -> tensor<4xf32>
    attn.yield %b : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// Later passes know powers to be at most 1 by this flag, which the caller's have not.
// CHECK-LABEL: func @flags
// CHECK: math.exp2 %{{.*}} fastmath<nnan,contract> : f32
func.func @flags(%s: tensor<?xf32>) -> tensor<?xf32> {
  %r = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    %p = attn.einsum [m] = map(%S[m]) {
    ^bb0(%x: f32):
      %y = math.exp2 %x fastmath<nnan,contract,afn> : f32
      attn.yield %y : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %p : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
