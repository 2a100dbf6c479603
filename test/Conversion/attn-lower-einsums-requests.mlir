// RUN: attn-opt %s --attn-lower-einsums --canonicalize --split-input-file | FileCheck %s

// Each row of a register tile is asked for between an eighth of its sums and the
// next; rows that fill no tile, before their own.
// CHECK-LABEL: func @rows
// CHECK: scf.for %[[ROW:.*]] = %c0 to %[[WHOLE:.*]] step %c8
// CHECK: scf.for %[[PART:.*]] = %c0 to %c8 step %c1 iter_args
// CHECK: %[[NEXT:.*]] = arith.addi %{{.*}}, %[[PART]]
// CHECK: memref.prefetch %arg3[%[[NEXT]], %c0], read
// CHECK: %[[FIRST:.*]] = arith.muli %[[PART]], %c8
// CHECK: %[[END:.*]] = arith.addi %[[FIRST]], %c8
// CHECK: %[[LAST:.*]] = arith.minsi %[[END]], %c64
// CHECK: %{{.*}}:24 = scf.for %{{.*}} = %[[FIRST]] to %[[LAST]] step %c1
// CHECK-COUNT-24: vector.fma
// CHECK: %[[HAS_REST:.*]] = arith.cmpi ne, %{{.*}}, %c0
// CHECK: scf.if %[[HAS_REST]] {
// CHECK: scf.for %[[REST:.*]] = %[[WHOLE]] to %arg4 step %c1
// CHECK: memref.prefetch %arg3[%[[REST]], %c0], read
// CHECK-NOT: memref.prefetch
// CHECK-NOT: attn.requests
func.func @rows(%q: memref<64x48xf32>, %k: memref<?x64xf32>, %s: memref<?x48xf32>, %v: memref<?x16xf32>, %count: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %count step %c1 {
    memref.prefetch %v[%i, %c0], read, locality<3>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x48xf32>, memref<?x64xf32>) -> memref<?x48xf32>
  return
}

// -----

// Two blocks of lanes ask for four of eight rows each, and few sums have two
// requests at once.
// CHECK-LABEL: func @blocks
// CHECK: scf.for %[[LANE:.*]] = %c0 to %c64 step %c32
// CHECK: scf.for %[[ROW:.*]] = %c0 to %{{.*}} step %c8
// CHECK: %[[TILE:.*]] = arith.divui %[[ROW]], %c8
// CHECK: %[[OWN:.*]] = arith.muli %[[TILE]], %c8
// CHECK: %[[BLOCK:.*]] = arith.divui %[[LANE]], %c32
// CHECK: %[[DONE:.*]] = arith.muli %[[BLOCK]], %c4
// CHECK: %[[REQUEST:.*]] = arith.addi %[[OWN]], %[[DONE]]
// CHECK: scf.for %[[PART:.*]] = %c0 to %c2 step %c1 iter_args
// CHECK: %[[TWO:.*]] = arith.muli %[[PART]], %c2
// CHECK: %[[ONE:.*]] = arith.addi %[[REQUEST]], %[[TWO]]
// CHECK: memref.prefetch %arg3[%[[ONE]], %c0], read
// CHECK: %[[OTHER:.*]] = arith.addi %[[ONE]], %c1
// CHECK: memref.prefetch %arg3[%[[OTHER]], %c0], read
// CHECK: %{{.*}}:16 = scf.for
func.func @blocks(%q: memref<16x64xf32>, %k: memref<?x16xf32>, %s: memref<?x64xf32>, %v: memref<?x16xf32>, %count: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %count step %c1 {
    memref.prefetch %v[%i, %c0], read, locality<3>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<16x64xf32>, memref<?x16xf32>) -> memref<?x64xf32>
  return
}

// -----

