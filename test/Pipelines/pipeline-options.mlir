// A pipeline refuses an option that its passes could not mean, by name.

// RUN: not attn-opt %s --attn-to-llvm=precision=f16 2>&1 | FileCheck %s --check-prefix=WORD
// WORD: error: option 'precision' is 'f16', but must be native or f64

// RUN: not attn-opt %s --pass-pipeline='builtin.module(attn-derive-cascades{form=quick})' 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: error: option 'form' is 'quick', but must be auto, fused or unfused

// RUN: not attn-opt %s --attn-lower-phases=l1-bytes=0 2>&1 | FileCheck %s --check-prefix=BYTES
// BYTES: error: option 'l1-bytes' is 0, but must be at least 1
// RUN: not attn-opt %s --attn-to-llvm=vector-bits=4096 2>&1 | FileCheck %s --check-prefix=VECTOR
// VECTOR: option 'vector-bits' is 4096, but must be at most 2048
// RUN: not attn-opt %s --attn-to-llvm=vector-registers=257 2>&1 | FileCheck %s --check-prefix=REGISTERS
// REGISTERS: option 'vector-registers' is 257, but must be at most 256

func.func @nothing() {
  return
}
