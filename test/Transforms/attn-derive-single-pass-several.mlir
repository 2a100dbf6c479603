// Where the extent of the rank is static, one step can hold all of its points:
// the passes are those over its tile, and nothing is repaired.
//
// RUN: split-file %s %t
// RUN: attn-opt %t/softmax.mlir --attn-defer-division --attn-derive-single-pass=passes=several | FileCheck %s --check-prefix=SEVERAL
// RUN: attn-opt %t/softmax.mlir --attn-defer-division --attn-derive-single-pass=passes=auto --attn-choose-mapping | FileCheck %s --check-prefixes=SEVERAL,MAPPED
// RUN: attn-opt %t/softmax.mlir --attn-defer-division --attn-derive-single-pass --attn-choose-mapping | FileCheck %s --check-prefix=SINGLE
// RUN: attn-opt %t/softmax.mlir --attn-derive-cascades=passes=single | FileCheck %s --check-prefix=SINGLE
// RUN: attn-opt %t/softmax.mlir --attn-derive-cascades --attn-debug=passes 2>&1 | FileCheck %s --check-prefix=DEBUG
// RUN: attn-opt %t/softmax.mlir "--attn-derive-cascades=l1-bytes=16384" --attn-debug=passes 2>&1 | FileCheck %s --check-prefix=SMALL-CACHE
// RUN: attn-opt %t/attribute.mlir --attn-derive-cascades | FileCheck %s --check-prefix=SINGLE
// RUN: attn-opt %t/no-repair.mlir --attn-derive-cascades --attn-debug=passes 2>&1 | FileCheck %s --check-prefix=NO-REPAIR

// RUN: not attn-opt %t/softmax.mlir --attn-derive-single-pass=passes=two 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: error: option 'passes' is 'two', but must be auto, single or several
// RUN: not attn-opt %t/invalid.mlir --attn-derive-single-pass 2>&1 | FileCheck %s --check-prefix=ATTRIBUTE
// ATTRIBUTE: invalid.mlir:{{.*}}: error: 'attn.cascade' op attribute 'attn.passes' is 3 : i64, but must be "auto", "single" or "several"
// RUN: not attn-opt %t/dynamic.mlir --attn-derive-single-pass=passes=several 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: dynamic.mlir:{{.*}}: error: 'attn.cascade' op cannot make several passes over one resident tile: the extent of 'n' is not known when the kernel is compiled, so no step is sure to cover it
// RUN: not attn-opt %t/long.mlir --attn-derive-single-pass=passes=several 2>&1 | FileCheck %s --check-prefix=LONG
// LONG: error: 'attn.cascade' op cannot make several passes over one resident tile: the tile of every point of 'n' takes 12582912 bytes, more than half of the second level of cache (1048576 bytes)
// RUN: not attn-opt %t/lists.mlir --attn-derive-single-pass=passes=several 2>&1 | FileCheck %s --check-prefix=LISTS
// LISTS: error: 'attn.cascade' op cannot make several passes over one resident tile: steps over 'n' begin where the entries of its lists do, so that there may be several
// RUN: not attn-opt %t/softmax.mlir --attn-derive-single-pass=passes=several "--attn-choose-mapping=stream-tile=64" 2>&1 | FileCheck %s --check-prefix=TILE
// TILE: error: 'attn.cascade' op cannot be mapped: the stream tile is 64, but the cascade's tensors fix steps of 96 points

// SEVERAL:  attn.cascade
// MAPPED:     stream = 96
// SEVERAL:    attn.iterate n1 of n by n0
// SEVERAL:      attn.einsum [m,n0] = mul
// SEVERAL-SAME: -> tensor<?x96xf32>
// SEVERAL:      math.exp
// SEVERAL-NOT:  math.exp

// SINGLE:     stream = 64
// SINGLE:     attn.iterate
// SINGLE:       -> tensor<?x?xf32>
// SINGLE:       math.exp
// SINGLE:       math.exp

// DEBUG:       [attn-passes] several passes over a tile of 96 points: {{[0-9.]+}} cycles an item beside the shared work, else {{[0-9.]+}}
// SMALL-CACHE: [attn-passes] a single pass in steps of 64 points: {{[0-9.]+}} cycles an item beside the shared work, else {{[0-9.]+}}
// NO-REPAIR:   [attn-passes] a single pass in steps of {{[0-9]+}} points: nothing is repaired in a single pass over 'n'

