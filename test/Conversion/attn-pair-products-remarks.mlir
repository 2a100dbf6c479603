// RUN: attn-opt %s --attn-to-llvm="form=fused bf16-products=pairs lane-tiles=48" -split-input-file -verify-diagnostics -o /dev/null
// RUN: attn-opt %s --attn-to-llvm="form=fused bf16-products=pairs lane-tiles=24" -split-input-file 2>&1 -o /dev/null | FileCheck %s --check-prefix=LANES

// LANES: remark: multiplies in f32, not in pairs of bf16: the lanes fill no vectors

func.func @odd(%q: tensor<1x2x?x33xbf16>, %k: tensor<1x2x?x33xbf16>, %v: tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xbf16> {
  // expected-remark @below {{multiplies in f32, not in pairs of bf16: the sum has no even number of points}}
  %o = attn.attention(%q, %k, %v) : (tensor<1x2x?x33xbf16>, tensor<1x2x?x33xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xbf16>
  return %o : tensor<1x2x?x64xbf16>
}

// -----

func.func @computed_keys(%q: tensor<1x2x?x64xbf16>, %k: tensor<1x2x?x64xbf16>, %v: tensor<1x2x?x64xbf16>, %g: tensor<2x?x64xbf16>) -> tensor<1x2x?x64xbf16> {
  // expected-remark @below {{multiplies in f32, not in pairs of bf16: the operand without lanes is no copy of a tensor of bf16}}
  %o = attn.attention(%q, %k, %v) gate key sigmoid(%g[h,n,e] : tensor<2x?x64xbf16>) : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xbf16>
  return %o : tensor<1x2x?x64xbf16>
}

// -----

func.func @computed_queries(%q: tensor<1x2x?x64xbf16>, %k: tensor<1x2x?x64xbf16>, %v: tensor<1x2x?x64xbf16>, %g: tensor<2x?x64xbf16>) -> tensor<1x2x?x64xbf16> {
  // expected-remark @below {{multiplies in f32, not in pairs of bf16: the operand over the lanes is computed from a tensor}}
  %o = attn.attention(%q, %k, %v) gate query sigmoid(%g[h,m,e] : tensor<2x?x64xbf16>) : (tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x2x?x64xbf16>
  return %o : tensor<1x2x?x64xbf16>
}
