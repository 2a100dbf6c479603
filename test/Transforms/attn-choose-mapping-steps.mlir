// RUN: attn-opt --attn-derive-cascades="vector-bits=512 split=none" --split-input-file %s | FileCheck %s

// Where keys live and die in turns, steps are as long as what does so together; where
// rows see blocks of keys by the block that they are in, tiles hold whole blocks.

// CHECK-LABEL: func.func @strided
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 32,
func.func @strided(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where strided(8, 0, block 32) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// Steps are whole register tiles.
// CHECK-LABEL: func.func @odd_blocks
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 32,
func.func @odd_blocks(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where strided(8, 0, block 150) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// Scattered keys are walked by their numbers, in steps that are full.
// CHECK-LABEL: func.func @single_keys
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 64,
func.func @single_keys(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where strided(8, 0) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// Steps are no longer than they would be.
// CHECK-LABEL: func.func @long_blocks
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 64,
func.func @long_blocks(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where strided(8, 0, block 4096) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// CHECK-LABEL: func.func @powers
// CHECK: mapping <lanes = m by [64, 32, 16], stream = 64,
func.func @powers(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal and (window(63, 0) or power_of_two(64)) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// The shortest steps leave most of what is outside of the bands of frames out.
// CHECK-LABEL: func.func @frames
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 32,
func.func @frames(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where radial(8, 400, 1.0, 64) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// A range that has no dead keys.
// CHECK-LABEL: func.func @blocks
// CHECK: mapping <lanes = m by [64, 32, 16], stream = 64,
func.func @blocks(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where block_diagonal(64) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// -----

// Few tiles lie in two blocks.
// CHECK-LABEL: func.func @large_blocks
// CHECK: mapping <lanes = m by [48, 32, 16], stream = 64,
func.func @large_blocks(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where block_diagonal(1024) : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
