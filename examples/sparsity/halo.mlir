// HaloNet (arXiv 2103.12731) on 16 by 24 pixels: blocks of 4 by 4 queries see the
// 10 by 10 pixels around them, as far as these are in the image.
func.func @halo(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>)
    -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where neighborhood([10, 10], grid [16, 24], stride [4, 4], clipped) align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
