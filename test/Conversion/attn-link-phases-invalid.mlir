// RUN: attn-opt %s --attn-describe-kernel --attn-split-phases --attn-link-phases --verify-diagnostics

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{phase 'f_phase0' has no function 'f_phase0_items0'; it was not lowered}}
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
