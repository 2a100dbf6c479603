//===- Passes.td - attn conversion passes -------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_PASSES_TD
#define ATTN_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnDescribeKernel : Pass<"attn-describe-kernel", "::mlir::ModuleOp"> {
  let summary = "Attach the signature of the module's kernel";
  let description = [{
    Derives what the kernel of the module's one public function takes and
    returns, and which extents are equal, and attaches it to the module as
    `attn.kernels`. It runs before the cascades are lowered, because the names
    of the ranks become the symbols of the extents. Tensors are named by the
    argument and result attribute `attn.name`, else `arg0`, ..., `out0`, ....

    ```mlir
    { name = "attention", phases = 0 : i64, worker_workspace = 0 : i64,
      tensors = [ { name = "q", type = tensor<?x8x?x64xf32>,
                    dims = ["b", "8", "m", "64"], output = false }, ... ] }
    ```
  }];
}

#endif // ATTN_CONVERSION_PASSES_TD
