// RUN: attn-opt %s --attn-describe-kernel --attn-plan-sparsity --attn-tile-cascade -split-input-file -verify-diagnostics

// The weights are those of both heads, and the predicate is not.
func.func @without_rank(%x: tensor<?x?xf32>, %v: tensor<2x?x8xf32>, %a: tensor<2x?xi32>) -> tensor<2x?x8xf32> {
  %o = attn.cascade (%X = %x, %V = %v, %A = %a) where causal and predicate(%A[h,n]) {
      ^bb0(%y: i32):
        %zero = arith.constant 0 : i32
        %some = arith.cmpi ne, %y, %zero : i32
        attn.yield %some : i1
      } over (m, n) align top_left mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []>
      : (tensor<?x?xf32>, tensor<2x?x8xf32>, tensor<2x?xi32>) -> tensor<2x?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [h,m,f] = map() { attn.yield %zero : f32 } : () -> tensor<2x?x8xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<2x?x8xf32>) {
    ^bb0(%O: tensor<2x?x8xf32>):
      // expected-error @below {{is masked by what reads 'h', a rank that it does not have and that the mapping does not work on in parallel}}
      %w = attn.einsum [m,n0] = map(%X[m,n1*N0+n0]) {
      ^bb0(%y: f32):
        %z = math.exp %y : f32
        attn.yield %z : f32
      } : (tensor<?x?xf32>) -> tensor<?x?xf32>
      %l = attn.einsum [h,m,f] = mul(%w[m,n0], %V[h,n1*N0+n0,f]) reduce add(n0)
          : (tensor<?x?xf32>, tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
      %s = attn.einsum [h,m,f] = add(%O[h,m,f], %l[h,m,f]) : (tensor<2x?x8xf32>, tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
      attn.yield %s : tensor<2x?x8xf32>
    }
    attn.yield %r : tensor<2x?x8xf32>
  }
  return %o : tensor<2x?x8xf32>
}

// -----

func.func @double(%x: tensor<?x?xf32>, %a: tensor<?xf64>) -> tensor<?xf32> {
  %o = attn.cascade (%X = %x, %A = %a) where causal and predicate(%A[n]) {
      ^bb0(%y: f64):
        %zero = arith.constant 0.0 : f64
        %some = arith.cmpf ogt, %y, %zero : f64
        attn.yield %some : i1
      } over (m, n) align top_left mapping <lanes = m by [16], stream = 64, rows = 8, parallel = []>
      : (tensor<?x?xf32>, tensor<?xf64>) -> tensor<?xf32> {
    %zero = arith.constant 0.0 : f32
    %init = attn.einsum [m] = map() { attn.yield %zero : f32 } : () -> tensor<?xf32>
    %r = attn.iterate n1 of n by n0 init(%init : tensor<?xf32>) {
    ^bb0(%D: tensor<?xf32>):
      // expected-error @below {{computes in f32, and a predicate that masks it reads f64}}
      %l = attn.einsum [m] = %X[m,n1*N0+n0] reduce add(n0) : (tensor<?x?xf32>) -> tensor<?xf32>
      %s = attn.einsum [m] = add(%D[m], %l[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      attn.yield %s : tensor<?xf32>
    }
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
