// RUN: attn-opt %s --split-input-file --attn-split-phases --verify-diagnostics

func.func @unknown_extent(%x: tensor<?x?xf32>) -> tensor<?xf32> {
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<?x?xf32> into tensor<?xf32>
  // expected-error @below {{dimension 0 of 'tensor<?xf32>', which is passed from one phase of the kernel to another, is not the extent of a tensor that the kernel takes or returns}}
  %a = attn.cascade (%X = %flat) : (tensor<?xf32>) -> tensor<?xf32> {
    %r = attn.einsum [m] = add(%X[m], %X[m]) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  %b = attn.cascade (%X = %x, %A = %a) : (tensor<?x?xf32>, tensor<?xf32>) -> tensor<?xf32> {
    %s = attn.einsum [] = %A[j] reduce max(j) : (tensor<?xf32>) -> tensor<f32>
    %r = attn.einsum [m] = add(%X[m,0], %s[]) : (tensor<?x?xf32>, tensor<f32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %b : tensor<?xf32>
}

// -----

func.func private @other(tensor<?xf32>) -> tensor<?xf32>

func.func @calls(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{a kernel calls no functions; inline 'other' first}}
  %a = call @other(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %a : tensor<?xf32>
}

// -----

// expected-error @below {{kernel 'vectors': argument #1 is 'vector<8xf32>'; kernels take and return ranked tensors}}
func.func @vectors(%x: tensor<?xf32>, %y: vector<8xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error @below {{kernel 'returns_number': result #1 is 'f32'; kernels take and return ranked tensors}}
func.func @returns_number(%x: tensor<?xf32>) -> (tensor<?xf32>, f32) {
  %c = arith.constant 1.0 : f32
  return %x, %c : tensor<?xf32>, f32
}
