// RUN: attn-opt %s --split-input-file --verify-diagnostics

// EI-1
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{rank names start with a lower-case letter; got 'X'}}
    %r = attn.einsum [X] = %X[X,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-1
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{rank 'm' is listed twice}}
    %r = attn.einsum [m,m] = %X[m,m] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-1: in the generic form
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{rank names hold letters, digits and '_'; got 'a b'}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "a b"], reducedRanks = ["a b"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-1: in the generic form
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{rank names start with a lower-case letter; got ''}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", ""], reducedRanks = [""], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-1: an operator of index expressions
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{'mod' is an operator, not a rank}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "mod"], reducedRanks = ["mod"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-1: in the generic form
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{attribute 'ranks' failed to satisfy constraint: string array attribute}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", 3], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-1: extents are named after ranks
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{rank names start with a lower-case letter; got ''}}
    %r = "attn.einsum"(%X) <{extents = [""], indexMaps = [], maps = [affine_map<(d0, d1)[s0] -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-1: in the generic form
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{attribute 'reducedRanks' failed to satisfy constraint: string array attribute}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = [7], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-2
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{has 1 result ranks for a result of rank 2}}
    %r = attn.einsum [m] = %X[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-2
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{has 18446744073709551615 result ranks for a result of rank 1}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = -1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-2
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{has 1 result ranks and 1 reduced ranks but lists 1}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0) -> (d0, d0)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-2
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{lists the reduced rank 'm' out of place}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["m"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-2
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{rank 'm' is listed twice among the result's and the reduced ranks}}
    %r = attn.einsum [m] = %X[m,n] reduce add(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-3
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{a reduction and its ranks come together}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"]}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-3
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{a reduction and its ranks come together}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = [], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-4
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{has 0 index maps for 1 operands}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-4
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{operand #0 of rank 2 is indexed by 1 expressions}}
    %r = attn.einsum [m] = %X[m] : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-4
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{operand #0 is indexed over other ranks than the einsum's}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1, d2) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-4
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{operand #0 is indexed over other ranks than the einsum's}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1)[s0] -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-4
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{attribute 'maps' failed to satisfy constraint: AffineMap array attribute}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = ["m"], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-5
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{reduced rank 'j' indexes no operand}}
    %r = attn.einsum [m,n] = %X[m,n] reduce add(j) : (tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>, %y: memref<4x8xf32>) {
  // expected-error @+1 {{'accumulate' needs a reduction}}
  attn.tile_einsum [m,n] = %x[m,n] outs(%y) accumulate : (memref<4x8xf32>) -> memref<4x8xf32>
  return
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{clamps 'z', which is no rank of the einsum}}
  "attn.tile_einsum"(%x, %y) <{clampedRanks = ["z"], extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0, 1>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
  ^bb0(%v: f32):
    attn.yield %v : f32
  }) : (memref<4x8xf32>, memref<4xf32>) -> ()
  return
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{attribute 'clampedRanks' failed to satisfy constraint: string array attribute}}
  "attn.tile_einsum"(%x, %y) <{clampedRanks = [1], extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0, 1>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
  ^bb0(%v: f32):
    attn.yield %v : f32
  }) : (memref<4x8xf32>, memref<4xf32>) -> ()
  return
}

// -----

// EI-6
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected the number of tensor results (0) to be equal to the number of output tensors (1)}}
  "attn.tile_einsum"(%x, %x) <{clampedRanks = [], extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0, 1>, outputRank = 2 : i64, ranks = ["m", "n"], reducedRanks = []}> ({
  ^bb0(%v: f32):
    attn.yield %v : f32
  }) : (tensor<4x8xf32>, tensor<4x8xf32>) -> ()
  return
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>) {
  // expected-error @+1 {{expected the number of tensor results (1) to be equal to the number of output tensors (0)}}
  %r = "attn.tile_einsum"(%x, %x) <{clampedRanks = [], extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0, 1>, outputRank = 2 : i64, ranks = ["m", "n"], reducedRanks = []}> ({
  ^bb0(%v: f32):
    attn.yield %v : f32
  }) : (memref<4x8xf32>, memref<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// EI-6
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expected type of operand #1 ('tensor<4x8xf32>') to match type of corresponding result ('tensor<8x4xf32>')}}
  %r = "attn.tile_einsum"(%x, %x) <{clampedRanks = [], extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0, 1>, outputRank = 2 : i64, ranks = ["m", "n"], reducedRanks = []}> ({
  ^bb0(%v: f32):
    attn.yield %v : f32
  }) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x4xf32>
  return
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>) {
  // expected-error @+1 {{an einsum produces a ranked tensor; got 'memref<4x8xf32>'}}
  attn.einsum [m,n] = %x[m,n] : (memref<4x8xf32>) -> memref<4x8xf32>
  return
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>) {
  // expected-error @+1 {{operand #0 must be variadic of ranked tensor of any type values, but got 'memref<4x8xf32>'}}
  %r = attn.einsum [m,n] = %x[m,n] : (memref<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// EI-6
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{attn.einsum returns its result; attn.tile_einsum writes it to 'outs'}}
  %r = attn.einsum [m,n] = %x[m,n] outs(%x) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>) {
  // expected-error @+1 {{expected 'outs', the destination of the tile}}
  attn.tile_einsum [m,n] = %x[m,n] : (memref<4x8xf32>) -> memref<4x8xf32>
  return
}

// -----

// EI-6
func.func @f(%x: memref<4x8xf32>, %y: f32) {
  // expected-error @+1 {{a tile is a ranked tensor or a memref; got 'f32'}}
  attn.tile_einsum [m,n] = %x[m,n] outs(%y) : (memref<4x8xf32>) -> f32
  return
}

// -----

// EI-7
func.func @f(%x: tensor<?xf8E5M2>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?xf8E5M2>) -> tensor<?xf32> {
    // expected-error @+1 {{operand #0 must hold f64, f32, bf16, f16, signless integers or indices; got 'f8E5M2'}}
    %r = attn.einsum [m] = map(%X[m]) {
    ^bb0(%v: index):
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : (tensor<?xf8E5M2>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-7
func.func @f(%x: tensor<?xf32>) -> tensor<?xf80> {
  %o = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf80> {
    // expected-error @+1 {{the result must hold f64, f32, bf16, f16, signless integers or indices; got 'f80'}}
    %r = attn.einsum [m] = map(%X[m]) {
    ^bb0(%v: f32):
      attn.yield %v : f32
    } : (tensor<?xf32>) -> tensor<?xf80>
    attn.yield %r : tensor<?xf80>
  }
  return %o : tensor<?xf80>
}

// -----

// EI-7
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{'and' reduces integers; got 'f32'}}
    %r = attn.einsum [m] = %X[m,n] reduce and(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-7
func.func @f(%x: tensor<?x?xvector<4xf32>>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xvector<4xf32>>) -> tensor<?xf32> {
    // expected-error @+1 {{operand #0 must hold f64, f32, bf16, f16, signless integers or indices; got 'vector<4xf32>'}}
    %r = attn.einsum [m] = map(%X[m,n]) {
    ^bb0(%v: vector<4xf32>):
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } reduce add(n) : (tensor<?x?xvector<4xf32>>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-8
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{the map takes 1 values for 2 operands}}
    %r = attn.einsum [m] = map(%X[m,n], %X[m,n]) {
    ^bb0(%v: f32):
      attn.yield %v : f32
    } reduce add(n) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-8
func.func @f(%x: tensor<?x?xbf16>) -> tensor<?xbf16> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xbf16>) -> tensor<?xbf16> {
    // expected-error @+1 {{map argument #0 must be 'f32'; got 'bf16'}}
    %r = attn.einsum [m] = map(%X[m,n]) {
    ^bb0(%v: bf16):
      attn.yield %v : bf16
    } reduce add(n) : (tensor<?x?xbf16>) -> tensor<?xbf16>
    attn.yield %r : tensor<?xbf16>
  }
  return %o : tensor<?xbf16>
}

// -----

// EI-8
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{the map must yield one value}}
    %r = attn.einsum [m] = map(%X[m,n]) {
    ^bb0(%v: f32):
      attn.yield %v, %v : f32, f32
    } reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-8
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xbf16> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xbf16> {
    // expected-error @+1 {{the map must yield 'f32'; got 'bf16'}}
    %r = attn.einsum [m] = map(%X[m,n]) {
    ^bb0(%v: f32):
      %t = arith.truncf %v : f32 to bf16
      attn.yield %t : bf16
    } reduce add(n) : (tensor<?x?xf32>) -> tensor<?xbf16>
    attn.yield %r : tensor<?xbf16>
  }
  return %o : tensor<?xbf16>
}

// -----

// EI-9
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = map(%X[m]) {
    ^bb0(%v: f32):
      %i = attn.index m : index
      // expected-error @+1 {{may not stand in a map; it holds arith and math operations}}
      %w = tensor.extract %X[%i] : tensor<?xf32>
      attn.yield %w : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-9: the least integer divided by -1 overflows, which ends the program
func.func @f(%x: tensor<?xi32>) -> tensor<?xi32> {
  %o = attn.cascade (%X = %x) : (tensor<?xi32>) -> tensor<?xi32> {
    %r = attn.einsum [m] = map(%X[m]) {
    ^bb0(%v: i32):
      %c = arith.constant -1 : i32
      // expected-error @+1 {{may not stand in a map; it is evaluated at dead points too, where this operation has no defined result}}
      %q = arith.divsi %v, %c : i32
      attn.yield %q : i32
    } : (tensor<?xi32>) -> tensor<?xi32>
    attn.yield %r : tensor<?xi32>
  }
  return %o : tensor<?xi32>
}

// -----

// EI-9: so does its remainder
func.func @f(%x: tensor<?xi32>) -> tensor<?xi32> {
  %o = attn.cascade (%X = %x) : (tensor<?xi32>) -> tensor<?xi32> {
    %r = attn.einsum [m] = map(%X[m]) {
    ^bb0(%v: i32):
      %c = arith.constant -1 : i32
      // expected-error @+1 {{may not stand in a map; it is evaluated at dead points too, where this operation has no defined result}}
      %q = arith.remsi %v, %c : i32
      attn.yield %q : i32
    } : (tensor<?xi32>) -> tensor<?xi32>
    attn.yield %r : tensor<?xi32>
  }
  return %o : tensor<?xi32>
}

// -----

// EI-9: a remainder by zero at a dead point would end the program
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = map(%X[m]) {
    ^bb0(%v: f32):
      %i = attn.index m : index
      // expected-error @+1 {{may not stand in a map; it is evaluated at dead points too, where this operation has no defined result}}
      %w = arith.remui %i, %i : index
      attn.yield %v : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-9
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = map(%X[m]) {
    ^bb0(%v: f32):
      // expected-error @+1 {{may not stand in a map; it computes scalars}}
      %w = arith.constant dense<1.0> : vector<4xf32>
      attn.yield %v : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-9: short forms take two operands of one kind
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{'mul' takes two operands; got 1}}
    %r = attn.einsum [m] = mul(%X[m,n]) reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-9
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{unknown map 'exp'; known are map, mul, add, sub, div, max, min and a bare access}}
    %r = attn.einsum [m] = exp(%X[m,n]) reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-9
func.func @f(%x: tensor<?x?xi32>) -> tensor<?x?xi32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xi32>) -> tensor<?x?xi32> {
    // expected-error @+1 {{'div' is for floats; write a map}}
    %r = attn.einsum [m,n] = div(%X[m,n], %X[m,n]) : (tensor<?x?xi32>, tensor<?x?xi32>) -> tensor<?x?xi32>
    attn.yield %r : tensor<?x?xi32>
  }
  return %o : tensor<?x?xi32>
}

