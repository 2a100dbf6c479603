// RUN: attn-opt %s --attn-map-to-threads -split-input-file -verify-diagnostics
// RUN: not attn-opt %s --attn-map-to-threads="threads=0" 2>&1 | FileCheck %s --check-prefix=FEW
// RUN: not attn-opt %s --attn-map-to-threads="threads=1025" 2>&1 | FileCheck %s --check-prefix=MANY
// FEW: error: option 'threads' is 0, but must be 1 to 1024
// MANY: error: option 'threads' is 1025, but must be 1 to 1024

func.func @reduction(%a: memref<f32>, %n: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{threads of a block do not reduce a parallel loop}}
  %sum = scf.parallel (%i) = (%c0) to (%n) step (%c1) init (%x) -> f32 {
    scf.reduce(%x : f32) {
    ^bb0(%l: f32, %r: f32):
      %s = arith.addf %l, %r : f32
      scf.reduce.return %s : f32
    }
  }
  memref.store %sum, %a[] : memref<f32>
  return
}

// -----

func.func @loop(%a: memref<f32>, %x: f32, %go: i1) {
  // expected-error @+1 {{threads of a block share no 'scf.while'}}
  scf.while : () -> () {
    memref.store %x, %a[] : memref<f32>
    scf.condition(%go)
  } do {
    scf.yield
  }
  return
}

// -----

func.func @copy(%a: memref<4xf32>, %b: memref<4xf32>, %s: memref<f32>, %x: f32) {
  memref.store %x, %s[] : memref<f32>
  // expected-error @+1 {{'memref.copy' would be done by every thread of a block}}
  memref.copy %a, %b : memref<4xf32> to memref<4xf32>
  return
}
