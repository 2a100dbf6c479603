"""Prints a cascade with an index expression or a sparsity of the size asked for."""

import sys

kind, count = sys.argv[1], int(sys.argv[2])
row, column, where = "m", "n", "causal"
if kind == "index":
    column = "(" * count + "n+1" + ")" * count
elif kind == "operators":
    column = "n" + "+n floordiv 2" * count
elif kind == "sparsity":
    where = "(" * count + where + ")" * count
elif kind == "not":
    where = "not " * count + where
elif kind == "least":
    row, column = "m*(-9223372036854775807-1)", "n-9223372036854775807-1"
print(f"""func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {{
  %o = attn.cascade (%X = %x) where {where} over (m, n) align top_left
      : (tensor<?x?xf32>) -> tensor<?x?xf32> {{
    %r = attn.einsum [m,n] = map(%X[{row},{column}], %X[m,n]) {{
    ^bb0(%a: f32, %b: f32):
      attn.yield %a : f32
    }} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }}
  return %o : tensor<?x?xf32>
}}""")
