// Without the toolkit PTX still comes out, and a binary is refused by name.

// RUN: env -u CUDA_HOME -u CUDA_PATH PATH=%attn_build/bin:/nowhere %attn_build/bin/attn-compile %s -o - --emit=ptx --target=nvvm | FileCheck %s
// CHECK: .visible .entry f_kernel0
func.func @f(%q: tensor<?x2x?x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32> {
  %o = attn.attention(%q, %k, %v)
      : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %o : tensor<?x2x?x16xf32>
}
