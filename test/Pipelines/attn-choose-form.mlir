// RUN: attn-opt %s --attn-choose-form --attn-debug=form 2>&1 | FileCheck %s
// RUN: attn-opt %s --attn-choose-form=form=unfused | FileCheck %s --check-prefix=UNFUSED
// RUN: not attn-opt %s --attn-choose-form=form=fused -o /dev/null 2>&1 | FileCheck %s --check-prefix=FUSED
// RUN: attn-opt %s --attn-choose-form="stream-tile=64 lane-tiles=32,16" 2>/dev/null | FileCheck %s --check-prefix=TILES

// Options that are none.
// RUN: not attn-opt %s --attn-choose-form=form=quick -o /dev/null 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not attn-opt %s --attn-choose-form=passes=two -o /dev/null 2>&1 | FileCheck %s --check-prefix=PASSES
// RUN: not attn-opt %s --attn-choose-form=l1-bytes=0 -o /dev/null 2>&1 | FileCheck %s --check-prefix=BYTES
// FORM: error: option 'form' is 'quick', but must be auto, fused or unfused
// PASSES: error: option 'passes' is 'two', but must be auto, single or several
// BYTES: error: option 'l1-bytes' is 0, but must be at least 1

// What the pass runs is named in reproducers, so it can be run again.
// RUN: attn-opt %s --attn-choose-form --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s --check-prefix=DUMP
// DUMP: attn-choose-form{{.*}}form=auto{{.*}}passes=auto

// The first cascade is fused. The second makes a tensor over both ranks of its
// plane, whose points only an iteration tests: it stays as it is, but for the
// mapping, which says that a cascade is tiled.
// CHECK: remark: the cascade is compiled unfused: runs over the restricted plane outside of an iteration
// CHECK: [attn-form] cascade1 of forms is compiled unfused
// CHECK: [attn-form] cascade0 of forms is compiled fused
// CHECK-LABEL: func.func @forms
// CHECK: attn.cascade
// CHECK-SAME: mapping <lanes = m by [48, 32, 16]
// CHECK: attn.iterate
// CHECK: attn.cascade
// CHECK-NOT: mapping
// CHECK-NOT: attn.iterate
// CHECK: return
// UNFUSED-LABEL: func.func @forms
// UNFUSED-NOT: mapping
// UNFUSED-NOT: attn.iterate
// UNFUSED: return
// FUSED: error: does not fit the fused form: runs over the restricted plane outside of an iteration
// TILES: mapping <lanes = m by [32, 16], stream = 64
func.func @forms(%s: tensor<?x?xf32>, %v: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x?xf32>) {
  %a = attn.cascade (%S = %s, %V = %v) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
    %r = attn.einsum [m,f] = mul(%S[m,n], %V[n,f]) reduce add(n) : (tensor<?x?xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  %b = attn.cascade (%S = %s) where causal over (m, n) align top_left mapping <lanes = m by [16], stream = 8, rows = 4, parallel = []> : (tensor<?x?xf32>) -> tensor<?x?xf32> {
    %r = attn.einsum [m,n] = add(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    attn.yield %r : tensor<?x?xf32>
  }
  return %a, %b : tensor<?x8xf32>, tensor<?x?xf32>
}
