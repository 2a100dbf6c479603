// RUN: attn-opt %s --split-input-file --attn-lower-to-linalg=remarks=false --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --split-input-file --verify-diagnostics --attn-lower-to-linalg -o /dev/null

// Dead scores are dropped by select before they are summed; the maximum starts
// at -inf and acts as the least finite number in the map; the quotient by 0 is
// 0. Positions count from the ends of both ranks.
// CHECK-DAG: #[[$IN:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[$KEY:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @softmax
// CHECK-DAG: %[[LEAST:.*]] = arith.constant -3.40282347E+38 : f32
// CHECK-DAG: %[[MINF:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q:.*]], %c0 : tensor<?x8xf32>
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[K:.*]], %c0 : tensor<?x8xf32>
// CHECK: linalg.fill ins(%[[ZERO]] : f32)
// CHECK: %[[S:.*]] = linalg.generic {indexing_maps = [#[[$IN]], #[[$KEY]], #{{.*}}], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[Q]], %[[K]] :
// CHECK:   %[[OFFSET:.*]] = arith.subi %[[N]], %[[M]] : index
// CHECK:   %[[POSITION:.*]] = arith.addi %{{.*}}, %[[OFFSET]] : index
// CHECK:   %[[LIVE:.*]] = arith.cmpi sle, %{{.*}}, %[[POSITION]] : index
// CHECK:   %[[TERM:.*]] = arith.select %[[LIVE]], %{{.*}}, %[[ZERO]] : f32
// CHECK:   arith.addf %{{.*}}, %[[TERM]] fastmath<reassoc> : f32
// CHECK: linalg.fill ins(%[[MINF]] : f32)
// CHECK: linalg.generic {{.*}} ins(%[[S]] :
// CHECK:   arith.select %{{.*}}, %{{.*}}, %[[MINF]] : f32
// CHECK:   arith.maximumf
// CHECK: linalg.generic {{.*}} ins(%[[S]], %{{.*}} :
// CHECK:   arith.cmpf olt, %[[X:.*]], %[[LEAST]] : f32
// CHECK:   %[[FINITE:.*]] = arith.select %{{.*}}, %[[LEAST]], %[[X]] : f32
// CHECK:   arith.subf %{{.*}}, %[[FINITE]] : f32
// CHECK:   math.exp
// CHECK: linalg.generic
// CHECK: linalg.generic
// CHECK:   %[[QUOTIENT:.*]] = arith.divf %{{.*}}, %[[D:.*]] : f32
// CHECK:   %[[EMPTY:.*]] = arith.cmpf oeq, %[[D]], %[[ZERO]] : f32
// CHECK:   arith.select %[[EMPTY]], %[[ZERO]], %[[QUOTIENT]] : f32
func.func @softmax(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>) -> tensor<?x?xf32> {
  // expected-remark@+1 {{compiled einsum by einsum; materialises 4 intermediates: [m,n] of 4*M*N bytes, [m] of 4*M bytes, [m,n] of 4*M*N bytes, [m] of 4*M bytes}}
  %a = attn.cascade (%Q = %q, %K = %k) where causal over (m, n) align bottom_right : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%s[m,n], %x[m]) {
    ^bb0(%l: f32, %r: f32):
      %d = arith.subf %l, %r : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = div(%p[m,n], %d[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %w : tensor<?x?xf32>
  }
  return %a : tensor<?x?xf32>
}

// -----

// Every atom under every connective, with lengths: a length bounds its rank and
// moves the positions.
// CHECK-LABEL: func @atoms
// CHECK: linalg.generic
// CHECK:   %[[LEN_M:.*]] = tensor.extract %{{.*}}[%[[B:.*]]] : tensor<?xi32>
// CHECK:   %[[CAST_M:.*]] = arith.index_cast %[[LEN_M]] : i32 to index
// CHECK:   %[[SOME_M:.*]] = arith.maxsi %[[CAST_M]], %c0{{.*}} : index
// CHECK:   %[[QUERIES:.*]] = arith.minsi %[[SOME_M]], %{{.*}} : index
// CHECK:   arith.cmpi slt, %[[ROW:.*]], %[[QUERIES]] : index
// CHECK:   %[[LEN_N:.*]] = tensor.extract %{{.*}}[%[[B]]] : tensor<?xi64>
// CHECK:   %[[CAST_N:.*]] = arith.index_cast %[[LEN_N]] : i64 to index
// CHECK:   %[[NEAR_N:.*]] = arith.minsi %[[CAST_N]], %c1099511627776 : index
// CHECK:   %[[CLAMPED_N:.*]] = arith.maxsi %[[NEAR_N]], %c-1099511627776 : index
// CHECK:   %[[SOME_N:.*]] = arith.maxsi %[[CLAMPED_N]], %c0{{.*}} : index
// CHECK:   %[[KEYS:.*]] = arith.minsi %[[SOME_N]], %{{.*}} : index
// CHECK:   arith.cmpi slt, %[[COLUMN:.*]], %[[KEYS]] : index
// CHECK:   arith.andi
// CHECK:   %[[OFFSET:.*]] = arith.subi %[[KEYS]], %[[QUERIES]] : index
// CHECK:   %[[POSITION:.*]] = arith.addi %[[ROW]], %[[OFFSET]] : index
// CHECK:   arith.cmpi sle, %[[COLUMN]], %[[POSITION]] : index
// CHECK:   %[[LAST:.*]] = arith.addi %[[COLUMN]], %c7{{.*}} : index
// CHECK:   arith.cmpi sle, %[[POSITION]], %[[LAST]] : index
// CHECK:   %[[END:.*]] = arith.addi %[[POSITION]], %c3{{.*}} : index
// CHECK:   arith.cmpi sle, %[[COLUMN]], %[[END]] : index
// CHECK:   arith.cmpi sgt, %[[COLUMN]], %c4{{.*}} : index
// CHECK:   arith.ori
func.func @atoms(%s: tensor<?x?x?xf32>, %kl: tensor<?xi64>, %ql: tensor<?xi32>) -> tensor<?x?xf32> {
  // expected-remark@+1 {{materialises 0 intermediates}}
  %a = attn.cascade (%S = %s, %KL = %kl, %QL = %ql) where causal and window(7, 3) or not prefix(5) over (m, n) align bottom_right lengths key(%KL[b]) query(%QL[b])
      : (tensor<?x?x?xf32>, tensor<?xi64>, tensor<?xi32>) -> tensor<?x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce add(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    attn.yield %x : tensor<?x?xf32>
  }
  return %a : tensor<?x?xf32>
}

// -----

// Sums of bf16 accumulate in f32 and are rounded once; a map rounds its result.
// CHECK-LABEL: func @rounding
// CHECK: linalg.fill {{.*}} outs(%{{.*}} : tensor<?xf32>)
// CHECK: linalg.generic
// CHECK:   arith.extf %{{.*}} : bf16 to f32
// CHECK:   arith.addf %{{.*}}, %{{.*}} fastmath<reassoc> : f32
// CHECK: -> tensor<?xf32>
// CHECK: linalg.generic
// CHECK:   arith.truncf %{{.*}} : f32 to bf16
// CHECK: linalg.generic
// CHECK:   %[[R:.*]] = math.exp %{{.*}} : f32
// CHECK:   arith.truncf %[[R]] : f32 to bf16
func.func @rounding(%s: tensor<?x?xbf16>) -> tensor<?xbf16> {
  // expected-remark@+1 {{materialises 1 intermediate: [m] of 2*M bytes}}
  %a = attn.cascade (%S = %s) : (tensor<?x?xbf16>) -> tensor<?xbf16> {
    %x = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xbf16>) -> tensor<?xbf16>
    %y = attn.einsum [m] = map(%x[m]) {
    ^bb0(%v: f32):
      %e = math.exp %v : f32
      attn.yield %e : f32
    } : (tensor<?xbf16>) -> tensor<?xbf16>
    attn.yield %y : tensor<?xbf16>
  }
  return %a : tensor<?xbf16>
}

