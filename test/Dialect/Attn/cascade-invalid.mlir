// RUN: attn-opt %s --split-input-file --verify-diagnostics

// CA-1
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{the body's arguments must have the inputs' types}}
  %o = "attn.cascade"(%s) ({
  ^bb0(%S: tensor<?x?xf16>):
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf16>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }) : (tensor<?x?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{names a query rank and a key rank together}}
  %o = "attn.cascade"(%s) <{queryRank = "m"}> ({
  ^bb0(%S: tensor<?x?xf32>):
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }) : (tensor<?x?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{the query rank and the key rank differ; got 'm' twice}}
  %o = attn.cascade (%S = %s) where causal over (m, m) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{sparsity, lengths, segments and an alignment need 'over (query, key)'}}
  %o = "attn.cascade"(%s) <{sparsity = #attn.sparsity<causal>}> ({
  ^bb0(%S: tensor<?x?xf32>):
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }) : (tensor<?x?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{sparsity, lengths, segments and an alignment need 'over (query, key)'}}
  %o = "attn.cascade"(%s) <{alignment = #attn<alignment top_left>}> ({
  ^bb0(%S: tensor<?x?xf32>):
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }) : (tensor<?x?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'over (query, key)' needs an alignment}}
  %o = "attn.cascade"(%s) <{queryRank = "m", keyRank = "n"}> ({
  ^bb0(%S: tensor<?x?xf32>):
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }) : (tensor<?x?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'where' needs 'over (query, key)'}}
  %o = attn.cascade (%S = %s) where causal : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'over' names rank 'z', which no einsum uses}}
  %o = attn.cascade (%S = %s) where causal over (m, z) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-3
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{must yield its results; expected types 'tensor<?xf32>'}}
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    attn.yield %S : tensor<?x?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-3
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{may not stand in a cascade; cascades hold attn.einsum and attn.iterate}}
    %r = math.exp %S : tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-3: what has no location, as a folded constant, is reported at the cascade.
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'llvm.mlir.constant' op may not stand in a cascade; cascades hold attn.einsum and attn.iterate}}
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = llvm.mlir.constant(0.0 : f32) : f32 loc(unknown)
    attn.yield %S : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-3
func.func @f(%s: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %B = %b) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{'attn.tile_einsum' op may not stand in a cascade; cascades hold attn.einsum and attn.iterate}}
    %r = attn.tile_einsum [m] = %S[m] outs(%B) : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-3: an empty body
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'attn.cascade' op region #0 ('body') failed to verify constraint: region with 1 blocks}}
  %o = "attn.cascade"(%s) ({}) : (tensor<?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-3: a yield elsewhere
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'attn.yield' op expects parent op to be one of 'attn.attention, attn.cascade, attn.einsum, attn.iterate, attn.tile_einsum'}}
  attn.yield %s : tensor<?xf32>
}

// -----

