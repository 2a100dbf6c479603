// RUN: attn-opt %s --attn-map-to-warps -split-input-file -verify-diagnostics
// RUN: attn-opt %s --attn-map-to-warps -split-input-file > %t.mapped
// RUN: attn-opt %s -split-input-file > %t.given
// RUN: diff %t.given %t.mapped

// Every reason for which a function is left to the threads of its lanes, as it was.

// Lanes that fill no product.
// expected-remark @+1 {{runs without tensor cores: an item has 24 lanes, no multiple of 16}}
func.func @lanes_run0(%q: memref<24x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 24 : i64} {
  return
}
func.func @lanes_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A size that depends on data.
func.func @size_run0(%q: memref<16x16xbf16>, %n: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  // expected-remark @+1 {{runs without tensor cores: a buffer has a place or a size that depends on data}}
  %packed = memref.view %w[%c0][%n] : memref<?xi8> to memref<?x16xf32>
  return
}
func.func @size_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A place that depends on data.
func.func @place_run0(%q: memref<16x16xbf16>, %n: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  // expected-remark @+1 {{runs without tensor cores: a buffer has a place or a size that depends on data}}
  %packed = memref.view %w[%n][] : memref<?xi8> to memref<16x16xf32>
  return
}
func.func @place_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Lanes by rows.
func.func @rows_run0(%q: memref<16x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a tile over the lanes is not [column, lane]}}
  attn.tile_einsum [m,e] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  return
}
func.func @rows_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Lanes in two dimensions.
func.func @diagonal_run0(%q: memref<16x16xbf16>, %o: memref<16xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a tile over the lanes is not [column, lane]}}
  attn.tile_einsum [m] = %packed[m,m] outs(%o) : (memref<16x16xf32>) -> memref<16xf32>
  return
}
func.func @diagonal_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// The rows of permuted tokens are stored one by one.
func.func @across_run0(%q: memref<16x16xbf16>, %o: memref<16xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %row = memref.subview %packed[0, 3] [16, 1] [1, 1] : memref<16x16xf32> to memref<16xf32, strided<[16], offset: 3>>
  // expected-remark @+1 {{runs without tensor cores: a buffer is read across its lanes}}
  attn.tile_einsum [e] = %row[e] outs(%o) : (memref<16xf32, strided<[16], offset: 3>>) -> memref<16xf32>
  return
}
func.func @across_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Something else takes a buffer.
func.func @taken_run0(%q: memref<16x16xbf16>, %o: memref<16x16xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  // expected-remark @+1 {{runs without tensor cores: 'memref.copy' takes a buffer of the item}}
  memref.copy %packed, %o : memref<16x16xf32> to memref<16x16xf32>
  return
}
func.func @taken_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A number of one lane.
func.func @number_run0(%q: memref<16x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a number is read out of a buffer over lanes}}
  %x = memref.load %packed[%c0, %c0] : memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  return
}
func.func @number_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Nothing to multiply, and nothing to say.
func.func @none_run0(%q: memref<16x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  return
}
func.func @none_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Weights of f16 that nothing bounds.
func.func @large_run0(%q: memref<16x16xf16>, %k: memref<16x16xf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c3072 = arith.constant 3072 : index
  %c4096 = arith.constant 4096 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<16x16xf16>) -> memref<16x16xf32>
  %s = memref.view %w[%c3072][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xf32>, memref<16x16xf32>) -> memref<16x16xf32>
  %sum = memref.view %w[%c4096][] : memref<?xi8> to memref<16x16xf32>
  // expected-remark @+1 {{runs without tensor cores: weights that may be larger than 1 leave the range of f16}}
  attn.tile_einsum [f,m] = mul(%s[n0,m], %keys[n0,f]) reduce add(n0) outs(%sum) : (memref<16x16xf32>, memref<16x16xf32>) -> memref<16x16xf32>
  return
}
func.func @large_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Keys that lie in their tensor.
func.func @tensor_run0(%q: memref<16x16xbf16>, %keys: memref<8x16xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a product of matrices is not of tiles in scratch}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @tensor_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Keys that a function was applied to.
func.func @computed_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: an operand of a product of matrices is computed, and would be rounded to 16 bits}}
  attn.tile_einsum [n0,e] = map(%k[n0,e]) {
  ^bb0(%x: f32):
    %y = arith.addf %x, %x : f32
    attn.yield %y : f32
  } outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @computed_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Keys with a factor.
func.func @factor_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %half = arith.constant 0.5 : f32
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: an operand of a product of matrices is computed, and would be rounded to 16 bits}}
  attn.tile_einsum [n0,e] = map(%k[n0,e]) {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %half : f32
    attn.yield %y : f32
  } outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @factor_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Keys of 32 bits.