// -----

// An index that is no rank is a load in the body, kept inside the tensor; where
// the tensor may be empty there, the load is guarded.
// CHECK-LABEL: func @gather
// CHECK: linalg.generic {{.*}} ins(%[[X:[^ ]*]] : tensor<?x64xf32>)
// CHECK:   %[[N:.*]] = linalg.index 0
// CHECK:   arith.remsi
// CHECK:   %[[LOW:.*]] = arith.minsi %{{.*}}, %c63 : index
// CHECK:   %[[E:.*]] = arith.maxsi %[[LOW]], %c0 : index
// CHECK:   tensor.extract %[[X]][%[[N]], %[[E]]] : tensor<?x64xf32>
// CHECK:   scf.if
// CHECK:   tensor.extract %[[X]]
func.func @gather(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-remark@+1 {{materialises 0 intermediates}}
  %a = attn.cascade (%X = %x) : (tensor<?x64xf32>) -> tensor<?x64xf32> {
    %y = attn.einsum [n,e] = map(%X[n,e], %X[n,(e+32) mod 64], %X[N - n - 1,e]) {
    ^bb0(%u: f32, %v: f32, %w: f32):
      %i = attn.index e : index
      %j = arith.index_cast %i : index to i32
      %k = arith.sitofp %j : i32 to f32
      %s = arith.addf %u, %v : f32
      %t = arith.mulf %s, %k : f32
      %z = arith.subf %t, %w : f32
      attn.yield %z : f32
    } : (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    attn.yield %y : tensor<?x64xf32>
  }
  return %a : tensor<?x64xf32>
}

// -----

// The value rank runs innermost where values are contiguous in it.
// CHECK-LABEL: func @order
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]
func.func @order(%p: tensor<?x?xf32>, %v: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // expected-remark@+1 {{materialises 0 intermediates}}
  %a = attn.cascade (%P = %p, %V = %v) : (tensor<?x?xf32>, tensor<?x16xf32>) -> tensor<?x16xf32> {
    %y = attn.einsum [m,f] = mul(%P[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    attn.yield %y : tensor<?x16xf32>
  }
  return %a : tensor<?x16xf32>
}

// -----

// Integer reductions and their identities.
// CHECK-LABEL: func @integers
// CHECK-DAG: arith.constant -2147483648 : i32
// CHECK-DAG: arith.constant 2147483647 : i32
// CHECK-DAG: arith.constant -1 : i32
// CHECK-DAG: arith.constant 1 : i32
// CHECK-DAG: arith.constant 0 : i32
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: arith.andi
// CHECK: arith.muli
// CHECK: arith.ori
func.func @integers(%x: tensor<?xi32>) -> (tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>) {
  // expected-remark@+1 {{materialises 0 intermediates}}
  %r:5 = attn.cascade (%X = %x) : (tensor<?xi32>) -> (tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>) {
    %a = attn.einsum [] = map(%X[n]) { ^bb0(%v: i32): attn.yield %v : i32 } reduce max(n) : (tensor<?xi32>) -> tensor<i32>
    %b = attn.einsum [] = map(%X[n]) { ^bb0(%v: i32): attn.yield %v : i32 } reduce min(n) : (tensor<?xi32>) -> tensor<i32>
    %c = attn.einsum [] = map(%X[n]) { ^bb0(%v: i32): attn.yield %v : i32 } reduce and(n) : (tensor<?xi32>) -> tensor<i32>
    %d = attn.einsum [] = map(%X[n]) { ^bb0(%v: i32): attn.yield %v : i32 } reduce mul(n) : (tensor<?xi32>) -> tensor<i32>
    %e = attn.einsum [] = map(%X[n]) { ^bb0(%v: i32): attn.yield %v : i32 } reduce or(n) : (tensor<?xi32>) -> tensor<i32>
    attn.yield %a, %b, %c, %d, %e : tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>
  }
  return %r#0, %r#1, %r#2, %r#3, %r#4 : tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>
}

// -----

// An iteration is a loop over steps; points beyond the end do not exist, and
// the new values move into the carried tensors.
// CHECK-LABEL: func @iterate
// CHECK: %[[N:.*]] = tensor.dim %{{.*}}, %c1
// CHECK: %[[STEPS:.*]] = arith.ceildivui %[[N]], %c64
// CHECK: scf.for %[[STEP:.*]] = %c0 to %[[STEPS]] step %c1 iter_args(%[[RM:.*]] =
// CHECK:   linalg.generic
// CHECK:     %[[BASE:.*]] = arith.muli %[[STEP]], %c64 : index
// CHECK:     %[[POINT:.*]] = arith.addi %[[BASE]], %{{.*}} : index
// CHECK:     %[[EXISTS:.*]] = arith.cmpi slt, %[[POINT]], %[[N]] : index
// CHECK:     arith.select %[[EXISTS]]
// CHECK:   %[[NEW:.*]] = linalg.copy ins(%{{.*}} : tensor<?xf32>) outs(%[[RM]] : tensor<?xf32>)
// CHECK:   scf.yield %[[NEW]]
func.func @iterate(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-remark@+1 {{materialises 3 intermediates}}
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

// -----

// In a step, the parent rank has a coordinate as well.
// CHECK-LABEL: func @parent_index
// CHECK: scf.for %[[STEP:.*]] = %c0
// CHECK:   linalg.generic
// CHECK:     %[[P:.*]] = linalg.index 0 : index
// CHECK:     %[[BASE:.*]] = arith.muli %[[STEP]], %c64 : index
// CHECK:     %[[N:.*]] = arith.addi %[[BASE]], %[[P]] : index
// CHECK:     arith.index_cast %[[N]] : index to i32
func.func @parent_index(%s: tensor<?xf32>) -> tensor<f32> {
  // expected-remark@+1 {{materialises 3 intermediates}}
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<f32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [] = map() { attn.yield %zero : f32 } : () -> tensor<f32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<f32>) {
    ^bb0(%RD: tensor<f32>):
      %x = attn.einsum [] = map(%S[n1*N0+n0]) {
      ^bb0(%v: f32):
        %p = attn.index n : index
        %q = arith.index_cast %p : index to i32
        %t = arith.sitofp %q : i32 to f32
        %w = arith.mulf %v, %t : f32
        attn.yield %w : f32
      } reduce add(n0) : (tensor<?xf32>) -> tensor<f32>
      %rd = attn.einsum [] = add(%RD[], %x[]) : (tensor<f32>, tensor<f32>) -> tensor<f32>
      attn.yield %rd : tensor<f32>
    }
    attn.yield %r : tensor<f32>
  }
  return %o : tensor<f32>
}

// -----

// Steps within steps: the extents of the inner loop stand in front of the outer.
// CHECK-LABEL: func @nested
// CHECK-DAG: tensor.dim %{{.*}}, %c0
// CHECK-DAG: tensor.dim %{{.*}}, %c1
// CHECK: scf.for
// CHECK:   scf.for
func.func @nested(%s: tensor<?x?xf32>) -> tensor<f32> {
  // expected-remark@+1 {{materialises 3 intermediates}}
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<f32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [] = map() { attn.yield %zero : f32 } : () -> tensor<f32>
    %r = attn.iterate m1 of m by m0 init(%i : tensor<f32>) {
    ^bb0(%A: tensor<f32>):
      %t = attn.iterate n1 of n by n0 init(%A : tensor<f32>) {
      ^bb0(%B: tensor<f32>):
        %l = attn.einsum [] = %S[m1*M0+m0,n1*N0+n0] reduce add(m0, n0) : (tensor<?x?xf32>) -> tensor<f32>
        %d = attn.einsum [] = add(%B[], %l[]) : (tensor<f32>, tensor<f32>) -> tensor<f32>
        attn.yield %d : tensor<f32>
      }
      attn.yield %t : tensor<f32>
    }
    attn.yield %r : tensor<f32>
  }
  return %o : tensor<f32>
}

