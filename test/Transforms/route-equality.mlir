// The operator and its spelled-out 3-pass cascade, in the paper's order or with
// einsums reordered, operands exchanged and every name changed, become one
// derived cascade.
//
// RUN: split-file %s %t
// RUN: attn-opt %t/op.mlir --attn-expand-attention --attn-normalize-cascade --attn-defer-division \
// RUN:   --attn-derive-single-pass=require --cse --canonicalize --attn-normalize-cascade=rename-ranks \
// RUN:   | sed -n "/attn.cascade/,$ p" > %t/op
// RUN: attn-opt %t/cascade.mlir --attn-expand-attention --attn-normalize-cascade --attn-defer-division \
// RUN:   --attn-derive-single-pass=require --cse --canonicalize --attn-normalize-cascade=rename-ranks \
// RUN:   | sed -n "/attn.cascade/,$ p" > %t/cascade
// RUN: attn-opt %t/reordered.mlir --attn-expand-attention --attn-normalize-cascade --attn-defer-division \
// RUN:   --attn-derive-single-pass=require --cse --canonicalize --attn-normalize-cascade=rename-ranks \
// RUN:   | sed -n "/attn.cascade/,$ p" > %t/reordered
// RUN: diff %t/op %t/cascade
// RUN: diff %t/op %t/reordered
// RUN: FileCheck %s --input-file=%t/op
// CHECK: attn.iterate

//--- op.mlir
func.func @f(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>, %bias: tensor<8x?x?xf32>, %sinks: tensor<8xf32>, %kl: tensor<?xi32>) -> (tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>) {
  %o, %lse = attn.attention(%q, %k, %v)
      score [scale(0.125), softcap(30.0), bias(%bias[h, m, n] : tensor<8x?x?xf32>)]
      where causal lengths key(%kl : tensor<?xi32>) sinks(%sinks : tensor<8xf32>)
      : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>) -> (tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>)
  return %o, %lse : tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>
}

