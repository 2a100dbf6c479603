// RUN: attn-opt %s --attn-lower-to-llvm | FileCheck %s
// RUN: attn-opt %s --attn-lower-to-llvm="avx512=true bf16=true" | FileCheck %s --check-prefix=NATIVE
// RUN: attn-opt %s --attn-lower-to-llvm | mlir-translate --mlir-to-llvmir | llc -mcpu=x86-64-v3 -o - | FileCheck %s --check-prefix=ASM

// Everything ends in the LLVM dialect, with the wrapper of the C interface.
// Rounding to bf16 needs no function of the compiler's runtime library.
// CHECK-NOT: {{(vector|memref|scf|arith|math|cf|affine|func)\.}}
// CHECK: llvm.func @_mlir_ciface_kernel_run0(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-NOT: {{(vector|memref|scf|arith|math|cf|affine|func)\.}}
// NATIVE: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// NATIVE: llvm.fptrunc %{{.*}} : f32 to bf16
// ASM-NOT: call{{.*}}__truncsfbf2
// ASM-NOT: call{{.*}}expf
// ASM-NOT: call{{.*}}log1p
// ASM: call{{.*}}sin
func.func @kernel_run0(%x: memref<?x?xf32, strided<[?, 1], offset: ?>>, %y: memref<?xbf16, strided<[1], offset: ?>>, %begin: i64, %end: i64, %worker: !llvm.ptr, %shared: !llvm.ptr) attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %n = memref.dim %x, %c1 : memref<?x?xf32, strided<[?, 1], offset: ?>>
  %row = memref.subview %x[%c1, 0] [1, %n] [1, 1] : memref<?x?xf32, strided<[?, 1], offset: ?>> to memref<?xf32, strided<[1], offset: ?>>
  scf.for %i = %c0 to %n step %c16 {
    %v = vector.load %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
    %e = math.exp2 %v : vector<16xf32>
    vector.store %e, %row[%i] : memref<?xf32, strided<[1], offset: ?>>, vector<16xf32>
    %s = memref.load %row[%i] : memref<?xf32, strided<[1], offset: ?>>
    %w = arith.extf %s : f32 to f64
    %l = math.log1p %w : f64
    %sin = math.sin %l : f64
    %t = arith.truncf %sin : f64 to f32
    %b = arith.truncf %t : f32 to bf16
    memref.store %b, %y[%i] : memref<?xbf16, strided<[1], offset: ?>>
  }
  return
}