// -----

// The region of a reduction combines what came before with the next value, and the
// reduced ranks are loops in the order in which they are listed.
// CHECK-LABEL: func @ordered
// CHECK: linalg.fill ins(%{{.*}} : f32)
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "reduction", "parallel"]
// CHECK: ^bb0(%[[NEXT:.*]]: f32, %[[BEFORE:.*]]: f32):
// CHECK: %[[TEST:.*]] = arith.cmpf one, %[[NEXT]],
// CHECK: arith.select %[[TEST]], %[[NEXT]], %[[BEFORE]]
func.func @ordered(%s: tensor<?x?x?xf32>) -> tensor<?xf32> {
  // expected-remark@+1 {{materialises 0 intermediates}}
  %o = attn.cascade (%S = %s) : (tensor<?x?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,i,j] reduce associative(j, i) identity(0.0 : f32) {
    ^bb0(%a: f32, %b: f32):
      %zero = arith.constant 0.0 : f32
      %c = arith.cmpf one, %b, %zero : f32
      %d = arith.select %c, %b, %a : f32
      attn.yield %d : f32
    } : (tensor<?x?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// So they are where none but the first of them lies contiguously.
// CHECK-DAG: #[[$SWAPPED:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func @ordered_whole
// CHECK: linalg.generic {indexing_maps = [#[[$SWAPPED]], {{.*}}iterator_types = ["reduction", "reduction"]
func.func @ordered_whole(%s: tensor<?x?xf32>) -> tensor<f32> {
  // expected-remark@+1 {{materialises 0 intermediates}}
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<f32> {
    %r = attn.einsum [] = %S[i,j] reduce associative(j, i) identity(0.0 : f32) {
    ^bb0(%a: f32, %b: f32):
      %zero = arith.constant 0.0 : f32
      %c = arith.cmpf one, %b, %zero : f32
      %d = arith.select %c, %b, %a : f32
      attn.yield %d : f32
    } : (tensor<?x?xf32>) -> tensor<f32>
    attn.yield %r : tensor<f32>
  }
  return %o : tensor<f32>
}

// -----

// Data is brought into reach first, and then into the dimension that it indexes.
// CHECK-LABEL: func @gather
// CHECK-DAG: %[[FAR:.*]] = arith.constant 1099511627776 : index
// CHECK: linalg.generic
// CHECK: %[[DATA:.*]] = tensor.extract %{{.*}} : tensor<?xi64>
// CHECK: %[[INDEX:.*]] = arith.index_cast %[[DATA]] : i64 to index
// CHECK: arith.minsi %[[INDEX]], %[[FAR]]
// CHECK: arith.maxsi
// CHECK: tensor.dim %[[TABLE:.*]], %{{.*}} : tensor<?x8xf32>
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: scf.if
// CHECK: tensor.extract %{{.*}} : tensor<?x8xf32>
func.func @gather(%s: tensor<?x8xf32>, %t: tensor<?xi64>) -> tensor<?x8xf32> {
  // expected-remark@+1 {{materialises 0 intermediates}}
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32> {
    %r = attn.einsum [m,f] = %S[%T[m],f] : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// Bytes need not fit 64 bits.
// CHECK-LABEL: func @outer
func.func @outer(%x: tensor<1099511627776xf64>, %y: tensor<1099511627776xf64>) -> tensor<1099511627776xf64> {
  // expected-remark@+1 {{materialises 1 intermediate: [m,n] of 9671406556917033397649408 bytes}}
  %a = attn.cascade (%X = %x, %Y = %y) : (tensor<1099511627776xf64>, tensor<1099511627776xf64>) -> tensor<1099511627776xf64> {
    %p = attn.einsum [m,n] = mul(%X[m], %Y[n]) : (tensor<1099511627776xf64>, tensor<1099511627776xf64>) -> tensor<1099511627776x1099511627776xf64>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<1099511627776x1099511627776xf64>) -> tensor<1099511627776xf64>
    attn.yield %r : tensor<1099511627776xf64>
  }
  return %a : tensor<1099511627776xf64>
}
