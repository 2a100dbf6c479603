// RUN: attn-opt %s --attn-expand-math -split-input-file -verify-diagnostics

// LLVM has no type for it.
func.func @eight_bits(%x: f32) -> f32 {
  // expected-error @below {{'arith.truncf' computes with 'f8E4M3FN'; kernels compute with bf16, f16, f32, f64 and integers}}
  %a = arith.truncf %x : f32 to f8E4M3FN
  %b = arith.extf %a : f8E4M3FN to f32
  return %b : f32
}

// -----

func.func @vectors(%x: vector<8xf32>) -> vector<8xf32> {
  // expected-error @below {{'arith.truncf' computes with 'tf32'}}
  %a = arith.truncf %x : vector<8xf32> to vector<8xtf32>
  %b = arith.extf %a : vector<8xtf32> to vector<8xf32>
  return %b : vector<8xf32>
}
