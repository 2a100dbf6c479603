// RUN: attn-opt %s --attn-lower-einsums --split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-lower-einsums --split-input-file | FileCheck %s --check-prefix=COPY

// A contraction keeps eight rows by three vectors in registers.
// CHECK-LABEL: func @contraction
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c8
// CHECK: %{{.*}}:24 = scf.for %{{.*}} iter_args
// CHECK-COUNT-3: vector.load %{{.*}} : memref<64x48xf32>, vector<16xf32>
// What a row needs is loaded in front of its use.
// CHECK: memref.load
// CHECK-COUNT-3: vector.fma
// CHECK: memref.load
// CHECK-COUNT-3: vector.fma
// CHECK-COUNT-18: vector.fma
// CHECK-COUNT-24: vector.store
// The rest of a dynamic extent goes row by row.
// CHECK: %{{.*}}:3 = scf.for
func.func @contraction(%q: memref<64x48xf32>, %k: memref<?x64xf32>, %s: memref<?x48xf32>) {
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x48xf32>, memref<?x64xf32>) -> memref<?x48xf32>
  return
}

// -----

// Several blocks of three vectors are a loop, the rest follows.
// CHECK-LABEL: func @blocks
// CHECK: scf.for %[[FIRST:.*]] = %{{.*}} to %c96 step %c48
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c8
// CHECK-COUNT-24: vector.fma
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c8
// CHECK-COUNT-8: vector.fma
// CHECK-NOT: step %c48
func.func @blocks(%q: memref<64x112xf32>, %k: memref<32x64xf32>, %s: memref<32x112xf32>) {
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x112xf32>, memref<32x64xf32>) -> memref<32x112xf32>
  return
}

// -----

// One vector of lanes leaves registers for sixteen rows, where these lie side by
// side; eight are left of 24.
// CHECK-LABEL: func @tall
// CHECK: scf.for %{{.*}} = %{{.*}} to %c16{{.*}} step %c16
// CHECK: %{{.*}}:16 = scf.for
// CHECK-COUNT-16: vector.fma
// CHECK: %{{.*}}:8 = scf.for
// CHECK-COUNT-8: vector.fma
// CHECK-NOT: vector.fma
func.func @tall(%w: memref<?x16xf32>, %v: memref<?x24xf32>, %o: memref<24x16xf32>) {
  attn.tile_einsum [f,m] = mul(%w[n,m], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<?x16xf32>, memref<?x24xf32>) -> memref<24x16xf32>
  return
}

// -----

// Rows that lie apart have an address each: eight of them.
// CHECK-LABEL: func @apart
// CHECK: scf.for %{{.*}} step %c8
// CHECK: %{{.*}}:8 = scf.for
// CHECK-COUNT-8: vector.fma
// CHECK-NOT: vector.fma
func.func @apart(%q: memref<64x16xf32>, %k: memref<32x64xf32>, %s: memref<32x16xf32>) {
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x16xf32>, memref<32x64xf32>) -> memref<32x16xf32>
  return
}

// -----

// A copy moves a whole row at a time.
// CHECK-LABEL: func @copy
// CHECK-NOT: step %c48
// CHECK-COUNT-7: vector.store
// COPY-LABEL: func @copy
// COPY: scf.for
// COPY-NOT: scf.for
// COPY: return
func.func @copy(%a: memref<32x112xbf16>, %s: memref<32x112xf32>) {
  attn.tile_einsum [n,m] = %a[n,m] outs(%s) : (memref<32x112xbf16>) -> memref<32x112xf32>
  return
}

// -----

// Maxima start at the least finite value and keep a NaN value.
// CHECK-LABEL: func @maximum
// CHECK: arith.constant dense<-3.40282347E+38>
// CHECK: arith.cmpf ogt
// CHECK: arith.select
func.func @maximum(%s: memref<?x16xf32>, %r: memref<16xf32>) {
  attn.tile_einsum [m] = %s[n,m] reduce max(n) outs(%r) : (memref<?x16xf32>) -> memref<16xf32>
  return
}

// -----

// A quotient whose divisor is 0 is 0; a partial register is masked. What lies side
// by side along the rows is transposed in registers, and gathered for the last rows.
// CHECK-LABEL: func @quotient
// CHECK: scf.for %{{.*}} = %{{.*}} to %c32 step %c16
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c16
// CHECK-COUNT-16: vector.load %arg0[%{{.*}}, %{{.*}}] : memref<40x16xf32>, vector<16xf32>
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: scf.for
// CHECK: vector.gather
// CHECK: arith.divf
// CHECK: arith.cmpf oeq
// CHECK: arith.select
// CHECK: vector.maskedstore
func.func @quotient(%a: memref<40x16xf32>, %d: memref<16xf32>, %o: memref<?x40xf32>) {
  attn.tile_einsum [m,f] = div(%a[f,m], %d[m]) outs(%o) : (memref<40x16xf32>, memref<16xf32>) -> memref<?x40xf32>
  return
}

