// What version 1 of the attn dialect holds: every operation, attribute,
// reduction and alignment. version-1.mlirbc is this file.
module {
  func.func @attention(%arg0: tensor<?x8x?x64xf32>, %arg1: tensor<?x2x?x64xf32>, %arg2: tensor<?x2x?x64xf32>, %arg3: tensor<8x?x?xf32>, %arg4: tensor<8xf32>, %arg5: tensor<?xi32>, %arg6: tensor<?xi32>, %arg7: tensor<8xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
    %output, %lse = attn.attention(%arg0, %arg1, %arg2)
      score [scale(1.250000e-01), softcap(3.000000e+01), bias(%arg3[h, m, n] : tensor<8x?x?xf32>), map(%arg4[h] : tensor<8xf32>) {
      ^bb0(%arg8: f32, %arg9: f32, %arg10: index, %arg11: index, %arg12: index, %arg13: index):
        %0 = arith.addf %arg8, %arg9 : f32
        attn.yield %0 : f32
      }, map() {
      ^bb0(%arg8: f32, %arg9: index, %arg10: index, %arg11: index, %arg12: index):
        attn.yield %arg8 : f32
      }]
      where not (causal or window(3, 0)) and prefix(7) align top_left lengths key(%arg5 : tensor<?xi32>) query(%arg6 : tensor<?xi32>) sinks(%arg7 : tensor<8xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
    %output_0 = attn.attention(%arg0, %arg1, %arg2)
      score [scale(-3.000000e+00)]
      align bottom_right normalise softmax_plus_one
      weights(%arg4[h] : tensor<8xf32>) {
      ^bb0(%arg8: f32, %arg9: f32, %arg10: index, %arg11: index, %arg12: index, %arg13: index):
        %0 = arith.mulf %arg8, %arg9 : f32
        attn.yield %0 : f32
      }
      gate value tanh(%arg4[h] : tensor<8xf32>)
      gate weight softplus(%arg3[h, m, n] : tensor<8x?x?xf32>) renormalised
      gate output sigmoid(%arg0[b, h, m, f] : tensor<?x8x?x64xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
    %output_1, %lse_2 = attn.merge(%output, %output_0) lse(%lse, %lse) sinks(%arg7) : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?xf32>, tensor<?x8x?xf32>, tensor<8xf32>) -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
    %0 = attn.mix %output_1, %output_0 : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %0, %lse_2 : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
  }
  func.func @cascade(%arg0: tensor<?x?x?xf32>, %arg1: tensor<?xi64>, %arg2: tensor<?xi64>) -> tensor<?x?xf32> {
    %0 = attn.cascade (%arg3 = %arg0, %arg4 = %arg1, %arg5 = %arg2) where causal over (m, n) align bottom_right lengths key(%arg4[b]) query(%arg5[b]) mapping <lanes = m by [48, 16], stream = 128, rows = 8, parallel = [b]> : (tensor<?x?x?xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?x?xf32> {
      %cst = arith.constant 0xFF800000 : f32
      %1 = attn.einsum [b,m] = map() {
        attn.yield %cst : f32
      } : () -> tensor<?x?xf32>
      %2 = attn.iterate n1 of n by n0 init(%1 : tensor<?x?xf32>) plan <symbols = [M, N, KL, QL], live = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (d1 + s2 - s3 + 1, s1, s2)>, full = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0 + s2 - s3 + 1, (s1 floordiv 2) * 2)>, nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0 - d1 + s2 - s3, -d1 + s2 - 1, -d0 + s3 - 1)> or live = affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (d1 + s2 - s3 + 1, s1, s2)>, full = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0 + s2 - s3 + 1, (s1 floordiv 2) * 2)>, nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0 - d1 + s2 - s3, -d1 + s2 - 1, -d0 + s3 - 1)>> {
      ^bb0(%arg6: tensor<?x?xf32>):
        %3 = attn.einsum [b,m] = %arg3[b,m,n1*N0+n0] reduce max(n0) : (tensor<?x?x?xf32>) -> tensor<?x?xf32>
        %4 = attn.einsum [b,m] = max(%arg6[b,m], %3[b,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
        attn.yield %4 : tensor<?x?xf32>
      }
      attn.yield %2 : tensor<?x?xf32>
    }
    return %0 : tensor<?x?xf32>
  }
  func.func @attention_part(%arg0: tensor<?x8x?x64xf32>, %arg1: tensor<?xi32>, %arg2: index, %arg3: tensor<i64>, %arg4: tensor<?xi64>) -> tensor<?x8x?x64xf32> {
    %output = attn.attention(%arg0, %arg0, %arg0)
      score [scale(1.250000e-01)]
      where causal align offset(%arg1 : tensor<?xi32>) origin(m = %arg2 : index, n = %arg3 : tensor<i64>, b = %arg4 : tensor<?xi64>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %output : tensor<?x8x?x64xf32>
  }
  func.func @permuted(%arg0: tensor<?x8x?x64xf32>, %arg1: tensor<8x?xi32>, %arg2: tensor<?xi64>) -> tensor<?x8x?x64xf32> {
    %output = attn.attention(%arg0, %arg0, %arg0)
      score [scale(1.250000e-01)]
      where window(4, 4) in permuted and causal align bottom_right permute query(%arg1[h] : tensor<8x?xi32>) key(%arg2 : tensor<?xi64>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %output : tensor<?x8x?x64xf32>
  }
  func.func @cascade_permuted(%arg0: tensor<2x?x?xf32>, %arg1: tensor<?xi32>) -> tensor<2x?xf32> {
    %0 = attn.cascade (%arg2 = %arg0, %arg3 = %arg1) where causal in permuted over (m, n) align top_left permute(m = %arg3[m], n = %arg3[n]) : (tensor<2x?x?xf32>, tensor<?xi32>) -> tensor<2x?xf32> {
      %1 = attn.einsum [b,m] = %arg2[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      attn.yield %1 : tensor<2x?xf32>
    }
    return %0 : tensor<2x?xf32>
  }
  func.func @packed(%arg0: tensor<?x8x?x64xf32>, %arg1: tensor<?x?xi32>, %arg2: tensor<?xi64>) -> tensor<?x8x?x64xf32> {
    %output = attn.attention(%arg0, %arg0, %arg0)
      score [scale(1.250000e-01)]
      where causal align bottom_right segments query(%arg1 : tensor<?x?xi32>) key(%arg2 : tensor<?xi64>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %output : tensor<?x8x?x64xf32>
  }
  func.func @listed(%arg0: tensor<?x8x?x64xf32>, %arg1: tensor<8x?xi32>, %arg2: tensor<?xi64>, %arg3: tensor<?x?x?xi32>) -> tensor<?x8x?x64xf32> {
    %output = attn.attention(%arg0, %arg0, %arg0)
      score [scale(1.250000e-01)]
      where blocks(64, 32, %arg1[h] : tensor<8x?xi32>, %arg2[] : tensor<?xi64>) or indices(16, %arg3[b] : tensor<?x?x?xi32>) align bottom_right
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
    return %output : tensor<?x8x?x64xf32>
  }
  func.func @cascade_packed(%arg0: tensor<2x?x?xf32>, %arg1: tensor<2x?xi32>, %arg2: tensor<?xi64>) -> tensor<2x?xf32> {
    %0 = attn.cascade (%arg3 = %arg0, %arg4 = %arg1, %arg5 = %arg2) over (m, n) align bottom_right segments query(%arg4[b]) key(%arg5[]) : (tensor<2x?x?xf32>, tensor<2x?xi32>, tensor<?xi64>) -> tensor<2x?xf32> {
      %1 = attn.einsum [b,m] = %arg3[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      attn.yield %1 : tensor<2x?xf32>
    }
    return %0 : tensor<2x?xf32>
  }
  func.func @cascade_part(%arg0: tensor<2x?x?xf32>, %arg1: tensor<2xi32>, %arg2: tensor<i64>) -> tensor<2x?xf32> {
    %0 = attn.cascade (%arg3 = %arg0, %arg4 = %arg1, %arg5 = %arg2) where causal over (m, n) align offset(%arg4[b]) origin(m = %arg5[], n = %arg4[b]) : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<i64>) -> tensor<2x?xf32> {
      %1 = attn.einsum [b,m] = %arg3[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
      attn.yield %1 : tensor<2x?xf32>
    }
    return %0 : tensor<2x?xf32>
  }
  func.func @reductions(%arg0: tensor<?x64xf32>, %arg1: tensor<?x64xi32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>) {
    %0:4 = attn.cascade (%arg2 = %arg0, %arg3 = %arg1) : (tensor<?x64xf32>, tensor<?x64xi32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>) {
      %1 = attn.einsum [m] = map(%arg2[m,(e+32) mod 64], %arg2[m,e floordiv 2]) {
      ^bb0(%arg4: f32, %arg5: f32):
        %7 = attn.index e : index
        %c32 = arith.constant 32 : index
        %8 = arith.cmpi ult, %7, %c32 : index
        %9 = arith.select %8, %arg4, %arg5 : f32
        attn.yield %9 : f32
      } reduce add(e) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?xf32>
      %2 = attn.einsum [m] = %arg2[m,e] reduce mul(e) in register : (tensor<?x64xf32>) -> tensor<?xf32>
      %3 = attn.einsum [m] = %arg2[m,e] reduce min(e) in cache : (tensor<?x64xf32>) -> tensor<?xf32>
      %4 = attn.einsum [m] = add(%2[m], %3[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %5 = attn.einsum [m] = map(%arg3[m,e]) {
      ^bb0(%arg4: i32):
        attn.yield %arg4 : i32
      } reduce and(e) : (tensor<?x64xi32>) -> tensor<?xi32>
      %6 = attn.einsum [m] = map(%arg3[m,e]) {
      ^bb0(%arg4: i32):
        attn.yield %arg4 : i32
      } reduce or(e) : (tensor<?x64xi32>) -> tensor<?xi32>
      attn.yield %1, %4, %5, %6 : tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>
    }
    return %0#0, %0#1, %0#2, %0#3 : tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xi32>
  }
  func.func @region_reductions(%arg0: tensor<?x?xf32>, %arg1: tensor<?x?xi32>) -> (tensor<?xf32>, tensor<?xi32>) {
    %0:2 = attn.cascade (%arg2 = %arg0, %arg3 = %arg1) : (tensor<?x?xf32>, tensor<?x?xi32>) -> (tensor<?xf32>, tensor<?xi32>) {
      %1 = attn.einsum [m] = %arg2[m,n] reduce associative(n) identity(0.000000e+00 : f32) commutative {
      ^bb0(%arg4: f32, %arg5: f32):
        %3 = math.absf %arg4 : f32
        %4 = math.absf %arg5 : f32
        %5 = arith.maximumf %3, %4 : f32
        attn.yield %5 : f32
      } : (tensor<?x?xf32>) -> tensor<?xf32>
      %2 = attn.einsum [m] = map(%arg3[m,n]) {
      ^bb0(%arg4: i32):
        attn.yield %arg4 : i32
      } reduce associative(n) identity(-1 : i32) {
      ^bb0(%arg4: i32, %arg5: i32):
        %c-1_i32 = arith.constant -1 : i32
        %3 = arith.cmpi eq, %arg5, %c-1_i32 : i32
        %4 = arith.select %3, %arg4, %arg5 : i32
        attn.yield %4 : i32
      } : (tensor<?x?xi32>) -> tensor<?xi32>
      attn.yield %1, %2 : tensor<?xf32>, tensor<?xi32>
    }
    return %0#0, %0#1 : tensor<?xf32>, tensor<?xi32>
  }
  func.func @data(%arg0: tensor<?x?x8xf32>, %arg1: tensor<?x?xi32>, %arg2: tensor<?xi64>) -> tensor<?x?x?x8xf32> {
    %0 = attn.cascade (%arg3 = %arg0, %arg4 = %arg1, %arg5 = %arg2) : (tensor<?x?x8xf32>, tensor<?x?xi32>, tensor<?xi64>) -> tensor<?x?x?x8xf32> {
      %1 = attn.einsum [b,p,j,e] = mul(%arg3[%arg4[b,p],j,e], %arg3[p+%arg5[j]*2,j,e*(-1)+7]) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?xi32>, tensor<?xi64>) -> tensor<?x?x?x8xf32>
      attn.yield %1 : tensor<?x?x?x8xf32>
    }
    return %0 : tensor<?x?x?x8xf32>
  }
  func.func @attributes() attributes {list = [#attn.bias<0, []>, #attn.access<1, []>, #attn.score_map<0, [], []>, #attn.score_map<1, [2, 3], [[], ["h"]]>, #attn.causal, #attn.window<9223372036854775807, 0>, #attn.prefix<0>, #attn.and<#attn.causal, #attn.prefix<1>>, #attn.or<#attn.causal, #attn.prefix<1>>, #attn.leading<3>, #attn.block_diagonal<4>, #attn.dilated<9223372036854775807, 2>, #attn.strided<4, 1, 2>, #attn.neighborhood<[3, 5], [9, 9], [1, 2], [1, 1], [0, 1], false>, #attn.neighborhood<[3], [], [1], [1], [0], true>, #attn.power_of_two<8>, #attn.radial<3, 4, 5.000000e-01 : f64, 2>, #attn.affine_set<affine_map<(d0, d1) -> (d0 - d1, d1 mod 3)>>, #attn.mask<<0, [b, n]>>, #attn.predicate<2, [<0, [b, n]>, <1, []>], [m, n]>, #attn.predicate<0, [], []>, #attn.per_head<[#attn.strided<4, 1, 2>, #attn.strided<8, 0, 2>], [k, g], [2, 1]>, #attn.plan<symbols = [M, N, H, T0], tables = [[3, -1]], live = affine_map<(d0, d1)[s0, s1, s2, s3] -> (0)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (s1)>, full = affine_map<(d0, d1)[s0, s1, s2, s3] -> (s3)> to affine_map<(d0, d1)[s0, s1, s2, s3] -> (s2)>, nonnegative = affine_map<(d0, d1)[s0, s1, s2, s3] -> (d0 - s3)>>, #attn.not<#attn.causal>, #attn.scale<1.000000e+300 : f64>, #attn.softcap<4.940660e-324 : f64>, #attn<reduction mul>, #attn<alignment top_left>, #attn<alignment offset>, #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [b, h], order = [h, m, b]>, #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [b], grid = [2, 8]>, #attn.mapping<tile = m by [4], stream = 64, rows = 8, parallel = [b]>]} {
    return
  }
}

func.func @sums(%s: tensor<8x?xf32>) -> tensor<?x8xf32> {
  %x = attn.cascade (%S = %s) : (tensor<8x?xf32>) -> tensor<?x8xf32> {
    %zero = attn.einsum [s,m] = map() {
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : () -> tensor<?x8xf32>
    %sum = attn.iterate n1 of n by n0 split s by 1024 init(%zero : tensor<?x8xf32>) {
    ^bb0(%A: tensor<?x8xf32>):
      %l = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<8x?xf32>) -> tensor<?x8xf32>
      %next = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %next : tensor<?x8xf32>
    }
    attn.yield %sum : tensor<?x8xf32>
  }
  return %x : tensor<?x8xf32>
}
func.func @tile(%q: memref<?x8xf32>, %p: memref<16xi32>, %s: memref<16xf32>) {
  attn.tile_einsum [m] = %q[%p[m],e] reduce add(e) outs(%s) accumulate clamp [m] : (memref<?x8xf32>, memref<16xi32>) -> memref<16xf32>
  return
}
