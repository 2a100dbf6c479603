// ptxas is asked to use few registers, and left to itself where it spills some
// all the same: the better of both is kept. The metadata has what the kernel
// holds, and a warning what is spilled.

// RUN: rm -rf %t && mkdir -p %t/bin
// RUN: printf '#!/bin/sh\nexec %python %S/Inputs/ptxas.py "$@"\n' > %t/bin/ptxas && chmod +x %t/bin/ptxas
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED_FEW=0 SPILLED=fail %attn_build/bin/attn-compile %s -o %t/a.cubin --target=nvvm --ptx=%t/a.ptx 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: cat %t/a.cubin %t/a.json %t/a.ptx | FileCheck %s --check-prefix=FEW
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED_FEW=12 SPILLED=8 %attn_build/bin/attn-compile %s -o %t/b.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=LESS
// RUN: FileCheck %s --check-prefix=OWN --input-file=%t/b.cubin
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED_FEW=12 SPILLED=12 %attn_build/bin/attn-compile %s -o %t/c.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=SAME
// RUN: cat %t/c.cubin %t/c.json | FileCheck %s --check-prefix=KEPT
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED_FEW=12 SPILLED=fail %attn_build/bin/attn-compile %s -o %t/f.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=SAME
// RUN: cat %t/f.cubin %t/f.json | FileCheck %s --check-prefix=KEPT
// RUN: env PATH=%t/bin:/usr/bin:/bin SPILLED_FEW=fail SPILLED=12 %attn_build/bin/attn-compile %s -o %t/d.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=SAME
// RUN: FileCheck %s --check-prefix=OWN --input-file=%t/d.cubin
// RUN: not env PATH=%t/bin:/usr/bin:/bin SPILLED_FEW=fail SPILLED=fail %attn_build/bin/attn-compile %s -o %t/e.cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=FAIL
// RUN: %python -c "import os, sys; print(*sorted(os.listdir(sys.argv[1])))" %t | FileCheck %s --check-prefix=FILES

// NONE: warning: ptxas: ptxas warning : (C7510) something is slow
// NONE: warning: 'f_kernel0' keeps 16 bytes of a thread in memory and spills 0 bytes of registers
// FEW: few
// FEW: "kernel": "f_kernel0"
// FEW: "registers": 77,
// FEW-NEXT: "local": 16,
// FEW-NEXT: "spilled": 0
// FEW: .visible .entry f_kernel0(
// LESS: warning: 'f_kernel0' keeps 16 bytes of a thread in memory and spills 12 bytes of registers
// OWN: own
// SAME: warning: 'f_kernel0' keeps 16 bytes of a thread in memory and spills 16 bytes of registers
// KEPT: few
// KEPT: "spilled": 16
// FAIL: error: {{.*}}ptxas failed: ptxas fatal   : Unknown option
// FILES: {{^}}a.cubin a.json a.ptx b.cubin b.json bin c.cubin c.json d.cubin d.json f.cubin f.json{{$}}
func.func @f(%q: tensor<?x2x?x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32> {
  %o = attn.attention(%q, %k, %v)
      : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %o : tensor<?x2x?x16xf32>
}
