// RUN: attn-opt %s --split-input-file --verify-diagnostics --attn-outline-kernel

// expected-error@+1 {{'attn.kernels' does not describe kernel 'f'; run attn-describe-kernel before the cascades are lowered}}
module {
  func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
    return %x : tensor<?xf32>
  }
}

// -----

module attributes {attn.kernels = [{name = "f", tensors = [{dims = ["n"], name = "x", output = false, type = tensor<?xf32>}]}]} {
  // expected-error@+1 {{kernel 'f' takes and returns other tensors than 'attn.kernels' says}}
  func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
    return %x : tensor<?xf32>
  }
}

// -----

// expected-error@+1 {{'attn.kernels' of kernel 'f' has a malformed tensor}}
module attributes {attn.kernels = [{name = "f", tensors = [{dims = ["n"], name = "x", output = false, type = tensor<f32>}]}]} {
  func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
    return %x : tensor<?xf32>
  }
}

// -----

module attributes {attn.kernels = [{name = "f", tensors = [{dims = ["n"], name = "x", output = false, type = tensor<?xf32>}, {dims = ["n"], name = "y", output = true, type = tensor<?xf32>}]}]} {
  func.func private @g(%x: tensor<?xf32>) -> tensor<?xf32> {
    return %x : tensor<?xf32>
  }
  func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
    // expected-error@+1 {{a kernel calls no functions; inline 'g' first}}
    %y = call @g(%x) : (tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}
