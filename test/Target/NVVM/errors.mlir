// Each mistake gets one message, a failing exit code and no output file.

// RUN: rm -rf %t && mkdir -p %t
// RUN: not attn-compile %s -o %t/f.so --target=nvvm 2>&1 | FileCheck %s --check-prefix=OBJECT
// RUN: not attn-compile %s -o %t/f.bin --target=nvvm 2>&1 | FileCheck %s --check-prefix=EXTENSION
// RUN: not attn-compile %s -o %t/f.ptx 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not attn-compile %s -o %t/f.ptx --emit=ptx 2>&1 | FileCheck %s --check-prefix=NEEDS
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --chip=sm_70 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --cpu=znver4 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not attn-compile %s -o %t/f.so --chip=sm_80 2>&1 | FileCheck %s --check-prefix=GPU
// RUN: not attn-compile %s -o %t/f.so --resident-blocks=2 2>&1 | FileCheck %s --check-prefix=RESIDENT
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --resident-blocks=0 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --resident-blocks=33 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: not attn-compile %s -o - --emit=cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=TERMINAL
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launches=%t/f.ptx 2>&1 | FileCheck %s --check-prefix=SAME
// RUN: not attn-compile %s -o %t/no/f.ptx --target=nvvm 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not attn-compile %s -o %t --emit=cubin --target=nvvm 2>&1 | FileCheck %s --check-prefix=DEVICE
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --name=2f 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launches=%t/no/f.json 2>&1 | FileCheck %s --check-prefix=JSON
// RUN: not attn-compile %s -o %t/f.so --launcher=%t/f.c 2>&1 | FileCheck %s --check-prefix=LAUNCHER
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --header=%t/f.h 2>&1 | FileCheck %s --check-prefix=HEADER
// RUN: not attn-compile %s -o %t/f.ll --target=nvvm --launcher=%t/f.c 2>&1 | FileCheck %s --check-prefix=IMAGE
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --ptx=%t/g.ptx 2>&1 | FileCheck %s --check-prefix=BINARY
// RUN: not attn-compile %s -o %t/f.cubin --target=nvvm --ptx=%t/f.cubin 2>&1 | FileCheck %s --check-prefix=PTX
// RUN: not attn-compile %s -o %t/f.so --ptx=%t/f.ptx 2>&1 | FileCheck %s --check-prefix=BESIDE
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launcher=%t/f.ptx 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launcher=%t/f.c --header=%t/f.c 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launcher=%t/no/f.c --header= 2>&1 | FileCheck %s --check-prefix=C
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launcher=%t/f.c --header=%t/no/f.h 2>&1 | FileCheck %s --check-prefix=H
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launcher=%t/f.c --name=checkShape 2>&1 | FileCheck %s --check-prefix=TAKEN
// RUN: not attn-compile %s -o %t/f.ptx --target=nvvm --launcher=%t/f.c --name=attn_launch 2>&1 | FileCheck %s --check-prefix=RESERVED
// RUN: %python -c "import os, sys; assert os.listdir(sys.argv[1]) == []" %t

// BINARY: error: --ptx writes what a cubin or a fat binary is made of; PTX alone is --emit=ptx
// PTX: error: the PTX and the output are both '{{.*}}f.cubin'
// BESIDE: error: --ptx is an option of --target=nvvm
// OBJECT: error: --target=nvvm writes ll, ptx, cubin or fatbin, the launches as JSON, and with --launcher a C file to compile with a program
// EXTENSION: error: the extension of '{{.*}}f.bin' does not say what to write; it must be .ptx, .cubin, .fatbin or .ll, or --emit must say it
// TARGET: error: PTX, cubins and fat binaries need --target=nvvm
// NEEDS: error: PTX, cubins and fat binaries need --target=nvvm
// CHIP: error: --chip: unknown chip 'sm_70'; it must be sm_80, sm_89, sm_90a or sm_120
// CPU: error: --cpu is an option of --target=cpu
// GPU: error: --chip is an option of --target=nvvm
// RESIDENT: error: --resident-blocks is an option of --target=nvvm
// NONE: error: --resident-blocks is 0, but must be at least 1
// MANY: error: --resident-blocks is 33, but must be at most 32
// TERMINAL: error: binaries are not written to the standard output; name a file with -o
// SAME: error: the launches and the output are both '{{.*}}f.ptx'
// FOLDER: error: cannot write '{{.*}}no/f.ptx': {{.*}}No such file or directory
// DEVICE: error: cannot write '{{.*}}': it exists and is no regular file
// NAME: error: kernel '2f' needs a name that is a C identifier
// JSON: error: cannot write '{{.*}}no/f.json': {{.*}}No such file or directory
// LAUNCHER: error: --launcher is an option of --target=nvvm
// HEADER: error: --header declares what a launcher defines: --target=nvvm needs --launcher, too
// IMAGE: error: a launcher holds what the driver loads: PTX, a cubin or a fat binary, and no LLVM IR
// TWICE: error: the launcher and the output are both '{{.*}}f.ptx'
// BOTH: error: the launcher and the header are both '{{.*}}f.c'
// C: error: cannot write '{{.*}}no/f.c': {{.*}}No such file or directory
// H: error: cannot write '{{.*}}no/f.h': {{.*}}No such file or directory
// TAKEN: error: the launcher has a function 'checkShape' of its own; give the kernel another name
// RESERVED: error: {{.*}}the kernel name 'attn_launch' is reserved in C or in attn-c/kernel.h
func.func @f(%q: tensor<?x2x?x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32> {
  %o = attn.attention(%q, %k, %v)
      : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %o : tensor<?x2x?x16xf32>
}
