// RUN: attn-opt %s --split-input-file --verify-diagnostics --attn-describe-kernel

// expected-error@+1 {{kernel 'scalar': argument #1 is 'f32'; kernels take and return ranked tensors}}
func.func @scalar(%x: tensor<?xf32>, %s: f32) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error@+1 {{kernel 'element': result #0 holds 'i8'; kernels take f32, bf16, f16, f64, i32, i64 and, as arguments, i1 and i8}}
func.func @element(%x: tensor<?xf32>) -> tensor<4xi8> {
  %c = arith.constant dense<0> : tensor<4xi8>
  return %c : tensor<4xi8>
}

// -----

// expected-error@+1 {{'attn.name' is "1x"; it holds a C identifier}}
func.func @badname(%x: tensor<?xf32> {attn.name = "1x"}) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error@+1 {{argument #1: the name 'x' is taken}}
func.func @taken(%x: tensor<?xf32> {attn.name = "x"}, %y: tensor<?xf32> {attn.name = "x"}) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error@+1 {{kernel 'a.b' needs a name that is a C identifier}}
func.func @a.b(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

func.func @unknown(%x: tensor<?xf32>) -> tensor<?xf32> {
  %p = tensor.concat dim(0) %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  // expected-error@+1 {{dimension 0 of result #0 is not the extent of an argument}}
  return %p : tensor<?xf32>
}

// -----

// expected-note@+1 {{the first is here}}
func.func @one(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
// expected-error@+1 {{a kernel module has one public function; this is the second}}
func.func @two(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error@+1 {{one extent is both 4 and 8}}
func.func @conflict(%x: tensor<4xf32>, %y: tensor<?xf32>, %z: tensor<8xf32>) -> tensor<?xf32> {
  %a = tensor.cast %x : tensor<4xf32> to tensor<?xf32>
  %b = arith.addf %a, %y : tensor<?xf32>
  %c = tensor.cast %z : tensor<8xf32> to tensor<?xf32>
  %d = arith.addf %b, %c : tensor<?xf32>
  return %d : tensor<?xf32>
}

// -----

func.func @computed(%q: tensor<1x8x?x64xf32>, %x: tensor<?xi32>) -> tensor<1x8x?x64xf32> {
  %y = arith.addi %x, %x : tensor<?xi32>
  // expected-error@+1 {{has segments whose offsets are computed; they are an argument of the kernel, which a call checks}}
  %o = attn.attention(%q, %q, %q) segments(%y : tensor<?xi32>)
      : (tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>) -> tensor<1x8x?x64xf32>
  return %o : tensor<1x8x?x64xf32>
}

// -----

// A dimension that a tensor does not have is wrong only where the program runs:
// it is not an extent that the caller knows.
func.func @no_such_dimension(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %far = arith.constant 9223372036854775807 : index
  %m = tensor.dim %x, %far : tensor<?x8xf32>
  %zero = arith.constant 0.0 : f32
  %y = tensor.splat %zero[%m] : tensor<?x8xf32>
  // expected-error @below {{dimension 0 of result #0 is not the extent of an argument; the caller could not know the size of the output}}
  return %y : tensor<?x8xf32>
}

// -----

// Nor is it in a slice.
func.func @slice_of_no_such_dimension(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %before = arith.constant -1 : index
  %m = tensor.dim %x, %before : tensor<?x8xf32>
  %y = tensor.extract_slice %x[0, 0] [%m, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
  // expected-error @below {{dimension 0 of result #0 is not the extent of an argument; the caller could not know the size of the output}}
  return %y : tensor<?x8xf32>
}
