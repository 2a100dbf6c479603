// RUN: attn-opt %s --attn-describe-kernel --attn-tile-cascade -split-input-file -verify-diagnostics

func.func @no_mapping(%s: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{does not fit the fused form: it has no mapping; attn-choose-mapping gives it one}}
  %o = attn.cascade (%S = %s) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [m,f] = %S[m,f] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @returns_an_input(%s: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // expected-error @below {{does not fit the fused form: it returns an input or a constant}}
  %o, %p = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %r = attn.einsum [m,f] = add(%S[m,f], %S[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r, %S : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %o, %p : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

func.func @result_without_lanes(%s: tensor<?x8xf32>) -> tensor<8xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<8xf32> {
    // expected-error @below {{a result lacks rank 'm', which the mapping works on in parallel}}
    %r = attn.einsum [f] = %S[m,f] reduce add(m) : (tensor<?x8xf32>) -> tensor<8xf32>
    attn.yield %r : tensor<8xf32>
  }
  return %o : tensor<8xf32>
}

// -----

func.func @reduces_lanes(%s: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    // expected-error @below {{reduces rank 'm', which the mapping works on in parallel}}
    %t = attn.einsum [f] = %S[m,f] reduce add(m) : (tensor<?x8xf32>) -> tensor<8xf32>
    %r = attn.einsum [m,f] = add(%S[m,f], %t[f]) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @dynamic_intermediate(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @below {{rank 'n' of an intermediate has no static extent and is neither parallel, lanes nor streamed}}
    %t = attn.einsum [m,n] = map(%S[m,n]) {
    ^bb0(%x: f32):
      %y = math.exp %x : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %t[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @shifted_lanes(%s: tensor<?x8xf32>, %t: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %T = %t) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    // expected-error @below {{operand #1: index #0 may leave its dimension}}
    %r = attn.einsum [m,f] = add(%S[m,f], %T[m floordiv 2,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @starts_from_an_input(%s: tensor<?x?xf32>, %i: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %I = %i) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @below {{a carried tensor starts from an input}}
    %r = attn.iterate n1 of n by n0 init(%I : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %x = attn.einsum [m] = add(%R[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %x : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @two(%s: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %a = attn.cascade (%S = %s) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [m,f] = add(%S[m,f], %S[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  // expected-error @below {{does not fit the fused form: it is the second cascade of a phase}}
  %b = attn.cascade (%S = %s) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [m,f] = mul(%S[m,f], %S[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

func.func @plane_without_iteration(%s: tensor<?x8xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<?xf32> {
    // expected-error @below {{runs over the restricted plane outside of an iteration, which alone tests its points}}
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x8xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @no_plan(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    // expected-error @below {{its sparsity has no plan; attn-plan-sparsity gives it one}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%R: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %x = attn.einsum [m] = add(%R[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %x : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @computed_input(%s: tensor<4x2xf32>) -> tensor<8xf32> {
  %flat = tensor.collapse_shape %s [[0, 1]] : tensor<4x2xf32> into tensor<8xf32>
  // expected-error @below {{input #0 is computed in front of the cascade; allowed between an argument of the kernel and a cascade are tensor.expand_shape, tensor.cast and tensor.extract_slice at constant offsets}}
  %o = attn.cascade (%S = %flat) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<8xf32>) -> tensor<8xf32> {
    %r = attn.einsum [m] = add(%S[m], %S[m]) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    attn.yield %r : tensor<8xf32>
  }
  return %o : tensor<8xf32>
}

// -----

func.func @returned_twice(%s: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  // expected-error @below {{result #0 is not returned, once and alone; allowed between a cascade and a result of the kernel are tensor.collapse_shape and tensor.cast}}
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<8xf32>) -> tensor<8xf32> {
    %r = attn.einsum [m] = add(%S[m], %S[m]) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    attn.yield %r : tensor<8xf32>
  }
  return %o, %o : tensor<8xf32>, tensor<8xf32>
}

// -----

// A tensor over the points of a step says how many there are (CA-8), and is read
// at the same points in each of them.
func.func @fixed_points(%s: tensor<?x?xf32>, %w: tensor<3xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %W = %w) mapping <lanes = m by [16], stream = 3, rows = 8, parallel = []>
      : (tensor<?x?xf32>, tensor<3xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      // expected-error @below {{operand #1 fixes the points of a step, which the mapping chooses}}
      %l = attn.einsum [m] = mul(%S[m,n1*N0+n0], %W[n0]) reduce add(n0) : (tensor<?x?xf32>, tensor<3xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The lanes are a rank of the result; the sparsity restricts two that are
// reduced.
func.func @other_plane(%s: tensor<?x7x5xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) align top_left mapping <lanes = w by [16], stream = 128, rows = 8, parallel = []>
      : (tensor<?x7x5xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [w] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>)
        plan <symbols = [M, N],
              live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d1 + 1, s1)>,
              full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (d0 + 1, s1)>,
              nonnegative = affine_map<(d0, d1)[s0, s1] -> (d0 - d1)>> {
    ^bb0(%A: tensor<?xf32>):
      // expected-error @below {{lies in the sparse plane (m, n), which is not that of the lanes and the streamed rank}}
      %l = attn.einsum [w] = %S[w,m,n1*N0+n0] reduce add(m, n0) : (tensor<?x7x5xf32>) -> tensor<?xf32>
      %x = attn.einsum [w] = add(%A[w], %l[w]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %x : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @bits(%s: tensor<?x8xf32>) -> tensor<?x8xi32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<?x8xi32> {
    // expected-error @below {{its result holds 'i1', which tiles in memory do not}}
    %t = attn.einsum [m,f] = map(%S[m,f]) {
    ^bb0(%x: f32):
      %zero = arith.constant 0.0 : f32
      %p = arith.cmpf ogt, %x, %zero : f32
      attn.yield %p : i1
    } : (tensor<?x8xf32>) -> tensor<?x8xi1>
    %r = attn.einsum [m,f] = map(%t[m,f]) {
    ^bb0(%x: i1):
      %y = arith.extui %x : i1 to i32
      attn.yield %y : i32
    } : (tensor<?x8xi1>) -> tensor<?x8xi32>
    attn.yield %r : tensor<?x8xi32>
  }
  return %o : tensor<?x8xi32>
}

// -----

// No operand has the streamed rank: it was only in one that no map used.
func.func @unknown_extent(%s: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{does not fit the fused form: the extent of rank 'n' is not known; an input that an einsum reads must have the rank, or what an einsum returns}}
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []>
      : (tensor<?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %t = attn.einsum [m,n0] = %S[m] : (tensor<?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m] = %t[m,n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %x = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %x : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @shared(%s: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    // expected-error @below {{this target has no 'shared' memory; a result is kept in register, cache or global}}
    %t = attn.einsum [m] = %S[m,f] reduce add(f) in shared : (tensor<?x8xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = add(%S[m,f], %t[m]) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @registers(%s: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    // expected-error @below {{its result cannot stay in registers; what can is a map that one map reads, and a sum of products that one map adds to something else}}
    %t = attn.einsum [m] = %S[m,f] reduce max(f) in register : (tensor<?x8xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = add(%S[m,f], %t[m]) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @global(%s: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?xf32>) {
  %o:2 = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?xf32>) {
    // expected-error @below {{its result cannot be in 'global' memory alone; what can is a result of the cascade that no einsum reads}}
    %t = attn.einsum [m] = %S[m,f] reduce add(f) in global : (tensor<?x8xf32>) -> tensor<?xf32>
    %r = attn.einsum [m,f] = add(%S[m,f], %t[m]) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
    attn.yield %r, %t : tensor<?x8xf32>, tensor<?xf32>
  }
  return %o#0, %o#1 : tensor<?x8xf32>, tensor<?xf32>
}

// -----

func.func @ordered(%s: tensor<?x8xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<?xf32> {
    // expected-error @below {{does not fit the fused form: reduces by a region that is not declared commutative; tiles keep no order}}
    %r = attn.einsum [m] = %S[m,f] reduce associative(f) identity(0.0 : f32) {
    ^bb0(%a: f32, %b: f32):
      attn.yield %b : f32
    } : (tensor<?x8xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The other rows of the intermediate belong to other items.
func.func @gather_intermediate(%s: tensor<?x8xf32>, %t: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %T = %t) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %d = attn.einsum [m,f] = add(%S[m,f], %S[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    // expected-error @below {{does not fit the fused form: operand #1: index #0 is data that a tile cannot look up; it can in inputs, at ranks whose tokens lie in order, and may add ranks of known extent to it}}
    %r = attn.einsum [m,f] = add(%S[m,f], %d[%T[m],f]) : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// An index counts from the tile's first row, data from the tensor's.
func.func @gather_beside_lanes(%s: tensor<?x8xf32>, %t: tensor<?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %T = %t) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32> {
    // expected-error @below {{does not fit the fused form: operand #1: index #0 is data that a tile cannot look up}}
    %r = attn.einsum [m,f] = add(%S[m,f], %S[m + %T[m],f]) : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// A list for each row: a step would copy as many rows of V for each lane.
func.func @gather_for_each_row(%v: tensor<?x8xf32>, %t: tensor<?x?xi32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%V = %v, %T = %t) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>, tensor<?x?xi32>) -> tensor<?x8xf32> {
    %zero = attn.einsum [m,f] = map() {
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : () -> tensor<?x8xf32>
    %r = attn.iterate j1 of j by j0 init(%zero : tensor<?x8xf32>) {
    ^bb0(%sum: tensor<?x8xf32>):
      // expected-error @below {{does not fit the fused form: operand #0 is read at data along the lanes and the streamed rank at once}}
      %l = attn.einsum [m,f] = %V[%T[m,j1*J0+j0],f] reduce add(j0) : (tensor<?x8xf32>, tensor<?x?xi32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%sum[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @table_fixes_steps(%v: tensor<?x8xf32>, %t: tensor<32xi32>, %s: tensor<?xf32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%V = %v, %T = %t, %S = %s, %X = %x) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []> : (tensor<?x8xf32>, tensor<32xi32>, tensor<?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = attn.einsum [m,f] = add(%X[m,f], %X[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = attn.iterate j1 of j by j0 init(%zero : tensor<?x8xf32>) {
    ^bb0(%sum: tensor<?x8xf32>):
      // expected-error @below {{does not fit the fused form: index tensor #0 fixes the points of a step, which the mapping chooses}}
      %l = attn.einsum [m,f] = mul(%V[%T[j0],f], %S[j1*J0+j0]) reduce add(j0) : (tensor<?x8xf32>, tensor<?xf32>, tensor<32xi32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%sum[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @never_alone(%s: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    %t = attn.einsum [m,f,j] = %S[m,f] : (tensor<?x8xf32>) -> tensor<?x8x2xf32>
    // expected-error @below {{does not fit the fused form: reduces rank 'j', which indexes no operand by itself}}
    %r = attn.einsum [m,f] = %t[m,f,j mod 2] reduce add(j) : (tensor<?x8x2xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// Lanes of each einsum are for rows as they lie.
func.func @tile_of_segments(%s: tensor<4x?xf32>, %x: tensor<?xi32>) -> tensor<4xf32> {
  // expected-error @below {{its mapping has a 'tile' in place of 'lanes', which segments, permutations and remainders do not have yet}}
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) align top_left segments query(%X[]) key(%X[]) mapping <tile = m by [4], stream = 128, rows = 8, parallel = []> : (tensor<4x?xf32>, tensor<?xi32>) -> tensor<4xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<4xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<4xf32>) plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>, full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>, nonnegative = affine_map<(d0, d1)[s0, s1] -> (s1 - d1 - 1)>> {
    ^bb0(%A: tensor<4xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<4x?xf32>) -> tensor<4xf32>
      %t = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      attn.yield %t : tensor<4xf32>
    }
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// Items are tiles of segments, and steps count from their first key.
func.func @segments_of_others(%s: tensor<?x8xf32>, %t: tensor<?x8xf32>, %u: tensor<?x8xf32>, %x: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error @below {{its segments are of (p, n), which are not the lanes and the streamed rank}}
  %o = attn.cascade (%S = %s, %T = %t, %U = %u, %X = %x) over (p, n) align top_left segments query(%X[]) key(%X[]) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32> {
    %a = attn.einsum [p,f] = %T[p,f] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %b = attn.einsum [n,f] = %U[n,f] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = attn.einsum [m,f] = add(%S[m,f], %S[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @asks_for_a_step(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) over (m, n) align top_left segments query(%X[]) key(%X[]) mapping <lanes = m by [16], stream = 128, rows = 8, parallel = []> : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, nonnegative = affine_map<(m, n)[M, N] -> (0)>> {
    ^bb0(%R: tensor<?xf32>):
      // expected-error @below {{asks for 'n0', a part of the rank 'n', whose segments count for themselves}}
      %ls = attn.einsum [m] = map(%S[m,n1*N0+n0]) {
      ^bb0(%a: f32):
        %i = attn.index n0 : index
        %c = arith.index_cast %i : index to i32
        %f = arith.sitofp %c : i32 to f32
        %t = arith.addf %a, %f : f32
        attn.yield %t : f32
      } reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = add(%R[m], %ls[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @no_grid(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @below {{its mapping cuts a grid of 2 axes into tiles; the sparsity must hold one neighborhood on such a grid, of 2 or 3 axes or dilated, with dilations up to the extents, not under 'not', and no token may be permuted, listed or in a segment}}
  %o = attn.cascade (%S = %s) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [4, 4]> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%R: tensor<?xf32>):
      %ls = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = add(%R[m], %ls[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @dilated_grid(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @below {{its mapping cuts a grid of 2 axes into tiles}}
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [20, 20], dilation [1, 24], clipped) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [4, 4]> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%R: tensor<?xf32>):
      %ls = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = add(%R[m], %ls[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @other_axes(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @below {{its mapping cuts a grid of 3 axes into tiles}}
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [20, 20]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [2, 2, 4]> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%R: tensor<?xf32>):
      %ls = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = add(%R[m], %ls[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @many_keys(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @below {{a tile of its grid sees up to 41209 keys; allowed are up to 32768}}
  %o = attn.cascade (%S = %s) where neighborhood([200, 200], grid [300, 300]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [4, 4]> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> boxes {
    ^bb0(%R: tensor<?xf32>):
      %ls = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = add(%R[m], %ls[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @boxes_of_rows(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [20, 20]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = [], grid = [4, 4]> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    // expected-error @below {{has plans of rows as they lie, but the mapping cuts a grid into boxes; 'boxes' says that plans are theirs}}
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> {
    ^bb0(%R: tensor<?xf32>):
      %ls = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = add(%R[m], %ls[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @rows_of_boxes(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where neighborhood([3, 3], grid [20, 20]) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    // expected-error @below {{walks boxes of a grid, but the mapping cuts none}}
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>)
        plan <symbols = [M, N], live = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (N)>, full = affine_map<(first, last)[M, N] -> (0)> to affine_map<(first, last)[M, N] -> (0)>, nonnegative = affine_map<(m, n)[M, N] -> (m - n)>> boxes {
    ^bb0(%R: tensor<?xf32>):
      %ls = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %rs = attn.einsum [m] = add(%R[m], %ls[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %rs : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @splits_in_one_item(%s: tensor<?x128xf32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<?x128xf32>) -> tensor<2x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %zero : f32 } : () -> tensor<2x?xf32>
    // expected-error @+1 {{has splits 's', which the mapping does not work on in parallel}}
    %r = attn.iterate n1 of n by n0 split s by 64 init(%i : tensor<2x?xf32>) {
    ^bb0(%A: tensor<2x?xf32>):
      %p = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x128xf32>) -> tensor<2x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %p[s,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %n : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

func.func @splits_of_segments(%s: tensor<?x128xf32>, %b: tensor<?xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %B = %b) over (m, n) segments query(%B[]) key(%B[]) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = [s]> : (tensor<?x128xf32>, tensor<?xi32>) -> tensor<2x?xf32> {
    %zero = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %zero : f32 } : () -> tensor<2x?xf32>
    // expected-error @+1 {{splits its points, but segments, lists, orders, remainders or boxes say which follow each other}}
    %r = attn.iterate n1 of n by n0 split s by 64 init(%i : tensor<2x?xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> {
    ^bb0(%A: tensor<2x?xf32>):
      %p = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x128xf32>) -> tensor<2x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %p[s,m]) : (tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
      attn.yield %n : tensor<2x?xf32>
    }
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

func.func @a_huge_tile(%s: tensor<1125899906842624xf32>, %t: tensor<?x1152921504606846xf32>) -> tensor<?x1125899906842624xf32> {
  %o = attn.cascade (%S = %s, %T = %t) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<1125899906842624xf32>, tensor<?x1152921504606846xf32>) -> tensor<?x1125899906842624xf32> {
    // expected-error @+1 {{does not fit the fused form: has more than 2^40 points for each row and key of a tile}}
    %r = attn.einsum [m,f] = mul(%S[f], %T[m,e]) reduce add(e) : (tensor<1125899906842624xf32>, tensor<?x1152921504606846xf32>) -> tensor<?x1125899906842624xf32>
    attn.yield %r : tensor<?x1125899906842624xf32>
  }
  return %o : tensor<?x1125899906842624xf32>
}

// -----

// Blocks of a list are steps of their own.
func.func @stated_steps_of_lists(%s: tensor<?x64xf32>, %x: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x, %I = %i) where blocks(32, 32, %X[], %I[]) over (m, n) align bottom_right
      mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?xf32> {
    %z = attn.einsum [m] = map() {
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : () -> tensor<?xf32>
    // expected-error @below {{has steps of 32 points, which its tensors state, but lists say where steps begin}}
    %r = attn.iterate n1 of n by n0 init(%z : tensor<?xf32>) plan <symbols = [M, N], live = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>, full = affine_map<(d0, d1)[s0, s1] -> (0)> to affine_map<(d0, d1)[s0, s1] -> (s1)>, nonnegative = affine_map<(d0, d1)[s0, s1] -> (0)>> {
    ^bb0(%c: tensor<?xf32>):
      %t = attn.einsum [m,n0] = map(%S[m,n1*N0+n0]) {
      ^bb0(%a: f32):
        attn.yield %a : f32
      } : (tensor<?x64xf32>) -> tensor<?x32xf32>
      %x1 = attn.einsum [m] = %t[m,n0] reduce add(n0) : (tensor<?x32xf32>) -> tensor<?xf32>
      %y = attn.einsum [m] = add(%x1[m], %c[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %y : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The tile of an intermediate holds the rows of its own item alone.
func.func @rows_of_other_items(%x: tensor<64x8xf32>) -> tensor<64xf32> {
  %o = attn.cascade (%X = %x) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<64x8xf32>) -> tensor<64xf32> {
    %a = attn.einsum [m] = %X[m,e] reduce max(e) : (tensor<64x8xf32>) -> tensor<64xf32>
    // expected-error @below {{does not fit the fused form: operand #0: index #0 reads rank 'm' of an intermediate at other points than those of its tile}}
    %t = attn.einsum [] = %a[j] reduce max(j) : (tensor<64xf32>) -> tensor<f32>
    %r = attn.einsum [m] = sub(%a[m], %t[]) : (tensor<64xf32>, tensor<f32>) -> tensor<64xf32>
    attn.yield %r : tensor<64xf32>
  }
  return %o : tensor<64xf32>
}

// -----

func.func @the_first_row(%x: tensor<64x8xf32>) -> tensor<64xf32> {
  %o = attn.cascade (%X = %x) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<64x8xf32>) -> tensor<64xf32> {
    %a = attn.einsum [m] = %X[m,e] reduce max(e) : (tensor<64x8xf32>) -> tensor<64xf32>
    // expected-error @below {{operand #1: index #0 reads rank 'm' of an intermediate at other points than those of its tile}}
    %r = attn.einsum [m] = sub(%a[m], %a[0]) : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
    attn.yield %r : tensor<64xf32>
  }
  return %o : tensor<64xf32>
}

// -----

func.func @another_work_item(%x: tensor<4x?x8xf32>) -> tensor<4x?xf32> {
  %o = attn.cascade (%X = %x) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = [h]> : (tensor<4x?x8xf32>) -> tensor<4x?xf32> {
    %a = attn.einsum [h,m] = %X[h,m,e] reduce max(e) : (tensor<4x?x8xf32>) -> tensor<4x?xf32>
    // expected-error @below {{operand #0: index #0 reads rank 'h' of an intermediate at other points than those of its tile}}
    %t = attn.einsum [m] = %a[i,m] reduce max(i) : (tensor<4x?xf32>) -> tensor<?xf32>
    %r = attn.einsum [h,m] = sub(%a[h,m], %t[m]) : (tensor<4x?xf32>, tensor<?xf32>) -> tensor<4x?xf32>
    attn.yield %r : tensor<4x?xf32>
  }
  return %o : tensor<4x?xf32>
}

// -----

// What is whole in a tile has no steps.
func.func @steps_of_an_intermediate(%x: tensor<16xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x, %Y = %y) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<16xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %z = attn.einsum [m] = map() {
      %c = arith.constant 0.0 : f32
      attn.yield %c : f32
    } : () -> tensor<?xf32>
    %a = attn.einsum [m,n] = min(%X[n], %Y[m]) : (tensor<16xf32>, tensor<?xf32>) -> tensor<?x16xf32>
    %r = attn.iterate n1 of n by n0 init(%z : tensor<?xf32>) {
    ^bb0(%c: tensor<?xf32>):
      // expected-error @below {{operand #0: index #1 reads rank 'n' of an intermediate at other points than those of its tile}}
      %t = attn.einsum [m] = %a[m,n1*N0+n0] reduce add(n0) : (tensor<?x16xf32>) -> tensor<?xf32>
      %s = attn.einsum [m] = add(%t[m], %c[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %s : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A rank that is whole in the tile, read at the lanes of one item.
func.func @lanes_of_a_whole(%x: tensor<64x8xf32>, %y: tensor<64xf32>) -> tensor<64xf32> {
  %o = attn.cascade (%X = %x, %Y = %y) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<64x8xf32>, tensor<64xf32>) -> tensor<64xf32> {
    %a = attn.einsum [j] = %X[j,e] reduce max(e) : (tensor<64x8xf32>) -> tensor<64xf32>
    // expected-error @below {{operand #0: index #0 reads rank 'j' of an intermediate at other points than those of its tile}}
    %r = attn.einsum [m] = sub(%a[m], %Y[m]) : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
    attn.yield %r : tensor<64xf32>
  }
  return %o : tensor<64xf32>
}

// -----

func.func @a_constant_table(%x: tensor<?x2xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<?x2xf32>) -> tensor<?xf32> {
    %t = arith.constant dense<[3.0, 4.0]> : tensor<2xf32>
    // expected-error @below {{operand #1 is a constant tensor, which tiles do not read; an input of the cascade is read}}
    %r = attn.einsum [m] = mul(%X[m,e], %t[e]) reduce add(e) : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

func.func @a_constant_result(%x: tensor<64x8xf32>) -> (tensor<64xf32>, tensor<2xf32>) {
  // expected-error @below {{it returns an input or a constant}}
  %o:2 = attn.cascade (%X = %x) mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []> : (tensor<64x8xf32>) -> (tensor<64xf32>, tensor<2xf32>) {
    %t = arith.constant dense<[3.0, 4.0]> : tensor<2xf32>
    %a = attn.einsum [m] = %X[m,e] reduce max(e) : (tensor<64x8xf32>) -> tensor<64xf32>
    attn.yield %a, %t : tensor<64xf32>, tensor<2xf32>
  }
  return %o#0, %o#1 : tensor<64xf32>, tensor<2xf32>
}

// -----

// A point of a step is no token: a step has it at the same index of every step.
func.func @half_of_point(%s: tensor<?xf32>, %v: tensor<16x8xf32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v, %X = %x) mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []> : (tensor<?xf32>, tensor<16x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %i = attn.einsum [m,f] = add(%X[m,f], %X[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = attn.iterate j1 of j by j0 init(%i : tensor<?x8xf32>) {
    ^bb0(%A: tensor<?x8xf32>):
      // expected-error @below {{operand #0: index #0 may leave its dimension}}
      %l = attn.einsum [m,f] = mul(%V[j0 floordiv 2,f], %S[j1*J0+j0]) reduce add(j0) : (tensor<16x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @no_period(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    // expected-error @below {{walks keys that come back with a period, but no atom of the sparsity names scattered keys that have one}}
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> periodic {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%s[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

func.func @period_and_point(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) where strided(8, 3) over (m, n) align top_left mapping <lanes = m by [16], stream = 32, rows = 8, parallel = []>
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m,f] = map() { attn.yield %zero : f32 } : () -> tensor<?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?x8xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> periodic {
    ^bb0(%A: tensor<?x8xf32>):
      %s = attn.einsum [m,n0] = mul(%Q[m,e], %K[n1*N0+n0,e]) reduce add(e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?xf32>
      // expected-error @below {{asks for 'n0', a part of the rank 'n', whose points come back with a period}}
      %t = attn.einsum [m,n0] = map(%s[m,n0]) {
      ^bb0(%x: f32):
        %i = attn.index n0 : index
        %j = arith.index_cast %i : index to i64
        %g = arith.sitofp %j : i64 to f32
        %y = arith.mulf %x, %g : f32
        attn.yield %y : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [m,f] = mul(%t[m,n0], %V[n1*N0+n0,f]) reduce add(n0) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %n = attn.einsum [m,f] = add(%A[m,f], %l[m,f]) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      attn.yield %n : tensor<?x8xf32>
    }
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}
