// RUN: attn-opt %s --attn-expand-attention | FileCheck %s

// Heads are split into (k, g) around the cascade.
// CHECK-LABEL: func @grouped
// CHECK-SAME: (%[[ARGQ:.*]]: tensor<?x8x?x64xbf16>, %[[ARGK:.*]]: {{.*}}, %[[ARGV:.*]]: {{.*}})
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[ARGQ]] {{\[\[}}0], [1, 2], [3], [4]]
// CHECK: %[[R:.*]] = attn.cascade (%[[Q:.*]] = %[[SPLIT]], %[[K:.*]] = %[[ARGK]], %[[V:.*]] = %[[ARGV]]) where causal over (m, n) align bottom_right
// CHECK: %[[QK:.*]] = attn.einsum [b,k,g,m,n] = mul(%[[Q]][b,k,g,m,e], %[[K]][b,k,n,e]) reduce add(e)
// CHECK-SAME: -> tensor<?x2x4x?x?xf32>
// CHECK: %[[S:.*]] = attn.einsum [b,k,g,m,n] = map(%[[QK]][b,k,g,m,n])
// CHECK: arith.constant 1.250000e-01 : f32
// CHECK: arith.mulf
// CHECK: %[[GM:.*]] = attn.einsum [b,k,g,m] = %[[S]][b,k,g,m,n] reduce max(n)
// CHECK: %[[SN:.*]] = attn.einsum [b,k,g,m,n] = map(%[[S]][b,k,g,m,n], %[[GM]][b,k,g,m])
// CHECK: %[[SD:.*]] = attn.einsum [b,k,g,m] = %[[SN]][b,k,g,m,n] reduce add(n)
// CHECK: %[[A:.*]] = attn.einsum [b,k,g,m,n] = div(%[[SN]][b,k,g,m,n], %[[SD]][b,k,g,m])
// CHECK: %[[AV:.*]] = attn.einsum [b,k,g,m,f] = mul(%[[A]][b,k,g,m,n], %[[V]][b,k,n,f]) reduce add(n)
// CHECK-SAME: -> tensor<?x2x4x?x32xbf16>
// CHECK: attn.yield %[[AV]]
// CHECK: tensor.collapse_shape %[[R]] {{\[\[}}0], [1, 2], [3], [4]] : tensor<?x2x4x?x32xbf16> into tensor<?x8x?x32xbf16>
func.func @grouped(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>) -> tensor<?x8x?x32xbf16> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>) -> tensor<?x8x?x32xbf16>
  return %o : tensor<?x8x?x32xbf16>
}

// A scale of 1 leaves no einsum, a plain operator no space. Both head ranks are
// there even where one has extent 1; f64 computes in f64.
// CHECK-LABEL: func @plain
// CHECK: attn.cascade (%{{.*}}) : (tensor<1x2x1x?x8xf64>
// CHECK-NEXT: %[[QK:.*]] = attn.einsum [b,k,g,m,n]
// CHECK-NEXT: attn.einsum [b,k,g,m] = %[[QK]][b,k,g,m,n] reduce max(n) : (tensor<1x2x1x?x?xf64>)
func.func @plain(%q: tensor<1x2x?x8xf64>, %k: tensor<1x2x?x8xf64>, %v: tensor<1x2x?x8xf64>) -> tensor<1x2x?x8xf64> {
  %o = attn.attention(%q, %k, %v) score [scale(1.0)] : (tensor<1x2x?x8xf64>, tensor<1x2x?x8xf64>, tensor<1x2x?x8xf64>) -> tensor<1x2x?x8xf64>
  return %o : tensor<1x2x?x8xf64>
}

