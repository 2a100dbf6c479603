/* Calls a compiled kernel `attention` (q, k, v -> o) from C, without MLIR:
 *   attn-compile attention.mlir -o attention.so
 *   gcc -std=c99 attention.c ./attention.so -Wl,-rpath,. -o attention
 *   ./attention */
#include "attention.h"
#include <stdio.h>

enum { B = 1, H = 2, M = 3, N = 5, E = 8 };

int main(void) {
  float q[B * H * M * E], k[B * H * N * E], v[B * H * N * E], o[B * H * M * E];
  for (int i = 0; i < B * H * M * E; ++i)
    q[i] = 0.1f * (float)(i % 7);
  for (int i = 0; i < B * H * N * E; ++i) {
    k[i] = 0.1f * (float)(i % 5);
    v[i] = (float)(i / E % N); /* key n has the value n */
  }
  int64_t queries[] = {B, H, M, E}, keys[] = {B, H, N, E};
  DLTensor tensors[] = {attn_cpu_tensor(q, kDLFloat, 32, 4, queries),
                        attn_cpu_tensor(k, kDLFloat, 32, 4, keys),
                        attn_cpu_tensor(v, kDLFloat, 32, 4, keys),
                        attn_cpu_tensor(o, kDLFloat, 32, 4, queries)};
  const DLTensor *arguments[] = {&tensors[0], &tensors[1], &tensors[2],
                                 &tensors[3]};
  char message[256];
  if (attention(arguments, 4, NULL, NULL, 0, message, sizeof(message))) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  for (int row = 0; row < B * H * M; ++row)
    printf("row %d: mean key %.3f\n", row, (double)o[row * E]);
  return 0;
}
