// RUN: attn-opt %s --attn-derive-cascades="shared-bytes=101376" -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-derive-cascades="shared-bytes=16384" -split-input-file | FileCheck %s --check-prefix=SMALL
// RUN: attn-opt %s --attn-derive-cascades="shared-bytes=101376 lane-tiles=32 stream-tile=16" -split-input-file | FileCheck %s --check-prefix=GIVEN

// The registers of a thread decide: with 32 lanes of a warp it holds 64 sums of
// values, as many scores, and two statistics.
// CHECK-LABEL: func.func @d64
// CHECK: mapping <lanes = m by [128], stream = 64,
// 64 rows of queries and 16 of keys and values fit into less memory.
// SMALL-LABEL: func.func @d64
// SMALL: mapping <lanes = m by [64], stream = 16,
// GIVEN-LABEL: func.func @d64
// GIVEN: mapping <lanes = m by [32], stream = 16,
func.func @d64(%q: tensor<?x2x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x64xbf16>) -> tensor<?x2x?x64xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x2x?x64xbf16>
  return %o : tensor<?x2x?x64xbf16>
}

// -----

// CHECK-LABEL: func.func @d128
// CHECK: mapping <lanes = m by [128], stream = 64,
func.func @d128(%q: tensor<?x2x?x128xf16>, %k: tensor<?x2x?x128xf16>, %v: tensor<?x2x?x128xf16>) -> tensor<?x2x?x128xf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x2x?x128xf16>, tensor<?x2x?x128xf16>, tensor<?x2x?x128xf16>) -> tensor<?x2x?x128xf16>
  return %o : tensor<?x2x?x128xf16>
}

// -----

// 256 sums and 16 scores of 32 lanes are more than 200; of 16 lanes they are half as
// many, and memory suffices for 64 keys. In less, lanes are threads again.
// CHECK-LABEL: func.func @d256
// CHECK: mapping <lanes = m by [64], stream = 64,
// SMALL-LABEL: func.func @d256
// SMALL: mapping <lanes = m by [32],
func.func @d256(%q: tensor<?x2x?x256xbf16>, %k: tensor<?x2x?x256xbf16>, %v: tensor<?x2x?x256xbf16>) -> tensor<?x2x?x256xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x2x?x256xbf16>, tensor<?x2x?x256xbf16>, tensor<?x2x?x256xbf16>) -> tensor<?x2x?x256xbf16>
  return %o : tensor<?x2x?x256xbf16>
}

// -----

// Of few queries there are no more lanes than twice as many, but 16.
// CHECK-LABEL: func.func @few
// CHECK: mapping <lanes = m by [32], stream = 64,
// CHECK-LABEL: func.func @one
// CHECK: mapping <lanes = m by [16], stream = 64,
func.func @few(%q: tensor<?x2x17x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x64xbf16>) -> tensor<?x2x17x64xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x2x17x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x2x17x64xbf16>
  return %o : tensor<?x2x17x64xbf16>
}
func.func @one(%q: tensor<?x2x3x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x64xbf16>) -> tensor<?x2x3x64xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x2x3x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x2x3x64xbf16>
  return %o : tensor<?x2x3x64xbf16>
}

// -----

// More lanes than share a list would be idle.
// CHECK-LABEL: func.func @list
// CHECK: mapping <lanes = m by [32], stream = {{[0-9]+}},
func.func @list(%q: tensor<?x2x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x64xbf16>, %t: tensor<?x?xi32>) -> tensor<?x2x?x64xbf16> {
  %o = attn.attention(%q, %k, %v) where indices(32, %t[] : tensor<?x?xi32>) : (tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x2x?x64xbf16>
  return %o : tensor<?x2x?x64xbf16>
}

// -----

// Tensor cores take no f32 and no depths that are no multiples of 16: lanes are
// threads, and tiles those of attn-choose-mapping-blocks.mlir.
// CHECK-LABEL: func.func @wide
// CHECK: mapping <lanes = m by [64],
// CHECK-LABEL: func.func @odd
// CHECK-NOT: mapping <lanes = m by [128]
// CHECK: return
// GIVEN-LABEL: func.func @wide
// GIVEN: mapping <lanes = m by [32], stream = 16,
func.func @wide(%q: tensor<?x2x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x2x?x64xf32> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x2x?x64xf32>
  return %o : tensor<?x2x?x64xf32>
}
func.func @odd(%q: tensor<?x2x?x56xbf16>, %k: tensor<?x2x?x56xbf16>, %v: tensor<?x2x?x56xbf16>) -> tensor<?x2x?x56xbf16> {
  %o = attn.attention(%q, %k, %v) : (tensor<?x2x?x56xbf16>, tensor<?x2x?x56xbf16>, tensor<?x2x?x56xbf16>) -> tensor<?x2x?x56xbf16>
  return %o : tensor<?x2x?x56xbf16>
}

// -----

// A mask changes nothing: fewer points would spare registers, and be slower.
// CHECK-LABEL: func.func @masked
// CHECK: mapping <lanes = m by [128], stream = 64,
// CHECK-LABEL: func.func @masked_wide
// CHECK: mapping <lanes = m by [128], stream = 64,
func.func @masked(%q: tensor<?x2x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x64xbf16>) -> tensor<?x2x?x64xbf16> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x2x?x64xbf16>
  return %o : tensor<?x2x?x64xbf16>
}
func.func @masked_wide(%q: tensor<?x2x?x128xbf16>, %k: tensor<?x2x?x128xbf16>, %v: tensor<?x2x?x128xbf16>) -> tensor<?x2x?x128xbf16> {
  %o = attn.attention(%q, %k, %v) where causal : (tensor<?x2x?x128xbf16>, tensor<?x2x?x128xbf16>, tensor<?x2x?x128xbf16>) -> tensor<?x2x?x128xbf16>
  return %o : tensor<?x2x?x128xbf16>
}

// -----

// What a predicate computes takes registers that would be spilled otherwise.
// CHECK-LABEL: func.func @predicate
// CHECK: mapping <lanes = m by [128], stream = 32,
func.func @predicate(%q: tensor<?x2x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x64xbf16>) -> tensor<?x2x?x64xbf16> {
  %o = attn.attention(%q, %k, %v) where causal and predicate() {
      ^bb0(%b: index, %h: index, %m: index, %n: index):
        %live = arith.cmpi ne, %h, %n : index
        attn.yield %live : i1
      } : (tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x2x?x64xbf16>
  return %o : tensor<?x2x?x64xbf16>
}