//--- softmax.mlir
func.func @softmax(%q: tensor<?x64xf32>, %k: tensor<96x64xf32>, %v: tensor<96x32xf32>) -> tensor<?x32xf32> {
  %o = attn.cascade (%Q = %q, %K = %k, %V = %v) : (tensor<?x64xf32>, tensor<96x64xf32>, tensor<96x32xf32>) -> tensor<?x32xf32> {
    %qk = attn.einsum [m,n] = mul(%Q[m,e], %K[n,e]) reduce add(e) : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
    %gm = attn.einsum [m] = %qk[m,n] reduce max(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%qk[m,n], %gm[m]) {
    ^bb0(%s: f32, %x: f32):
      %d = arith.subf %s, %x : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x96xf32>, tensor<?xf32>) -> tensor<?x96xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    %a = attn.einsum [m,n] = div(%sn[m,n], %sd[m]) : (tensor<?x96xf32>, tensor<?xf32>) -> tensor<?x96xf32>
    %av = attn.einsum [m,f] = mul(%a[m,n], %V[n,f]) reduce add(n) : (tensor<?x96xf32>, tensor<96x32xf32>) -> tensor<?x32xf32>
    attn.yield %av : tensor<?x32xf32>
  }
  return %o : tensor<?x32xf32>
}

//--- attribute.mlir
func.func @softmax(%s: tensor<?x96xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) attributes {attn.passes = "single"} : (tensor<?x96xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xf32>
    %gm = attn.einsum [m] = %c[m,n] reduce max(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%c[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x96xf32>, tensor<?xf32>) -> tensor<?x96xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    attn.yield %sd : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- no-repair.mlir
func.func @sum(%s: tensor<?x96xf32>, %v: tensor<96x8xf32>) -> tensor<?x8xf32> {
  %o = attn.cascade (%S = %s, %V = %v) : (tensor<?x96xf32>, tensor<96x8xf32>) -> tensor<?x8xf32> {
    %c = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xf32>
    %r = attn.einsum [m,f] = mul(%c[m,n], %V[n,f]) reduce add(n) : (tensor<?x96xf32>, tensor<96x8xf32>) -> tensor<?x8xf32>
    attn.yield %r : tensor<?x8xf32>
  }
  return %o : tensor<?x8xf32>
}

//--- lists.mlir
func.func @softmax(%s: tensor<?x96xf32>, %i: tensor<?x?xi32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s, %I = %i) where indices(16, %I[]) over (m, n) align bottom_right : (tensor<?x96xf32>, tensor<?x?xi32>) -> tensor<?xf32> {
    %x = attn.einsum [m] = %S[m,n] reduce max(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    %w = attn.einsum [m,n] = map(%S[m,n], %x[m]) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.subf %a, %b : f32
      %e = math.exp %c : f32
      attn.yield %e : f32
    } : (tensor<?x96xf32>, tensor<?xf32>) -> tensor<?x96xf32>
    %r = attn.einsum [m] = %w[m,n] reduce add(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- invalid.mlir
func.func @sums(%s: tensor<?x96xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) attributes {attn.passes = 3} : (tensor<?x96xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xf32>
    %r = attn.einsum [m] = %c[m,n] reduce add(n) : (tensor<?x96xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- dynamic.mlir
func.func @sums(%s: tensor<?x?xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x?xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = attn.einsum [m] = %c[m,n] reduce add(n) : (tensor<?x?xf32>) -> tensor<?xf32>
    attn.yield %r : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}

//--- long.mlir
func.func @softmax(%s: tensor<?x65536xf32>) -> tensor<?xf32> {
  %o = attn.cascade (%S = %s) : (tensor<?x65536xf32>) -> tensor<?xf32> {
    %c = attn.einsum [m,n] = mul(%S[m,n], %S[m,n]) : (tensor<?x65536xf32>, tensor<?x65536xf32>) -> tensor<?x65536xf32>
    %gm = attn.einsum [m] = %c[m,n] reduce max(n) : (tensor<?x65536xf32>) -> tensor<?xf32>
    %sn = attn.einsum [m,n] = map(%c[m,n], %gm[m]) {
    ^bb0(%x: f32, %y: f32):
      %d = arith.subf %x, %y : f32
      %e = math.exp %d : f32
      attn.yield %e : f32
    } : (tensor<?x65536xf32>, tensor<?xf32>) -> tensor<?x65536xf32>
    %sd = attn.einsum [m] = %sn[m,n] reduce add(n) : (tensor<?x65536xf32>) -> tensor<?xf32>
    attn.yield %sd : tensor<?xf32>
  }
  return %o : tensor<?xf32>
}
