// RUN: attn-opt %s --attn-lower-copies -split-input-file -verify-diagnostics

func.func @threads(%k: memref<16x16xbf16>, %keys: memref<16x16xbf16>) {
  // expected-error @+1 {{has 'attn.async', which is for copies of one operand to a tile of two static dimensions in a function with 'attn.block_threads'}}
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (memref<16x16xbf16>) -> memref<16x16xbf16>
  return
}

// -----

func.func @dynamic(%k: memref<?x16xbf16>, %keys: memref<?x16xbf16>) attributes {attn.block_threads = 32 : i64} {
  // expected-error @+1 {{has 'attn.async'}}
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (memref<?x16xbf16>) -> memref<?x16xbf16>
  return
}

// -----

func.func @row(%k: memref<16xbf16>, %keys: memref<16xbf16>) attributes {attn.block_threads = 32 : i64} {
  // expected-error @+1 {{has 'attn.async'}}
  attn.tile_einsum [n0] = %k[n0] outs(%keys) {attn.async} : (memref<16xbf16>) -> memref<16xbf16>
  return
}

// -----

func.func @computed(%k: memref<16x16xbf16>, %keys: memref<16x16xbf16>) attributes {attn.block_threads = 32 : i64} {
  // expected-error @+1 {{has 'attn.async'}}
  attn.tile_einsum [n0,e] = map(%k[n0,e]) {
  ^bb0(%x: f32):
    %y = arith.addf %x, %x : f32
    attn.yield %y : f32
  } outs(%keys) {attn.async} : (memref<16x16xbf16>) -> memref<16x16xbf16>
  return
}

// -----

func.func @two(%k: memref<16x16xbf16>, %keys: memref<16x16xbf16>) attributes {attn.block_threads = 32 : i64} {
  // expected-error @+1 {{has 'attn.async'}}
  attn.tile_einsum [n0,e] = mul(%k[n0,e], %k[n0,e]) outs(%keys) {attn.async} : (memref<16x16xbf16>, memref<16x16xbf16>) -> memref<16x16xbf16>
  return
}

// -----

func.func @sum(%k: memref<2x16x16xbf16>, %keys: memref<16x16xbf16>) attributes {attn.block_threads = 32 : i64} {
  // expected-error @+1 {{has 'attn.async'}}
  attn.tile_einsum [n0,e] = %k[c,n0,e] reduce add(c) outs(%keys) {attn.async} : (memref<2x16x16xbf16>) -> memref<16x16xbf16>
  return
}

// -----

func.func @tensor(%k: tensor<16x16xbf16>, %keys: tensor<16x16xbf16>) -> tensor<16x16xbf16> attributes {attn.block_threads = 32 : i64} {
  // expected-error @+1 {{has 'attn.async'}}
  %r = attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) {attn.async} : (tensor<16x16xbf16>) -> tensor<16x16xbf16>
  return %r : tensor<16x16xbf16>
}