// CA-4
func.func @f(%s: tensor<4x8xf32>, %t: tensor<6x8xf32>) -> tensor<4xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4xf32> {
    // expected-error @+1 {{gives rank 'm' extent 6; elsewhere in the cascade it is 4}}
    %r = attn.einsum [m] = mul(%S[m,n], %T[m,n]) reduce add(n) : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4xf32>
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// CA-4
func.func @f(%s: tensor<2x?x?xf32>, %l: tensor<3xi32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{gives rank 'b' extent 3; elsewhere in the cascade it is 2}}
  %o = attn.cascade (%S = %s, %L = %l) over (m, n) lengths key(%L[b]) : (tensor<2x?x?xf32>, tensor<3xi32>) -> tensor<2x?xf32> {
    %r = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// -----

// CA-4: a partition states the extent of the parent
func.func @f(%s: tensor<4x8xf32>, %t: tensor<4x9xf32>) -> tensor<4xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<4x8xf32>, tensor<4x9xf32>) -> tensor<4xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<4xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<4xf32>) {
    ^bb0(%A: tensor<4xf32>):
      // expected-error @+1 {{gives rank 'n' extent 9; elsewhere in the cascade it is 8}}
      %l = attn.einsum [m] = mul(%S[m,n1*N0+n0], %T[m,n1*N0+n0]) reduce add(n0) : (tensor<4x8xf32>, tensor<4x9xf32>) -> tensor<4xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      attn.yield %n : tensor<4xf32>
    }
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads input #4 of 1 as the key lengths}}
  %o = "attn.cascade"(%s) <{queryRank = "m", keyRank = "n", alignment = #attn<alignment top_left>, keyLengths = #attn.access<4, [b]>}> ({
  ^bb0(%S: tensor<?x?xf32>):
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }) : (tensor<?x?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads input #-1 of 1 as the query lengths}}
  %o = "attn.cascade"(%s) <{queryRank = "m", keyRank = "n", alignment = #attn<alignment top_left>, queryLengths = #attn.access<-1, [b]>}> ({
  ^bb0(%S: tensor<?x?xf32>):
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }) : (tensor<?x?xf32>) -> tensor<?xf32>
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{as the key lengths; allowed are i32 and i64}}
  %o = attn.cascade (%S = %s) over (m, n) lengths key(%S[b, c]) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>, %l: tensor<2xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads a tensor of rank 1 as the query lengths, with 2 ranks}}
  %o = attn.cascade (%S = %s, %L = %l) over (m, n) lengths query(%L[b, c]) : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>, %l: tensor<2xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{may not index the key lengths by 'm'}}
  %o = attn.cascade (%S = %s, %L = %l) over (m, n) lengths key(%L[m]) : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>, %l: tensor<2xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %L = %l) over (m, n) lengths key(%L[b]) : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?xf32> {
    // expected-error @+1 {{is restricted along 'b', a rank that it does not have}}
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'lengths' takes key(...), query(...) or both}}
  %o = attn.cascade (%S = %s) over (m, n) lengths : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>, %l: tensor<2xi32>) -> tensor<?xf32> {
  // expected-error @+1 {{'%l' is no input of the cascade}}
  %o = attn.cascade (%S = %s) over (m, n) lengths key(%l[b]) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-6
func.func @f(%s: tensor<4x8xf32>) -> tensor<4xf32> {
  %o = attn.cascade (%S = %s) : (tensor<4x8xf32>) -> tensor<4xf32> {
    // expected-error @+1 {{rank 'j' has no extent: it never indexes a dimension by itself}}
    %r = attn.einsum [m] = %S[m,2*j] reduce add(j) : (tensor<4x8xf32>) -> tensor<4xf32>
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// CA-6
func.func @f(%s: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %o = attn.cascade (%S = %s) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
    // expected-error @+1 {{names the extent of 'z', which is no rank of the cascade}}
    %r = attn.einsum [m,n] = %S[m,Z - n] : (tensor<4x8xf32>) -> tensor<4x8xf32>
    attn.yield %r : tensor<4x8xf32>
  }
  return %o : tensor<4x8xf32>
}

// -----

// CA-7
func.func @f(%s: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %o = attn.cascade (%S = %s) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
    // expected-error @+1 {{operand #0: index #1 runs from 1 to 8, outside of the extent 8}}
    %r = attn.einsum [m,n] = %S[m,n+1] : (tensor<4x8xf32>) -> tensor<4x8xf32>
    attn.yield %r : tensor<4x8xf32>
  }
  return %o : tensor<4x8xf32>
}

// -----

// CA-7
func.func @f(%s: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %o = attn.cascade (%S = %s) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
    // expected-error @+1 {{operand #0: index #0 runs from -3 to 0, outside of the extent 4}}
    %r = attn.einsum [m,n] = %S[0-m,n] : (tensor<4x8xf32>) -> tensor<4x8xf32>
    attn.yield %r : tensor<4x8xf32>
  }
  return %o : tensor<4x8xf32>
}

// -----

// CA-7
func.func @f(%s: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    // expected-error @+1 {{operand #0: index #1 runs from 9, outside of the extent 8}}
    %r = attn.einsum [m,n] = %S[m,m+9] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

// -----

// CA-7: of an index tensor
func.func @f(%s: tensor<4x8xf32>, %t: tensor<4xi32>) -> tensor<4x8xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<4x8xf32>, tensor<4xi32>) -> tensor<4x8xf32> {
    // expected-error @+1 {{index tensor #0: index #0 runs from 2 to 5, outside of the extent 4}}
    %r = attn.einsum [m,n] = %S[%T[m+2],n] : (tensor<4x8xf32>, tensor<4xi32>) -> tensor<4x8xf32>
    attn.yield %r : tensor<4x8xf32>
  }
  return %o : tensor<4x8xf32>
}

// -----

