// REQUIRES: cuda
// Binaries by the programs of the toolkit, and what is said without them.

// RUN: rm -rf %t && mkdir -p %t
// RUN: attn-compile %s -o %t/f.cubin --target=nvvm --chip=sm_89
// RUN: attn-compile %s -o %t/f.fatbin --target=nvvm --chip=sm_90a
// RUN: %python -c "import sys; a, b = (open(f, 'rb').read() for f in sys.argv[1:]); assert a[:4] == b'\x7fELF' and b[:4] == b'\x50\xed\x55\xba' and a and b" %t/f.cubin %t/f.fatbin
// A launcher holds the binary.
// RUN: attn-compile %s -o %t/g.cubin --target=nvvm --chip=sm_89 --launcher=%t/g.c --launches=
// RUN: %cc -std=c11 -Wall -Wextra -Werror -I%attn_src/include -c %t/g.c -o %t/g.o
// RUN: %python -c "import sys; a, b = (open(f, 'rb').read() for f in sys.argv[1:]); assert a in b" %t/g.cubin %t/g.o
// RUN: rm %t/g.c %t/g.cubin %t/g.h %t/g.o
// RUN: %python -c "import os, sys; assert sorted(os.listdir(sys.argv[1])) == ['f.cubin', 'f.fatbin', 'f.json']" %t
func.func @f(%q: tensor<?x2x?x16xbf16>, %k: tensor<?x2x?x16xbf16>, %v: tensor<?x2x?x16xbf16>) -> tensor<?x2x?x16xbf16> {
  %o = attn.attention(%q, %k, %v)
      : (tensor<?x2x?x16xbf16>, tensor<?x2x?x16xbf16>, tensor<?x2x?x16xbf16>) -> tensor<?x2x?x16xbf16>
  return %o : tensor<?x2x?x16xbf16>
}
