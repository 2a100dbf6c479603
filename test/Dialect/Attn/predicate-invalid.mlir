// RUN: attn-opt %s --split-input-file --verify-diagnostics

// SP-23
// expected-error @+1 {{predicate(-1): the number of a region must be 0 or more}}
module attributes {attn.mask = #attn.sparsity<predicate(-1)>} {}

// -----

// SP-23
// expected-error @+1 {{'in permuted' follows an atom; got #attn.predicate<0, [], []>}}
module attributes {attn.mask = #attn.sparsity<predicate(0) in permuted>} {}

// -----

// SP-23
// expected-error @+1 {{a predicate lists its operands in front of the ranks whose indices it reads}}
module attributes {attn.mask = #attn.sparsity<predicate(0, m, 0[n])>} {}

// -----

// SP-23
// expected-error @+1 {{rank names start with a lower-case letter; got 'M'}}
module attributes {attn.mask = #attn.sparsity<predicate(0, M)>} {}

// -----

// SP-23
func.func @rank(%q: tensor<1x4x16x32xf32>, %a: tensor<1x16xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate's operand of rank 2 is indexed by 1 ranks}}
  %r = attn.attention(%q, %q, %q) where predicate(%a[b] : tensor<1x16xi8>) {
      ^bb0(%x: i8, %b: index, %h: index, %m: index, %n: index):
        %t = arith.constant true
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-23
func.func @name(%q: tensor<1x4x16x32xf32>, %a: tensor<4xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate's operand is indexed by 'k'; allowed are b, h, m and n}}
  %r = attn.attention(%q, %q, %q) where predicate(%a[k] : tensor<4xi8>) {
      ^bb0(%x: i8, %b: index, %h: index, %m: index, %n: index):
        %t = arith.constant true
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-23
func.func @twice(%q: tensor<1x4x16x32xf32>, %a: tensor<16x16xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate's operand is indexed by 'm' twice}}
  %r = attn.attention(%q, %q, %q) where predicate(%a[m, m] : tensor<16x16xi8>) {
      ^bb0(%x: i8, %b: index, %h: index, %m: index, %n: index):
        %t = arith.constant true
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-23
func.func @extent(%q: tensor<1x4x16x32xf32>, %a: tensor<15xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate's operand has extent 15 along 'm', which is 16}}
  %r = attn.attention(%q, %q, %q) where predicate(%a[m] : tensor<15xi8>) {
      ^bb0(%x: i8, %b: index, %h: index, %m: index, %n: index):
        %t = arith.constant true
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-23
func.func @element(%q: tensor<1x4x16x32xf32>, %a: tensor<16xi16>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{the operand of a predicate must hold f64, f32, bf16, f16, i64, i32 or i8; got 'i16'}}
  %r = attn.attention(%q, %q, %q) where predicate(%a[m] : tensor<16xi16>) {
      ^bb0(%x: i16, %b: index, %h: index, %m: index, %n: index):
        %t = arith.constant true
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-23
func.func @listed_rank(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{lists the rank 'm' of a predicate, whose region receives the indices b, h, m and n; list none}}
  %r = attn.attention(%q, %q, %q) where predicate(m) {
      ^bb0(%b: index, %h: index, %m: index, %n: index):
        %t = arith.constant true
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-24
func.func @arguments(%q: tensor<1x4x16x32xf32>, %a: tensor<16xbf16>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate takes its operands and the indices b, h, m, n: ('f32', 'index', 'index', 'index', 'index'); got ('bf16', 'index', 'index', 'index', 'index')}}
  %r = attn.attention(%q, %q, %q) where predicate(%a[m] : tensor<16xbf16>) {
      ^bb0(%x: bf16, %b: index, %h: index, %m: index, %n: index):
        %t = arith.constant true
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-24
func.func @yielded(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate must yield one i1}}
  %r = attn.attention(%q, %q, %q) where predicate() {
      ^bb0(%b: index, %h: index, %m: index, %n: index):
        %t = arith.constant 1 : i8
        attn.yield %t : i8
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-24
func.func @inner(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  %r = attn.attention(%q, %q, %q) where predicate() {
      ^bb0(%b: index, %h: index, %m: index, %n: index):
        // expected-error @+1 {{may not stand in a predicate; it is evaluated at dead points too, where this operation has no defined result}}
        %d = arith.remui %m, %n : index
        %t = arith.cmpi eq, %d, %b : index
        attn.yield %t : i1
      }
      : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-23
func.func @region(%q: tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate names region 1 of 1 where region 0 is next}}
  %r = "attn.attention"(%q, %q, %q) <{alignment = #attn<alignment top_left>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>, score = [#attn.scale<1.0>], sparsity = #attn.sparsity<predicate(1)>}> ({
  ^bb0(%b: index, %h: index, %m: index, %n: index):
    %t = arith.constant true
    attn.yield %t : i1
  }) : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}

// -----

// SP-23
func.func @cascade_rank(%s: tensor<2x?x?xf32>, %m: tensor<2x?x?xi8>) -> tensor<2x?xf32> {
  // expected-error @+1 {{reads 'tensor<2x?x?xi8>' as an operand of a predicate with 2 ranks; allowed is a dimension for each rank}}
  %r = attn.cascade (%S = %s, %M = %m) where predicate(%M[b,m]) {
      ^bb0(%x: i8):
        %t = arith.constant true
        attn.yield %t : i1
      } over (m, n) align top_left
      : (tensor<2x?x?xf32>, tensor<2x?x?xi8>) -> tensor<2x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}

// -----

// SP-23
func.func @cascade_element(%s: tensor<2x?x?xf32>, %m: tensor<?xi1>) -> tensor<2x?xf32> {
  // expected-error @+1 {{the operand of a predicate must hold f64, f32, bf16, f16, i64, i32 or i8; got 'i1'}}
  %r = attn.cascade (%S = %s, %M = %m) where predicate(%M[m]) {
      ^bb0(%x: i1):
        %t = arith.constant true
        attn.yield %t : i1
      } over (m, n) align top_left
      : (tensor<2x?x?xf32>, tensor<?xi1>) -> tensor<2x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}

// -----

// SP-24
func.func @cascade_arguments(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{a predicate takes its operands and the indices m, n: ('index', 'index'); got ('index')}}
  %r = attn.cascade (%S = %s) where predicate(m, n) {
      ^bb0(%x: index):
        %t = arith.constant true
        attn.yield %t : i1
      } over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}

// -----

// SP-24
func.func @cascade_yielded(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{a predicate must yield one i1}}
  %r = attn.cascade (%S = %s) where predicate(m) {
      ^bb0(%x: index):
        attn.yield %x : index
      } over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}

// -----

// SP-24
func.func @cascade_index(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{a predicate reads the index of 'z'; allowed are ranks of the cascade that have an extent}}
  %r = attn.cascade (%S = %s) where predicate(z) {
      ^bb0(%x: index):
        %t = arith.constant true
        attn.yield %t : i1
      } over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<2x?xf32> {
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }
  return %r : tensor<2x?xf32>
}

// -----

// SP-24
func.func @region_of_none(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{has predicate region 0, which no predicate of its sparsity names}}
  %r = "attn.cascade"(%s) <{alignment = #attn<alignment top_left>, keyRank = "n", queryRank = "m", sparsity = #attn.sparsity<causal>}> ({
  ^bb0(%S: tensor<2x?x?xf32>):
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }, {
    %t = arith.constant true
    attn.yield %t : i1
  }) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
  return %r : tensor<2x?xf32>
}

// -----

// SP-24
func.func @cascade_region(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{a predicate names region 0 of 0}}
  %r = "attn.cascade"(%s) <{alignment = #attn<alignment top_left>, keyRank = "n", queryRank = "m", sparsity = #attn.sparsity<predicate(0)>}> ({
  ^bb0(%S: tensor<2x?x?xf32>):
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
  return %r : tensor<2x?xf32>
}

// -----

// CA-5, SP-24
func.func @reduction(%s: tensor<2x?x?xf32>) -> tensor<?xf32> {
  %r = attn.cascade (%S = %s) where predicate(b) {
      ^bb0(%x: index):
        %t = arith.constant true
        attn.yield %t : i1
      } over (m, n) align top_left
      : (tensor<2x?x?xf32>) -> tensor<?xf32> {
    %y = attn.einsum [b,m] = %S[b,m,0] : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    // expected-error @+1 {{is restricted along 'b', a rank that it does not have}}
    %x = attn.einsum [m] = %S[0,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<?xf32>
    attn.yield %x : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// SP-23
func.func @cascade_input(%s: tensor<2x?x?xf32>) -> tensor<2x?xf32> {
  // expected-error @+1 {{reads input #5 of 1 as an operand of a predicate}}
  %r = "attn.cascade"(%s) <{alignment = #attn<alignment top_left>, keyRank = "n", queryRank = "m", sparsity = #attn.sparsity<predicate(0, 5[m])>}> ({
  ^bb0(%S: tensor<2x?x?xf32>):
    %x = attn.einsum [b,m] = %S[b,m,n] reduce max(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %x : tensor<2x?xf32>
  }, {
  ^bb0(%x: i32):
    %t = arith.constant true
    attn.yield %t : i1
  }) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
  return %r : tensor<2x?xf32>
}

// -----

// SP-23
func.func @slot(%q: tensor<1x4x16x32xf32>, %m: tensor<16xi8>) -> tensor<1x4x16x32xf32> {
  // expected-error @+1 {{a predicate's operand names operand slot 1 of 1 where slot 0 is next}}
  %r = "attn.attention"(%q, %q, %q, %m) <{alignment = #attn<alignment top_left>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0>, score = [#attn.scale<1.0>], sparsity = #attn.sparsity<predicate(0, 1[m])>}> ({
  ^bb0(%x: i8, %b: index, %h: index, %i: index, %n: index):
    %t = arith.constant true
    attn.yield %t : i1
  }) : (tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<1x4x16x32xf32>, tensor<16xi8>) -> tensor<1x4x16x32xf32>
  return %r : tensor<1x4x16x32xf32>
}
