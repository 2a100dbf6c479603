// RUN: attn-opt %s --split-input-file --verify-diagnostics --attn-promote-precision

func.func @bits(%x: tensor<?xf32>) -> tensor<?xi32> {
  // expected-error@+1 {{reads the bits of a float; that has no form in double precision}}
  %y = arith.bitcast %x : tensor<?xf32> to tensor<?xi32>
  return %y : tensor<?xi32>
}

// -----

func.func @resource() -> tensor<2xf32> {
  // expected-error@+1 {{'value' is a resource of floats; write it as dense elements}}
  %c = arith.constant dense_resource<blob> : tensor<2xf32>
  return %c : tensor<2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      blob: "0x040000000000803F0000803F"
    }
  }
#-}
