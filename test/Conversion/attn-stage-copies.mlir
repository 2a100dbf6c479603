// RUN: attn-opt %s --attn-stage-copies -split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-stage-copies="shared-bytes=1983" -split-input-file | FileCheck %s --check-prefix=SMALL

// The tile of keys gets a second place behind all that there is. The first step's
// copy is started ahead of the loop, that of the next one before a step computes.
// CHECK-LABEL: func.func @step_run0
// CHECK: gpu.barrier
// CHECK: %[[ANY:.*]] = arith.cmpi slt, %[[BEGIN:.*]], %[[END:.*]] : index
// CHECK-NEXT: scf.if %[[ANY]] {
// CHECK: memref.subview %[[K:.*]][%[[BEGIN]], 0] [16, 16] [1, 1]
// CHECK: memref.view %{{.*}}[%c64{{.*}}][] : memref<?xi8> to memref<16x24xbf16>
// CHECK: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK: }
// CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]] step %[[STEP:.*]] {
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// Steps take turns: this one's place is at 64 or 1216, the next one's is the other.
// CHECK: %[[DONE:.*]] = arith.subi %[[I]], %[[BEGIN]]
// CHECK-NEXT: %[[NUMBER:.*]] = arith.divui %[[DONE]], %[[STEP]]
// CHECK: %[[TURN:.*]] = arith.remui %[[NUMBER]], %c2
// CHECK: %[[FAR:.*]] = arith.muli %[[TURN]], %c1152
// CHECK: %[[OWN:.*]] = arith.addi %[[FAR]], %c64
// CHECK: %[[PLACE:.*]] = memref.view %{{.*}}[%[[OWN]]][]
// CHECK: %[[AFTER:.*]] = arith.addi %[[NUMBER]], %c1
// CHECK: %[[OTHER:.*]] = arith.remui %[[AFTER]], %c2
// CHECK: %[[FAROTHER:.*]] = arith.muli %[[OTHER]], %c1152
// CHECK: %[[NEXT:.*]] = arith.addi %[[FAROTHER]], %c64
// CHECK: %[[FOLLOWING:.*]] = arith.addi %[[I]], %[[STEP]]
// CHECK: %[[HAS:.*]] = arith.cmpi slt, %[[FOLLOWING]], %[[END]]
// CHECK: scf.if %[[HAS]] {
// CHECK: memref.subview %[[K]][%[[FOLLOWING]], 0]
// CHECK: memref.view %{{.*}}[%[[NEXT]]][]
// CHECK: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK: }
// CHECK: memref.subview %[[PLACE]]
// CHECK-NOT: attn.einsum [n0,e]
// CHECK-NOT: gpu.barrier
// CHECK: attn.tile_einsum [n0,m] =
// CHECK: return
// CHECK-LABEL: func.func @step_worker
// CHECK: return %c1984_i64
// Without room for it a copy stays in its step, between two barriers.
// SMALL-LABEL: func.func @step_run0
// SMALL: scf.for
// SMALL-NOT: scf.if
// SMALL: gpu.barrier
// SMALL-NEXT: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// SMALL-NEXT: nvvm.cp.async.wait.group 0
// SMALL-NEXT: gpu.barrier
// SMALL-NEXT: attn.tile_einsum [n0,m] =
// SMALL-LABEL: func.func @step_worker
// SMALL: return %c1216_i64
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @step_run0(%q: memref<16x16xbf16>, %k: memref<?x16xbf16>, %begin: index, %end: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  scf.for %i = %begin to %end step %c16 {
    %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to memref<16x16xbf16, strided<[16, 1], offset: ?>>
    %padded = memref.view %w[%c64][] : memref<?xi8> to memref<16x24xbf16>
    %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
    attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
    attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, !rows) -> memref<16x16xf32>
  }
  return
}
func.func @step_worker() -> i64 {
  %bytes = arith.constant 1216 : i64
  return %bytes : i64
}

// -----