// -----

// EI-10
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{index expressions are affine: one factor must be a constant or an extent}}
    %r = attn.einsum [m,n] = %X[m*n,n] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-10
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{'mod' and 'floordiv' take a positive constant}}
    %r = attn.einsum [m,n] = %X[m mod 0,n] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-10
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{'mod' and 'floordiv' take a positive constant}}
    %r = attn.einsum [m,n] = %X[m floordiv N,n] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-10: in the generic form
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{operand #0 is indexed by a ceiling division; write it with floordiv}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0 ceildiv 2, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-10: in the generic form
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{operand #0: 'mod' and 'floordiv' take a positive constant}}
    %r = "attn.einsum"(%X) <{extents = ["m"], indexMaps = [], maps = [affine_map<(d0, d1)[s0] -> (d0 mod s0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-11
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{rank 'n' is neither in the result nor reduced, and no enclosing attn.iterate runs over it}}
    %r = attn.einsum [m] = %X[m,n] : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-11: on tiles, too
func.func @f(%x: memref<4x8xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{rank 'n' is neither in the result nor reduced}}
  attn.tile_einsum [m] = %x[m,n] outs(%y) : (memref<4x8xf32>) -> memref<4xf32>
  return
}

// -----

func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{expected one of [register, cache, shared, global] for where an intermediate lives, got: memory}}
    %r = attn.einsum [m] = %S[m,n] reduce max(n) in memory : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-12
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{the identity must be a 'f32', which the map yields; got 0.000000e+00 : f64}}
    %r = attn.einsum [m] = %X[m,n] reduce associative(n) identity(0.0 : f64) {
    ^bb0(%a: f32, %b: f32):
      attn.yield %b : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-12: the identity has the compute type, like the values
func.func @f(%x: tensor<?x?xbf16>) -> tensor<?xbf16> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xbf16>) -> tensor<?xbf16> {
    // expected-error @+1 {{the region of the reduction takes two values of type 'f32'}}
    %r = attn.einsum [m] = %X[m,n] reduce associative(n) identity(0.0 : f32) {
    ^bb0(%a: bf16, %b: bf16):
      attn.yield %b : bf16
    } : (tensor<?x?xbf16>) -> tensor<?xbf16>
    attn.yield %r : tensor<?xbf16>
  }
  return %o : tensor<?xbf16>
}

