// RUN: attn-opt %s --attn-derive-single-pass=split=64 | FileCheck %s
// RUN: attn-opt %s --attn-derive-single-pass | FileCheck %s --check-prefix=WHOLE
// RUN: attn-opt %s --attn-derive-single-pass=split=auto | FileCheck %s --check-prefix=CPU
// RUN: attn-opt %s "--attn-derive-single-pass=split=auto shared-bytes=100000" | FileCheck %s --check-prefix=GPU
// RUN: not attn-opt %s --attn-derive-single-pass=split=24 2>&1 | FileCheck %s --check-prefix=WRONG

// WRONG: option 'split' is '24', but must be auto, none or a positive multiple of 16

// Every carried value has a part for each run; the merge repairs what each run has
// from its own maximum to that of all, and reduces over the runs as a step does over
// its points. What stands behind the loop follows.

// CHECK-LABEL: func.func @softmax
// CHECK: %[[RUNS:.*]]:3 = attn.cascade {{.*}} -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x8xf32>) {
// CHECK: attn.iterate n1 of n by n0 split s by 64 init({{.*}} : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x8xf32>) {
// CHECK: attn.einsum [s,m] = %{{.*}}[m,n1*N0+n0] reduce max(n0)
// CHECK: attn.einsum [s,m,n0] = map(%{{.*}}[m,n1*N0+n0], %{{.*}}[s,m])
// CHECK: attn.cascade (%[[X:.*]] = %[[RUNS]]#0, %[[D:.*]] = %[[RUNS]]#1, %[[A:.*]] = %[[RUNS]]#2) attributes {attn.form = "unfused"}
// CHECK: %[[MAX:.*]] = attn.einsum [m] = %[[X]][s,m] reduce max(s)
// CHECK: %[[C:.*]] = attn.einsum [s,m] = map(%[[X]][s,m], %[[MAX]][m]) {
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: %[[VALUES:.*]] = attn.einsum [m,f] = mul(%[[A]][s,m,f], %[[C]][s,m]) reduce add(s)
// CHECK: %[[SUM:.*]] = attn.einsum [m] = mul(%[[D]][s,m], %[[C]][s,m]) reduce add(s)
// CHECK: attn.einsum [m,f] = div(%[[VALUES]][m,f], %[[SUM]][m])
// WHOLE-LABEL: func.func @softmax
// WHOLE-NOT: split
// WHOLE: attn.iterate n1 of n by n0 init
// Four rows are few, and one item.
// CPU-LABEL: func.func @softmax
// CPU: attn.iterate n1 of n by n0 split s by 2048 init
// GPU-LABEL: func.func @softmax
// GPU: attn.iterate n1 of n by n0 split s by 512 init
func.func @softmax(%s: tensor<4x?xf32>, %v: tensor<?x8xf32>) -> tensor<4x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<4x?xf32>, tensor<?x8xf32>) -> tensor<4x8xf32> {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<4x?xf32>) -> tensor<4xf32>
    %p = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<4x?xf32>, tensor<4xf32>) -> tensor<4x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<4x?xf32>) -> tensor<4xf32>
    %a = attn.einsum [m,f] = mul(%p[m,n], %V[n,f]) reduce add(n) : (tensor<4x?xf32>, tensor<?x8xf32>) -> tensor<4x8xf32>
    %r = attn.einsum [m,f] = div(%a[m,f], %d[m]) : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
    attn.yield %r : tensor<4x8xf32>
  }
  return %o : tensor<4x8xf32>
}

// A known extent is a known number of runs. A sum is not repaired.
// CHECK-LABEL: func.func @sum
// CHECK: attn.iterate {{.*}} split s by 64 init(%{{.*}} : tensor<2x?xf32>)
// CHECK: attn.cascade (%[[R:.*]] = %{{.*}}) attributes {attn.form = "unfused"} : (tensor<2x?xf32>)
// CHECK-NEXT: attn.einsum [m] = %[[R]][s,m] reduce add(s)
// Rows that may be many have tiles enough.
// GPU-LABEL: func.func @sum
// GPU-NOT: split
// CPU-LABEL: func.func @sum
// CPU-NOT: split
func.func @sum(%s: tensor<?x100xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x100xf32>) -> tensor<?xf32> {
    %e = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%a: f32):
      %r = math.exp %a : f32
      attn.yield %r : f32
    } : (tensor<?x100xf32>) -> tensor<?x100xf32>
    %x = attn.einsum [m] = %e[m,n] reduce add(n) : (tensor<?x100xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// What data and quotients of the stream read of an input is read by every run, and
// the tables of data are no operands beside it.
// CHECK-LABEL: func.func @pages
// CPU-LABEL: func.func @pages
// GPU-LABEL: func.func @pages
// CHECK: attn.einsum [s,m,f] = mul(%{{.*}}[m,n1*N0+n0], %{{.*}}[%{{.*}}[(n1*N0+n0) floordiv 16],(n1*N0+n0) mod 16,f]) reduce add(n0)
func.func @pages(%s: tensor<4x?xf32>, %v: tensor<?x16x8xf32>, %t: tensor<?xi32>) -> tensor<4x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v, %T = %t) : (tensor<4x?xf32>, tensor<?x16x8xf32>, tensor<?xi32>) -> tensor<4x8xf32> {
    %a = attn.einsum [m,f] = mul(%S[m,n], %V[%T[n floordiv 16],n mod 16,f]) reduce add(n)
        : (tensor<4x?xf32>, tensor<?x16x8xf32>, tensor<?xi32>) -> tensor<4x8xf32>
    attn.yield %a : tensor<4x8xf32>
  }
  return %o : tensor<4x8xf32>
}
