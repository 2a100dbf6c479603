// RUN: attn-opt %s --attn-normalize-cascade --attn-defer-division --attn-derive-single-pass --split-input-file --verify-diagnostics
// RUN: not attn-opt %s --attn-normalize-cascade --attn-derive-single-pass=require --split-input-file 2>&1 | FileCheck %s
// CHECK: error: keeps the cascade from a single pass over 'n'

// A statistic of the columns of the weights: every row moves by its own factor.
func.func @column_statistic(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reduces a rank along which the correction of its values varies}}
    %c = attn.einsum [n] = %p[m,n] reduce add(m) : (tensor<?x?xf32>) -> tensor<?xf32>
    %r = attn.einsum [m] = mul(%p[m,n], %c[n]) reduce add(n) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The weights themselves as a result.
func.func @weights(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': is a result of the cascade and is indexed by 'n'}}
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    attn.yield %p : tensor<?x?xf32>
  }
  return %o : tensor<?x?xf32>
}

// -----

// A factor and a sum: S - X is not taken apart, as S and X are large and alike.
func.func @unequal(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': adds values with unequal corrections}}
    %q = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      %t = arith.addf %e, %d : f32
      attn.yield %t : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %q[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The cancelling form of entropy: it would become sum P*S - X * sum P.
func.func @entropy(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': multiplies by a running value}}
    %d = attn.einsum [m,n] = map(%p[m,n], %id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %u = arith.mulf %x, %y : f32
      %v = arith.mulf %x, %z : f32
      %w = arith.subf %u, %v : f32
      attn.yield %w : f32
    } : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %d[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The logarithm of a sum that may be 0 while there are weights moves them by an
// infinite amount.
func.func @infinite_shift(%s: tensor<?x?xf32>, %w: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %W = %w) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32> {
    %p = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-note @below {{this running value is involved}}
    %l = attn.einsum [m] = map(%d[m]) {
    ^bb0(%x: f32):
      %e = math.log %x : f32
      attn.yield %e : f32
    } : (tensor<?xf32>) -> tensor<?xf32>
    %t = attn.einsum [m,n] = sub(%S[m,n], %l[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': multiplies a value that moves by a sum with one that varies along the streaming rank}}
    %r = attn.einsum [m] = mul(%W[m,n], %t[m,n]) reduce add(n) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A sum of values that move by a sum.
func.func @sum_of_differences(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = sub(%id[m,n], %gm[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reduces by 'add' values that move by a sum}}
    %r = attn.einsum [m] = %d[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A product of values that move by a factor.
func.func @product(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reduces by 'mul' values that move by a factor}}
    %r = attn.einsum [m] = %p[m,n] reduce mul(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A quotient by a running sum that its dividend does not vanish with.
func.func @quotient(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %d = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': divides by a running value}}
    %w = attn.einsum [m,n] = div(%id[m,n], %d[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %w[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A neighbour along the rank is in another step.
func.func @neighbour(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reads operand #1 through an index expression of 'n'}}
    %d = attn.einsum [m,n] = sub(%S[m,n], %id[m,n+1]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %d[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}


// -----

// So is the diagonal: a step does not have every row's point.
func.func @diagonal(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %p = attn.einsum [m,n] = add(%S[m,n], %S[n,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reads operand #1, which is indexed by 'n', at other points of it}}
    %d = attn.einsum [m,n] = sub(%p[m,n], %p[m,m]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %d[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The square root of a value with an odd power of a correction: half of it is no
// power that the accumulator can be multiplied by.
func.func @odd_power(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %gm = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %p = attn.einsum [m,n] = map(%id[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': applies 'math.sqrt' to a value that moves}}
    %q = attn.einsum [m,n] = map(%p[m,n]) {
    ^bb0(%x: f32):
      %y = math.sqrt %x : f32
      attn.yield %y : f32
    } : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %q[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// Points of one step come before those of the next, but tiles keep no order.
func.func @ordered(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reduces by a region that is not declared commutative}}
    %r = attn.einsum [m] = %id[m,n] reduce associative(n) identity(0.0 : f32) {
    ^bb0(%a: f32, %b: f32):
      %zero = arith.constant 0.0 : f32
      %c = arith.cmpf one, %b, %zero : f32
      %d = arith.select %c, %b, %a : f32
      attn.yield %d : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// No law says how a value that is reduced by a region moves.
func.func @moves(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %id = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    // expected-note @below {{this running value is involved}}
    %g = attn.einsum [m] = %id[m,n] reduce max(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    %d = attn.einsum [m,n] = sub(%id[m,n], %g[m]) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reduces by 'associative' values that move by a sum}}
    %r = attn.einsum [m] = %d[m,n] reduce associative(n) identity(0.0 : f32) commutative {
    ^bb0(%a: f32, %b: f32):
      %x = math.absf %a : f32
      %y = math.absf %b : f32
      %z = arith.maximumf %x, %y : f32
      attn.yield %z : f32
    } : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// The extent of n stands in the type of an intermediate alone, which a step makes
// anew.
func.func @extent_of_an_intermediate(%s: tensor<?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) where causal over (m, n) align bottom_right : (tensor<?xf32>) -> tensor<?xf32> {
    // expected-remark @below {{keeps the cascade from a single pass over 'n': no operand of the cascade is indexed by 'n', so that none states how many steps there are}}
    %x = attn.einsum [m,n] = map(%S[m]) {
    ^bb0(%a: f32):
      attn.yield %a : f32
    } : (tensor<?xf32>) -> tensor<?x24xf32>
    %r = attn.einsum [m] = %x[m,n] reduce add(n) : (tensor<?x24xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A step looks up what the call gives it, not what the cascade computes.
func.func @gather(%s: tensor<?x?xf32>, %t: tensor<?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %T = %t) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    %u = attn.einsum [n] = add(%T[n], %T[n]) : (tensor<?xi32>, tensor<?xi32>) -> tensor<?xi32>
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reads an operand at data that is no input of the cascade}}
    %p = attn.einsum [m,n] = mul(%S[m,%u[n]], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

// -----

// A step knows no extent of what it is a part of.
func.func @reversed_input(%s: tensor<?x?xf32>, %t: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reads operand #0 through an index expression of 'n'}}
    %p = attn.einsum [m,n] = mul(%S[m,N - n - 1], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %u = attn.cascade (%S = %s, %T = %t) : (tensor<?x?xf32>, tensor<?xi32>) -> tensor<?xf32> {
    // expected-remark @below {{keeps the cascade from a single pass over 'n': reads operand #0 through an index expression of 'n'}}
    %p = attn.einsum [m,n] = mul(%S[m,%T[N - n - 1]], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xi32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %p[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o, %u : tensor<?xf32>, tensor<?xf32>
}
