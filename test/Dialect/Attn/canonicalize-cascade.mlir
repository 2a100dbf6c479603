// RUN: attn-opt --canonicalize --split-input-file %s | FileCheck %s

// Results that nobody reads go, and so do the inputs that only they read. Of
// equal inputs one is left; the lengths follow theirs.
// CHECK-LABEL: func @unused
// CHECK-SAME: %[[S:.*]]: tensor<?x?x?xf32>, %[[T:.*]]: tensor<?xf32>, %[[L:.*]]: tensor<?xi32>
// CHECK: %[[R:.*]] = attn.cascade (%[[A:.*]] = %[[S]], %[[B:.*]] = %[[L]]) where causal over (m, n) align bottom_right lengths key(%[[B]][b]) : (tensor<?x?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
// CHECK-NEXT: attn.einsum [b,m] = mul(%[[A]][b,m,n], %[[A]][b,m,n])
// CHECK-NEXT: attn.yield
func.func @unused(%s: tensor<?x?x?xf32>, %t: tensor<?xf32>, %l: tensor<?xi32>) -> tensor<?x?xf32> {
  %u, %r = attn.cascade (%S = %s, %T = %t, %S2 = %s, %L = %l) where causal over (m, n) align bottom_right lengths key(%L[b])
      : (tensor<?x?x?xf32>, tensor<?xf32>, tensor<?x?x?xf32>, tensor<?xi32>) -> (tensor<?xf32>, tensor<?x?xf32>) {
    %a = attn.einsum [i] = mul(%T[i], %T[i]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %b = attn.einsum [b,m] = mul(%S[b,m,n], %S2[b,m,n]) reduce add(n) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?xf32>
    attn.yield %a, %b : tensor<?xf32>, tensor<?x?xf32>
  }
  return %r : tensor<?x?xf32>
}

// -----

// The unused result alone uses the plane's key rank: without it `over` would
// name a rank of no einsum (CA-2). The einsum that alone states the extent of i
// stays (CA-6).
// CHECK-LABEL: func @needed
// CHECK: attn.cascade {{.*}} -> (tensor<?xf32>, tensor<?xf32>)
// CHECK: attn.cascade {{.*}} -> (tensor<?xf32>, tensor<?xf32>)
func.func @needed(%s: tensor<?x?xf32>, %t: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %u, %r = attn.cascade (%S = %s, %T = %t) where causal over (m, n) align bottom_right : (tensor<?x?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %a = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %b = attn.einsum [m] = mul(%T[m], %T[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %a, %b : tensor<?xf32>, tensor<?xf32>
  }
  %v, %w = attn.cascade (%S = %s, %T = %t) : (tensor<?x?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %a = attn.einsum [i] = mul(%T[i], %T[i]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %b = attn.einsum [m] = %S[m,i floordiv 2] reduce add(i) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %a, %b : tensor<?xf32>, tensor<?xf32>
  }
  return %r, %w : tensor<?xf32>, tensor<?xf32>
}

// -----

// CHECK-LABEL: func @casts
// CHECK-SAME: %[[Q:.*]]: tensor<16x64xf32>, %[[K:.*]]: tensor<?x64xf32>
// CHECK: %[[R:.*]] = attn.cascade (%{{.*}} = %[[Q]], %{{.*}} = %[[K]]) : (tensor<16x64xf32>, tensor<?x64xf32>) -> tensor<16xf32>
// CHECK: attn.einsum {{.*}} : (tensor<16x64xf32>, tensor<?x64xf32>) -> tensor<16x?xf32>
// CHECK: attn.einsum {{.*}} : (tensor<16x?xf32>) -> tensor<16xf32>
// CHECK: tensor.cast %[[R]] : tensor<16xf32> to tensor<?xf32>
func.func @casts(%q: tensor<16x64xf32>, %k: tensor<?x64xf32>) -> tensor<?xf32> {
  %qc = tensor.cast %q : tensor<16x64xf32> to tensor<?x64xf32>
  %o = attn.cascade (%Q = %qc, %K = %k) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?xf32> {
    %s = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x?xf32>
    %x = attn.einsum [m] = %s[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// With the extent of the table known, the read at m+8 would be known to leave
// it, which is refused (CA-7); with the extent unknown it reads the last element
// (CL-4). The program keeps its meaning.
// CHECK-LABEL: func @clamped
// CHECK: tensor.cast
// CHECK: attn.cascade {{.*}} : (tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32>
func.func @clamped(%q: tensor<4xf32>, %t: tensor<4xf32>) -> tensor<4xf32> {
  %tc = tensor.cast %t : tensor<4xf32> to tensor<?xf32>
  %o = attn.cascade (%Q = %q, %T = %tc) : (tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32> {
    %s = attn.einsum [m] = mul(%Q[m], %T[m+8]) : (tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32>
    attn.yield %s : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// A copy is what it copies. Not at dead points, where it is 0; not a maximum,
// whose -inf a map reads as the least finite number; not with a conversion that
// rounds; not as a result of the cascade.
// CHECK-LABEL: func @copies
// CHECK: attn.cascade (%[[S:.*]] = %{{.*}}) : (tensor<?x?xf32>) -> tensor<?xf32>
// CHECK-NEXT: attn.einsum [m] = %[[S]][m,n] reduce add(n)
// CHECK: attn.cascade {{.*}} where causal
// CHECK-NEXT: attn.einsum [m,n] =
// CHECK: attn.cascade
// CHECK-NEXT: attn.einsum [m] = %{{.*}}[m,n] reduce max(n)
// CHECK-NEXT: attn.einsum [m] = %{{.*}}[m] :
// CHECK: attn.cascade
// CHECK-NEXT: attn.einsum [m,n] = {{.*}} -> tensor<?x?xbf16>
// CHECK-NEXT: attn.einsum [m,n] = {{.*}} -> tensor<?x?xf32>
func.func @copies(%s: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>) {
  %a = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m,n] = %S[m,n] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [i,j] = %c[i,j] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %d[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %b = attn.cascade (%S = %s) where causal over (m, n) align top_left : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %c = attn.einsum [m,n] = %S[m,n] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [i,j] = mul(%c[i,j], %c[i,j]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  %x = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m] = %c[m] : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = mul(%d[m], %d[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %y = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %c = attn.einsum [m,n] = %S[m,n] : (tensor<?x?xf32>) -> tensor<?x?xbf16>
    %r = attn.einsum [m,n] = %c[m,n] : (tensor<?x?xbf16>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %a, %b, %x, %y : tensor<?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>
}

// -----

// A copy stays where it alone says how long a result is: the caller knows the
// input.
// CHECK-LABEL: func @extent_of_a_copy
// CHECK: %[[C:.*]] = attn.einsum [m] = %{{.*}}[m] :
// CHECK-NEXT: attn.einsum [m] = %[[C]][m+2] :
// CHECK: attn.cascade
// CHECK-NEXT: attn.einsum [m] = add(%[[S:.*]][m+2], %[[S]][m])
func.func @extent_of_a_copy(%s: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %a = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m] = %S[m] : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = %c[m+2] : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %b = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m] = %S[m] : (tensor<?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = add(%c[m+2], %c[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %a, %b : tensor<?xf32>, tensor<?xf32>
}
