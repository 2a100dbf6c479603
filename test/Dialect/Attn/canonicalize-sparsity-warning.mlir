// SP-10: a sparsity under which nothing is live is still warned about when its
// expression became shorter.
// RUN: attn-opt --canonicalize --attn-derive-cascades --verify-diagnostics %s -o /dev/null
func.func @nowhere(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  // expected-warning@+1 {{no point (m, n) is live, whatever the sizes}}
  %o = attn.attention(%q, %k, %k) where causal and prefix(4) and not causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