// -----

// Of lanes that do not fill a register the last one is read again for all that are
// not there.
// CHECK-LABEL: func @partial_square
// CHECK-COUNT-64: vector.shuffle
// CHECK: %[[LAST:.*]] = arith.subi %{{.*}}, %c1{{.*}} : index
// CHECK-NEXT: arith.minui %c0{{.*}}, %[[LAST]] : index
// CHECK: vector.load %arg0
// CHECK: arith.minui %c1
// CHECK: vector.shuffle
func.func @partial_square(%q: memref<?x64xf32>, %o: memref<64x?xf32>) {
  attn.tile_einsum [e,m] = %q[m,e] outs(%o) : (memref<?x64xf32>) -> memref<64x?xf32>
  return
}

// -----

// Rows of a tensor are read inside it, and converted before they are transposed.
// CHECK-LABEL: func @pack
// CHECK: arith.minsi
// CHECK: vector.load %{{.*}} : memref<?x64xbf16, {{.*}}>, vector<16xbf16>
// CHECK-NEXT: arith.extf
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.gather
// CHECK: return
func.func @pack(%q: memref<?x64xbf16, strided<[?, 1], offset: ?>>, %o: memref<64x16xf32>) {
  attn.tile_einsum [e,m] = %q[m,e] outs(%o) clamp [m] : (memref<?x64xbf16, strided<[?, 1], offset: ?>>) -> memref<64x16xf32>
  return
}

// -----

// Elements narrower than a gather can take are loaded one by one, inside the
// tensor.
// CHECK-LABEL: func @diagonal
// CHECK: arith.minsi
// CHECK-COUNT-16: vector.insert
// CHECK: arith.extf
func.func @diagonal(%q: memref<?x64xbf16, strided<[?, 1], offset: ?>>, %o: memref<64x16xf32>) {
  attn.tile_einsum [e,m] = %q[m,e+m] outs(%o) clamp [m] : (memref<?x64xbf16, strided<[?, 1], offset: ?>>) -> memref<64x16xf32>
  return
}

// -----

// Rows of data are transposed, too: an index for each lane.
// CHECK-LABEL: func @rows_of_a_table
// CHECK: %[[ROW:.*]] = memref.load %arg1
// CHECK: vector.load %arg0
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.gather
// CHECK: return
func.func @rows_of_a_table(%q: memref<?x64xf32>, %t: memref<16xi32>, %o: memref<64x16xf32>) {
  attn.tile_einsum [e,m] = %q[%t[m],e] outs(%o) : (memref<?x64xf32>, memref<16xi32>) -> memref<64x16xf32>
  return
}

// -----

// Pairs are transposed as 32 bits; a map works on both points of each.
// CHECK-LABEL: func @pairs
// CHECK-COUNT-16: vector.bitcast %{{.*}} : vector<32xbf16> to vector<16xi32>
// CHECK-COUNT-64: vector.shuffle
// CHECK: arith.shli
// CHECK: arith.andi
// CHECK: arith.mulf
// CHECK: vector.interleave
func.func @pairs(%q: memref<16x64xbf16>, %o: memref<32x16x2xbf16>) {
  attn.tile_einsum [p,m,i] = map(%q[m,p*2+i]) {
  ^bb0(%x: f32):
    %half = arith.constant 0.5 : f32
    %y = arith.mulf %x, %half : f32
    attn.yield %y : f32
  } outs(%o) : (memref<16x64xbf16>) -> memref<32x16x2xbf16>
  return
}

// -----

// The maximum of the rows goes along with the sums, in the order of the rows; an
// address that it needs is computed in front.
// CHECK-LABEL: func @fold
// CHECK: %[[MAX:.*]] = memref.view %arg2[%c4096][]
// CHECK: %[[ALL:.*]]:3 = scf.for %{{.*}} iter_args
// CHECK-COUNT-24: vector.fma
// CHECK-COUNT-24: arith.select
// CHECK: scf.yield
// CHECK: vector.store %[[ALL]]#0, %[[MAX]]
// CHECK: return
func.func @fold(%q: memref<64x48xf32>, %k: memref<32x64xf32>, %w: memref<32768xi8>) {
  %c4096 = arith.constant 4096 : index
  %c8192 = arith.constant 8192 : index
  %s = memref.view %w[%c8192][] : memref<32768xi8> to memref<32x48xf32>
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x48xf32>, memref<32x64xf32>) -> memref<32x48xf32>
  %max = memref.view %w[%c4096][] : memref<32768xi8> to memref<48xf32>
  attn.tile_einsum [m] = %s[n,m] reduce max(n) outs(%max) : (memref<32x48xf32>) -> memref<48xf32>
  return
}