// Modifiers apply in the order in which they are written. In a map h is k*G+g,
// and constants from outside move in.
// CHECK-LABEL: func @modifiers
// CHECK: lengths key(%[[KL:.*]][b]) query(%[[QL:.*]][b])
// CHECK: reduce add(e)
// CHECK: arith.constant 5.000000e-01 : f32
// CHECK-NEXT: arith.mulf
// CHECK: arith.divf
// CHECK-NEXT: math.tanh
// CHECK-NEXT: arith.mulf
// CHECK: attn.einsum [b,k,g,m,n] = add(%{{.*}}[b,k,g,m,n], %{{.*}}[k,g,n])
// CHECK: attn.einsum [b,k,g,m,n] = map(%{{.*}}[b,k,g,m,n], %{{.*}}[b,m])
// CHECK: %[[KH:.*]] = attn.index k : index
// CHECK: %[[GH:.*]] = attn.index g : index
// CHECK: %[[SIZE:.*]] = arith.constant 4 : index
// CHECK: %[[FIRST:.*]] = arith.muli %[[KH]], %[[SIZE]]
// CHECK: arith.addi %[[FIRST]], %[[GH]]
// CHECK-NOT: attn.index b
// CHECK: attn.index n : index
// CHECK: arith.constant 7 : index
// CHECK: reduce max(n)
func.func @modifiers(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %bias: tensor<8x?xf32>, %t: tensor<?x?xi32>, %kl: tensor<?xi32>, %ql: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
  %c7 = arith.constant 7 : index
  %o = attn.attention(%q, %k, %v)
      score [scale(0.5), softcap(20.0), bias(%bias[h, n] : tensor<8x?xf32>), map(%t[b, m] : tensor<?x?xi32>) {
        ^bb0(%s: f32, %x: i32, %b: index, %h: index, %m: index, %n: index):
          %p = arith.addi %h, %n : index
          %r = arith.addi %p, %c7 : index
          %i = arith.index_cast %r : index to i32
          %j = arith.addi %i, %x : i32
          %f = arith.sitofp %j : i32 to f32
          %y = arith.addf %s, %f : f32
          attn.yield %y : f32
        }]
      align top_left lengths key(%kl : tensor<?xi32>) query(%ql : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Sinks join the maximum and the sum, and with it the log-sum-exp.
// CHECK-LABEL: func @sinks
// CHECK: %[[GM:.*]] = attn.einsum [b,k,g,m] = %{{.*}} reduce max(n)
// CHECK: %[[GM1:.*]] = attn.einsum [b,k,g,m] = max(%[[GM]][b,k,g,m], %[[SINK:.*]][k,g])
// CHECK: %[[SD:.*]] = attn.einsum [b,k,g,m] = %{{.*}} reduce add(n)
// A row without a live key has denominator 0: a sink is no key.
// CHECK: %[[SD1:.*]] = attn.einsum [b,k,g,m] = map(%[[SD]][b,k,g,m], %[[SINK]][k,g], %[[GM1]][b,k,g,m], %[[GM]][b,k,g,m])
// CHECK: arith.cmpf ole
// CHECK: arith.select
// CHECK: %[[LSE:.*]] = attn.einsum [b,k,g,m] = map(%[[GM1]][b,k,g,m], %[[SD1]][b,k,g,m])
// CHECK: math.log
// CHECK: attn.yield %{{.*}}, %[[LSE]]
func.func @sinks(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>, %s: tensor<8xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
  %o, %l = attn.attention(%q, %k, %v) sinks(%s : tensor<8xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  return %o, %l : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
}

// The sum over keys is kept in the compute type of the operands.
// CHECK-LABEL: func @narrow_result
// CHECK: %[[AV:.*]] = attn.einsum [b,k,g,m,f] = mul(%{{.*}}[b,k,g,m,n], %{{.*}}[b,k,n,f]) reduce add(n) : {{.*}} -> tensor<?x2x4x?x64xf64>
// CHECK: %[[O:.*]] = attn.einsum [b,k,g,m,f] = %[[AV]][b,k,g,m,f] : (tensor<?x2x4x?x64xf64>) -> tensor<?x2x4x?x64xf32>
// CHECK: attn.yield %[[O]]
func.func @narrow_result(%q: tensor<?x8x?x64xf64>, %k: tensor<?x2x?x64xf64>, %v: tensor<?x2x?x64xf64>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x?x64xf64>, tensor<?x2x?x64xf64>, tensor<?x2x?x64xf64>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @wide_result
// CHECK: %[[AV:.*]] = attn.einsum [b,k,g,m,f] = mul(%{{.*}}[b,k,g,m,n], %{{.*}}[b,k,n,f]) reduce add(n) : {{.*}} -> tensor<?x2x4x?x64xf32>
// CHECK: attn.einsum [b,k,g,m,f] = %[[AV]][b,k,g,m,f] : (tensor<?x2x4x?x64xf32>) -> tensor<?x2x4x?x64xf64>
func.func @wide_result(%q: tensor<?x8x?x64xf16>, %k: tensor<?x2x?x64xf16>, %v: tensor<?x2x?x64xf16>) -> tensor<?x8x?x64xf64> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x8x?x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>) -> tensor<?x8x?x64xf64>
  return %o : tensor<?x8x?x64xf64>
}

// CHECK-LABEL: func @merge
// CHECK-NOT: attn.merge
// CHECK: %[[M:.*]] = attn.einsum [b,h,m] = map(%[[LA:.*]][b,h,m], %[[LB:.*]][b,h,m], %[[SINK:.*]][h])
// CHECK: arith.constant -3.40282347E+38
// CHECK-COUNT-3: arith.maximumf
// CHECK: %[[KM:.*]] = attn.einsum [b,h,m] = map(%[[LA]][b,h,m], %[[LB]][b,h,m]) {
// CHECK: %[[WA:.*]] = attn.einsum [b,h,m] = map(%[[LA]][b,h,m], %[[M]][b,h,m])
// CHECK: %[[TA:.*]] = attn.einsum [b,h,m,f] = mul(%[[WA]][b,h,m], %{{.*}}[b,h,m,f])
// CHECK: %[[WB:.*]] = attn.einsum [b,h,m] = map(%[[LB]][b,h,m], %[[M]][b,h,m])
// CHECK: %[[TB:.*]] = attn.einsum [b,h,m,f] = mul(%[[WB]][b,h,m], %{{.*}}[b,h,m,f])
// CHECK: %[[WS:.*]] = attn.einsum [b,h,m] = map(%[[SINK]][h], %[[M]][b,h,m])
// CHECK: %[[D:.*]] = attn.einsum [b,h,m] = map(%[[WA]][b,h,m], %[[WB]][b,h,m], %[[WS]][b,h,m], %[[KM]][b,h,m])
// CHECK: %[[T:.*]] = attn.einsum [b,h,m,f] = add(%[[TA]][b,h,m,f], %[[TB]][b,h,m,f])
// CHECK: attn.einsum [b,h,m,f] = div(%[[T]][b,h,m,f], %[[D]][b,h,m])
// CHECK: math.log
func.func @merge(%a: tensor<?x8x?x32xf32>, %la: tensor<?x8x?xf32>, %b: tensor<?x8x?x32xf32>, %lb: tensor<?x8x?xf32>, %s: tensor<8xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>) {
  %o, %l = attn.merge(%a, %b) lse(%la, %lb) sinks(%s) : (tensor<?x8x?x32xf32>, tensor<?x8x?x32xf32>, tensor<?x8x?xf32>, tensor<?x8x?xf32>, tensor<8xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>)
  return %o, %l : tensor<?x8x?x32xf32>, tensor<?x8x?xf32>
}

// A part: an index becomes a tensor, and the origin of h is that of g.
// CHECK-LABEL: func @part
// CHECK-SAME: %[[H:[a-z0-9]+]]: index, %[[X:[a-z0-9]+]]: tensor<?xi32>
// CHECK: %[[N:.*]] = arith.index_cast %[[H]] : index to i64
// CHECK: %[[T:.*]] = tensor.from_elements %[[N]] : tensor<i64>
// CHECK: attn.cascade ({{.*}}) where causal over (m, n) align offset(%[[X1:.*]][b]) origin(g = %[[T1:.*]][], n = %[[X1]][b])
// CHECK: attn.index k
// CHECK: attn.index g
func.func @part(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %h: index, %x: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(1.0), map() {
      ^bb0(%s: f32, %b: index, %i: index, %m: index, %n: index):
        %j = arith.index_cast %i : index to i32
        %f = arith.sitofp %j : i32 to f32
        %r = arith.addf %s, %f : f32
        attn.yield %r : f32
      }] where causal align offset(%x : tensor<?xi32>) origin(h = %h : index, n = %x : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// A renormalised gate with a positive activation is its logarithm on the score:
// log(sigmoid(x)) = -softplus(-x). The weights themselves have no gate.
// CHECK-LABEL: func @positive_gate
// CHECK: %[[S:.*]] = attn.einsum [b,k,g,m,n] = mul({{.*}}) reduce add(e)
// CHECK: %[[G:.*]] = attn.einsum [b,k,g,m,n] = map(%[[S]][b,k,g,m,n], %{{.*}}[b,n]) {
// CHECK: arith.negf
// CHECK: math.absf
// CHECK: math.log1p
// CHECK: arith.negf
// CHECK: arith.addf
// CHECK: %[[X:.*]] = attn.einsum [b,k,g,m] = %[[G]][b,k,g,m,n] reduce max(n)
// CHECK: %[[P:.*]] = attn.einsum [b,k,g,m,n] = map(%[[G]][b,k,g,m,n], %[[X]][b,k,g,m])
// CHECK: %[[D:.*]] = attn.einsum [b,k,g,m] = %[[P]][b,k,g,m,n] reduce add(n)
// CHECK: %[[W:.*]] = attn.einsum [b,k,g,m,n] = div(%[[P]][b,k,g,m,n], %[[D]][b,k,g,m])
// CHECK: mul(%[[W]]
func.func @positive_gate(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %g: tensor<?x?xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(1.0)] gate weight sigmoid(%g[b, n] : tensor<?x?xf32>) renormalised
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Other gates multiply where they stand: numerators before the sum, weights
// after the quotient, features before the scores, the output with a test for
// rows without a weight.
// CHECK-LABEL: func @gates
// CHECK: %[[K:.*]] = attn.einsum [b,k,g,n,e] = map(%{{.*}}[b,k,n,e], %{{.*}}[k,g,e])
// CHECK: mul(%{{.*}}[b,k,g,m,e], %[[K]][b,k,g,n,e]) reduce add(e)
// CHECK: math.exp
// CHECK: %[[P:.*]] = attn.einsum [b,k,g,m,n] = map(%{{.*}}[b,k,g,m,n], %{{.*}}[b,n])
// CHECK-NEXT: ^bb0
// CHECK-NEXT: math.tanh
// CHECK: %[[D:.*]] = attn.einsum [b,k,g,m] = %[[P]][b,k,g,m,n] reduce add(n)
// CHECK: %[[W:.*]] = attn.einsum [b,k,g,m,n] = div(%[[P]]
// CHECK: %[[WG:.*]] = attn.einsum [b,k,g,m,n] = mul(%[[W]][b,k,g,m,n], %{{.*}}[k,g])
// CHECK: %[[O:.*]] = attn.einsum [b,k,g,m,f] = mul(%[[WG]]
// CHECK: attn.einsum [b,k,g,m,f] = map(%[[O]][b,k,g,m,f], %{{.*}}[b,k,g,m,f], %[[D]][b,k,g,m])
// CHECK: arith.cmpf oeq
// CHECK: arith.select
func.func @gates(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %g: tensor<?x?xf32>, %h: tensor<8xf32>, %e: tensor<8x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(1.0)] gate key sigmoid(%e[h, e] : tensor<8x64xf32>)
      gate weight tanh(%g[b, n] : tensor<?x?xf32>) renormalised
      gate weight none(%h[h] : tensor<8xf32>)
      gate output sigmoid(%q[b, h, m, f] : tensor<?x8x?x64xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Gates that are one number for all features leave queries, keys and values as they are:
// they are factors of the scores, behind scales and before anything else, or of the weights,
// behind the denominator.
// CHECK-LABEL: func @row_gates
// CHECK: %[[S:.*]] = attn.einsum [b,k,g,m,n] = mul(%{{.*}}[b,k,g,m,e], %{{.*}}[b,k,n,e]) reduce add(e)
// CHECK: %[[SCALED:.*]] = attn.einsum [b,k,g,m,n] = map(%[[S]][b,k,g,m,n])
// CHECK: arith.constant 2.500000e-01
// CHECK: %[[Q:.*]] = attn.einsum [b,k,g,m,n] = map(%[[SCALED]][b,k,g,m,n], %{{.*}}[b,k,g,m])
// CHECK: math.tanh
// CHECK: %[[K:.*]] = attn.einsum [b,k,g,m,n] = mul(%[[Q]][b,k,g,m,n], %{{.*}}[k,g,n])
// CHECK: %[[C:.*]] = attn.einsum [b,k,g,m,n] = map(%[[K]][b,k,g,m,n])
// CHECK: math.tanh
// CHECK: %[[D:.*]] = attn.einsum [b,k,g,m] = %[[P:.*]][b,k,g,m,n] reduce add(n)
// CHECK: %[[W:.*]] = attn.einsum [b,k,g,m,n] = div(%[[P]][b,k,g,m,n], %[[D]][b,k,g,m])
// CHECK: %[[WG:.*]] = attn.einsum [b,k,g,m,n] = map(%[[W]][b,k,g,m,n], %{{.*}}[b,n])
// CHECK: math.exp
// CHECK: mul(%[[WG]][b,k,g,m,n], %{{.*}}[b,k,n,f]) reduce add(n)
func.func @row_gates(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %g: tensor<?x8x?xf32>, %h: tensor<8x?xf32>, %n: tensor<?x?xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(0.25), softcap(30.0)]
      gate query tanh(%g[b, h, m] : tensor<?x8x?xf32>)
      gate key none(%h[h, n] : tensor<8x?xf32>)
      gate value sigmoid(%n[b, n] : tensor<?x?xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: func @softmax_plus_one
// CHECK: %[[X:.*]] = attn.einsum [b,k,g,m] = %[[S:.*]][b,k,g,m,n] reduce max(n)
// CHECK: %[[Y:.*]] = attn.einsum [b,k,g,m] = map(%[[X]][b,k,g,m]) {
// CHECK: arith.constant 0.0
// CHECK: arith.maximumf
// CHECK: %[[P:.*]] = attn.einsum [b,k,g,m,n] = map(%[[S]][b,k,g,m,n], %[[Y]][b,k,g,m])
// CHECK: %[[D:.*]] = attn.einsum [b,k,g,m] = %[[P]][b,k,g,m,n] reduce add(n)
// CHECK: %[[E:.*]] = attn.einsum [b,k,g,m] = map(%[[D]][b,k,g,m], %[[Y]][b,k,g,m], %[[X]][b,k,g,m]) {
// CHECK: math.exp
// CHECK: arith.select
// CHECK: div(%[[P]][b,k,g,m,n], %[[E]][b,k,g,m])
func.func @softmax_plus_one(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(1.0)] normalise softmax_plus_one
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// A renormalised gate joins the sum; no logarithm is left to add to a score.
// CHECK-LABEL: func @l2
// CHECK: %[[S:.*]] = attn.einsum [b,k,g,m,n] = mul({{.*}}) reduce add(e)
// CHECK: %[[G:.*]] = attn.einsum [b,k,g,m,n] = map(%[[S]][b,k,g,m,n], %{{.*}}[n]) {
// CHECK: math.exp
// CHECK: arith.mulf
// CHECK: %[[T:.*]] = attn.einsum [b,k,g,m] = map(%[[G]][b,k,g,m,n]) {
// CHECK: } reduce add(n)
// CHECK: %[[D:.*]] = attn.einsum [b,k,g,m] = map(%[[T]][b,k,g,m]) {
// CHECK: math.sqrt
// CHECK: %[[W:.*]] = attn.einsum [b,k,g,m,n] = div(%[[G]][b,k,g,m,n], %[[D]][b,k,g,m])
// CHECK: mul(%[[W]]
func.func @l2(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %g: tensor<?xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(1.0)] normalise l2
      gate weight exp(%g[n] : tensor<?xf32>) renormalised
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Without a denominator the number of live keys says which rows stay 0.
// CHECK-LABEL: func @sigmoid
// CHECK: %[[W:.*]] = attn.einsum [b,k,g,m,n] = map(%[[S:.*]][b,k,g,m,n]) {
// CHECK: math.exp
// CHECK: %[[O:.*]] = attn.einsum [b,k,g,m,f] = mul(%[[W]]
// CHECK: %[[N:.*]] = attn.einsum [b,k,g,m] = map(%[[S]][b,k,g,m,n]) {
// CHECK: } reduce add(n)
// CHECK: map(%[[O]][b,k,g,m,f], %{{.*}}[b,k,g,m,f], %[[N]][b,k,g,m]) {
// CHECK: arith.select
func.func @sigmoid(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(1.0)] normalise sigmoid
      gate output none(%q[b, h, m, f] : tensor<?x8x?x64xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// The map of weights reads the quotient, and gates on the weight read the map.
// CHECK-LABEL: func @weights
// CHECK: %[[W:.*]] = attn.einsum [b,k,g,m,n] = div(
// CHECK: %[[M:.*]] = attn.einsum [b,k,g,m,n] = add(%[[W]][b,k,g,m,n], %{{.*}}[k,g,m])
// CHECK: %[[G:.*]] = attn.einsum [b,k,g,m,n] = mul(%[[M]][b,k,g,m,n], %{{.*}}[k,g,m])
// CHECK: mul(%[[G]]
func.func @weights(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %t: tensor<8x?xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) score [scale(1.0)]
      weights(%t[h, m] : tensor<8x?xf32>) {
      ^bb0(%p: f32, %x: f32, %b: index, %h: index, %m: index, %n: index):
        %r = arith.addf %p, %x : f32
        attn.yield %r : f32
      }
      gate weight none(%t[h, m] : tensor<8x?xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// Branches join in the type of the sum: one that something else reads is rounded
// there. Each sum reads its own branch first.
// CHECK-LABEL: func @mix
// CHECK: %[[A:.*]] = tensor.collapse_shape {{.*}} into tensor<?x8x?x64xf32>
// CHECK: %[[R:.*]] = arith.truncf %[[A]] : tensor<?x8x?x64xf32> to tensor<?x8x?x64xbf16>
// CHECK: %[[B:.*]] = tensor.collapse_shape {{.*}} into tensor<?x8x?x64xf32>
// CHECK: %[[AB:.*]] = attn.cascade (%{{.*}} = %[[B]], %{{.*}} = %[[A]]) : {{.*}} -> tensor<?x8x?x64xf32>
// CHECK: add(
// CHECK: %[[O:.*]] = attn.cascade (%{{.*}} = %{{.*}}, %{{.*}} = %[[AB]]) : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xbf16>
// CHECK: return %[[O]], %[[R]]
func.func @mix(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %x: tensor<?x8x?x64xbf16>) -> (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) {
  %a = attn.attention(%q, %k, %k) : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x8x?x64xbf16>
  %b = attn.attention(%q, %k, %k) where causal : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x8x?x64xbf16>
  %o = attn.mix %a, %b, %x : (tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>) -> tensor<?x8x?x64xbf16>
  return %o, %a : tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>
}

// A cast of the shape in between does not round either.
// CHECK-LABEL: func @mix_of_casts
// CHECK: %[[C:.*]] = tensor.cast %{{.*}} : tensor<2x4x16x32xf32> to tensor<?x4x?x32xf32>
// CHECK-NOT: truncf
// CHECK: attn.cascade (%{{.*}} = %[[C]]) : (tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xbf16>
func.func @mix_of_casts(%q: tensor<2x4x16x32xbf16>, %k: tensor<2x4x?x32xbf16>) -> tensor<?x4x?x32xbf16> {
  %a = attn.attention(%q, %k, %k) : (tensor<2x4x16x32xbf16>, tensor<2x4x?x32xbf16>, tensor<2x4x?x32xbf16>) -> tensor<2x4x16x32xbf16>
  %c = tensor.cast %a : tensor<2x4x16x32xbf16> to tensor<?x4x?x32xbf16>
  %o = attn.mix %c, %c : (tensor<?x4x?x32xbf16>, tensor<?x4x?x32xbf16>) -> tensor<?x4x?x32xbf16>
  return %o : tensor<?x4x?x32xbf16>
}

// Segments are a clause of the iteration space, and alone enough to have one.
// CHECK-LABEL: func @packed
// CHECK: attn.cascade (%{{.*}}, %[[X:[A-Za-z0-9_]+]] = %arg2, %[[Y:[A-Za-z0-9_]+]] = %arg3) over (m, n) align bottom_right segments query(%[[X]][b]) key(%[[Y]][])
func.func @packed(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %x: tensor<?x?xi32>, %y: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) segments query(%x : tensor<?x?xi32>) key(%y : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// A predicate receives the indices that it reads, with heads split; constants from
// outside move into it.
// CHECK-LABEL: func @predicate
// CHECK: attn.cascade ({{.*}} = %arg2, %[[H:[A-Za-z0-9_]+]] = %expanded{{.*}}) where causal and predicate(%{{.*}}[b,m], %[[H]][k,g], k, g, n) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: i32, %[[Y:.*]]: f32, %[[K:.*]]: index, %[[G:.*]]: index, %[[N:.*]]: index):
// CHECK: %[[FOUR:.*]] = arith.constant 4 : index
// CHECK: %[[FIRST:.*]] = arith.muli %[[K]], %[[FOUR]] : index
// CHECK: %[[HEAD:.*]] = arith.addi %[[FIRST]], %[[G]] : index
// CHECK: arith.constant 7 : i32
// CHECK: arith.cmpi slt, %[[N]], %[[HEAD]] : index
// CHECK: } over (m, n) align bottom_right
func.func @predicate(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %doc: tensor<?x?xi32>, %of: tensor<8xbf16>) -> tensor<?x8x?x64xf32> {
  %c7 = arith.constant 7 : i32
  %o = attn.attention(%q, %k, %k) where causal and predicate(%doc[b, m] : tensor<?x?xi32>, %of[h] : tensor<8xbf16>) {
      ^bb0(%x: i32, %y: f32, %b: index, %h: index, %m: index, %n: index):
        %s = arith.cmpi eq, %x, %c7 : i32
        %z = arith.cmpf ord, %y, %y : f32
        %t = arith.cmpi slt, %n, %h : index
        %u = arith.andi %s, %t : i1
        %r = arith.ori %u, %z : i1
        attn.yield %r : i1
      }
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
