// A mask_mod of FlexAttention (arXiv 2412.05496): tokens see those of their own document
// before them, a prefix of each document in both directions. %doc[n] is the document
// of a token and %start[n] the first one that is no more of its prefix.
func.func @flex_documents(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>, %v: tensor<?x2x?x32xf32>,
                          %doc: tensor<?xi32>, %start: tensor<?xi32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention(%q, %k, %v)
      where predicate(%doc[m] : tensor<?xi32>, %doc[n] : tensor<?xi32>, %start[n] : tensor<?xi32>) {
      ^bb0(%x: i32, %y: i32, %prefix: i32, %b: index, %h: index, %m: index, %n: index):
        %same = arith.cmpi eq, %x, %y : i32
        %causal = arith.cmpi sle, %n, %m : index
        %token = arith.index_cast %n : index to i32
        %early = arith.cmpi slt, %token, %prefix : i32
        %seen = arith.ori %causal, %early : i1
        %live = arith.andi %same, %seen : i1
        attn.yield %live : i1
      } align top_left
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
        -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
