// The example of README.md, compiled and run by scripts/demo: causal attention
// with four query heads to a key head. Batch and lengths are known at run time.
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>,
                     %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
        -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
