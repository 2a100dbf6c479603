// Every stage runs in the stock mlir-opt and gives what attn-opt gives.
// DEFINE: %{stages} = any(attn-describe-kernel)
// DEFINE: %{both} = %mlir_opt_attn --pass-pipeline='builtin.module(%{stages})' %s -o %t.plugin && attn-opt --pass-pipeline='builtin.module(%{stages})' %s -o %t.own && diff %t.own %t.plugin

// REDEFINE: %{stages} = attn-describe-kernel,func.func(attn-expand-attention)
// RUN: %{both} && FileCheck --check-prefix=EXPAND %s < %t.plugin
// EXPAND: attn.kernels
// EXPAND: attn.cascade

// REDEFINE: %{stages} = func.func(attn-expand-attention,attn-merge-cascades,attn-normalize-cascade{rename-ranks},attn-defer-division)
// RUN: %{both} && FileCheck --check-prefix=DEFER %s < %t.plugin
// DEFER: attn.einsum [r0

// REDEFINE: %{stages} = func.func(attn-expand-attention,attn-defer-division,attn-derive-single-pass{require})
// RUN: %{both} && FileCheck --check-prefix=DERIVE %s < %t.plugin
// DERIVE: attn.iterate n1 of n by n0

// REDEFINE: %{stages} = func.func(attn-expand-attention,attn-defer-division,attn-derive-single-pass),attn-plan-sparsity,attn-choose-mapping{stream-tile=32 lane-tiles=16},attn-fuse-cascade
// RUN: %{both} && FileCheck --check-prefix=MAP %s < %t.plugin
// MAP: mapping <lanes = {{.*}} by [16], stream = 32
// MAP: plan

// REDEFINE: %{stages} = attn-describe-kernel,attn-derive-cascades,attn-tile-cascade
// RUN: %{both} && FileCheck --check-prefix=TILE %s < %t.plugin
// TILE: attn.tile_einsum {{.*}} outs

// REDEFINE: %{stages} = attn-describe-kernel,attn-derive-cascades,attn-tile-cascade,attn-lower-einsums,attn-expand-math
// RUN: %{both} && FileCheck --check-prefix=EINSUMS %s < %t.plugin
// EINSUMS-NOT: attn.einsum
// EINSUMS: vector.fma

// REDEFINE: %{stages} = func.func(attn-expand-attention),attn-lower-to-linalg{remarks=false}
// RUN: %{both} && FileCheck --check-prefix=LINALG %s < %t.plugin
// LINALG: linalg.generic

// RUN: %mlir_opt_attn --pass-pipeline='builtin.module(func.func(attn-expand-attention),attn-print-passes)' %s -o /dev/null 2>&1 | FileCheck --check-prefix=PASSES %s
// PASSES: 3 passes
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
