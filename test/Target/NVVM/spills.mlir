// Where ptxas spills registers it is asked for fewer, and the better of both is
// kept. The metadata has what the kernel holds, and a warning what is left.

// RUN: rm -rf %t && mkdir -p %t/bin
// RUN: printf '#!/bin/sh\nexec %python %S/Inputs/ptxas.py "$@"\n' > %t/bin/ptxas && chmod +x %t/bin/ptxas
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED=12 SPILLED_LESS=0 %attn_build/bin/attn-compile %s -o %t/a.cubin --target=nvvm --ptx=%t/a.ptx 2>&1 | FileCheck %s --check-prefix=LOCAL
// RUN: cat %t/a.cubin %t/a.json %t/a.ptx | FileCheck %s --check-prefix=LESS
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED=12 SPILLED_LESS=8 %attn_build/bin/attn-compile %s -o %t/b.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=STILL
// RUN: FileCheck %s --check-prefix=KEPT-LESS --input-file=%t/b.cubin
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED=12 SPILLED_LESS=12 %attn_build/bin/attn-compile %s -o %t/c.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=FIRST
// RUN: FileCheck %s --check-prefix=KEPT-FIRST --input-file=%t/c.cubin
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED=12 SPILLED_LESS=fail %attn_build/bin/attn-compile %s -o %t/d.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=FIRST
// RUN: FileCheck %s --check-prefix=KEPT-FIRST --input-file=%t/d.cubin
// RUN: not env PATH=%t/bin:/usr/bin:/bin SPILLED=fail %attn_build/bin/attn-compile %s -o %t/e.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=FAIL
// RUN: %python -c "import os, sys; print(*sorted(os.listdir(sys.argv[1])))" %t | FileCheck %s --check-prefix=FILES

// LOCAL: warning: ptxas: ptxas warning : (C7510) something is slow
// LOCAL: warning: 'f_kernel0' keeps 16 bytes of a thread in memory and spills 0 bytes of registers
// LESS: less
// LESS: "kernel": "f_kernel0"
// LESS: "registers": 77,
// LESS-NEXT: "local": 16,
// LESS-NEXT: "spilled": 0
// LESS: .visible .entry f_kernel0(
// STILL: warning: 'f_kernel0' keeps 16 bytes of a thread in memory and spills 12 bytes of registers
// KEPT-LESS: less
// FIRST: warning: 'f_kernel0' keeps 16 bytes of a thread in memory and spills 16 bytes of registers
// KEPT-FIRST: first
// FAIL: error: {{.*}}ptxas failed: ptxas fatal   : Unknown option
// FILES: {{^}}a.cubin a.json a.ptx b.cubin b.json bin c.cubin c.json d.cubin d.json{{$}}
func.func @f(%q: tensor<?x2x?x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32> {
  %o = attn.attention(%q, %k, %v)
      : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %o : tensor<?x2x?x16xf32>
}