// A constant number of requests is dealt out to all tiles.
// CHECK-LABEL: func @dealt
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c64 step %c8
// CHECK: scf.for %[[PART:.*]] = %c0 to %c4 step %c1 iter_args
// CHECK: memref.prefetch %arg3[
// CHECK: %{{.*}}:24 = scf.for
// CHECK-NOT: memref.prefetch
func.func @dealt(%p: memref<?x48xf32>, %v: memref<?x64xf32>, %o: memref<64x48xf32>, %next: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  scf.for %i = %c0 to %c32 step %c1 {
    memref.prefetch %next[%i, %c0], read, locality<3>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [f,m] = mul(%p[n,m], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<?x48xf32>, memref<?x64xf32>) -> memref<64x48xf32>
  return
}

// -----

// Lanes that leave a rest would ask twice: the loop stays as it is.
// CHECK-LABEL: func @alone
// CHECK: scf.for %[[POINT:.*]] = %c0 to %arg4 step %c1 {
// CHECK-NEXT: memref.prefetch %arg3[%[[POINT]], %c0], read
// CHECK-NEXT: }
// CHECK-NOT: memref.prefetch
func.func @alone(%q: memref<64x56xf32>, %k: memref<?x64xf32>, %s: memref<?x56xf32>, %v: memref<?x16xf32>, %count: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %count step %c1 {
    memref.prefetch %v[%i, %c0], read, locality<3>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x56xf32>, memref<?x64xf32>) -> memref<?x56xf32>
  return
}

// -----

// There may be neither rows nor lanes.
// CHECK-LABEL: func @nothing
// CHECK: memref.prefetch
func.func @nothing(%p: memref<?x48xf32>, %v: memref<?x0xf32>, %o: memref<0x48xf32>, %w: memref<?x0xf32>, %x: memref<?x8xf32>, %z: memref<8x0xf32>, %next: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  scf.for %i = %c0 to %c32 step %c1 {
    memref.prefetch %next[%i, %c0], read, locality<3>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [f,m] = mul(%p[n,m], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<?x48xf32>, memref<?x0xf32>) -> memref<0x48xf32>
  scf.for %i = %c0 to %c32 step %c1 {
    memref.prefetch %next[%i, %c0], read, locality<3>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [f,m] = mul(%w[n,m], %x[n,f]) reduce add(n) outs(%z) accumulate
      : (memref<?x0xf32>, memref<?x8xf32>) -> memref<8x0xf32>
  return
}

// -----

// Sums of pairs make requests, too: one between two eighths of the pairs.
// CHECK-LABEL: func @pairs
// CHECK: scf.for %[[PART:.*]] = %c0 to %c8 step %c1 iter_args
// CHECK: memref.prefetch %arg3
// CHECK: %[[FIRST:.*]] = arith.muli %[[PART]], %c8
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %{{.*}} step %c1
// CHECK-COUNT-48: vector.fma
func.func @pairs(%q: memref<64x48x2xbf16>, %k: memref<?x128xbf16>, %s: memref<?x48xf32>, %v: memref<?x16xbf16>, %count: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %count step %c1 {
    memref.prefetch %v[%i, %c0], read, locality<3>, data : memref<?x16xbf16>
  } {attn.requests}
  attn.tile_einsum [n,m] = mul(%q[p,m,i], %k[n,p*2+i]) reduce add(p,i) outs(%s) {attn.pairs = "i"}
      : (memref<64x48x2xbf16>, memref<?x128xbf16>) -> memref<?x48xf32>
  return
}

// -----

// A loop over two queries goes around the register tiles, whose blocks have three vectors
// of lanes or two. They share the 64 requests: of each query's 32, 12 and 12 and 8.
// CHECK-LABEL: func @uneven
// CHECK: scf.for %[[QUERY:.*]] = %c0 to %c2 step %c1
// CHECK: scf.for %[[LANE:.*]] = %c0 to %c96 step %c48
// CHECK: %[[OWN:.*]] = arith.muli %[[QUERY]], %c32
// CHECK: %[[BLOCK:.*]] = arith.divui %[[LANE]], %c48
// CHECK: %[[BEFORE:.*]] = arith.muli %[[BLOCK]], %c12
// CHECK: arith.addi %[[OWN]], %[[BEFORE]]
// CHECK: scf.for %[[PART:.*]] = %c0 to %c12 step %c1 iter_args
// CHECK: memref.prefetch %arg3
// CHECK: scf.for
// CHECK-COUNT-24: vector.fma
// CHECK: scf.for %{{.*}} = %c0 to %c8 step %c1 iter_args
// CHECK: memref.prefetch %arg3
// CHECK: scf.for
// CHECK-COUNT-16: vector.fma
// CHECK-NOT: attn.requests
func.func @uneven(%w: memref<2x8x?xf32>, %v: memref<?x128xf32>, %o: memref<2x8x128xf32>, %next: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c1 {
    memref.prefetch %next[%i, %c0], read, locality<2>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [m,g,f] = mul(%w[m,g,n], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<2x8x?xf32>, memref<?x128xf32>) -> memref<2x8x128xf32>
  return
}

// -----

// Twelve rows are two tiles of six, each of which makes half of the requests.
// CHECK-LABEL: func @even
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c12 step %c6
// CHECK: %[[TILE:.*]] = arith.divui %[[ROW]], %c6
// CHECK: %[[FIRST:.*]] = arith.muli %[[TILE]], %c32
// CHECK: memref.prefetch %arg3
// CHECK-NOT: attn.requests
func.func @even(%w: memref<12x?xf32>, %v: memref<?x16xf32>, %o: memref<12x16xf32>, %next: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c1 {
    memref.prefetch %next[%i, %c0], read, locality<2>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [g,f] = mul(%w[g,n], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<12x?xf32>, memref<?x16xf32>) -> memref<12x16xf32>
  return
}

// -----

// Where lanes are summed, rows are asked for in front of the register tile that reads
// them, four at a time, and not sixteen.
// CHECK-LABEL: func @reduced
// CHECK: scf.for %[[ROW:.*]] = %c0 to %[[WHOLE:.*]] step %c4
// CHECK: memref.prefetch %arg3[%[[ROW]], %c0]
// CHECK-COUNT-3: memref.prefetch %arg3
// CHECK-NOT: memref.prefetch
// CHECK: :4 = scf.for
// CHECK: scf.for %[[REST:.*]] = %[[WHOLE]] to %{{.*}} step %c1
// CHECK: memref.prefetch %arg3[%[[REST]], %c0]
// CHECK-NOT: memref.prefetch
// CHECK-NOT: attn.requests
func.func @reduced(%q: memref<1x128xf32>, %k: memref<?x128xf32>, %s: memref<1x?xf32>, %v: memref<?x16xf32>, %count: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %count step %c1 {
    memref.prefetch %v[%i, %c0], read, locality<2>, data : memref<?x16xf32>
  } {attn.requests}
  attn.tile_einsum [g,n] = mul(%q[g,e], %k[n,e]) reduce add(e) outs(%s)
      : (memref<1x128xf32>, memref<?x128xf32>) -> memref<1x?xf32>
  return
}
