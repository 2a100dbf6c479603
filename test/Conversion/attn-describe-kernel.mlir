// RUN: attn-opt %s --split-input-file --attn-describe-kernel | FileCheck %s

// The ranks of an attention operator name the extents; a shared head count and
// extents that only one tensor fixes are written as numbers everywhere.
// CHECK: module attributes {attn.kernels = [{name = "attention", phases = 0 : i64, tensors = [
// CHECK-SAME: {dims = ["b", "8", "m", "64"], name = "q", output = false, type = tensor<?x8x?x64xf32>},
// CHECK-SAME: {dims = ["b", "2", "n", "64"], name = "arg1", output = false, type = tensor<?x2x?x64xf32>},
// CHECK-SAME: {dims = ["b", "2", "n", "32"], name = "arg2", output = false, type = tensor<?x2x?x32xf32>},
// CHECK-SAME: {dims = ["8", "m", "n"], name = "arg3", output = false, type = tensor<8x?x?xf32>},
// CHECK-SAME: {dims = ["b"], name = "arg4", output = false, type = tensor<?xi32>},
// CHECK-SAME: {dims = ["b", "8", "m", "32"], name = "o", output = true, type = tensor<?x8x?x32xf32>},
// CHECK-SAME: {dims = ["b", "8", "m"], name = "out1", output = true, type = tensor<?x8x?xf32>}], worker_workspace = 0 : i64}]}
func.func @attention(%q: tensor<?x8x?x64xf32> {attn.name = "q"}, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %bias: tensor<8x?x?xf32>, %kl: tensor<?xi32>)
    -> (tensor<?x8x?x32xf32> {attn.name = "o"}, tensor<?x8x?xf32>) {
  %o, %lse = attn.attention(%q, %k, %v) score [bias(%bias[h, m, n] : tensor<8x?x?xf32>)] lengths key(%kl : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>) -> (tensor<?x8x?x32xf32>, tensor<?x8x?xf32>)
  return %o, %lse : tensor<?x8x?x32xf32>, tensor<?x8x?xf32>
}

// -----

// A cascade behind a split of the heads; the extent 4 of the keys reaches the
// batch of the queries.
// CHECK: {dims = ["4", "6", "t"], name = "arg0", output = false, type = tensor<?x6x?xf32>}
// CHECK-SAME: {dims = ["4", "t"], name = "arg1", output = false, type = tensor<4x?xf32>}
// CHECK-SAME: {dims = ["4", "6", "t"], name = "out0", output = true, type = tensor<?x6x?xf32>}
func.func @split(%x: tensor<?x6x?xf32>, %y: tensor<4x?xf32>) -> tensor<?x6x?xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %x, %c0 : tensor<?x6x?xf32>
  %t = tensor.dim %x, %c2 : tensor<?x6x?xf32>
  %e = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [%b, 2, 3, %t] : tensor<?x6x?xf32> into tensor<?x2x3x?xf32>
  %r = attn.cascade (%X = %e, %Y = %y) : (tensor<?x2x3x?xf32>, tensor<4x?xf32>) -> tensor<?x2x3x?xf32> {
    %z = attn.einsum [p,k,g,t] = mul(%X[p,k,g,t], %Y[p,t]) : (tensor<?x2x3x?xf32>, tensor<4x?xf32>) -> tensor<?x2x3x?xf32>
    attn.yield %z : tensor<?x2x3x?xf32>
  }
  %c = tensor.collapse_shape %r [[0], [1, 2], [3]] : tensor<?x2x3x?xf32> into tensor<?x6x?xf32>
  return %c : tensor<?x6x?xf32>
}

// -----

// Two ranks of one name in two cascades stay two symbols; extents that nothing
// relates get symbols of their own.
// CHECK: {dims = ["n"], name = "arg0"
// CHECK-SAME: {dims = ["n_2"], name = "arg1"
// CHECK-SAME: {dims = ["d0"], name = "arg2"
// CHECK-SAME: {dims = ["n"], name = "out0"
// CHECK-SAME: {dims = ["n_2"], name = "out1"
func.func @names(%x: tensor<?xf32>, %y: tensor<?xf32>, %unused: tensor<?xi64>) -> (tensor<?xf32>, tensor<?xf32>) {
  %a = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %z = attn.einsum [n] = add(%X[n], %X[n]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %z : tensor<?xf32>
  }
  %b = attn.cascade (%X = %y) : (tensor<?xf32>) -> tensor<?xf32> {
    %z = attn.einsum [n] = add(%X[n], %X[n]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %z : tensor<?xf32>
  }
  %c = arith.negf %b : tensor<?xf32>
  return %a, %c : tensor<?xf32>, tensor<?xf32>
}

// -----

// Names in locations, which a name in an attribute beats; what is no identifier
// or is taken falls back to its number, and that to a free name.
// CHECK: name = "q", output = false
// CHECK-SAME: name = "arg1", output = false
// CHECK-SAME: name = "arg2", output = false
// CHECK-SAME: name = "arg3_2", output = false
// CHECK-SAME: name = "arg3", output = false
// CHECK-SAME: name = "k", output = true
// CHECK-SAME: name = "out1", output = true
func.func @locations(%0: tensor<4xf32> loc("q"), %1: tensor<4xf32> loc("k"), %2: tensor<4xf32> loc("k.0"),
                     %3: tensor<4xf32> loc("3"), %4: tensor<4xf32> loc("arg3"))
    -> (tensor<4xf32> {attn.name = "k"}, tensor<4xf32>) {
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK: name = "key", output = false
// CHECK-SAME: name = "arg1", output = false
func.func @attribute_wins(%0: tensor<4xf32> {attn.name = "key"} loc("q"), %1: tensor<4xf32> loc("key")) -> tensor<4xf32> {
  return %0 : tensor<4xf32>
}

// -----

// What a call checks: the offsets of queries and keys are as many, and lie within
// the tokens of either.
// CHECK: module attributes {attn.kernels = [{checks = [
// CHECK-SAME: {extent = "m", kind = "offsets", tensor = 1 : i64},
// CHECK-SAME: {extent = "16", kind = "offsets", tensor = 3 : i64}], name = "packed"
// CHECK-SAME: {dims = ["d0"], name = "arg1", output = false, type = tensor<?xi32>}
// CHECK-SAME: {dims = ["b", "d0"], name = "arg3", output = false, type = tensor<?x?xi64>}
func.func @packed(%q: tensor<?x8x?x64xf32>, %x: tensor<?xi32>, %k: tensor<?x2x16x64xf32>, %y: tensor<?x?xi64>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where causal segments query(%x : tensor<?xi32>) key(%y : tensor<?x?xi64>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x16x64xf32>, tensor<?x2x16x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// One tensor for both is checked twice, and a permutation once.
// CHECK: {extent = "m", kind = "offsets", tensor = 1 : i64}, {extent = "n", kind = "offsets", tensor = 1 : i64}]
func.func @shared(%q: tensor<?x8x?x64xf32>, %x: tensor<?xi32>, %k: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) segments(%x : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// CHECK: checks = [{extent = "m", kind = "permutation", tensor = 1 : i64}]
func.func @permuted(%q: tensor<?x8x?x64xf32>, %p: tensor<8x?xi32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %q, %q) where causal in permuted permute(%p[h] : tensor<8x?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
