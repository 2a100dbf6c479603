// RUN: attn-opt %s --split-input-file --verify-diagnostics

// SP-2
// expected-error @+1 {{window(-1, 0): both sides must be 0 or more}}
func.func private @window() attributes { a = #attn.sparsity<window(-1, 0)> }

// -----

// SP-2: the atom by itself
// expected-error @+1 {{window(0, -7): both sides must be 0 or more}}
func.func private @window_atom() attributes { a = #attn.window<0, -7> }

// -----

// SP-3
// expected-error @+1 {{prefix(-4): the length must be 0 or more}}
func.func private @prefix() attributes { a = #attn.sparsity<prefix(-4)> }

// -----

// SP-4
// expected-error @+1 {{unknown sparsity term 'casual'; known are causal, window(left, right), prefix(length), leading(count), block_diagonal(size), dilated(window, step), strided(step, offset), neighborhood(kernel), power_of_two(block), radial(frames, tokens, decay, block), affine_set(map), blocks(rows, keys, offsets, indices), indices(group, indices), mask(operand), predicate(operands), and, or, not}}
func.func private @term() attributes { a = #attn.sparsity<casual> }

// -----

// SP-4
// expected-error @+1 {{expected a sparsity term: causal, window(left, right), prefix(length), leading(count), block_diagonal(size), dilated(window, step), strided(step, offset), neighborhood(kernel), power_of_two(block), radial(frames, tokens, decay, block), affine_set(map), blocks(rows, keys, offsets, indices), indices(group, indices), mask(operand), predicate(operands), not or a parenthesis}}
func.func private @no_term() attributes { a = #attn.sparsity<causal and 3> }

// -----

// SP-4
// expected-error @+1 {{'and' needs at least two terms}}
func.func private @one_term() attributes { a = #attn.and<#attn.causal> }

// -----

// SP-4
// expected-error @+1 {{'or' joins sparsity terms; got "causal"}}
func.func private @no_atom() attributes { a = #attn.or<#attn.causal, "causal"> }

// -----

// SP-4
// expected-error @+1 {{'not' negates a sparsity term; got 1 : i64}}
func.func private @negation() attributes { a = #attn.not<1> }

// -----

// SP-11
// expected-error @+1 {{leading(-1): the number of keys must be 0 or more}}
func.func private @atom0() attributes { a = #attn.sparsity<leading(-1)> }

// -----

// SP-12
// expected-error @+1 {{block_diagonal(0): the size must be 1 to 2^30}}
func.func private @atom1() attributes { a = #attn.sparsity<block_diagonal(0)> }

// -----

// SP-13
// expected-error @+1 {{dilated(-1, 2): the window must be 0 or more}}
func.func private @atom2() attributes { a = #attn.sparsity<dilated(-1, 2)> }

// -----

// SP-13
// expected-error @+1 {{dilated(8, 0): the step must be 1 to 2^30}}
func.func private @atom3() attributes { a = #attn.sparsity<dilated(8, 0)> }

// -----

// SP-14
// expected-error @+1 {{strided(0, 0, block 1): the step must be 1 to 2^30}}
func.func private @atom4() attributes { a = #attn.sparsity<strided(0, 0)> }

// -----

// SP-14
// expected-error @+1 {{strided(4, 4, block 1): the offset must be 0 or more and less than the step}}
func.func private @atom5() attributes { a = #attn.sparsity<strided(4, 4)> }

// -----

// SP-14
// expected-error @+1 {{strided(4, 1, block -2): the block must be 1 to 2^30}}
func.func private @atom6() attributes { a = #attn.sparsity<strided(4, 1, block -2)> }

// -----

// SP-15
// expected-error @+1 {{a neighborhood has 1 to 3 axes; got 4}}
func.func private @atom7() attributes { a = #attn.sparsity<neighborhood([1, 1, 1, 1], grid [2, 2, 2, 2])> }

// -----

// SP-15
// expected-error @+1 {{a neighborhood of 2 axes needs a grid of as many; got 0}}
func.func private @atom8() attributes { a = #attn.sparsity<neighborhood([3, 3])> }

// -----

// SP-15
// expected-error @+1 {{a neighborhood of 2 axes has 1 numbers for 'stride'}}
func.func private @atom9() attributes { a = #attn.sparsity<neighborhood([3, 3], grid [9, 9], stride [1])> }

// -----

// SP-15
// expected-error @+1 {{axis 1 of a neighborhood: the kernel must be 1 to 2^30; got 0}}
func.func private @atom10() attributes { a = #attn.sparsity<neighborhood([3, 0], grid [9, 9])> }

// -----

// SP-15
// expected-error @+1 {{axis 0 of a neighborhood: the stride must be 1 to the kernel, 3; got 4}}
func.func private @atom11() attributes { a = #attn.sparsity<neighborhood([3], stride [4])> }

// -----

// SP-15
// expected-error @+1 {{axis 0 of a neighborhood: the dilation must be 1 to 2^30; got 0}}
func.func private @atom12() attributes { a = #attn.sparsity<neighborhood([3], dilation [0])> }

// -----

// SP-15
// expected-error @+1 {{axis 1 of a neighborhood: kernel times dilation must be up to 2^30; got 32769 * 32768}}
func.func private @atom12a() attributes { a = #attn.sparsity<neighborhood([3, 32769], grid [3, 9], dilation [1, 32768], clipped)> }

// -----

// SP-15
// expected-error @+1 {{axis 0 of a neighborhood: causal is 0 or 1; got 2}}
func.func private @atom13() attributes { a = #attn.sparsity<neighborhood([3], causal [2])> }

// -----

// SP-15
// expected-error @+1 {{axis 0 of a neighborhood: the extent must be 1 to 2^30; got 0}}
func.func private @atom14() attributes { a = #attn.sparsity<neighborhood([3], grid [0])> }

// -----

// SP-15
// expected-error @+1 {{axis 0 of a neighborhood: kernel times dilation, 5 * 2, exceeds the extent 9}}
func.func private @atom15() attributes { a = #attn.sparsity<neighborhood([5], grid [9], dilation [2])> }

// -----

// SP-15
// expected-error @+1 {{the grid of a neighborhood has at most 2^30 tokens}}
func.func private @atom16() attributes { a = #attn.sparsity<neighborhood([1, 1], grid [65536, 65536])> }

// -----

// SP-15
// expected-error @+1 {{expected each of grid, stride, dilation, causal, clipped at most once; got 'padding'}}
func.func private @atom17() attributes { a = #attn.sparsity<neighborhood([3], padding)> }

// -----

// SP-16
// expected-error @+1 {{power_of_two(0): the block must be 1 to 2^30}}
func.func private @atom18() attributes { a = #attn.sparsity<power_of_two(0)> }

// -----

// SP-17
// expected-error @+1 {{radial: the number of frames must be 1 to 2^30; got 0}}
func.func private @atom19() attributes { a = #attn.sparsity<radial(0, 4, 1.0, 2)> }

// -----

// SP-17
// expected-error @+1 {{radial: at most 2^30 tokens; got 1048576 * 1048576}}
func.func private @atom20() attributes { a = #attn.sparsity<radial(1048576, 1048576, 1.0, 2)> }

// -----

// SP-17
// expected-error @+1 {{radial: the decay is a positive finite f64; got 0.000000e+00 : f64}}
func.func private @atom21() attributes { a = #attn.sparsity<radial(4, 4, 0.0, 2)> }

// -----

// SP-18
// expected-error @+1 {{affine_set takes a map of (m, n), or of (m, n)[h], with at least one result; got affine_map<(d0) -> (d0)>}}
func.func private @atom22() attributes { a = #attn.sparsity<affine_set(affine_map<(m) -> (m)>)> }

// -----

// SP-18
// expected-error @+1 {{affine_set holds numbers up to 2^20}}
func.func private @atom23() attributes { a = #attn.sparsity<affine_set(affine_map<(m, n) -> (m - 2147483648)>)> }

// -----

// MD-2
// expected-error @+1 {{a scale is a finite f64; got 0x7FF8000000000000 : f64}}
func.func private @scale() attributes { a = #attn.scale<0x7FF8000000000000 : f64> }

// -----

// MD-2
// expected-error @+1 {{a scale is a finite f64; got 1.000000e+00 : f32}}
func.func private @scale_type() attributes { a = #attn.scale<1.0 : f32> }

// -----

// MD-3
// expected-error @+1 {{a soft cap is a positive finite f64; got 0.000000e+00 : f64}}
func.func private @cap() attributes { a = #attn.softcap<0.0 : f64> }

// -----

// MD-3
// expected-error @+1 {{a soft cap is a positive finite f64; got 0x7FF0000000000000 : f64}}
func.func private @infinite_cap() attributes { a = #attn.softcap<0x7FF0000000000000 : f64> }

// -----

// MD-6
// expected-error @+1 {{a score map lists ranks for 1 of 2 operands}}
func.func private @map_lists() attributes { a = #attn.score_map<0, [0, 1], [["h"]]> }

// -----

// MD-6
// expected-error @+1 {{a score map lists ranks by name; got 7 : i64}}
func.func private @map_ranks() attributes { a = #attn.score_map<0, [0], [7]> }

// -----

// MD-6
// expected-error @+1 {{a score map lists ranks by name; got [7]}}
func.func private @map_names() attributes { a = #attn.score_map<0, [0], [[7]]> }

// -----

// PL-1
// expected-error @+1 {{a plan's symbols are M, N, KL, QL, D, ON, H and, for lists, L0 and so on and, for its tables, T0 and so on; got "X"}}
func.func private @plan_symbol() attributes { a = #attn.plan<symbols = [M, X],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-1
// expected-error @+1 {{a table of a plan has at least one number}}
func.func private @plan_table() attributes { a = #attn.plan<symbols = [M, N], tables = [[]],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-1
// expected-error @+1 {{a plan's symbols are M, N, KL, QL, D, ON, H and, for lists, L0 and so on and, for its tables, T0 and so on; got "T1"}}
func.func private @plan_no_table() attributes { a = #attn.plan<symbols = [M, T1], tables = [[3]],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-1
// expected-error @+1 {{a plan's symbols are M, N, KL, QL, D, ON, H and, for lists, L0 and so on and, for its tables, T0 and so on; got "T00"}}
func.func private @plan_table_name() attributes { a = #attn.plan<symbols = [M, T00], tables = [[3]],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-1
// expected-error @+1 {{a plan's symbols are M, N, KL, QL, D, ON, H and, for lists, L0 and so on and, for its tables, T0 and so on; got "L01"}}
func.func private @plan_list_name() attributes { a = #attn.plan<symbols = [M, L01], tables = [[3]],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-1
// expected-error @+1 {{a plan lists symbol "M" twice}}
func.func private @plan_symbol_twice() attributes { a = #attn.plan<symbols = [M, M],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-2
// expected-error @+1 {{a plan's bounds take the first and the last row, one symbol per name and two per value; got affine_map<(d0)[s0, s1] -> (0)>}}
func.func private @plan_bound() attributes { a = #attn.plan<symbols = [M, N],
    live = affine_map<(a)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-2
// expected-error @+1 {{a plan's bounds take the first and the last row, one symbol per name and two per value; got affine_map<(d0, d1)[s0, s1] -> ()>}}
func.func private @plan_no_bound() attributes { a = #attn.plan<symbols = [M, N],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> ()>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-3
// expected-error @+1 {{a plan's constraints take row, key and one symbol per name}}
func.func private @plan_constraints() attributes { a = #attn.plan<symbols = [M, N],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M] -> (m - n)>> }

// -----

// PL-3
// expected-error @+2 {{a plan has at least one constraint; 0 always holds}}
func.func private @plan_no_constraints() attributes { a = #attn.plan<symbols = [M, N],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> ()>> }

// -----

// PL-4
// expected-error @+1 {{a plan divides by positive constants only}}
func.func private @plan_division() attributes { a = #attn.plan<symbols = [M, N],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N floordiv M)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// PL-5
// expected-error @+1 {{a plan has 1 to 16 pieces; got 17}}
func.func private @plan_pieces() attributes { a = #attn.plan<symbols = [M, N],
    live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>
    or live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>,
    full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> }

// -----

// MP-1
// expected-error @+1 {{a mapping needs at least one lane tile}}
func.func private @no_lanes() attributes { a = #attn.mapping<lanes = m by [], stream = 1, rows = 1, parallel = []> }

// -----

// MP-1
// expected-error @+1 {{lane tiles are multiples of 8 up to 128; got 136}}
func.func private @lanes() attributes { a = #attn.mapping<lanes = m by [136], stream = 1, rows = 1, parallel = []> }

// -----

// MP-1
// expected-error @+1 {{lane tiles come largest first; got 32 after 32}}
func.func private @lane_order() attributes { a = #attn.mapping<lanes = m by [32, 32], stream = 1, rows = 1, parallel = []> }

// -----

// MP-2
// expected-error @+1 {{the stream tile must be positive; got 0}}
func.func private @stream() attributes { a = #attn.mapping<lanes = m by [16], stream = 0, rows = 1, parallel = []> }

// -----

// MP-3
// expected-error @+1 {{a register tile has 1 to 8 rows; got 9}}
func.func private @rows() attributes { a = #attn.mapping<lanes = m by [16], stream = 1, rows = 9, parallel = []> }

// -----

// MP-7
// expected-error @+1 {{a grid tile has 1 to 16 tokens on each axis, the largest lane tile; got 0}}
func.func private @grid_size() attributes { a = #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [], grid = [4, 0]> }

// -----

// MP-7
// expected-error @+1 {{a grid tile has 1 to 3 axes; got 4}}
func.func private @grid_axes() attributes { a = #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [], grid = [2, 2, 2, 2]> }

// -----

// MP-7
// expected-error @+1 {{a grid tile holds up to 16 tokens, the largest lane tile; got 20}}
func.func private @grid_tokens() attributes { a = #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [], grid = [4, 5]> }

// -----

// MP-8
// expected-error @+1 {{a mapping with 'tile' has one tile of 1 to 16 points; got [17]}}
func.func private @tile_size() attributes { a = #attn.mapping<tile = m by [17], stream = 1, rows = 1, parallel = []> }

// -----

// MP-8
// expected-error @+1 {{a mapping with 'tile' has one tile of 1 to 16 points; got [4, 2]}}
func.func private @tile_sizes() attributes { a = #attn.mapping<tile = m by [4, 2], stream = 1, rows = 1, parallel = []> }

// -----

// MP-8
// expected-error @+1 {{a mapping with 'tile' cuts no grid}}
func.func private @tile_grid() attributes { a = #attn.mapping<tile = m by [4], stream = 1, rows = 1, parallel = [], grid = [2, 2]> }

// -----

// expected-error @+1 {{expected 'lanes' or 'tile'}}
func.func private @no_rank() attributes { a = #attn.mapping<rows = 1, parallel = []> }

// -----

// MP-4
// expected-error @+1 {{the order lists each parallel rank and the lanes once; got 'z'}}
func.func private @order_unknown() attributes { a = #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [b, h], order = [b, z, m]> }

// -----

// MP-4
// expected-error @+1 {{the order lists each parallel rank and the lanes once; got 'b'}}
func.func private @order_twice() attributes { a = #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [b, h], order = [b, b, m]> }

// -----

// MP-4
// expected-error @+1 {{the order lists each parallel rank and the lanes once; 'm' is missing}}
func.func private @order_short() attributes { a = #attn.mapping<lanes = m by [16], stream = 1, rows = 1, parallel = [b, h], order = [h, b]> }

// -----

// PL-7
// expected-error @+1 {{a plan has one or more residues; got 0}}
func.func private @no_residues() attributes { a = #attn.plan<residues = 0, symbols = [M, N],
    live = affine_map<(f, l)[M, N] -> (0)> to affine_map<(f, l)[M, N] -> (N)>,
    full = affine_map<(f, l)[M, N] -> (0)> to affine_map<(f, l)[M, N] -> (0)>,
    nonnegative = affine_map<(m, n)[M, N] -> (m)>> }

// -----

// PL-7
// expected-error @+1 {{the symbols of a plan with residues are M, N and D; got "KL"}}
func.func private @residues_of_lengths() attributes { a = #attn.plan<residues = 2, symbols = [M, N, KL],
    live = affine_map<(f, l)[M, N, K] -> (0)> to affine_map<(f, l)[M, N, K] -> (N)>,
    full = affine_map<(f, l)[M, N, K] -> (0)> to affine_map<(f, l)[M, N, K] -> (0)>,
    nonnegative = affine_map<(m, n)[M, N, K] -> (m)>> }

// -----

// PL-6
// expected-error @+1 {{a value of a plan takes row, key, one symbol per name and the values before it; got affine_map<(d0, d1)[s0] -> (d0)>}}
func.func private @plan_value() attributes { a = #attn.plan<symbols = [M, N], values = [max affine_map<(m, n)[M] -> (m)>],
    live = affine_map<(f, l)[M, N, a, b] -> (0)> to affine_map<(f, l)[M, N, a, b] -> (N)>,
    full = affine_map<(f, l)[M, N, a, b] -> (0)> to affine_map<(f, l)[M, N, a, b] -> (0)>,
    nonnegative = affine_map<(m, n)[M, N, v] -> (v)>> }

// -----

// PL-6
// expected-error @+1 {{a power of two is that of one function; got affine_map<(d0, d1)[s0, s1] -> (d0, d1)>}}
func.func private @plan_power() attributes { a = #attn.plan<symbols = [M, N], values = [power_of_two affine_map<(m, n)[M, N] -> (m, n)>],
    live = affine_map<(f, l)[M, N, a, b] -> (0)> to affine_map<(f, l)[M, N, a, b] -> (N)>,
    full = affine_map<(f, l)[M, N, a, b] -> (0)> to affine_map<(f, l)[M, N, a, b] -> (0)>,
    nonnegative = affine_map<(m, n)[M, N, v] -> (v)>> }

// -----

// PL-6
// expected-error @+1 {{a value is max, min or power_of_two; got 'sum'}}
func.func private @plan_kind() attributes { a = #attn.plan<symbols = [M, N], values = [sum affine_map<(m, n)[M, N] -> (m)>]> }
