// RUN: attn-opt %s --attn-defer-scales -split-input-file | FileCheck %s

// Scores that are a product times 1/4, masked and times 1/2: the maximum of a row is
// multiplied by 1/8, unless it is that of no score, and so is what the weights are
// made of. The copy that multiplied alone is gone.
// CHECK-LABEL: func.func @masked
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT: attn.index m
// CHECK: %[[DEAD:.*]] = arith.constant 0xFF800000 : f32
// CHECK: %[[MASKED:.*]] = arith.select %{{.*}}, %[[X]], %[[DEAD]]
// CHECK-NEXT: attn.yield %[[MASKED]]
// CHECK: attn.tile_einsum [m] = %{{.*}}[n0,m] reduce max(n0) outs(%[[STEP:.*]]) :
// CHECK-NEXT: attn.tile_einsum [m] = map(%[[STEP]][m])
// CHECK-NEXT: ^bb0(%[[Y:.*]]: f32):
// CHECK-DAG: %[[NONE:.*]] = arith.constant -3.40282347E+38 : f32
// CHECK-DAG: %[[IS:.*]] = arith.cmpf oeq, %[[Y]], %[[NONE]]
// CHECK-DAG: %[[F:.*]] = arith.constant 1.250000e-01 : f32
// CHECK-DAG: %[[SCORE:.*]] = arith.mulf %[[Y]], %[[F]]
// CHECK: arith.select %[[IS]], %[[NONE]], %[[SCORE]]
// CHECK: outs(%[[STEP]])
// CHECK: attn.tile_einsum [m] = max(
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK-NEXT: ^bb0(%[[Z:.*]]: f32, %[[MAX:.*]]: f32):
// CHECK-NEXT: %[[G:.*]] = arith.constant 1.250000e-01 : f32
// CHECK-NEXT: %[[S:.*]] = arith.mulf %[[Z]], %[[G]]
// CHECK-NEXT: %[[D:.*]] = arith.subf %[[S]], %[[MAX]]
func.func @masked(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %step = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %f = arith.constant 0.25 : f32
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x16xf32>) -> memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %i = attn.index m : index
    %j = attn.index n0 : index
    %live = arith.cmpi sge, %i, %j : index
    %dead = arith.constant 0xFF800000 : f32
    %y = arith.select %live, %x, %dead : f32
    %f = arith.constant 0.5 : f32
    %z = arith.mulf %f, %y : f32
    attn.yield %z : f32
  } outs(%s) : (memref<8x16xf32>) -> memref<8x16xf32>
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%step) : (memref<8x16xf32>) -> memref<16xf32>
  attn.tile_einsum [m] = max(%max[m], %step[m]) outs(%max) : (memref<16xf32>, memref<16xf32>) -> memref<16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %c = arith.constant 1.44269502 : f32
    %e = arith.mulf %d, %c : f32
    %w = math.exp2 %e fastmath<afn> : f32
    attn.yield %w : f32
  } outs(%s) : (memref<8x16xf32>, memref<16xf32>) -> memref<8x16xf32>
  return
}

// -----