// -----

// EI-12
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{the region of the reduction takes two values of type 'f32'}}
    %r = attn.einsum [m] = %X[m,n] reduce associative(n) identity(0.0 : f32) {
    ^bb0(%a: f32):
      attn.yield %a : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-12
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{the region of the reduction must yield one 'f32'}}
    %r = attn.einsum [m] = %X[m,n] reduce associative(n) identity(0.0 : f32) {
    ^bb0(%a: f32, %b: f32):
      attn.yield %a, %b : f32, f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-12
func.func @f(%x: memref<4x8xf32>, %o: memref<4xf32>, %c: f32) {
  attn.tile_einsum [m] = %x[m,n] reduce associative(n) identity(0.0 : f32) {
  ^bb0(%a: f32, %b: f32):
    // expected-error @+1 {{takes a value from outside of the reduction, which is a function of two values alone}}
    %s = arith.addf %a, %c : f32
    attn.yield %s : f32
  } outs(%o) : (memref<4x8xf32>) -> memref<4xf32>
  return
}

// -----

// EI-12
func.func @f(%x: tensor<?x?xi64>) -> tensor<?xi64> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xi64>) -> tensor<?xi64> {
    %r = attn.einsum [m] = map(%X[m,n]) {
    ^bb0(%v: i64):
      attn.yield %v : i64
    } reduce associative(n) identity(0) {
    ^bb0(%a: i64, %b: i64):
      // expected-error @+1 {{may not stand in a reduction; it holds arith and math operations}}
      %i = attn.index m : index
      attn.yield %b : i64
    } : (tensor<?x?xi64>) -> tensor<?xi64>
    attn.yield %r : tensor<?xi64>
  }
  return %o : tensor<?xi64>
}