// Steps without live points are awaited like others, do nothing, and nothing is copied for
// them: the copies ahead ask what the branch of the step asks.
// CHECK-LABEL: func.func @live_run0
// CHECK: gpu.barrier
// CHECK: scf.if %{{.*}} {
// CHECK: %[[REST:.*]] = arith.remui %[[BEGIN:[a-z0-9_]+]], %c48
// CHECK-NEXT: %[[IS:.*]] = arith.cmpi eq, %[[REST]], %c16
// CHECK-NEXT: scf.if %[[IS]] {
// CHECK: memref.subview %{{.*}}[%[[BEGIN]], 0] [16, 16] [1, 1]
// CHECK: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END:.*]] step
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK: %[[NEXT:.*]] = arith.addi %[[I]], %{{.*}}
// CHECK: %[[HAS:.*]] = arith.cmpi slt, %[[NEXT]], %[[END]]
// CHECK: scf.if %[[HAS]] {
// CHECK: %[[REST:.*]] = arith.remui %[[NEXT]], %c48
// CHECK-NEXT: %[[IS:.*]] = arith.cmpi eq, %[[REST]], %c16
// CHECK-NEXT: scf.if %[[IS]] {
// CHECK: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK: %[[REST:.*]] = arith.remui %[[I]], %c48
// CHECK-NEXT: %[[LIVE:.*]] = arith.cmpi eq, %[[REST]], %c16
// CHECK-NEXT: scf.if %[[LIVE]] {
// CHECK-NOT: attn.tile_einsum [n0,e]
// CHECK: attn.tile_einsum [n0,m] =
// CHECK: return
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @live_run0(%q: memref<16x16xbf16>, %k: memref<?x16xbf16>, %begin: index, %end: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c16 = arith.constant 16 : index
  %c48 = arith.constant 48 : index
  %c64 = arith.constant 64 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  scf.for %i = %begin to %end step %c16 {
    %rest = arith.remui %i, %c48 : index
    %live = arith.cmpi eq, %rest, %c16 : index
    scf.if %live {
      %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to memref<16x16xbf16, strided<[16, 1], offset: ?>>
      %padded = memref.view %w[%c64][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
      attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, !rows) -> memref<16x16xf32>
    } {attn.live_step}
  }
  return
}
func.func @live_worker() -> i64 {
  %bytes = arith.constant 1216 : i64
  return %bytes : i64
}

// Where the item has to be read to know, copies stay in their step.
// CHECK-LABEL: func.func @unknown_run0
// CHECK: scf.for
// CHECK: memref.load
// CHECK: scf.if
// CHECK: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
func.func @unknown_run0(%q: memref<16x16xbf16>, %k: memref<?x16xbf16>, %begin: index, %end: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c16 = arith.constant 16 : index
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  scf.for %i = %begin to %end step %c16 {
    %flags = memref.view %w[%c0][] : memref<?xi8> to memref<16xi1>
    %live = memref.load %flags[%c0] : memref<16xi1>
    scf.if %live {
      %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to memref<16x16xbf16, strided<[16, 1], offset: ?>>
      %padded = memref.view %w[%c64][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
      attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, !rows) -> memref<16x16xf32>
    } {attn.live_step}
  }
  return
}
func.func @unknown_worker() -> i64 {
  %bytes = arith.constant 1216 : i64
  return %bytes : i64
}

// -----