// What stays: a factor below 0, which turns the largest into the smallest; one that is
// no constant; a bias, which is no multiple; scores that something else reads; and a
// factor behind the maximum.
// CHECK-LABEL: func.func @negative
// CHECK: arith.constant -2.500000e-01
// CHECK-NEXT: arith.mulf
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m]
// CHECK-LABEL: func.func @data
// CHECK: attn.tile_einsum [n0,m] = mul(%{{.*}}[n0,m], %{{.*}}[]) outs
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m]
// CHECK-LABEL: func.func @bias
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m]
// CHECK-LABEL: func.func @read
// CHECK: arith.mulf
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [m] = {{.*}} reduce add(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m]
// CHECK-LABEL: func.func @behind
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(%{{.*}}[n0,m]) {
// CHECK: arith.mulf
!tile = memref<8x16xf32>
!row = memref<16xf32>
func.func @negative(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %f = arith.constant -0.25 : f32
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (!tile) -> !tile
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}
func.func @data(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %scale: memref<f32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m], %scale[]) {
  ^bb0(%x: f32, %f: f32):
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (!tile, memref<f32>) -> !tile
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}
func.func @bias(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %bias: memref<8xf32>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m], %bias[n0]) {
  ^bb0(%x: f32, %b: f32):
    %f = arith.constant 0.25 : f32
    %y = arith.mulf %x, %f : f32
    %z = arith.addf %y, %b : f32
    attn.yield %z : f32
  } outs(%s) : (!tile, memref<8xf32>) -> !tile
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}
func.func @read(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  %sum = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %f = arith.constant 0.25 : f32
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (!tile) -> !tile
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [m] = %s[n0,m] reduce add(n0) outs(%sum) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}
func.func @behind(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %f = arith.constant 0.25 : f32
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (!tile) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}

// -----

// What a map computes of scores has a factor of its own, as behind a soft cap; that of the
// scores stays within. It stays, too, where the map reads the product elsewhere, or where
// a branch computes.
// CHECK-LABEL: func.func @computed
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: %[[F:.*]] = arith.constant 2.500000e-01 : f32
// CHECK-NEXT: arith.mulf %{{.*}}, %[[F]]
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT: %[[T:.*]] = math.tanh %[[X]]
// CHECK-NOT: arith.mulf
// CHECK: %[[MASKED:.*]] = arith.select %{{.*}}, %[[T]], %{{.*}}
// CHECK-NEXT: attn.yield %[[MASKED]]
// CHECK: reduce max(n0) outs(%[[STEP:.*]]) :
// CHECK-NEXT: attn.tile_einsum [m] = map(%[[STEP]][m])
// CHECK: arith.constant 2.000000e+01 : f32
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK-NEXT: ^bb0(%[[Z:.*]]: f32, %[[MAX:.*]]: f32):
// CHECK-NEXT: %[[G:.*]] = arith.constant 2.000000e+01 : f32
// CHECK-NEXT: %[[S:.*]] = arith.mulf %[[Z]], %[[G]]
// CHECK-NEXT: arith.subf %[[S]], %[[MAX]]
// CHECK-LABEL: func.func @compared
// CHECK: %[[C:.*]] = arith.constant 2.000000e+01 : f32
// CHECK: arith.mulf %{{.*}}, %[[C]]
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m]
// CHECK-LABEL: func.func @branch
// CHECK: %[[C:.*]] = arith.constant 2.500000e-01 : f32
// CHECK: arith.mulf %{{.*}}, %[[C]]
// CHECK: scf.if
// CHECK: reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m]
!tile = memref<8x16xf32>
!row = memref<16xf32>
func.func @computed(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %f = arith.constant 0.25 : f32
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (!tile) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%y: f32):
    %t = math.tanh %y : f32
    %cap = arith.constant 20.0 : f32
    %z = arith.mulf %t, %cap : f32
    %i = attn.index m : index
    %j = attn.index n0 : index
    %live = arith.cmpi sge, %i, %j : index
    %dead = arith.constant 0xFF800000 : f32
    %w = arith.select %live, %z, %dead : f32
    attn.yield %w : f32
  } outs(%s) : (!tile) -> !tile
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %c = arith.constant 1.44269502 : f32
    %e = arith.mulf %d, %c : f32
    %w = math.exp2 %e : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}