// -----

// EI-12: a reduction with a name has it all by itself
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{a region, an identity and 'commutative' belong to an 'associative' reduction}}
    %r = "attn.einsum"(%X) <{commutative, extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction add>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-12
func.func @f(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{an 'associative' reduction has an identity and a region}}
    %r = "attn.einsum"(%X) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1) -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 0>, outputRank = 1 : i64, ranks = ["m", "n"], reducedRanks = ["n"], reduction = #attn<reduction associative>}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// EI-13
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{an index that is data is an i32, an i64 or an index; got 'tensor<?xf32>'}}
    %r = attn.einsum [m,e] = %X[%I[m],e] : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?x?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{index tensor #0 of rank 2 is indexed by 1 expressions}}
    %r = attn.einsum [m,e] = %X[%I[m],e] : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13: an operand has one index tensor, at one place
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{operand #0 reads 2 index tensors; allowed is one}}
    %r = attn.einsum [m,n] = %X[%I[m],%I[n]] : (tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{the indices of an index tensor are affine in ranks; they may not be data}}
    %r = attn.einsum [m,e] = %X[%I[%I[m]],e] : (tensor<?x?xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13: data is multiplied by what is known before
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{index expressions are affine: one factor must be a constant or an extent}}
    %r = attn.einsum [m,e] = %X[%I[m]*m,e] : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13: in the generic form
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{operand #0: data is multiplied by a constant or an extent alone}}
    %r = "attn.einsum"(%X, %I) <{extents = [], indexMaps = [affine_map<(d0, d1) -> (d0)>], maps = [affine_map<(d0, d1)[s0] -> (d0 * s0, d1)>], operandSegmentSizes = array<i32: 1, 1>, outputRank = 2 : i64, ranks = ["m", "e"], reducedRanks = []}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13: in the generic form
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{has an index tensor that indexes no operand}}
    %r = "attn.einsum"(%X, %I) <{extents = [], indexMaps = [affine_map<(d0, d1) -> (d0)>], maps = [affine_map<(d0, d1)[s0] -> (d0, d1)>], operandSegmentSizes = array<i32: 1, 1>, outputRank = 2 : i64, ranks = ["m", "e"], reducedRanks = []}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{has 0 maps for 1 index tensors}}
    %r = "attn.einsum"(%X, %I) <{extents = [], indexMaps = [], maps = [affine_map<(d0, d1)[s0] -> (s0, d1)>], operandSegmentSizes = array<i32: 1, 1>, outputRank = 2 : i64, ranks = ["m", "e"], reducedRanks = []}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13
func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{index tensor #0 is indexed over other ranks and extents than the einsum's}}
    %r = "attn.einsum"(%X, %I) <{extents = [], indexMaps = [affine_map<(d0) -> (d0)>], maps = [affine_map<(d0, d1)[s0] -> (s0, d1)>], operandSegmentSizes = array<i32: 1, 1>, outputRank = 2 : i64, ranks = ["m", "e"], reducedRanks = []}> ({
    ^bb0(%v: f32):
      attn.yield %v : f32
    }) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

func.func @f(%x: tensor<?x?xf32>, %i: tensor<?xi32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%X = %x, %I = %i) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32> {
    // expected-error @+1 {{expected 2 operand types, the index tensors' last; got 1}}
    %r = attn.einsum [m,e] = %X[%I[m],e] : (tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// EI-13
func.func @f(%x: memref<4x8xf32>, %i: tensor<4xi32>, %o: memref<4x8xf32>) {
  // expected-error @+1 {{index tensor #0 is 'tensor<4xi32>'; it is a memref where the einsum writes to one}}
  attn.tile_einsum [m,e] = %x[%i[m],e] outs(%o) : (memref<4x8xf32>, tensor<4xi32>) -> memref<4x8xf32>
  return
}

// -----

// EI-13
func.func @f(%x: tensor<4x8xf32>, %i: tensor<4xi32>, %o: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{has 'outs' of a tensor and an index that is data; such tiles are read at ranks}}
  %r = attn.tile_einsum [m,e] = %x[%i[m],e] outs(%o) : (tensor<4x8xf32>, tensor<4xi32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}
