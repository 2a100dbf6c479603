// The tensors of a kernel are called what the text calls them.

// RUN: rm -rf %t && mkdir -p %t
// RUN: attn-compile %s -o %t/kernel.so --cpu=x86-64-v3
// RUN: FileCheck %s --check-prefix=HEADER < %t/kernel.h
// HEADER: [0] query: float32[b, 2, m, 16]
// HEADER: [1] k: float32[b, 2, n, 16]
// HEADER: [2] arg2: float32[b, 2, n, 16]
// HEADER: [3] arg3: float32[2, m, n]
// HEADER: [4] v: float32[b, 2, m, 16]  (output)

// The same from bytecode, which has no names.
// RUN: attn-opt %s --emit-bytecode -o %t/kernel.mlirbc
// RUN: attn-compile %t/kernel.mlirbc -o %t/kernel.so --cpu=x86-64-v3
// RUN: FileCheck %s --check-prefix=BYTECODE < %t/kernel.h
// BYTECODE: [0] query: float32
// BYTECODE: [1] arg1: float32
// BYTECODE: [2] arg2: float32
// BYTECODE: [3] arg3: float32
// BYTECODE: [4] v: float32

!t = tensor<?x2x?x16xf32>
func.func @attention(%q: !t {attn.name = "query"}, %k: !t, %v: !t, %0: tensor<2x?x?xf32>) -> (!t {attn.name = "v"}) {
  %o = attn.attention(%q, %k, %v) score [bias(%0[h, m, n] : tensor<2x?x?xf32>)] : (!t, !t, !t) -> !t
  return %o : !t
}