func.func @compared(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %cap = arith.constant 20.0 : f32
    %t = math.tanh %x : f32
    %z = arith.mulf %t, %cap : f32
    %one = arith.constant 1.0 : f32
    %live = arith.cmpf ogt, %z, %one : f32
    %dead = arith.constant 0xFF800000 : f32
    %w = arith.select %live, %z, %dead : f32
    attn.yield %w : f32
  } outs(%s) : (!tile) -> !tile
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}
func.func @branch(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %c: i1) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : !tile
  %max = memref.alloca() {attn.layout = "row_vector"} : !row
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> !tile
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %f = arith.constant 0.25 : f32
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (!tile) -> !tile
  scf.if %c {
    attn.tile_einsum [n0,m] = map(%s[n0,m]) {
    ^bb0(%x: f32):
      %t = math.tanh %x : f32
      attn.yield %t : f32
    } outs(%s) : (!tile) -> !tile
  }
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (!tile) -> !row
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %y: f32):
    %d = arith.subf %x, %y : f32
    %w = math.exp2 %d : f32
    attn.yield %w : f32
  } outs(%s) : (!tile, !row) -> !tile
  return
}

// -----

// A mask that some steps alone need is one, too, unless a branch multiplies.
// CHECK-LABEL: func.func @partial
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK-NEXT: scf.if
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: attn.tile_einsum [m] = %{{.*}}[n0,m] reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [m] = map(
// CHECK: arith.constant 2.500000e-01
// CHECK-LABEL: func.func @branched
// CHECK: attn.tile_einsum [n0,m] = map(
// CHECK: arith.mulf
// CHECK: scf.if
// CHECK: arith.mulf
// CHECK: attn.tile_einsum [m] = %{{.*}}[n0,m] reduce max(n0)
// CHECK-NEXT: attn.tile_einsum [n0,m] = map(
func.func @partial(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %few: i1) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %f = arith.constant 0.25 : f32
  %dead = arith.constant 0xFF800000 : f32
  %log2e = arith.constant 1.44269502 : f32
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x16xf32>) -> memref<8x16xf32>
  scf.if %few {
    attn.tile_einsum [n0,m] = map(%s[n0,m]) {
    ^bb0(%x: f32):
      %n = attn.index n0 : index
      %c3 = arith.constant 3 : index
      %has = arith.cmpi slt, %n, %c3 : index
      %y = arith.select %has, %x, %dead : f32
      attn.yield %y : f32
    } outs(%s) : (memref<8x16xf32>) -> memref<8x16xf32>
  }
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (memref<8x16xf32>) -> memref<16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %m: f32):
    %d = arith.subf %x, %m : f32
    %p = arith.mulf %d, %log2e : f32
    %w = math.exp2 %p fastmath<afn> : f32
    attn.yield %w : f32
  } outs(%s) : (memref<8x16xf32>, memref<16xf32>) -> memref<8x16xf32>
  return
}
func.func @branched(%q: memref<16x16xbf16>, %k: memref<8x16xbf16>, %few: i1) attributes {attn.lanes = "m", attn.warp_lanes = 16 : i64} {
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<8x16xf32>
  %max = memref.alloca() {attn.layout = "row_vector"} : memref<16xf32>
  %f = arith.constant 0.25 : f32
  %dead = arith.constant 0xFF800000 : f32
  %log2e = arith.constant 1.44269502 : f32
  attn.tile_einsum [n0,m] = mul(%q[m,e], %k[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, memref<8x16xbf16>) -> memref<8x16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m]) {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %f : f32
    attn.yield %y : f32
  } outs(%s) : (memref<8x16xf32>) -> memref<8x16xf32>
  scf.if %few {
    attn.tile_einsum [n0,m] = map(%s[n0,m]) {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %f : f32
      attn.yield %y : f32
    } outs(%s) : (memref<8x16xf32>) -> memref<8x16xf32>
  }
  attn.tile_einsum [m] = %s[n0,m] reduce max(n0) outs(%max) : (memref<8x16xf32>) -> memref<16xf32>
  attn.tile_einsum [n0,m] = map(%s[n0,m], %max[m]) {
  ^bb0(%x: f32, %m: f32):
    %d = arith.subf %x, %m : f32
    %p = arith.mulf %d, %log2e : f32
    %w = math.exp2 %p fastmath<afn> : f32
    attn.yield %w : f32
  } outs(%s) : (memref<8x16xf32>, memref<16xf32>) -> memref<8x16xf32>
  return
}