func.func @wide_run0(%q: memref<16x16xbf16>, %k: memref<8x16xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: an operand of a product of matrices is computed, and would be rounded to 16 bits}}
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xf32>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @wide_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A copy of two tensors of different types.
func.func @two_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %j: memref<8x16xf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: an operand of a product of matrices is computed, and would be rounded to 16 bits}}
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  attn.tile_einsum [n0,e] = %j[n0,e] outs(%keys) : (memref<8x16xf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @two_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Keys that nothing was copied to.
func.func @zeros_run0(%q: memref<16x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %zero = arith.constant 0.0 : f32
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = map() { attn.yield %zero : f32 } outs(%keys) : () -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: no operand of the product has 16 bits}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @zeros_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A number of the keys.
func.func @loaded_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %x = memref.load %keys[%c0, %c0] : memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a number is read out of an operand of the product}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @loaded_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Queries of f16, keys of bf16.
func.func @types_run0(%q: memref<16x16xf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: the operands of a product have different types}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @types_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Queries that a function was applied to.
func.func @rounded_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = map(%q[m,e]) {
  ^bb0(%x: f32):
    %y = arith.addf %x, %x : f32
    attn.yield %y : f32
  } outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: the tile over the lanes is computed, and would be rounded to 16 bits}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @rounded_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// The factor of the queries would apply to the sum so far.
