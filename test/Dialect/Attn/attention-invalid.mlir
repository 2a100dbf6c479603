// RUN: attn-opt %s --split-input-file --verify-diagnostics

// AT-1
func.func @rank(%q: tensor<8x?x64xf32>, %k: tensor<2x8x?x64xf32>, %v: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{query must have the ranks [batch, head, token, feature]; got 'tensor<8x?x64xf32>'}}
  %o = attn.attention(%q, %k, %v) : (tensor<8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-1
func.func @dynamic_heads(%q: tensor<2x8x?x64xf32>, %k: tensor<2x?x?x64xf32>, %v: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{key must have static head and feature extents; got 'tensor<2x?x?x64xf32>'}}
  %o = attn.attention(%q, %k, %v) : (tensor<2x8x?x64xf32>, tensor<2x?x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-1
func.func @no_features(%q: tensor<2x8x?x64xf32>, %k: tensor<2x8x?x64xf32>, %v: tensor<2x8x?x0xf32>) -> tensor<2x8x?x0xf32> {
  // expected-error @+1 {{value must have at least one head and one feature}}
  %o = attn.attention(%q, %k, %v) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x0xf32>) -> tensor<2x8x?x0xf32>
  return %o : tensor<2x8x?x0xf32>
}

// -----

// AT-1: the operand constraints of the definition
func.func @integers(%q: tensor<2x8x?x64xi32>) -> tensor<2x8x?x64xi32> {
  // expected-error @+1 {{operand #0 must be ranked tensor of floating-point values, but got 'tensor<2x8x?x64xi32>'}}
  %o = attn.attention(%q, %q, %q) : (tensor<2x8x?x64xi32>, tensor<2x8x?x64xi32>, tensor<2x8x?x64xi32>) -> tensor<2x8x?x64xi32>
  return %o : tensor<2x8x?x64xi32>
}

// -----

// AT-2
func.func @mixed_types(%q: tensor<2x8x?x64xf32>, %k: tensor<2x8x?x64xbf16>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{query, key and value must share an element type; got 'f32', 'bf16' and 'bf16'}}
  %o = attn.attention(%q, %k, %k) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xbf16>, tensor<2x8x?x64xbf16>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-2
func.func @small_floats(%q: tensor<2x8x?x64xf8E4M3FN>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{query, key and value must hold f64, f32, bf16 or f16; got 'f8E4M3FN'}}
  %o = attn.attention(%q, %q, %q) : (tensor<2x8x?x64xf8E4M3FN>, tensor<2x8x?x64xf8E4M3FN>, tensor<2x8x?x64xf8E4M3FN>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-2
func.func @large_floats(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf128> {
  // expected-error @+1 {{the result must hold f64, f32, bf16 or f16; got 'f128'}}
  %o = attn.attention(%q, %q, %q) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf128>
  return %o : tensor<2x8x?x64xf128>
}

// -----

// AT-3
func.func @heads(%q: tensor<2x8x?x64xf32>, %k: tensor<2x3x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{query has 8 heads, which is no multiple of the key's 3}}
  %o = attn.attention(%q, %k, %k) : (tensor<2x8x?x64xf32>, tensor<2x3x?x64xf32>, tensor<2x3x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-4
func.func @batch(%q: tensor<2x8x?x64xf32>, %k: tensor<3x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the key's batch is 3 but the query's is 2}}
  %o = attn.attention(%q, %k, %k) : (tensor<2x8x?x64xf32>, tensor<3x8x?x64xf32>, tensor<3x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-4
func.func @value_batch(%q: tensor<2x8x?x64xf32>, %v: tensor<3x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the value's batch is 3 but the query's is 2}}
  %o = attn.attention(%q, %q, %v) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<3x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-4
func.func @key_features(%q: tensor<2x8x?x64xf32>, %k: tensor<2x8x?x32xf32>, %v: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the key's feature extent is 32 but the query's is 64}}
  %o = attn.attention(%q, %k, %v) : (tensor<2x8x?x64xf32>, tensor<2x8x?x32xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-4
func.func @value_heads(%q: tensor<2x8x?x64xf32>, %k: tensor<2x4x?x64xf32>, %v: tensor<2x2x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the value's head extent is 2 but the key's is 4}}
  %o = attn.attention(%q, %k, %v) : (tensor<2x8x?x64xf32>, tensor<2x4x?x64xf32>, tensor<2x2x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-4
func.func @value_tokens(%q: tensor<2x8x?x64xf32>, %k: tensor<2x8x5x64xf32>, %v: tensor<2x8x6x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the value's token extent is 6 but the key's is 5}}
  %o = attn.attention(%q, %k, %v) : (tensor<2x8x?x64xf32>, tensor<2x8x5x64xf32>, tensor<2x8x6x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-5
func.func @result(%q: tensor<2x8x?x64xf32>, %v: tensor<2x8x?x32xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the result must be [batch, query head, query token, value feature]; got 'tensor<2x8x?x64xf32>'}}
  %o = attn.attention(%q, %q, %v) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x32xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-6
func.func @lse_shape(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x1xf32> {
  // expected-error @+1 {{the log-sum-exp must be [batch, query head, query token] of 'f32'; got 'tensor<2x8x?x1xf32>'}}
  %o, %l = attn.attention(%q, %q, %q) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> (tensor<2x8x?x64xf32>, tensor<2x8x?x1xf32>)
  return %l : tensor<2x8x?x1xf32>
}

// -----

// AT-6
func.func @lse_type(%q: tensor<2x8x?x64xbf16>) -> tensor<2x8x?xbf16> {
  // expected-error @+1 {{the log-sum-exp must be [batch, query head, query token] of 'f32'}}
  %o, %l = attn.attention(%q, %q, %q) : (tensor<2x8x?x64xbf16>, tensor<2x8x?x64xbf16>, tensor<2x8x?x64xbf16>) -> (tensor<2x8x?x64xbf16>, tensor<2x8x?xbf16>)
  return %l : tensor<2x8x?xbf16>
}

// -----

// AT-7
func.func @bias_rank(%q: tensor<2x8x?x64xf32>, %x: tensor<?xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{bias of rank 1 is indexed by 2 ranks}}
  %o = attn.attention(%q, %q, %q) score [bias(%x[m, n] : tensor<?xf32>)] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-7
func.func @bias_unknown_rank(%q: tensor<2x8x?x64xf32>, %x: tensor<64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{bias is indexed by 'e'; allowed are b, h, m and n}}
  %o = attn.attention(%q, %q, %q) score [bias(%x[e] : tensor<64xf32>)] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-7
func.func @bias_twice(%q: tensor<2x8x?x64xf32>, %x: tensor<?x?xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{bias is indexed by 'm' twice}}
  %o = attn.attention(%q, %q, %q) score [bias(%x[m, m] : tensor<?x?xf32>)] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-7
func.func @bias_extent(%q: tensor<2x8x?x64xf32>, %x: tensor<4xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{bias has extent 4 along 'h', which is 8}}
  %o = attn.attention(%q, %q, %q) score [bias(%x[h] : tensor<4xf32>)] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-7
func.func @bias_type(%q: tensor<2x8x?x64xf32>, %x: tensor<8xi32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{bias must hold f64, f32, bf16 or f16; got 'i32'}}
  %o = attn.attention(%q, %q, %q) score [bias(%x[h] : tensor<8xi32>)] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-7
func.func @map_operand_type(%q: tensor<2x8x?x64xf32>, %x: tensor<8xcomplex<f32>>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{a score map's operand must hold f64, f32, bf16, f16, signless integers or indices; got 'complex<f32>'}}
  %o = attn.attention(%q, %q, %q) score [map(%x[h] : tensor<8xcomplex<f32>>) {
    ^bb0(%s: f32, %c: complex<f32>, %b: index, %h: index, %m: index, %n: index):
      attn.yield %s : f32
    }] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-7: a slot that is none
func.func @bias_slot(%q: tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32> {
  // expected-error @+1 {{bias names operand slot 0 of 0 where slot 0 is next}}
  %o = "attn.attention"(%q, %q, %q) <{alignment = #attn<alignment bottom_right>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>,
      score = [#attn.bias<0, [h]>]}> : (tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// AT-7: operands are used in order, each once
func.func @bias_order(%q: tensor<2x8x4x64xf32>, %x: tensor<8xf32>) -> tensor<2x8x4x64xf32> {
  // expected-error @+1 {{bias names operand slot 1 of 2 where slot 0 is next}}
  %o = "attn.attention"(%q, %q, %q, %x, %x) <{alignment = #attn<alignment bottom_right>, operandSegmentSizes = array<i32: 1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0>,
      score = [#attn.bias<1, [h]>, #attn.bias<0, [h]>]}> : (tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// AT-7: no operand and no region is left over
func.func @unused_extra(%q: tensor<2x8x4x64xf32>, %x: tensor<8xf32>) -> tensor<2x8x4x64xf32> {
  // expected-error @+1 {{has 1 extra operands and 0 regions, but 'score', 'where', 'weights' and 'gate' use 0 and 0}}
  %o = "attn.attention"(%q, %q, %q, %x) <{alignment = #attn<alignment bottom_right>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0>,
      score = []}> : (tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<8xf32>) -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// AT-7
func.func @map_region(%q: tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32> {
  // expected-error @+1 {{a score map names region 3 of 0 where region 0 is next}}
  %o = "attn.attention"(%q, %q, %q) <{alignment = #attn<alignment bottom_right>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>,
      score = [#attn.score_map<3, [], []>]}> : (tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// AT-7
func.func @unknown_modifier(%q: tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32> {
  // expected-error @+1 {{'score' lists scale, softcap, bias and map; got "scale"}}
  %o = "attn.attention"(%q, %q, %q) <{alignment = #attn<alignment bottom_right>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>,
      score = ["scale"]}> : (tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// AT-8
func.func @map_arguments(%q: tensor<2x8x?x64xbf16>, %x: tensor<8xbf16>) -> tensor<2x8x?x64xbf16> {
  // expected-error @+1 {{a score map takes the score, its operands and the indices b, h, m, n: ('f32', 'f32', 'index', 'index', 'index', 'index'); got ('f32', 'bf16', 'index', 'index', 'index', 'index')}}
  %o = attn.attention(%q, %q, %q) score [map(%x[h] : tensor<8xbf16>) {
    ^bb0(%s: f32, %y: bf16, %b: index, %h: index, %m: index, %n: index):
      attn.yield %s : f32
    }] : (tensor<2x8x?x64xbf16>, tensor<2x8x?x64xbf16>, tensor<2x8x?x64xbf16>) -> tensor<2x8x?x64xbf16>
  return %o : tensor<2x8x?x64xbf16>
}

// -----

// AT-8
func.func @map_yield(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{a score map must yield one 'f32'}}
  %o = attn.attention(%q, %q, %q) score [map() {
    ^bb0(%s: f32, %b: index, %h: index, %m: index, %n: index):
      attn.yield %s, %s : f32, f32
    }] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-8
func.func @map_body(%q: tensor<2x8x?x64xf32>, %t: tensor<8xf32>) -> tensor<2x8x?x64xf32> {
  %o = attn.attention(%q, %q, %q) score [map() {
    ^bb0(%s: f32, %b: index, %h: index, %m: index, %n: index):
      // expected-error @+1 {{may not stand in a score map; it holds arith and math operations}}
      %x = tensor.extract %t[%h] : tensor<8xf32>
      attn.yield %x : f32
    }] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-8: a division by zero at a dead point would end the program
func.func @map_division(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  %o = attn.attention(%q, %q, %q) score [map() {
    ^bb0(%s: f32, %b: index, %h: index, %m: index, %n: index):
      // expected-error @+1 {{may not stand in a score map; it is evaluated at dead points too, where this operation has no defined result}}
      %d = arith.divsi %m, %n : index
      attn.yield %s : f32
    }] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-8
func.func @map_vector(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  %o = attn.attention(%q, %q, %q) score [map() {
    ^bb0(%s: f32, %b: index, %h: index, %m: index, %n: index):
      // expected-error @+1 {{may not stand in a score map; it computes scalars}}
      %v = arith.constant dense<0.0> : vector<4xf32>
      attn.yield %s : f32
    }] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-9
func.func @key_lengths(%q: tensor<2x8x?x64xf32>, %l: tensor<3xi32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the extent of the key lengths is 3 but the batch is 2}}
  %o = attn.attention(%q, %q, %q) lengths key(%l : tensor<3xi32>) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-9
func.func @query_lengths(%q: tensor<2x8x?x64xf32>, %l: tensor<3xi64>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the extent of the query lengths is 3 but the batch is 2}}
  %o = attn.attention(%q, %q, %q) lengths query(%l : tensor<3xi64>) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-9
func.func @float_lengths(%q: tensor<2x8x?x64xf32>, %l: tensor<2xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{operand #3 must be 1D tensor of 32-bit signless integer or 64-bit signless integer values}}
  %o = attn.attention(%q, %q, %q) lengths key(%l : tensor<2xf32>) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-9
func.func @no_lengths(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{'lengths' takes key(...), query(...) or both}}
  %o = attn.attention(%q, %q, %q) lengths : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-10
func.func @sinks(%q: tensor<2x8x?x64xf32>, %k: tensor<2x2x?x64xf32>, %s: tensor<2xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{sinks hold one logit per query head (8); got 'tensor<2xf32>'}}
  %o = attn.attention(%q, %k, %k) sinks(%s : tensor<2xf32>) : (tensor<2x8x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// MD-2
func.func @default_scale(%q: tensor<2x8x?x?xf32>) -> tensor<2x8x?x?xf32> {
  // expected-error @+1 {{the default scale needs a static feature extent; write scale(c)}}
  %o = attn.attention(%q, %q, %q) : (tensor<2x8x?x?xf32>, tensor<2x8x?x?xf32>, tensor<2x8x?x?xf32>) -> tensor<2x8x?x?xf32>
  return %o : tensor<2x8x?x?xf32>
}

// -----

// MD-3
func.func @cap(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{a soft cap is a positive finite f64; got -1.000000e+00}}
  %o = attn.attention(%q, %q, %q) score [softcap(-1.0)] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// MD-1
func.func @modifier(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{unknown score modifier 'alibi'; known are scale(c), softcap(c), bias(%t[ranks] : type) and map(...) {...}}}
  %o = attn.attention(%q, %q, %q) score [alibi(8)] : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// MG-1
func.func @merge_counts(%o: tensor<2x8x?x64xf32>, %l: tensor<2x8x?xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{needs one log-sum-exp for each partial result; got 1 for 2}}
  %r = attn.merge(%o, %o) lse(%l) : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?xf32>) -> tensor<2x8x?x64xf32>
  return %r : tensor<2x8x?x64xf32>
}

// -----

// MG-1
func.func @merge_nothing() -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{needs one log-sum-exp for each partial result; got 0 for 0}}
  %r = attn.merge() lse() : () -> tensor<2x8x?x64xf32>
  return %r : tensor<2x8x?x64xf32>
}

// -----

// MG-2
func.func @merge_rank(%o: tensor<8x?x64xf32>, %l: tensor<8x?xf32>) -> tensor<8x?x64xf32> {
  // expected-error @+1 {{partial results are [batch, head, token, feature] of f64, f32, bf16 or f16 with static head and feature extents; got 'tensor<8x?x64xf32>'}}
  %r = attn.merge(%o) lse(%l) : (tensor<8x?x64xf32>, tensor<8x?xf32>) -> tensor<8x?x64xf32>
  return %r : tensor<8x?x64xf32>
}

// -----

// MG-2
func.func @merge_types(%a: tensor<2x8x?x64xf32>, %b: tensor<2x8x?x32xf32>, %l: tensor<2x8x?xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{partial results must share a type; got 'tensor<2x8x?x64xf32>' and 'tensor<2x8x?x32xf32>'}}
  %r = attn.merge(%a, %b) lse(%l, %l) : (tensor<2x8x?x64xf32>, tensor<2x8x?x32xf32>, tensor<2x8x?xf32>, tensor<2x8x?xf32>) -> tensor<2x8x?x64xf32>
  return %r : tensor<2x8x?x64xf32>
}

// -----

// MG-2
func.func @merge_lse(%o: tensor<2x8x?x64xbf16>, %l: tensor<2x8x?xbf16>) -> tensor<2x8x?x64xbf16> {
  // expected-error @+1 {{log-sum-exps must be 'tensor<2x8x?xf32>'; got 'tensor<2x8x?xbf16>'}}
  %r = attn.merge(%o) lse(%l) : (tensor<2x8x?x64xbf16>, tensor<2x8x?xbf16>) -> tensor<2x8x?x64xbf16>
  return %r : tensor<2x8x?x64xbf16>
}

// -----

// MG-2
func.func @merge_result(%o: tensor<2x8x?x64xf32>, %l: tensor<2x8x?xf32>) -> tensor<2x8x?x64xbf16> {
  // expected-error @+1 {{the result must be 'tensor<2x8x?x64xf32>'; got 'tensor<2x8x?x64xbf16>'}}
  %r = attn.merge(%o) lse(%l) : (tensor<2x8x?x64xf32>, tensor<2x8x?xf32>) -> tensor<2x8x?x64xbf16>
  return %r : tensor<2x8x?x64xbf16>
}

// -----

// MG-2
func.func @merge_lse_result(%o: tensor<2x8x?x64xf32>, %l: tensor<2x8x?xf32>) -> tensor<2x8x?xf64> {
  // expected-error @+1 {{the merged log-sum-exp must be 'tensor<2x8x?xf32>'; got 'tensor<2x8x?xf64>'}}
  %r, %s = attn.merge(%o) lse(%l) : (tensor<2x8x?x64xf32>, tensor<2x8x?xf32>) -> (tensor<2x8x?x64xf32>, tensor<2x8x?xf64>)
  return %s : tensor<2x8x?xf64>
}

// -----

// MG-3
func.func @merge_sinks(%o: tensor<2x8x?x64xf32>, %l: tensor<2x8x?xf32>, %s: tensor<4xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{sinks hold one logit per head (8); got 'tensor<4xf32>'}}
  %r = attn.merge(%o) lse(%l) sinks(%s) : (tensor<2x8x?x64xf32>, tensor<2x8x?xf32>, tensor<4xf32>) -> tensor<2x8x?x64xf32>
  return %r : tensor<2x8x?x64xf32>
}

// -----

// PO-5
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: tensor<3xi32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the extent of the offset is 3 but the batch is 2}}
  %o = attn.attention(%q, %q, %q) align offset(%x : tensor<3xi32>)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-5
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: tensor<2x2xi32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{operand #3 must be an index, or a tensor of i32 or i64 of rank 0 or 1, but got 'tensor<2x2xi32>'}}
  %o = attn.attention(%q, %q, %q) align offset(%x : tensor<2x2xi32>)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-5
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: tensor<f32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{operand #3 must be an index, or a tensor of i32 or i64 of rank 0 or 1, but got 'tensor<f32>'}}
  %o = attn.attention(%q, %q, %q) align offset(%x : tensor<f32>)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-5: no other alignment has one
func.func @offset_of_none(%q: tensor<2x8x?x64xf32>, %x: index) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{takes an offset with 'align offset(%x : type)' alone; it aligns top_left and has one}}
  %o = "attn.attention"(%q, %q, %q, %x) <{alignment = #attn<alignment top_left>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0>,
      score = []}> : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, index) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-5: an offset alignment has one
func.func @no_offset(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{it aligns offset and has none}}
  %o = "attn.attention"(%q, %q, %q) <{alignment = #attn<alignment offset>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>,
      score = []}> : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-6
func.func @unnamed_origin(%q: tensor<2x8x?x64xf32>, %x: index) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{names 0 ranks for 1 origins}}
  %o = "attn.attention"(%q, %q, %q, %x) <{alignment = #attn<alignment top_left>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0>,
      score = []}> : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, index) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-6
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: index) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{gives rank 'e' an origin; allowed are b, h, m and n}}
  %o = attn.attention(%q, %q, %q) origin(e = %x : index)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-6
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: index) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{gives rank 'm' two origins}}
  %o = attn.attention(%q, %q, %q) origin(m = %x : index, m = %x : index)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-6
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: tensor<3xi64>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the extent of the origin of 'n' is 3 but the batch is 2}}
  %o = attn.attention(%q, %q, %q) origin(n = %x : tensor<3xi64>)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// SP-15
func.func @neighborhood_of_a_part(%q: tensor<2x8x?x64xf32>, %x: index) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{is a part of a sequence, by the origin of its keys, and its neighborhood would count the part's keys; give the neighborhood a grid}}
  %o = attn.attention(%q, %q, %q) where neighborhood([7]) align top_left origin(n = %x : index)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-7
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: index) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{is a part of a sequence, by its origin, and 'align bottom_right' would take the part's extents}}
  %o = attn.attention(%q, %q, %q) where causal origin(n = %x : index)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// PO-7
func.func @positions(%q: tensor<2x8x?x64xf32>, %x: index, %l: tensor<2xi32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{allowed are 'align offset(...)', 'align top_left', or lengths of both keys and queries}}
  %o = attn.attention(%q, %q, %q) where causal origin(m = %x : index) lengths key(%l : tensor<2xi32>)
      : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// GA-1
func.func @gate_rank(%q: tensor<2x8x?x64xf32>, %k: tensor<2x4x?x64xf32>, %g: tensor<2x?xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the gate on the output is indexed by 'n'; allowed are b, h, m and f}}
  %o = attn.attention(%q, %k, %k) gate output sigmoid(%g[b, n] : tensor<2x?xf32>)
      : (tensor<2x8x?x64xf32>, tensor<2x4x?x64xf32>, tensor<2x4x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// GA-1
func.func @gate_heads(%q: tensor<2x8x?x64xf32>, %k: tensor<2x4x?x64xf32>, %g: tensor<4x8xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the gate on the key is indexed by 'k' and 'h'; a query head belongs to one key head: drop 'k'}}
  %o = attn.attention(%q, %k, %k) gate key none(%g[k, h] : tensor<4x8xf32>)
      : (tensor<2x8x?x64xf32>, tensor<2x4x?x64xf32>, tensor<2x4x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// GA-1
func.func @gate_extent(%q: tensor<2x8x?x64xf32>, %k: tensor<2x4x?x64xf32>, %g: tensor<8xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the gate on the value has extent 8 along 'k', which is 4}}
  %o = attn.attention(%q, %k, %k) gate value none(%g[k] : tensor<8xf32>)
      : (tensor<2x8x?x64xf32>, tensor<2x4x?x64xf32>, tensor<2x4x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// GA-1
func.func @gate_type(%q: tensor<2x8x?x64xf32>, %k: tensor<2x4x?x64xf32>, %g: tensor<8xi32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the gate on the query must hold f64, f32, bf16 or f16; got 'i32'}}
  %o = attn.attention(%q, %k, %k) gate query none(%g[h] : tensor<8xi32>)
      : (tensor<2x8x?x64xf32>, tensor<2x4x?x64xf32>, tensor<2x4x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// GA-3
func.func @gate_lse(%q: tensor<2x8x?x64xf32>, %k: tensor<2x4x?x64xf32>, %g: tensor<?xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{has no log-sum-exp: a renormalised gate without a positive activation may make the sum negative; allowed are sigmoid, softplus and exp}}
  %o, %l = attn.attention(%q, %k, %k) gate weight tanh(%g[n] : tensor<?xf32>) renormalised
      : (tensor<2x8x?x64xf32>, tensor<2x4x?x64xf32>, tensor<2x4x?x64xf32>) -> (tensor<2x8x?x64xf32>, tensor<2x8x?xf32>)
  return %o : tensor<2x8x?x64xf32>
}

// -----

// GA-2
func.func @gate_renormalised(%q: tensor<2x8x?x64xf32>, %k: tensor<2x4x?x64xf32>, %g: tensor<8xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{'renormalised' is for a gate on the weight; got one on the score}}
  %o = attn.attention(%q, %k, %k) gate score none(%g[h] : tensor<8xf32>) renormalised
      : (tensor<2x8x?x64xf32>, tensor<2x4x?x64xf32>, tensor<2x4x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// MD-2: the text cannot say it
func.func @f(%q: tensor<2x8x4x64xf32>, %k: tensor<2x8x4x64xf32>, %v: tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32> {
  // expected-error @+1 {{lists no scale, which the text would read as 1/sqrt(E); list scale(1.0) where there is none}}
  %o = "attn.attention"(%q, %k, %v) <{alignment = #attn<alignment bottom_right>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>, score = []}> : (tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// NO-2
func.func @sinks_of_sigmoid(%q: tensor<2x8x?x64xf32>, %s: tensor<8xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{takes sinks with 'normalise softmax' alone; got 'sigmoid'}}
  %o = attn.attention(%q, %q, %q) sinks(%s : tensor<8xf32>) normalise sigmoid : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// NO-3
func.func @gate_without_sum(%q: tensor<2x8x?x64xf32>, %g: tensor<?xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{has no sum that a renormalised gate could join: 'normalise none'; drop 'renormalised'}}
  %o = attn.attention(%q, %q, %q) normalise none gate weight exp(%g[n] : tensor<?xf32>) renormalised : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// NO-4
func.func @lse_of_sum(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{has no log-sum-exp: only a softmax sums exponentials}}
  %o, %l = attn.attention(%q, %q, %q) normalise sum : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> (tensor<2x8x?x64xf32>, tensor<2x8x?xf32>)
  return %o : tensor<2x8x?x64xf32>
}

// -----

// NO-4
func.func @unknown_normaliser(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{expected one of [softmax, softmax_plus_one, sigmoid, none, sum, l1, l2] for what makes weights of scores, got: sparsemax}}
  %o = attn.attention(%q, %q, %q) normalise sparsemax : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-8
func.func @weights_arguments(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the map of weights takes the weight, its operands and the indices b, h, m, n: ('f32', 'index', 'index', 'index', 'index'); got ('f32')}}
  %o = attn.attention(%q, %q, %q) weights() {
    ^bb0(%p: f32):
      attn.yield %p : f32
    } : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-8
func.func @weights_yield(%q: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the map of weights must yield one 'f32'}}
  %o = attn.attention(%q, %q, %q) weights() {
    ^bb0(%p: f32, %b: index, %h: index, %m: index, %n: index):
      attn.yield %m : index
    } : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// AT-7
func.func @weights_rank(%q: tensor<2x8x?x64xf32>, %t: tensor<64xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the map of weights's operand is indexed by 'f'; allowed are b, h, m and n}}
  %o = attn.attention(%q, %q, %q) weights(%t[f] : tensor<64xf32>) {
    ^bb0(%p: f32, %x: f32, %b: index, %h: index, %m: index, %n: index):
      attn.yield %p : f32
    } : (tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// MX-1
func.func @mix_nothing() -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{needs at least one branch}}
  %o = attn.mix : () -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// MX-2
func.func @mix_rank(%a: tensor<8x?x64xf32>) -> tensor<8x?x64xf32> {
  // expected-error @+1 {{branches are [batch, head, token, feature] of f64, f32, bf16 or f16 with static head and feature extents; branch #0 is 'tensor<8x?x64xf32>'}}
  %o = attn.mix %a : (tensor<8x?x64xf32>) -> tensor<8x?x64xf32>
  return %o : tensor<8x?x64xf32>
}

// -----

// MX-2
func.func @mix_shape(%a: tensor<2x8x?x64xf32>, %b: tensor<2x8x?x32xf32>) -> tensor<2x8x?x64xf32> {
  // expected-error @+1 {{the result must have the shape of every branch; got 'tensor<2x8x?x64xf32>' from branch #1, 'tensor<2x8x?x32xf32>'}}
  %o = attn.mix %a, %b : (tensor<2x8x?x64xf32>, tensor<2x8x?x32xf32>) -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}

// -----

// MX-2
func.func @mix_type(%a: tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf80> {
  // expected-error @+1 {{the result must hold f64, f32, bf16 or f16; got 'f80'}}
  %o = attn.mix %a : (tensor<2x8x?x64xf32>) -> tensor<2x8x?x64xf80>
  return %o : tensor<2x8x?x64xf80>
}

// -----

func.func @scale_beyond_f32(%q: tensor<1x1x?x8xbf16>) -> tensor<1x1x?x8xbf16> {
  // expected-error @+1 {{scale 1.000000e+300 is no number of 'f32', in which scores are computed; magnitudes from 1.4e-45 to 3.4e38 are, and 0}}
  %o = attn.attention(%q, %q, %q) score [scale(1.0e+300), scale(1.0e-300)] : (tensor<1x1x?x8xbf16>, tensor<1x1x?x8xbf16>, tensor<1x1x?x8xbf16>) -> tensor<1x1x?x8xbf16>
  return %o : tensor<1x1x?x8xbf16>
}

// -----

func.func @cap_beyond_f32(%q: tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32> {
  // expected-error @+1 {{soft cap 1.000000e-50 is no number of 'f32', in which scores are computed; magnitudes from 1.4e-45 to 3.4e38 are}}
  %o = attn.attention(%q, %q, %q) score [scale(1.0), softcap(1.0e-50)] : (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32>
  return %o : tensor<1x1x?x8xf32>
}

// -----

func.func @clause_order(%q: tensor<1x4x?x8xf32>, %s: tensor<4xf32>, %p: tensor<?xi32>) -> tensor<1x4x?x8xf32> {
  // expected-error @+1 {{'permute' stands behind another clause or twice; the order of clauses is score, where, align, origin, lengths, segments, permute, sinks, normalise, weights, gate}}
  %o = attn.attention(%q, %q, %q) where causal sinks(%s : tensor<4xf32>) permute(%p : tensor<?xi32>) : (tensor<1x4x?x8xf32>, tensor<1x4x?x8xf32>, tensor<1x4x?x8xf32>) -> tensor<1x4x?x8xf32>
  return %o : tensor<1x4x?x8xf32>
}
