// RUN: attn-reduce %s --attn-reduction="test=%S/Inputs/computes-tanh.sh" | FileCheck %s
// RUN: attn-reduce %s --attn-reduction="test=%S/Inputs/has-message.sh test-arg=unequal test-arg=--attn-normalize-cascade test-arg=--attn-derive-single-pass" -o %t
// RUN: FileCheck %s --check-prefix=DERIVE < %t
// RUN: wc -l < %t | FileCheck %s --check-prefix=LINES
// RUN: not attn-reduce %s --attn-reduction="test=%S/Inputs/has-message.sh test-arg=nonsense test-arg=--attn-normalize-cascade" 2>&1 | FileCheck %s --check-prefix=DULL
// RUN: not attn-reduce %s --attn-reduction 2>&1 | FileCheck %s --check-prefix=NOTEST

// One einsum is left, with one operation and one rank; offset and origin go.
// CHECK: func.func @planted(%{{.*}}: tensor<?xf32>) -> tensor<f32>
// CHECK: attn.cascade ({{[^,]*}}) : (tensor<?xf32>) -> tensor<f32> {
// CHECK-NEXT: attn.einsum [] = map(
// CHECK-NEXT: ^bb0
// CHECK-NEXT: math.tanh
// CHECK-NEXT: attn.yield
// CHECK-NEXT: reduce mul(n)
// CHECK-NEXT: attn.yield
// CHECK-NOT: attn.einsum

// What stops the derivation is the maximum, the weights and their sum with
// their exponents, without batch, features, sparsity or a second result.
// DERIVE: func.func @planted(%{{.*}}: tensor<?xf32>{{.*}}) -> tensor<f32>
// DERIVE-NOT: where
// DERIVE: reduce max(n)
// DERIVE: math.exp
// DERIVE-NOT: math.tanh
// DERIVE: return

// LINES: {{^[12]?[0-9]$}}

// DULL: error: the test '{{.*}}has-message.sh' does not find the input interesting: it must exit with a status other than 0
// NOTEST: error: attn-reduction needs a test: attn-reduction=test=FILE

func.func @planted(%q: tensor<?x?x16xf32>, %k: tensor<?x?x16xf32>, %v: tensor<?x?x8xf32>, %t: tensor<?xf32>, %first: tensor<i64>)
    -> (tensor<?x?x8xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
  %o:3 = attn.cascade (%X = %first, %Q = %q, %K = %k, %V = %v, %T = %t) where causal and window(30, 2) over (m, n) align offset(%X[]) origin(n = %X[])
      : (tensor<i64>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x8xf32>, tensor<?xf32>)
      -> (tensor<?x?x8xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
    %qk = attn.einsum [b,m,n] = mul(%Q[b,m,e], %K[b,n,e]) reduce add(e) : (tensor<?x?x16xf32>, tensor<?x?x16xf32>) -> tensor<?x?x?xf32>
    %s = attn.einsum [b,m,n] = map(%qk[b,m,n], %T[m]) {
    ^bb0(%x: f32, %y: f32):
      %c = arith.constant 0.25 : f32
      %z = arith.mulf %x, %c : f32
      %r = arith.mulf %z, %y : f32
      attn.yield %r : f32
    } : (tensor<?x?x?xf32>, tensor<?xf32>) -> tensor<?x?x?xf32>
    %gm = attn.einsum [b,m] = %s[b,m,n] reduce max(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %p = attn.einsum [b,m,n] = map(%s[b,m,n], %gm[b,m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
    %mixed = attn.einsum [b,m,n] = map(%p[b,m,n], %s[b,m,n], %gm[b,m]) {
    ^bb0(%x: f32, %a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %y = arith.addf %x, %d : f32
      attn.yield %y : f32
    } : (tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
    %sd = attn.einsum [b,m] = %mixed[b,m,n] reduce add(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    %w = attn.einsum [b,m,n] = div(%p[b,m,n], %sd[b,m]) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
    %av = attn.einsum [b,m,f] = mul(%w[b,m,n], %V[b,n,f]) reduce add(n) : (tensor<?x?x?xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    %z = attn.einsum [b,m] = map(%s[b,m,n]) {
    ^bb0(%x: f32):
      %one = arith.constant 1.0 : f32
      %y = math.tanh %x : f32
      %r = arith.addf %y, %one : f32
      attn.yield %r : f32
    } reduce mul(n) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
    attn.yield %av, %sd, %z : tensor<?x?x8xf32>, tensor<?x?xf32>, tensor<?x?xf32>
  }
  return %o#0, %o#1, %o#2 : tensor<?x?x8xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}
