// RUN: attn-opt %s --attn-lower-einsums -split-input-file -verify-diagnostics

func.func @not_last(%q: memref<32x48x2xbf16>, %k: memref<8x64xbf16>, %s: memref<8x48xf32>) {
  // expected-error @below {{has 'attn.pairs', but the rank it names is not the last of a sum}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.pairs = "p"}
      : (memref<32x48x2xbf16>, memref<8x64xbf16>) -> memref<8x48xf32>
  return
}

// -----

func.func @maximum(%q: memref<32x48x2xbf16>, %k: memref<8x64xbf16>, %s: memref<8x48xf32>) {
  // expected-error @below {{has 'attn.pairs', but the rank it names is not the last of a sum}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce max(p,i) outs(%s) {attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<8x64xbf16>) -> memref<8x48xf32>
  return
}

// -----

func.func @one_operand(%q: memref<32x48x2xbf16>, %s: memref<48xf32>) {
  // expected-error @below {{has 'attn.pairs', but it is no sum in f32 of products of two operands}}
  attn.tile_einsum [m] = %q[p,m,i] reduce add(p,i) outs(%s) {attn.pairs = "i"}
      : (memref<32x48x2xbf16>) -> memref<48xf32>
  return
}

// -----

func.func @f16(%q: memref<32x48x2xf16>, %k: memref<8x64xf16>, %s: memref<8x48xf32>) {
  // expected-error @below {{has 'attn.pairs', but an operand is not bf16, side by side along its last dimension}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.pairs = "i"}
      : (memref<32x48x2xf16>, memref<8x64xf16>) -> memref<8x48xf32>
  return
}

// -----

func.func @apart(%q: memref<32x48x2xbf16>, %k: memref<8x64xbf16>, %s: memref<8x48xf32>) {
  // expected-error @below {{has 'attn.pairs', but the points of a pair do not lie side by side}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p+32*i]) reduce add(p,i) outs(%s) {attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<8x64xbf16>) -> memref<8x48xf32>
  return
}

// -----

func.func @both(%q: memref<32x48x2xbf16>, %k: memref<32x48x2xbf16>, %s: memref<48xf32>) {
  // expected-error @below {{has 'attn.pairs', but not one operand has the lanes, and one has not}}
  attn.tile_einsum [m] = mul(%q[p,m,i], %k[p,m,i]) reduce add(p,i) outs(%s) {attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<32x48x2xbf16>) -> memref<48xf32>
  return
}

// -----

func.func @rows_of_no_tile(%q: memref<32x48x2xbf16>, %k: memref<24x64xbf16>, %s: memref<24x48xf32>) {
  // expected-error @below {{has 'attn.matrix_tiles', but the result is none of tiles of 16 rows and lanes}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.matrix_tiles, attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<24x64xbf16>) -> memref<24x48xf32>
  return
}

// -----

func.func @points_of_no_tile(%q: memref<24x48x2xbf16>, %k: memref<16x48xbf16>, %s: memref<16x48xf32>) {
  // expected-error @below {{has 'attn.matrix_tiles', but an operand is none of tiles of 16 rows and 32 points}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.matrix_tiles, attn.pairs = "i"}
      : (memref<24x48x2xbf16>, memref<16x48xbf16>) -> memref<16x48xf32>
  return
}

// -----

func.func @shifted_points(%q: memref<32x48x2xbf16>, %k: memref<16x96xbf16>, %s: memref<16x48xf32>) {
  // expected-error @below {{has 'attn.matrix_tiles', but an operand is none of tiles of 16 rows and 32 points}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i+1]) reduce add(p,i) outs(%s) {attn.matrix_tiles, attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<16x96xbf16>) -> memref<16x48xf32>
  return
}

// -----

func.func @another_map(%q: memref<32x48x2xbf16>, %k: memref<16x64xbf16>, %s: memref<16x48xf32>) {
  // expected-error @below {{has 'attn.matrix_tiles', but it sums something else than products}}
  attn.tile_einsum [n,m] = add(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.matrix_tiles, attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<16x64xbf16>) -> memref<16x48xf32>
  return
}

// -----

func.func @another_rank(%q: memref<32x48x2xbf16>, %k: memref<3x16x64xbf16>, %s: memref<16x48xf32>) {
  // expected-error @below {{has 'attn.matrix_tiles', but it does not sum over pairs and their points alone}}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[j,n,p*2+i]) reduce add(j,p,i) outs(%s) {attn.matrix_tiles, attn.pairs = "i"}
      : (memref<32x48x2xbf16>, memref<3x16x64xbf16>) -> memref<16x48xf32>
  return
}