// CA-8
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{the mapping names rank 'z', which no einsum uses}}
  %o = attn.cascade (%S = %s) mapping <lanes = z by [16], stream = 1, rows = 1, parallel = []> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-8
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{the mapping names rank 'm' twice}}
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 1, rows = 1, parallel = [m]> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-8
func.func @f(%s: tensor<?x96xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{the mapping has steps of 64 points, but tensors state 96 for 'n0'}}
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 64, rows = 1, parallel = []> : (tensor<?x96xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %p = attn.einsum [m,n0] = %S[m,n1*N0+n0] : (tensor<?x96xf32>) -> tensor<?x96xf32>
      %l = attn.einsum [m] = %p[m,n0] reduce add(n0) : (tensor<?x96xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-8
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{the mapping names rank 'n0', which an attn.iterate runs over}}
  %o = attn.cascade (%S = %s) mapping <lanes = n0 by [16], stream = 1, rows = 1, parallel = []> : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// MP-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{is kept in registers, but is not read by one einsum beside it alone}}
    %t = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) in register : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %a = attn.einsum [m] = %t[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %b = attn.einsum [m] = %t[m,n] reduce min(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = add(%a[m], %b[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// MP-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{is kept in registers, but is not read by one einsum beside it alone}}
    %r = attn.einsum [m] = %S[m,n] reduce max(n) in register : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// MP-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{is kept in the kernel's tensors, but is no result of the cascade}}
    %t = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) in global : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %t[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-1
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{the iterative rank, its parent and its points need three names}}
    %r = attn.iterate n of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-1
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{rank names start with a lower-case letter; got 'N1'}}
    %r = attn.iterate N1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-1
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      // expected-error @+1 {{rank 'n0' belongs to an enclosing attn.iterate}}
      %x = attn.iterate m1 of m by n0 init(%A : tensor<?xf32>) {
      ^bb0(%B: tensor<?xf32>):
        attn.yield %B : tensor<?xf32>
      }
      attn.yield %x : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-1: in the generic form
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{rank names start with a lower-case letter; got ''}}
    %r = "attn.iterate"(%S) <{parent = "n", point = "n0", rank = ""}> ({
    ^bb0(%A: tensor<?xf32>):
      attn.yield %A : tensor<?xf32>
    }) : (tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-2
func.func @f(%s: tensor<?xf32>) -> tensor<4xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<4xf32> {
    // expected-error @+1 {{carries tensors of types 'tensor<?xf32>' but returns 'tensor<4xf32>'}}
    %r = "attn.iterate"(%S) <{parent = "n", point = "n0", rank = "n1"}> ({
    ^bb0(%A: tensor<?xf32>):
      attn.yield %A : tensor<?xf32>
    }) : (tensor<?xf32>) -> tensor<4xf32>
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// IT-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{the body's arguments must have the carried types 'tensor<?xf32>'}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>, %B: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-2
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{must yield the carried tensors; expected types 'tensor<?xf32>'}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n, %n : tensor<?xf32>, tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-3
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      // expected-error @+1 {{may not stand in attn.iterate; it holds attn.einsum and attn.iterate}}
      %q = math.exp %n : tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-3: outside of a cascade
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'attn.iterate' op expects parent op to be one of 'attn.cascade, attn.iterate'}}
  %r = attn.iterate n1 of n by n0 init(%s : tensor<?xf32>) {
  ^bb0(%A: tensor<?xf32>):
    attn.yield %A : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// IT-4
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan, but its parent is not the key rank of the cascade's 'over'}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PL-7
func.func @f(%s: tensor<?x?xf32>, %x: tensor<i32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) where causal over (m, n) align top_left lengths key(%X[]) : (tensor<?x?xf32>, tensor<i32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan with residues, but lengths, segments, lists or an order say where tokens lie}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <residues = 2, symbols = [M, N], live = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, full = affine_map<(a, b)[M, N] -> (0)> to affine_map<(a, b)[M, N] -> (N)>, nonnegative = affine_map<(a, b)[M, N] -> (0)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-4
func.func @f(%s: tensor<?x?xf32>, %x: tensor<?x?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) where indices(16, %X[]) over (m, n) : (tensor<?x?xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan over "L1", but the cascade has no list of that number}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N, L1], live = affine_map<(a, b)[M, N, L1] -> (0)> to affine_map<(a, b)[M, N, L1] -> (N * L1)>, full = affine_map<(a, b)[M, N, L1] -> (0)> to affine_map<(a, b)[M, N, L1] -> (N * L1)>, nonnegative = affine_map<(a, b)[M, N, L1] -> (L1 - 1)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-4
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan over "KL", but the cascade has no such lengths}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N, KL], live = affine_map<(a, b)[M, N, KL] -> (0)> to affine_map<(a, b)[M, N, KL] -> (N)>, full = affine_map<(a, b)[M, N, KL] -> (0)> to affine_map<(a, b)[M, N, KL] -> (N)>, nonnegative = affine_map<(a, b)[M, N, KL] -> (0)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IX-1
func.func @f() -> index {
  // expected-error @+1 {{stands in the map of an attn.einsum}}
  %i = attn.index m : index
  return %i : index
}

