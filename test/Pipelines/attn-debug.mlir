// RUN: attn-opt %s --attn-to-llvm --attn-debug=form,tile -o /dev/null 2>&1 | FileCheck %s
// RUN: attn-opt %s --attn-to-llvm --attn-debug=form -o /dev/null 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: attn-opt %s --attn-to-llvm -o /dev/null 2>&1 | FileCheck %s --check-prefix=NONE --allow-empty

// CHECK: [attn-form] cascade0 of attention is compiled fused
// CHECK: [attn-tile] scratch memref<{{.*}}x48xf32> at byte
// CHECK: [attn-tile] adds {{.*}} into its accumulator
// FORM: [attn-form] cascade0 of attention is compiled fused
// FORM-NOT: [attn-tile]
// NONE-NOT: [attn
func.func @attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = attn.attention(%q, %k, %v)
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