// -----

// It would write to what the sums still read.
// CHECK-LABEL: func @no_fold
// CHECK-COUNT-24: vector.fma
// CHECK-COUNT-24: vector.store
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.load
func.func @no_fold(%k: memref<32x64xf32>, %w: memref<32768xi8>) {
  %c0 = arith.constant 0 : index
  %c16384 = arith.constant 16384 : index
  %q = memref.view %w[%c0][] : memref<32768xi8> to memref<64x48xf32>
  %s = memref.view %w[%c16384][] : memref<32768xi8> to memref<32x48xf32>
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x48xf32>, memref<32x64xf32>) -> memref<32x48xf32>
  %max = memref.view %w[%c0][] : memref<32768xi8> to memref<48xf32>
  attn.tile_einsum [m] = %s[n,m] reduce max(n) outs(%max) : (memref<32x48xf32>) -> memref<48xf32>
  return
}

// -----

// Indices are vectors along the lanes and scalars elsewhere.
// CHECK-LABEL: func @index
// CHECK: vector.step
func.func @index(%o: memref<8x16xi32>) {
  attn.tile_einsum [n,m] = map() {
    %n = attn.index n : index
    %m = attn.index m : index
    %d = arith.subi %m, %n : index
    %i = arith.index_cast %d : index to i32
    attn.yield %i : i32
  } outs(%o) : () -> memref<8x16xi32>
  return
}

// -----

// A bit takes a byte in memory: it is stored and loaded lane by lane.
// CHECK-LABEL: func @bits
// CHECK-NOT: vector.store
// CHECK-COUNT-16: memref.store
// CHECK-NOT: vector.load
// CHECK: vector.store %{{.*}} : memref<16xi32>
func.func @bits(%b: memref<16xi1>, %o: memref<16xi32>) {
  attn.tile_einsum [e] = map() {
    %i = attn.index e : index
    %c = arith.constant 7 : index
    %f = arith.cmpi ult, %i, %c : index
    attn.yield %f : i1
  } outs(%b) : () -> memref<16xi1>
  attn.tile_einsum [e] = map(%b[e]) {
  ^bb0(%f: i1):
    %r = arith.extui %f : i1 to i32
    attn.yield %r : i32
  } outs(%o) : (memref<16xi1>) -> memref<16xi32>
  return
}

// -----

// A result whose innermost rank has two points is stored as interleaved vectors of
// the rank in front of it.
// CHECK-LABEL: func @interleaved
// CHECK: %[[BOTH:.*]] = vector.interleave %{{.*}}, %{{.*}} : vector<16xbf16> -> vector<32xbf16>
// CHECK: %[[OUT:.*]] = memref.collapse_shape %{{.*}} {{\[}}[0], [1, 2]] : memref<4x16x2xbf16> into memref<4x32xbf16>
// CHECK: vector.store %[[BOTH]], %[[OUT]]
func.func @interleaved(%a: memref<8x16xf32>, %o: memref<4x16x2xbf16>) {
  attn.tile_einsum [p,m,i] = %a[p*2-i+1,m] outs(%o) : (memref<8x16xf32>) -> memref<4x16x2xbf16>
  return
}

// -----

// One operation on a sum, in place, is done in registers; a function is not.
// CHECK-LABEL: func @epilogue
// CHECK-COUNT-24: vector.fma
// CHECK-COUNT-24: arith.mulf
// CHECK-COUNT-24: vector.store
// CHECK-NOT: vector.load %{{.*}} : memref<8x48xf32>
// CHECK: return
func.func @epilogue(%q: memref<64x48xf32>, %k: memref<8x64xf32>, %s: memref<8x48xf32>) {
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x48xf32>, memref<8x64xf32>) -> memref<8x48xf32>
  attn.tile_einsum [n,m] = map(%s[n,m]) {
  ^bb0(%x: f32):
    %factor = arith.constant 0.3 : f32
    %y = arith.mulf %x, %factor : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x48xf32>) -> memref<8x48xf32>
  return
}

// -----