// -----

// IX-1
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = map(%S[m,n]) {
    ^bb0(%v: f32):
      // expected-error @+1 {{names rank 'j', which the einsum does not have}}
      %i = attn.index j : index
      attn.yield %v : f32
    } reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PO-5
func.func @f(%s: tensor<?x?xf32>, %x: tensor<f32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads 'tensor<f32>' as the offset; allowed are i32 and i64}}
  %o = attn.cascade (%S = %s, %X = %x) where causal over (m, n) align offset(%X[]) : (tensor<?x?xf32>, tensor<f32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PO-5
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'%Y' is no input of the cascade}}
  %o = attn.cascade (%S = %s) where causal over (m, n) align offset(%Y[]) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PO-6
func.func @f(%s: tensor<?x?xf32>, %x: tensor<i32>) -> tensor<?xf32> {
  // expected-error @+1 {{gives rank 'm' two origins}}
  %o = attn.cascade (%S = %s, %X = %x) origin(m = %X[], m = %X[]) : (tensor<?x?xf32>, tensor<i32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PO-6
func.func @f(%s: tensor<?x?xf32>, %x: tensor<i32>) -> tensor<?xf32> {
  // expected-error @+1 {{gives rank 'z' an origin, but no einsum uses it}}
  %o = attn.cascade (%S = %s, %X = %x) origin(z = %X[]) : (tensor<?x?xf32>, tensor<i32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PO-6
func.func @f(%s: tensor<?x?xf32>, %x: tensor<i32>) -> tensor<?xf32> {
  // expected-error @+1 {{reads a tensor of rank 0 as the origin of 'm', with 1 ranks}}
  %o = attn.cascade (%S = %s, %X = %x) origin(m = %X[b]) : (tensor<?x?xf32>, tensor<i32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// PO-7
func.func @f(%s: tensor<?x?xf32>, %x: tensor<i32>) -> tensor<?xf32> {
  // expected-error @+1 {{is a part of a sequence, by its origin}}
  %o = attn.cascade (%S = %s, %X = %x) where causal over (m, n) origin(m = %X[]) : (tensor<?x?xf32>, tensor<i32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) where causal over (m, n) align offset(%X[b]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    // expected-error @+1 {{is restricted along 'b', a rank that it does not have}}
    %r = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// CA-5
func.func @f(%s: tensor<?x?xf32>, %x: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %X = %x) origin(m = %X[b]) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    // expected-error @+1 {{reads an index whose origin varies along 'b', a rank that it does not have}}
    %r = attn.einsum [m] = map(%S[m,n]) {
    ^bb0(%v: f32):
      %i = attn.index m : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      attn.yield %f : f32
    } reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-4
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan over "D", but the cascade has no such offset or origin}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N, D], live = affine_map<(a, b)[M, N, D] -> (0)> to affine_map<(a, b)[M, N, D] -> (N)>, full = affine_map<(a, b)[M, N, D] -> (0)> to affine_map<(a, b)[M, N, D] -> (N)>, nonnegative = affine_map<(a, b)[M, N, D] -> (0)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-4
func.func @f(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [m] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{has a plan over "ON", but the cascade has no such offset or origin}}
    %r = attn.iterate n1 of n by n0 init(%i : tensor<?xf32>) plan <symbols = [M, N, ON], live = affine_map<(a, b)[M, N, ON] -> (0)> to affine_map<(a, b)[M, N, ON] -> (N)>, full = affine_map<(a, b)[M, N, ON] -> (0)> to affine_map<(a, b)[M, N, ON] -> (N)>, nonnegative = affine_map<(a, b)[M, N, ON] -> (0)>> {
    ^bb0(%A: tensor<?xf32>):
      %l = attn.einsum [m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %n = attn.einsum [m] = add(%A[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %n : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-6: in the generic form
func.func @f(%s: tensor<4xf32>) -> tensor<4xf32> {
  %o = attn.cascade (%S = %s) : (tensor<4xf32>) -> tensor<4xf32> {
    // expected-error @+1 {{a rank of splits and their size come together}}
    %r = "attn.iterate"(%S) <{parent = "n", point = "n0", rank = "n1", splitRank = "s"}> ({
    ^bb0(%A: tensor<4xf32>):
      attn.yield %A : tensor<4xf32>
    }) : (tensor<4xf32>) -> tensor<4xf32>
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// IT-6
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{the splits need a rank of their own; 'n' is a rank of the iteration}}
    %r = attn.iterate n1 of n by n0 split n by 16 init(%S : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      attn.yield %A : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-6
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{a split has at least one point; got 0}}
    %r = attn.iterate n1 of n by n0 split s by 0 init(%S : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      attn.yield %A : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-6
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @+1 {{initial value #0 must be an einsum's result with rank 's', that of the splits}}
    %r = attn.iterate n1 of n by n0 split s by 16 init(%S : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      attn.yield %A : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-6
func.func @f(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?xf32>) -> tensor<?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [s] = map() { attn.yield %z : f32 } : () -> tensor<?xf32>
    // expected-error @+1 {{yielded value #0 must be an einsum's result with rank 's', that of the splits}}
    %r = attn.iterate n1 of n by n0 split s by 16 init(%i : tensor<?xf32>) {
    ^bb0(%A: tensor<?xf32>):
      attn.yield %A : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// IT-6
func.func @f(%s: tensor<96xf32>) -> tensor<4xf32> {
  %o = attn.cascade (%S = %s) : (tensor<96xf32>) -> tensor<4xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [s] = map() { attn.yield %z : f32 } : () -> tensor<4xf32>
    // expected-error @+1 {{rank 's' has extent 4, but 96 points are 3 splits of 32}}
    %r = attn.iterate n1 of n by n0 split s by 32 init(%i : tensor<4xf32>) {
    ^bb0(%A: tensor<4xf32>):
      %l = attn.einsum [s] = %S[n1*N0+n0] reduce add(n0) : (tensor<96xf32>) -> tensor<4xf32>
      %n = attn.einsum [s] = add(%A[s], %l[s]) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      attn.yield %n : tensor<4xf32>
    }
    attn.yield %r : tensor<4xf32>
  }
  return %o : tensor<4xf32>
}

// -----

// IT-6
func.func @f(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error @+1 {{the mapping has steps of 48 points, which do not divide the 64 points of a split}}
  %o = attn.cascade (%S = %s) mapping <lanes = m by [16], stream = 48, rows = 1, parallel = [s]> : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %z : f32 } : () -> tensor<?x?xf32>
    %r = attn.iterate n1 of n by n0 split s by 64 init(%i : tensor<?x?xf32>) {
    ^bb0(%A: tensor<?x?xf32>):
      %l = attn.einsum [s,m] = %S[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %n = attn.einsum [s,m] = add(%A[s,m], %l[s,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      attn.yield %n : tensor<?x?xf32>
    }
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// IT-6
func.func @f(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %z = arith.constant 0.0 : f32
    %i = attn.einsum [s,m] = map() { attn.yield %z : f32 } : () -> tensor<?x?xf32>
    %r = attn.iterate m1 of m by m0 init(%i : tensor<?x?xf32>) {
    ^bb0(%B: tensor<?x?xf32>):
      // expected-error @+1 {{with splits stands in the cascade itself, not in another iteration}}
      %q = attn.iterate n1 of n by n0 split s by 64 init(%B : tensor<?x?xf32>) {
      ^bb0(%A: tensor<?x?xf32>):
        attn.yield %A : tensor<?x?xf32>
      }
      attn.yield %q : tensor<?x?xf32>
    }
    attn.yield %r : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// TS-1
func.func @f(%s: tensor<?x9223372036854775807xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{operand #0 has too many elements: its extents, apart from those that are 0, make more than 2^56; got 'tensor<?x9223372036854775807xf32>'}}
  %o = attn.cascade (%S = %s) : (tensor<?x9223372036854775807xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = %S[m,n] reduce add(n) : (tensor<?x9223372036854775807xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// TS-1: 2^28 times 2^28, and a result of twice as many.
func.func @f(%s: tensor<268435456x268435456xf32>, %t: tensor<2x0xf32>) -> tensor<268435456x2x268435456xf32> {
  // expected-error @+1 {{result #0 has too many elements}}
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<268435456x268435456xf32>, tensor<2x0xf32>) -> tensor<268435456x2x268435456xf32> {
    %r = attn.einsum [m,a,n] = mul(%S[m,n], %T[a,b]) reduce add(b) : (tensor<268435456x268435456xf32>, tensor<2x0xf32>) -> tensor<268435456x2x268435456xf32>
    attn.yield %r : tensor<268435456x2x268435456xf32>
  }
  return %o : tensor<268435456x2x268435456xf32>
}