func.func @sum_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %half = arith.constant 0.5 : f32
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = map(%q[m,e]) {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %half : f32
    attn.yield %y : f32
  } outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a sum goes on whose products have a factor}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s) accumulate
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  return
}
func.func @sum_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A part of the scores, as of a step in three parts.
func.func @part_run0(%q: memref<16x16xbf16>, %k: memref<32x16xbf16>, %v: memref<16x8xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c4096 = arith.constant 4096 : index
  %c6144 = arith.constant 6144 : index
  %c7168 = arith.constant 7168 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<32x16xbf16>) -> memref<32x16xf32>
  %s = memref.view %w[%c4096][] : memref<?xi8> to memref<32x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<32x16xf32>) -> memref<32x16xf32>
  %values = memref.view %w[%c6144][] : memref<?xi8> to memref<16x8xf32>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%values) : (memref<16x8xbf16>) -> memref<16x8xf32>
  %some = memref.subview %s[16, 0] [16, 16] [1, 1] : memref<32x16xf32> to memref<16x16xf32, strided<[16, 1], offset: 256>>
  %sum = memref.view %w[%c7168][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: an operand of the product begins within its tile}}
  attn.tile_einsum [f,m] = mul(%some[n0,m], %values[n0,f]) reduce add(n0) outs(%sum)
      : (memref<16x16xf32, strided<[16, 1], offset: 256>>, memref<16x8xf32>) -> memref<8x16xf32>
  return
}
func.func @part_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Features that fill no product.
func.func @depth_run0(%q: memref<16x24xbf16>, %k: memref<8x24xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<24x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x24xbf16>) -> memref<24x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x24xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x24xbf16>) -> memref<8x24xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a product of matrices has a depth of 24 and 8 columns, no multiples of 16 and 8}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<24x16xf32>, memref<8x24xf32>) -> memref<8x16xf32>
  return
}
func.func @depth_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Points that fill no product.
func.func @columns_run0(%q: memref<16x16xbf16>, %k: memref<4x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<4x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<4x16xbf16>) -> memref<4x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<4x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a product of matrices has a depth of 16 and 4 columns, no multiples of 16 and 8}}
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<4x16xf32>) -> memref<4x16xf32>
  return
}
func.func @columns_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Statistics of another type.
func.func @statistics_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %l: memref<16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a tile over the lanes holds no f32}}
  %half = memref.view %w[%c2048][] : memref<?xi8> to memref<16xbf16>
  attn.tile_einsum [m] = %l[m] outs(%half) : (memref<16xbf16>) -> memref<16xbf16>
  return
}
func.func @statistics_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A tile of 12 columns.
func.func @tile_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %l: memref<12x16xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a tile has 12 columns, no multiple of 8}}
  %odd = memref.view %w[%c2048][] : memref<?xi8> to memref<12x16xf32>
  attn.tile_einsum [f,m] = %l[f,m] outs(%odd) : (memref<12x16xf32>) -> memref<12x16xf32>
  return
}
func.func @tile_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Columns that other threads hold.
func.func @parts_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %low = memref.subview %s[0, 0] [4, 16] [1, 1] : memref<8x16xf32> to memref<4x16xf32, strided<[16, 1]>>
  %high = memref.subview %s[4, 0] [4, 16] [1, 1] : memref<8x16xf32> to memref<4x16xf32, strided<[16, 1], offset: 64>>
  // expected-remark @+1 {{runs without tensor cores: parts of tiles begin at different columns}}
  attn.tile_einsum [n0,m] = %high[n0,m] outs(%low)
      : (memref<4x16xf32, strided<[16, 1], offset: 64>>) -> memref<4x16xf32, strided<[16, 1]>>
  return
}
func.func @parts_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A sum over the lanes.
func.func @lanesum_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %o: memref<8xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: it reduces over the lanes}}
  attn.tile_einsum [n0] = %s[n0,m] reduce add(m) outs(%o) : (memref<8x16xf32>) -> memref<8xf32>
  return
}
func.func @lanesum_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Two ranks of columns.
func.func @ranks_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %o: memref<16x2x8xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a tile has more than one rank beside the lanes}}
  attn.tile_einsum [m,c,n0] = %s[n0,m] outs(%o) : (memref<8x16xf32>) -> memref<16x2x8xf32>
  return
}
func.func @ranks_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// An output whose columns are not known.
func.func @dynamic_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %o: memref<16x?xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a result has columns that depend on data}}
  attn.tile_einsum [m,n0] = %s[n0,m] outs(%o) : (memref<8x16xf32>) -> memref<16x?xf32>
  return
}
func.func @dynamic_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A sum for each lane over two ranks of what lies in a tensor.
func.func @reduced_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %l: memref<16x8x2xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %c4096 = arith.constant 4096 : index
  %sum = memref.view %w[%c4096][] : memref<?xi8> to memref<16xf32>
  // expected-remark @+1 {{runs without tensor cores: it reduces what is no tile over the lanes}}
  attn.tile_einsum [m] = %l[m,n0,j] reduce add(n0,j) outs(%sum) : (memref<16x8x2xf32>) -> memref<16xf32>
  return
}
func.func @reduced_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A sum for each lane that is stored at once.
func.func @stored_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %o: memref<16xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: it reduces what is no tile over the lanes}}
  attn.tile_einsum [m] = %s[n0,m] reduce add(n0) outs(%o) : (memref<8x16xf32>) -> memref<16xf32>
  return
}
func.func @stored_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A sum with a mask whose values no product multiplies.
func.func @masked_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %v: memref<8x8xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %c3072 = arith.constant 3072 : index
  %c4096 = arith.constant 4096 : index
  %zero = arith.constant 0.0 : f32
  %values = memref.view %w[%c3072][] : memref<?xi8> to memref<8x8xf32>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%values) : (memref<8x8xf32>) -> memref<8x8xf32>
  %sum = memref.view %w[%c4096][] : memref<?xi8> to memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: it sums what is no tile and no operand of a product}}
  attn.tile_einsum [f,m] = map(%s[n0,m], %values[n0,f]) {
  ^bb0(%x: f32, %y: f32):
    %p = arith.mulf %x, %y : f32
    %i = attn.index m : index
    %j = attn.index n0 : index
    %live = arith.cmpi uge, %i, %j : index
    %z = arith.select %live, %p, %zero : f32
    attn.yield %z : f32
  } reduce add(n0) outs(%sum) : (memref<8x16xf32>, memref<8x8xf32>) -> memref<8x16xf32>
  return
}
func.func @masked_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// More scores than a thread has registers.
// expected-remark @+1 {{runs without tensor cores: a thread would hold 204 numbers of tiles in registers, more than 200}}
func.func @registers_run0(%q: memref<16x16xbf16>, %k: memref<408x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %c65536 = arith.constant 65536 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<408x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<408x16xbf16>) -> memref<408x16xf32>
  %s = memref.view %w[%c65536][] : memref<?xi8> to memref<408x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<408x16xf32>) -> memref<408x16xf32>
  return
}
func.func @registers_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A loop over the lanes that keeps something.
func.func @row_more_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %o: memref<16x8xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c16 step %c1 {
    %row = memref.subview %s[0, %i] [8, 1] [1, 1] : memref<8x16xf32> to memref<8xf32, strided<[16], offset: ?>>
    %to = memref.subview %o[%i, 0] [1, 8] [1, 1] : memref<16x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    attn.tile_einsum [n] = %row[n] outs(%to) : (memref<8xf32, strided<[16], offset: ?>>) -> memref<8xf32, strided<[1], offset: ?>>
    // expected-remark @+1 {{runs without tensor cores: a loop over the lanes does more than store rows}}
    memref.store %zero, %o[%c0, %c0] : memref<16x8xf32>
  }
  return
}
func.func @row_more_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A loop over every second lane.
func.func @row_step_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %o: memref<16x8xf32>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %c2 = arith.constant 2 : index
  %c16 = arith.constant 16 : index
  // expected-remark @+1 {{runs without tensor cores: a buffer is read across its lanes}}
  scf.for %i = %c0 to %c16 step %c2 {
    %row = memref.subview %s[0, %i] [8, 1] [1, 1] : memref<8x16xf32> to memref<8xf32, strided<[16], offset: ?>>
    %to = memref.subview %o[%i, 0] [1, 8] [1, 1] : memref<16x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    attn.tile_einsum [n] = %row[n] outs(%to) : (memref<8xf32, strided<[16], offset: ?>>) -> memref<8xf32, strided<[1], offset: ?>>
  }
  return
}
func.func @row_step_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// Rows of a size that depends on data.
func.func @row_size_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %o: memref<16x?xf32>, %n: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    %row = memref.subview %s[0, %i] [%n, 1] [1, 1] : memref<8x16xf32> to memref<?xf32, strided<[16], offset: ?>>
    %to = memref.subview %o[%i, 0] [1, %n] [1, 1] : memref<16x?xf32> to memref<?xf32, strided<[1], offset: ?>>
    // expected-remark @+1 {{runs without tensor cores: a result has columns that depend on data}}
    attn.tile_einsum [n] = %row[n] outs(%to) : (memref<?xf32, strided<[16], offset: ?>>) -> memref<?xf32, strided<[1], offset: ?>>
  }
  return
}
func.func @row_size_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A row that a loop over the lanes writes.
func.func @row_written_run0(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<8x16xbf16>) -> memref<8x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<8x16xf32>) -> memref<8x16xf32>
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    %row = memref.subview %s[0, %i] [8, 1] [1, 1] : memref<8x16xf32> to memref<8xf32, strided<[16], offset: ?>>
    // expected-remark @+1 {{runs without tensor cores: a buffer is read across its lanes}}
    attn.tile_einsum [n] = %row[n] outs(%row) : (memref<8xf32, strided<[16], offset: ?>>) -> memref<8xf32, strided<[16], offset: ?>>
  }
  return
}
func.func @row_written_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}

