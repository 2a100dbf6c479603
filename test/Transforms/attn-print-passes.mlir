// RUN: attn-opt %s --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=THREE
// RUN: attn-opt %s --attn-defer-division --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=TWO
// RUN: attn-opt %s --attn-defer-division --attn-derive-single-pass --attn-print-passes -o /dev/null 2>&1 | FileCheck %s --check-prefix=ONE

// FuseMax, table I: the same operator in three, two and one passes.
// THREE: rank n: 3 passes
// THREE-NEXT: pass 1: #1 [m,n] reduce add(e); #2 [m] reduce max(n);
// THREE-NEXT: pass 2: #3 [m,n]; #4 [m] reduce add(n);
// THREE-NEXT: forced by #3 [m,n], which needs the whole of #2 [m] reduce max(n)
// THREE-NEXT: pass 3: #5 [m,n]; #6 [m,f] reduce add(n);
// THREE-NEXT: forced by #5 [m,n], which needs the whole of #4 [m] reduce add(n)
// THREE-NEXT: live across passes: #1 [m,n] reduce add(e), 4*M*N bytes
// THREE-NEXT: live across passes: #3 [m,n], 4*M*N bytes
// THREE-NEXT: rank e: 1 pass

// TWO: rank n: 2 passes
// ONE: rank n: 1 pass{{$}}
// ONE-NEXT: pass 1: #{{[0-9]+}} iterate n1 of n;
// ONE-NOT: live across passes
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