//--- cascade.mlir
func.func @f(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>, %bias: tensor<8x?x?xf32>, %sinks: tensor<8xf32>, %kl: tensor<?xi32>) -> (tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x8x?x64xbf16>
  %m = tensor.dim %q, %c2 : tensor<?x8x?x64xbf16>
  %qs = tensor.expand_shape %q [[0], [1, 2], [3], [4]] output_shape [%b, 2, 4, %m, 64] : tensor<?x8x?x64xbf16> into tensor<?x2x4x?x64xbf16>
  %bm = tensor.dim %bias, %c1 : tensor<8x?x?xf32>
  %bn = tensor.dim %bias, %c2 : tensor<8x?x?xf32>
  %bs = tensor.expand_shape %bias [[0, 1], [2], [3]] output_shape [2, 4, %bm, %bn] : tensor<8x?x?xf32> into tensor<2x4x?x?xf32>
  %ss = tensor.expand_shape %sinks [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  %o:2 = attn.cascade (%Q = %qs, %K = %k, %V = %v, %B = %bs, %SINK = %ss, %KL = %kl)
      where causal over (m, n) align bottom_right lengths key(%KL[b])
      : (tensor<?x2x4x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>, tensor<2x4x?x?xf32>, tensor<2x4xf32>, tensor<?xi32>) -> (tensor<?x2x4x?x32xbf16>, tensor<?x2x4x?xf32>) {
    %qk = attn.einsum [b,k,g,m,n] = mul(%Q[b,k,g,m,e], %K[b,k,n,e]) reduce add(e) : (tensor<?x2x4x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x2x4x?x?xf32>
    %scaled = attn.einsum [b,k,g,m,n] = map(%qk[b,k,g,m,n]) {
    ^bb0(%x: f32):
      %c = arith.constant 0.125 : f32
      %y = arith.mulf %x, %c : f32
      attn.yield %y : f32
    } : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?x?xf32>
    %capped = attn.einsum [b,k,g,m,n] = map(%scaled[b,k,g,m,n]) {
    ^bb0(%x: f32):
      %c = arith.constant 30.0 : f32
      %d = arith.divf %x, %c : f32
      %t = math.tanh %d : f32
      %y = arith.mulf %c, %t : f32
      attn.yield %y : f32
    } : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?x?xf32>
    %s = attn.einsum [b,k,g,m,n] = add(%capped[b,k,g,m,n], %B[k,g,m,n]) : (tensor<?x2x4x?x?xf32>, tensor<2x4x?x?xf32>) -> tensor<?x2x4x?x?xf32>
    %gm = attn.einsum [b,k,g,m] = %s[b,k,g,m,n] reduce max(n) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
    %gms = attn.einsum [b,k,g,m] = max(%gm[b,k,g,m], %SINK[k,g]) : (tensor<?x2x4x?xf32>, tensor<2x4xf32>) -> tensor<?x2x4x?xf32>
    %sn = attn.einsum [b,k,g,m,n] = map(%s[b,k,g,m,n], %gms[b,k,g,m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x2x4x?x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x?xf32>
    %sd = attn.einsum [b,k,g,m] = %sn[b,k,g,m,n] reduce add(n) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
    %sds = attn.einsum [b,k,g,m] = map(%sd[b,k,g,m], %SINK[k,g], %gms[b,k,g,m], %gm[b,k,g,m]) {
    ^bb0(%x: f32, %y: f32, %z: f32, %w: f32):
      %d = arith.subf %y, %z : f32
      %e = math.exp %d : f32
      %r = arith.addf %x, %e : f32
      %least = arith.constant -3.40282347E+38 : f32
      %zero = arith.constant 0.0 : f32
      %isdead = arith.cmpf ole, %w, %least : f32
      %number = arith.cmpf ord, %r, %r : f32
      %both = arith.andi %isdead, %number : i1
      %kept = arith.select %both, %zero, %r : f32
      attn.yield %kept : f32
    } : (tensor<?x2x4x?xf32>, tensor<2x4xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
    %a = attn.einsum [b,k,g,m,n] = div(%sn[b,k,g,m,n], %sds[b,k,g,m]) : (tensor<?x2x4x?x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?x?xf32>
    %av = attn.einsum [b,k,g,m,f] = mul(%a[b,k,g,m,n], %V[b,k,n,f]) reduce add(n) : (tensor<?x2x4x?x?xf32>, tensor<?x2x?x32xbf16>) -> tensor<?x2x4x?x32xbf16>
    %lse = attn.einsum [b,k,g,m] = map(%gms[b,k,g,m], %sds[b,k,g,m]) {
    ^bb0(%x: f32, %y: f32):
      %l = math.log %y : f32
      %r = arith.addf %x, %l : f32
      attn.yield %r : f32
    } : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
    attn.yield %av, %lse : tensor<?x2x4x?x32xbf16>, tensor<?x2x4x?xf32>
  }
  %r0 = tensor.collapse_shape %o#0 [[0], [1, 2], [3], [4]] : tensor<?x2x4x?x32xbf16> into tensor<?x8x?x32xbf16>
  %r1 = tensor.collapse_shape %o#1 [[0], [1, 2], [3]] : tensor<?x2x4x?xf32> into tensor<?x8x?xf32>
  return %r0, %r1 : tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>
}

//--- reordered.mlir
func.func @f(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>, %bias: tensor<8x?x?xf32>, %sinks: tensor<8xf32>, %kl: tensor<?xi32>) -> (tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>) {
  %c2 = arith.constant 2 : index
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : tensor<?x8x?x64xbf16>
  %m = tensor.dim %q, %c2 : tensor<?x8x?x64xbf16>
  %qs = tensor.expand_shape %q [[0], [1, 2], [3], [4]] output_shape [%b, 2, 4, %m, 64] : tensor<?x8x?x64xbf16> into tensor<?x2x4x?x64xbf16>
  %bm = tensor.dim %bias, %c1 : tensor<8x?x?xf32>
  %bn = tensor.dim %bias, %c2 : tensor<8x?x?xf32>
  %bs = tensor.expand_shape %bias [[0, 1], [2], [3]] output_shape [2, 4, %bm, %bn] : tensor<8x?x?xf32> into tensor<2x4x?x?xf32>
  %ss = tensor.expand_shape %sinks [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  %o:2 = attn.cascade (%lens = %kl, %x5 = %ss, %x1 = %v, %x2 = %k, %x3 = %qs, %x4 = %bs)
      where causal over (y, x) align bottom_right lengths key(%lens[batch])
      : (tensor<?xi32>, tensor<2x4xf32>, tensor<?x2x?x32xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x4x?x64xbf16>, tensor<2x4x?x?xf32>) -> (tensor<?x2x4x?x32xbf16>, tensor<?x2x4x?xf32>) {
    %limit = arith.constant 30.0 : f32
    %dead = attn.einsum [i,j,y,x] = add(%x4[i,j,y,x], %x4[i,j,y,x]) : (tensor<2x4x?x?xf32>, tensor<2x4x?x?xf32>) -> tensor<2x4x?x?xf32>
    %t0 = attn.einsum [batch,i,j,y,x] = mul(%x2[batch,i,x,d], %x3[batch,i,j,y,d]) reduce add(d) : (tensor<?x2x?x64xbf16>, tensor<?x2x4x?x64xbf16>) -> tensor<?x2x4x?x?xf32>
    %t1 = attn.einsum [x,batch,i,j,y] = map(%t0[batch,i,j,y,x]) {
    ^bb0(%z: f32):
      %c = arith.constant 0.125 : f32
      %w = arith.mulf %c, %z : f32
      attn.yield %w : f32
    } : (tensor<?x2x4x?x?xf32>) -> tensor<?x?x2x4x?xf32>
    %t2 = attn.einsum [batch,i,j,y,x] = map(%t1[x,batch,i,j,y]) {
    ^bb0(%z: f32):
      %d = arith.divf %z, %limit : f32
      %t = math.tanh %d : f32
      %w = arith.mulf %t, %limit : f32
      attn.yield %w : f32
    } : (tensor<?x?x2x4x?xf32>) -> tensor<?x2x4x?x?xf32>
    %v32 = attn.einsum [batch,i,x,c] = %x1[batch,i,x,c] : (tensor<?x2x?x32xbf16>) -> tensor<?x2x?x32xf32>
    %t3 = attn.einsum [batch,i,j,y,x] = add(%x4[i,j,y,x], %t2[batch,i,j,y,x]) : (tensor<2x4x?x?xf32>, tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?x?xf32>
    %t4 = attn.einsum [batch,i,j,y] = %t3[batch,i,j,y,x] reduce max(x) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
    %t5 = attn.einsum [batch,i,j,y] = max(%x5[i,j], %t4[batch,i,j,y]) : (tensor<2x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
    %t6 = attn.einsum [batch,i,j,y,x] = map(%t5[batch,i,j,y], %t3[batch,i,j,y,x]) {
    ^bb0(%a: f32, %z: f32):
      %d = arith.subf %z, %a : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x2x4x?xf32>, tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?x?xf32>
    %t7 = attn.einsum [batch,i,j,y] = %t6[batch,i,j,y,x] reduce add(x) : (tensor<?x2x4x?x?xf32>) -> tensor<?x2x4x?xf32>
    %t8 = attn.einsum [batch,i,j,y] = map(%t4[batch,i,j,y], %t5[batch,i,j,y], %t7[batch,i,j,y], %x5[i,j]) {
    ^bb0(%w: f32, %z: f32, %a: f32, %y: f32):
      %zero = arith.constant 0.0 : f32
      %least = arith.constant -3.40282347E+38 : f32
      %isdead = arith.cmpf ole, %w, %least : f32
      %d = arith.subf %y, %z : f32
      %e = math.exp %d : f32
      %r = arith.addf %e, %a : f32
      %number = arith.cmpf ord, %r, %r : f32
      %both = arith.andi %number, %isdead : i1
      %kept = arith.select %both, %zero, %r : f32
      attn.yield %kept : f32
    } : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>, tensor<2x4xf32>) -> tensor<?x2x4x?xf32>
    %lse = attn.einsum [batch,i,j,y] = map(%t8[batch,i,j,y], %t5[batch,i,j,y]) {
    ^bb0(%a: f32, %z: f32):
      %l = math.log %a : f32
      %r = arith.addf %l, %z : f32
      attn.yield %r : f32
    } : (tensor<?x2x4x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
    %t9 = attn.einsum [y,x,batch,i,j] = div(%t6[batch,i,j,y,x], %t8[batch,i,j,y]) : (tensor<?x2x4x?x?xf32>, tensor<?x2x4x?xf32>) -> tensor<?x?x?x2x4xf32>
    %t10 = attn.einsum [batch,i,j,y,c] = mul(%v32[batch,i,x,c], %t9[y,x,batch,i,j]) reduce add(x) : (tensor<?x2x?x32xf32>, tensor<?x?x?x2x4xf32>) -> tensor<?x2x4x?x32xbf16>
    attn.yield %t10, %lse : tensor<?x2x4x?x32xbf16>, tensor<?x2x4x?xf32>
  }
  %r0 = tensor.collapse_shape %o#0 [[0], [1, 2], [3], [4]] : tensor<?x2x4x?x32xbf16> into tensor<?x8x?x32xbf16>
  %r1 = tensor.collapse_shape %o#1 [[0], [1, 2], [3]] : tensor<?x2x4x?xf32> into tensor<?x8x?xf32>
  return %r0, %r1 : tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>
}