// CHECK-LABEL: func @no_epilogue
// CHECK-COUNT-24: vector.fma
// CHECK-COUNT-24: vector.store
// CHECK: math.exp2
func.func @no_epilogue(%q: memref<64x48xf32>, %k: memref<8x64xf32>, %s: memref<8x48xf32>) {
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x48xf32>, memref<8x64xf32>) -> memref<8x48xf32>
  attn.tile_einsum [n,m] = map(%s[n,m]) {
  ^bb0(%x: f32):
    %y = math.exp2 %x : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x48xf32>) -> memref<8x48xf32>
  return
}

// -----

// A map of another tile is none of the sums.
// CHECK-LABEL: func @another_tile
// CHECK-COUNT-24: vector.fma
// CHECK-COUNT-24: vector.store
// CHECK: vector.load %arg3
// CHECK: arith.mulf
func.func @another_tile(%q: memref<64x48xf32>, %k: memref<8x64xf32>, %s: memref<8x48xf32>, %t: memref<8x48xf32>) {
  attn.tile_einsum [n,m] = mul(%q[e,m], %k[n,e]) reduce add(e) outs(%s)
      : (memref<64x48xf32>, memref<8x64xf32>) -> memref<8x48xf32>
  attn.tile_einsum [n,m] = map(%t[n,m]) {
  ^bb0(%x: f32):
    %factor = arith.constant 0.3 : f32
    %y = arith.mulf %x, %factor : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x48xf32>) -> memref<8x48xf32>
  return
}

// -----

// What multiplies the accumulators of a sum, in place, does so as they are
// loaded: three factors for a register tile of 24.
// CHECK-LABEL: func @product
// CHECK: scf.for %{{.*}} = %{{.*}} to %c64{{.*}} step %c8
// CHECK-COUNT-3: vector.load %{{.*}} : memref<48xf32>, vector<16xf32>
// CHECK-NOT: memref<48xf32>
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-24: vector.fma
// CHECK-COUNT-24: vector.store
// CHECK-NOT: vector.store
func.func @product(%p: memref<?x48xf32>, %v: memref<?x64xf32>, %scratch: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %c12288 = arith.constant 12288 : index
  %o = memref.view %scratch[%c0][] : memref<?xi8> to memref<64x48xf32>
  %x = memref.view %scratch[%c12288][] : memref<?xi8> to memref<48xf32>
  attn.tile_einsum [f,m] = mul(%o[f,m], %x[m]) outs(%o)
      : (memref<64x48xf32>, memref<48xf32>) -> memref<64x48xf32>
  attn.tile_einsum [f,m] = mul(%p[n,m], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<?x48xf32>, memref<?x64xf32>) -> memref<64x48xf32>
  return
}

// -----

// It stays in front where it reads what the sum may write.
// CHECK-LABEL: func @product_alone
// CHECK: scf.for
// CHECK: arith.mulf
// CHECK-NOT: vector.fma
// CHECK: vector.store
// CHECK: scf.for
// CHECK-NOT: arith.mulf
// CHECK: vector.fma
func.func @product_alone(%p: memref<?x48xf32>, %v: memref<?x64xf32>, %o: memref<64x48xf32>, %x: memref<48xf32>) {
  attn.tile_einsum [f,m] = mul(%o[f,m], %x[m]) outs(%o)
      : (memref<64x48xf32>, memref<48xf32>) -> memref<64x48xf32>
  attn.tile_einsum [f,m] = mul(%p[n,m], %v[n,f]) reduce add(n) outs(%o) accumulate
      : (memref<?x48xf32>, memref<?x64xf32>) -> memref<64x48xf32>
  return
}

// -----

// Features that a rotation reads lie side by side in every vector: half of the features
// away, modulo all of them. What begins within a vector is gathered.
// CHECK-LABEL: func.func @rotated
// CHECK-NOT: vector.gather
// CHECK: vector.load
// CHECK: return
// CHECK-LABEL: func.func @shifted
// CHECK: vector.gather
// CHECK: return
func.func @rotated(%x: memref<8x64xf32>, %c: memref<8x32xf32>, %o: memref<8x64xf32>) {
  attn.tile_einsum [n,e] = map(%x[n,e], %x[n,(e+32) mod 64], %c[n,e mod 32]) {
  ^bb0(%a: f32, %b: f32, %t: f32):
    %p = arith.mulf %b, %t : f32
    %r = arith.subf %a, %p : f32
    attn.yield %r : f32
  } outs(%o) : (memref<8x64xf32>, memref<8x64xf32>, memref<8x32xf32>) -> memref<8x64xf32>
  return
}
func.func @shifted(%x: memref<8x64xf32>, %o: memref<8x64xf32>) {
  attn.tile_einsum [n,e] = sub(%x[n,e], %x[n,(e+8) mod 64]) outs(%o) : (memref<8x64xf32>, memref<8x64xf32>) -> memref<8x64xf32>
  return
}
