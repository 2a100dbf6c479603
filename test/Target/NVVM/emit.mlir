// RUN: rm -rf %t && mkdir -p %t
// RUN: attn-compile %s -o %t/f.ptx --target=nvvm --chip=sm_80
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t/f.ptx
// RUN: FileCheck %s --check-prefix=JSON --input-file=%t/f.json
// RUN: attn-compile %s -o - --emit=ptx --target=nvvm --chip=sm_90a --resident-blocks=3 | FileCheck %s --check-prefix=SM90A
// RUN: attn-compile %s -o - --emit=ptx --target=nvvm --chip=sm_120 --opt-level=0 | FileCheck %s --check-prefix=SM120
// RUN: attn-compile %s -o %t/g.ll --target=nvvm --name=other --launches= && not ls %t/g.json
// RUN: FileCheck %s --check-prefix=LL --input-file=%t/g.ll

// PTX: .version 8.0
// PTX: .target sm_80
// PTX: .extern .shared .align 64 .b8 attn_block_memory[];
// PTX: .visible .entry f_kernel0(
// PTX: .reqntid 128, 1, 1
// PTX: .minnctapersm 1
// PTX: ld.shared.b32
// PTX: ex2.approx.ftz.f32
// PTX-NOT: .extern .func

// SM90A: .target sm_90a
// SM90A: .minnctapersm 3
// SM120: .version 8.7
// SM120: .target sm_120

// LL: target triple = "nvptx64-nvidia-cuda"
// LL: define ptx_kernel void @other_kernel0(ptr addrspace(1) noalias readonly
// LL-NOT: define

// JSON: "version": 1,
// JSON-NEXT: "name": "f",
// JSON-NEXT: "chip": "sm_80",
// JSON: "name": "q",
// JSON-NEXT: "dtype": "float32",
// JSON-NEXT: "dims": [
// JSON-NEXT: "b",
// JSON-NEXT: 2,
// JSON-NEXT: "m",
// JSON-NEXT: 16
// JSON: "output": false
// JSON: "name": "out0",
// JSON: "output": true
// JSON: "parameters": [
// JSON: "pointer": "q"
// JSON: "stride": "q",
// JSON-NEXT: "dim": 0
// JSON: "extent": "b"
// JSON: "workspace": true
// JSON: "workspace": "0",
// JSON-NEXT: "launches": [
// JSON: "kernel": "f_kernel0",
// JSON-NEXT: "blocks": "b * 2 * ceildiv(m, 128)",
// JSON-NEXT: "threads": 128,
// JSON-NEXT: "shared": {{[0-9]+}}
func.func @f(%q: tensor<?x2x?x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32> {
  %o = attn.attention(%q, %k, %v)
      : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %o : tensor<?x2x?x16xf32>
}