// Rows that are awaited in front of the loop arrive beside those of its first step: the
// wait and the barrier stand behind the copies that are ahead. What writes memory in
// between keeps them where they are.
// CHECK-LABEL: func.func @together_run0
// CHECK: attn.tile_einsum [m,e] = {{.*}} {attn.async}
// CHECK-NEXT: arith.minsi
// CHECK-NOT: nvvm.cp.async.wait.group
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK: }
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: scf.for
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-LABEL: func.func @apart_run0
// CHECK: attn.tile_einsum [m,e] = {{.*}} {attn.async}
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [] = {{.*}} reduce add(m,e)
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK-NOT: nvvm.cp.async.wait.group
// CHECK: scf.for
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @together_run0(%q: memref<16x16xbf16>, %k: memref<?x16xbf16>, %begin: index, %end: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %c832 = arith.constant 832 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %wide = memref.view %w[%c832][] : memref<?xi8> to memref<16x24xbf16>
  %queries = memref.subview %wide[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
  attn.tile_einsum [m,e] = %q[m,e] outs(%queries) {attn.async} : (memref<16x16xbf16>) -> !rows
  nvvm.cp.async.wait.group 0
  gpu.barrier
  %last = arith.minsi %end, %c64 : index
  scf.for %i = %begin to %last step %c16 {
    %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to memref<16x16xbf16, strided<[16, 1], offset: ?>>
    %padded = memref.view %w[%c64][] : memref<?xi8> to memref<16x24xbf16>
    %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
    attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
    attn.tile_einsum [n0,m] = mul(%queries[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (!rows, !rows) -> memref<16x16xf32>
  }
  return
}
func.func @together_worker() -> i64 {
  %bytes = arith.constant 1664 : i64
  return %bytes : i64
}
func.func @apart_run0(%q: memref<16x16xbf16>, %k: memref<?x16xbf16>, %begin: index, %end: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %c832 = arith.constant 832 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  %sum = memref.view %w[%c0][] : memref<?xi8> to memref<f32>
  %wide = memref.view %w[%c832][] : memref<?xi8> to memref<16x24xbf16>
  %queries = memref.subview %wide[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
  attn.tile_einsum [m,e] = %q[m,e] outs(%queries) {attn.async} : (memref<16x16xbf16>) -> !rows
  nvvm.cp.async.wait.group 0
  gpu.barrier
  attn.tile_einsum [] = %queries[m,e] reduce add(m,e) outs(%sum) : (!rows) -> memref<f32>
  scf.for %i = %begin to %end step %c16 {
    %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to memref<16x16xbf16, strided<[16, 1], offset: ?>>
    %padded = memref.view %w[%c64][] : memref<?xi8> to memref<16x24xbf16>
    %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
    attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
    attn.tile_einsum [n0,m] = mul(%queries[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (!rows, !rows) -> memref<16x16xf32>
  }
  return
}
func.func @apart_worker() -> i64 {
  %bytes = arith.constant 1664 : i64
  return %bytes : i64
}

// -----

// Both branches of a step make the copy: it is staged once for both. What only one
// of them copies is not.
// CHECK-LABEL: func.func @branches_run0
// CHECK: scf.for
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK: %[[STAGE:.*]] = memref.view {{.*}} to memref<16x24xbf16>
// CHECK: scf.if
// CHECK-COUNT-1: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK: }
// CHECK: scf.if %arg
// CHECK-NOT: gpu.barrier
// CHECK: memref.subview %[[STAGE]]
// CHECK-NOT: gpu.barrier
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK: else
// CHECK: memref.subview %[[STAGE]]
// CHECK-NOT: attn.einsum [n0,e]
// CHECK: attn.tile_einsum [n0,m] = mul(
// CHECK: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,f] = {{.*}} {attn.async}
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @branches_run0(%q: memref<16x16xbf16>, %k: memref<?x16xbf16>, %end: index, %go: i1, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c768 = arith.constant 768 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  scf.for %i = %c0 to %end step %c16 {
    scf.if %go {
      %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to memref<16x16xbf16, strided<[16, 1], offset: ?>>
      %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
      attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, !rows) -> memref<16x16xf32>
    } else {
      %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to memref<16x16xbf16, strided<[16, 1], offset: ?>>
      %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
      attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, !rows) -> memref<16x16xf32>
      %more = memref.view %w[%c768][] : memref<?xi8> to memref<16x24xbf16>
      %values = memref.subview %more[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,f] = %part[n0,f] outs(%values) : (memref<16x16xbf16, strided<[16, 1], offset: ?>>) -> !rows
    }
  }
  return
}
func.func @branches_worker() -> i64 {
  %bytes = arith.constant 1536 : i64
  return %bytes : i64
}

// -----

// A row that a number in scratch names is not known a step ahead; one that a table
// of the call names is.
// CHECK-LABEL: func.func @tables_run0
// CHECK: scf.if
// CHECK: memref.load %arg1
// CHECK: attn.tile_einsum [n0,f] = {{.*}} {attn.async}
// CHECK: scf.for
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK: scf.if
// CHECK: memref.load %arg1
// CHECK: attn.tile_einsum [n0,f] = {{.*}} {attn.async}
// CHECK: }
// CHECK: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK-NOT: attn.einsum
// CHECK: return
!rows = memref<16x16xbf16, strided<[24, 1]>>
!part = memref<16x16xbf16, strided<[16, 1], offset: ?>>
func.func @tables_run0(%k: memref<?x16xbf16>, %table: memref<?xindex>, %end: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c768 = arith.constant 768 : index
  %c1536 = arith.constant 1536 : index
  %found = memref.view %w[%c1536][] : memref<?xi8> to memref<64xindex>
  scf.for %i = %c0 to %end step %c16 {
    %row = memref.load %found[%i] : memref<64xindex>
    %part = memref.subview %k[%row, 0] [16, 16] [1, 1] : memref<?x16xbf16> to !part
    %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
    %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
    attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (!part) -> !rows
    %named = memref.load %table[%i] : memref<?xindex>
    %other = memref.subview %k[%named, 0] [16, 16] [1, 1] : memref<?x16xbf16> to !part
    %more = memref.view %w[%c768][] : memref<?xi8> to memref<16x24xbf16>
    %values = memref.subview %more[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
    attn.tile_einsum [n0,f] = %other[n0,f] outs(%values) : (!part) -> !rows
  }
  return
}
func.func @tables_worker() -> i64 {
  %bytes = arith.constant 2048 : i64
  return %bytes : i64
}

// -----

// Two copies take turns in one place within a step: neither is staged.
// CHECK-LABEL: func.func @turns_run0
// CHECK-NOT: scf.if
// CHECK-COUNT-2: nvvm.cp.async.wait.group 0
// CHECK-NOT: nvvm.cp.async.wait.group
// CHECK: return
// CHECK-LABEL: func.func @turns_worker
// CHECK: return %c768_i64
!rows = memref<16x16xbf16, strided<[24, 1]>>
!part = memref<16x16xbf16, strided<[16, 1], offset: ?>>
func.func @turns_run0(%k: memref<?x16xbf16>, %v: memref<?x16xbf16>, %end: index, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %end step %c16 {
    %part = memref.subview %k[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to !part
    %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
    %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
    attn.tile_einsum [n0,e] = %part[n0,e] outs(%keys) : (!part) -> !rows
    %other = memref.subview %v[%i, 0] [16, 16] [1, 1] : memref<?x16xbf16> to !part
    %again = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
    %values = memref.subview %again[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
    attn.tile_einsum [n0,f] = %other[n0,f] outs(%values) : (!part) -> !rows
  }
  return
}
func.func @turns_worker() -> i64 {
  %bytes = arith.constant 768 : i64
  return %bytes : i64
}

// -----

// Functions that warps did not take stay as they are.
// CHECK-LABEL: func.func @threads_run0
// CHECK-NOT: attn.async
// CHECK-NOT: gpu.barrier
// CHECK: return
func.func @threads_run0(%k: memref<16x16xbf16>, %w: memref<?xi8>, %workspace: !llvm.ptr) attributes {attn.lanes = "m", attn.lane_tile = 16 : i64} {
  %c0 = arith.constant 0 : index
  %keys = memref.view %w[%c0][] : memref<?xi8> to memref<16x16xbf16>
  attn.tile_einsum [n0,e] = %k[n0,e] outs(%keys) : (memref<16x16xbf16>) -> memref<16x16xbf16>
  return
}

// -----

// The rows of a step lie where a table says that the step computes: it is written two
// steps ahead, in one of three places, and the copy of the next step finds its rows in
// the one that was written before. What only one branch reads is computed for both.
// CHECK-LABEL: func.func @table_run0
// CHECK-NOT: attn.thread_ranks
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: attn.tile_einsum [n0] = map() {
// CHECK: attn.thread_ranks = ["n0"]
// CHECK: attn.tile_einsum [n0] = map() {
// CHECK: attn.thread_ranks = ["n0"]
// CHECK: scf.if
// CHECK-COUNT-2: attn.thread_ranks = ["n0"]
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK: scf.for %[[I:.*]] = %[[BEGIN:.*]] to %[[END:.*]] step %[[STEP:.*]] {
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK: %[[NUMBER:.*]] = arith.divui
// CHECK: %[[TURN:.*]] = arith.remui %[[NUMBER]], %c3
// CHECK: arith.muli %[[TURN]], %c64
// CHECK: %[[AFTER:.*]] = arith.addi %[[NUMBER]], %c1
// CHECK: %[[NEXT:.*]] = arith.remui %[[AFTER]], %c3
// CHECK: %[[AWAY:.*]] = arith.muli %[[NEXT]], %c64
// CHECK: %[[KNOWN:.*]] = arith.addi %[[AWAY]], %c
// CHECK: scf.if
// CHECK: %[[TOKENS:.*]] = memref.view %{{.*}}[%[[KNOWN]]][] : memref<?xi8> to memref<16xi32>
// CHECK: attn.tile_einsum [n0,e] = %{{.*}}[%[[TOKENS]][n0],e] {{.*}} {attn.async}
// CHECK: %[[LATER:.*]] = arith.addi %[[NUMBER]], %c2
// CHECK: %[[LAST:.*]] = arith.remui %[[LATER]], %c3
// CHECK: scf.if
// CHECK-COUNT-2: attn.thread_ranks = ["n0"]
// CHECK: scf.if %arg
// CHECK-NOT: attn.tile_einsum [n0] =
// CHECK-NOT: gpu.barrier
// CHECK: return
// CHECK-LABEL: func.func @table_worker
// 896 for what there was, three places for each table, and one for rows.
// CHECK: return %c2048_i64
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @table_run0(%q: memref<16x16xbf16>, %k: memref<?x16xbf16>, %end: index, %go: i1, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c768 = arith.constant 768 : index
  %c832 = arith.constant 832 : index
  %s = memref.alloca() {attn.layout = "accumulator"} : memref<16x16xf32>
  scf.for %i = %c0 to %end step %c16 {
    %first = arith.index_cast %i : index to i32
    scf.if %go {
      %table = memref.view %w[%c768][] : memref<?xi8> to memref<16xi32>
      attn.tile_einsum [n0] = map() {
        %n = attn.index n0 : index
        %number = arith.index_cast %n : index to i32
        %token = arith.addi %number, %first : i32
        attn.yield %token : i32
      } outs(%table) : () -> memref<16xi32>
      %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %k[%table[n0],e] outs(%keys) : (memref<?x16xbf16>, memref<16xi32>) -> !rows
      attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, !rows) -> memref<16x16xf32>
    } else {
      %table = memref.view %w[%c768][] : memref<?xi8> to memref<16xi32>
      attn.tile_einsum [n0] = map() {
        %n = attn.index n0 : index
        %number = arith.index_cast %n : index to i32
        %token = arith.addi %number, %first : i32
        attn.yield %token : i32
      } outs(%table) : () -> memref<16xi32>
      %places = memref.view %w[%c832][] : memref<?xi8> to memref<16xi32>
      attn.tile_einsum [n0] = map() {
        %n = attn.index n0 : index
        %number = arith.index_cast %n : index to i32
        %place = arith.subi %number, %first : i32
        attn.yield %place : i32
      } outs(%places) : () -> memref<16xi32>
      %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %k[%table[n0],e] outs(%keys) : (memref<?x16xbf16>, memref<16xi32>) -> !rows
      attn.tile_einsum [n0,m] = mul(%q[m,e], %keys[n0,e]) reduce add(e) outs(%s) : (memref<16x16xbf16>, !rows) -> memref<16x16xf32>
      attn.tile_einsum [n0,m] = map(%s[n0,m], %places[n0]) {
      ^bb0(%x: f32, %place: i32):
        %zero = arith.constant 0.0 : f32
        %none = arith.constant 0 : i32
        %live = arith.cmpi sgt, %place, %none : i32
        %y = arith.select %live, %x, %zero : f32
        attn.yield %y : f32
      } outs(%s) : (memref<16x16xf32>, memref<16xi32>) -> memref<16x16xf32>
    }
  }
  return
}
func.func @table_worker() -> i64 {
  %bytes = arith.constant 896 : i64
  return %bytes : i64
}

// -----

// Tables that branches compute otherwise are in the way: the copy waits in its step.
// CHECK-LABEL: func.func @tables_run0
// CHECK-NOT: attn.thread_ranks
// CHECK: scf.for
// CHECK-NEXT: scf.if
// CHECK: attn.tile_einsum [n0] = map()
// CHECK: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK: else
// CHECK: attn.tile_einsum [n0] = map()
// CHECK: gpu.barrier
// CHECK-NEXT: attn.tile_einsum [n0,e] = {{.*}} {attn.async}
// CHECK-NEXT: nvvm.cp.async.wait.group 0
!rows = memref<16x16xbf16, strided<[24, 1]>>
func.func @tables_run0(%k: memref<?x16xbf16>, %end: index, %go: i1, %w: memref<?xi8>, %workspace: !llvm.ptr)
    attributes {attn.lanes = "m", attn.lane_tile = 16 : i64, attn.warp_lanes = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c768 = arith.constant 768 : index
  scf.for %i = %c0 to %end step %c16 {
    scf.if %go {
      %table = memref.view %w[%c768][] : memref<?xi8> to memref<16xi32>
      attn.tile_einsum [n0] = map() {
        %token = arith.constant 1 : i32
        attn.yield %token : i32
      } outs(%table) : () -> memref<16xi32>
      %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %k[%table[n0],e] outs(%keys) : (memref<?x16xbf16>, memref<16xi32>) -> !rows
    } else {
      %table = memref.view %w[%c768][] : memref<?xi8> to memref<16xi32>
      attn.tile_einsum [n0] = map() {
        %token = arith.constant 2 : i32
        attn.yield %token : i32
      } outs(%table) : () -> memref<16xi32>
      %padded = memref.view %w[%c0][] : memref<?xi8> to memref<16x24xbf16>
      %keys = memref.subview %padded[0, 0] [16, 16] [1, 1] : memref<16x24xbf16> to !rows
      attn.tile_einsum [n0,e] = %k[%table[n0],e] outs(%keys) : (memref<?x16xbf16>, memref<16xi32>) -> !rows
    }
  }
  return
}
func.func @tables_worker() -> i64 {
  %bytes = arith.constant 896 : i64
  return %bytes : i64
}