// -----

// A mask of products that reads another tile over the lanes.
func.func @mask_tile_run0(%q: memref<16x16xbf16>, %k: memref<16x16xbf16>, %v: memref<16x8xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2048 = arith.constant 2048 : index
  %packed = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [e,m] = %q[m,e] outs(%packed) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %keys = memref.view %w[%c1024][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<16x16xbf16>) -> memref<16x16xf32>
  %s = memref.view %w[%c2048][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [n0,m] = mul(%packed[e,m], %keys[n0,e]) reduce add(e) outs(%s)
      : (memref<16x16xf32>, memref<16x16xf32>) -> memref<16x16xf32>
  %c3072 = arith.constant 3072 : index
  %c4096 = arith.constant 4096 : index
  %c5120 = arith.constant 5120 : index
  %zero = arith.constant 0.0 : f32
  %values = memref.view %w[%c3072][] : memref<?xi8> to memref<16x8xf32>
  attn.tile_einsum [n0,f] = %v[n0,f] outs(%values) : (memref<16x8xbf16>) -> memref<16x8xf32>
  %others = memref.view %w[%c5120][] : memref<?xi8> to memref<16x16xf32>
  attn.tile_einsum [n0,m] = %s[n0,m] outs(%others) : (memref<16x16xf32>) -> memref<16x16xf32>
  %sum = memref.view %w[%c4096][] : memref<?xi8> to memref<8x16xf32>
  attn.tile_einsum [f,m] = mul(%s[n0,m], %values[n0,f]) reduce add(n0) outs(%sum) : (memref<16x16xf32>, memref<16x8xf32>) -> memref<8x16xf32>
  // expected-remark @+1 {{runs without tensor cores: a mask of its products reads a tile over the lanes}}
  attn.tile_einsum [f,m] = map(%s[n0,m], %values[n0,f], %others[n0,m]) {
  ^bb0(%x: f32, %y: f32, %t: f32):
    %p = arith.mulf %x, %y : f32
    %live = arith.cmpf ogt, %t, %zero : f32
    %z = arith.select %live, %p, %zero : f32
    attn.yield %z : f32
  } reduce add(n0) outs(%sum) : (memref<16x16xf32>, memref<16x8xf32>, memref<16x16xf32>) -> memref<8x16xf32>
  return
}
func.func @mask_tile_worker() -> i64 {
  %bytes = arith.constant 8192 : i64
  return %bytes : i64
}
