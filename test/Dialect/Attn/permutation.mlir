// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --emit-bytecode | attn-opt | FileCheck %s

// CHECK-LABEL: @shared
// CHECK: where window(128, 128) in permuted and causal align bottom_right permute(%{{.*}} : tensor<?xi32>)
func.func @shared(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %p: tensor<?xi32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where window(128, 128) in permuted and causal permute(%p : tensor<?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: @apart
// CHECK: permute query(%{{.*}}[b, h] : tensor<?x8x?xi64>) key(%{{.*}}[h] : tensor<8x?xi32>)
func.func @apart(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %p: tensor<?x8x?xi64>, %r: tensor<8x?xi32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) where not causal in permuted
      permute query(%p[b, h] : tensor<?x8x?xi64>) key(%r[h] : tensor<8x?xi32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: @keys
// CHECK: permute key(%{{.*}}[b] : tensor<?x?xi32>) sinks(
func.func @keys(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %p: tensor<?x?xi32>, %s: tensor<8xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %k) permute key(%p[b] : tensor<?x?xi32>) sinks(%s : tensor<8xf32>)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}

// CHECK-LABEL: @cascade
// CHECK: where causal in permuted or prefix(4) over (m, n) align top_left lengths key(%[[L:.*]][b]) permute(m = %[[P:.*]][b,m], n = %[[P]][b,n])
func.func @cascade(%s: tensor<2x?x?xf32>, %l: tensor<2xi32>, %p: tensor<2x?xi32>) -> tensor<2x?xf32> {
  %o = attn.cascade (%S = %s, %L = %l, %P = %p) where causal in permuted or prefix(4) over (m, n) align top_left
      lengths key(%L[b]) permute(m = %P[b,m], n = %P[b,n])
      : (tensor<2x?x?xf32>, tensor<2xi32>, tensor<2x?xi32>) -> tensor<2x?xf32> {
    %r = attn.einsum [b,m] = %S[b,m,n] reduce add(n) : (tensor<2x?x?xf32>) -> tensor<2x?xf32>
    attn.yield %r : tensor<2x?xf32>
  }
  return %o : tensor<2x?xf32>
}

// CHECK-LABEL: @tile
// CHECK: attn.tile_einsum [n,m] = mul(%{{.*}}[%{{.*}}[n],e], %{{.*}}[%{{.*}}[m],e]) reduce add(e) outs(%{{.*}}) : (memref<?x8xf32>, memref<?x8xf32>, memref<16xi32>, memref<8xi64>) -> memref<16x8xf32>
func.func @tile(%k: memref<?x8xf32>, %q: memref<?x8xf32>, %r: memref<16xi32>, %p: memref<8xi64>, %s: memref<16x8xf32>) {
  attn.tile_einsum [n,m] = mul(%k[%r[n],e], %q[%p[m],e]) reduce add(e) outs(%s)
      : (memref<?x8xf32>, memref<?x8xf32>, memref<16xi32>, memref<8xi64>) -> memref<16x8xf32>
  return
}
