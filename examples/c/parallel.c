/* Calls a compiled kernel `attention` on the threads of the driver library,
 * with a workspace that several calls share:
 *   attn-compile attention.mlir -o attention.so
 *   gcc -std=c99 parallel.c ./attention.so -lattn_driver -Wl,-rpath,. \
 *       -o parallel */
#include "attention.h"
#include <attn-c/driver.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 2, H = 2, M = 300, N = 500, E = 8 };

static DLTensor tensor(int64_t *shape) {
  size_t count = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
  float *data = malloc(count * sizeof(float));
  for (size_t i = 0; data && i < count; ++i)
    data[i] = (float)(i * 2654435761u % 1000) / 1000;
  return attn_cpu_tensor(data, kDLFloat, 32, 4, shape);
}

int main(void) {
  int64_t queries[] = {B, H, M, E}, keys[] = {B, H, N, E};
  DLTensor q = tensor(queries), k = tensor(keys), v = tensor(keys);
  DLTensor serial = tensor(queries), parallel = tensor(queries);
  const DLTensor *tensors[] = {&q, &k, &v, &serial};
  char message[256];
  int32_t status =
      attention(tensors, 4, NULL, NULL, 0, message, sizeof(message));

  attn_driver *driver = attn_driver_create(2);
  const attn_parallel_for *threads = attn_driver_parallel_for(driver);
  tensors[3] = &parallel;
  size_t size = attention_workspace_size(tensors, 4, threads->workers);
  void *workspace = attn_driver_allocate(size);
  for (int call = 0; call < 3 && status == ATTN_OK; ++call)
    status = attention(tensors, 4, threads, workspace, size, message,
                       sizeof(message));
  int workers = (int)threads->workers;
  attn_driver_free(workspace);
  attn_driver_destroy(driver);
  if (status != ATTN_OK) {
    fprintf(stderr, "%s: %s\n", attn_status_name(status), message);
    return 1;
  }

  int64_t differing = 0;
  for (int64_t i = 0; i < (int64_t)B * H * M * E; ++i)
    differing += ((float *)serial.data)[i] != ((float *)parallel.data)[i];
  printf("%d threads, %lld elements differ from one thread\n", workers,
         (long long)differing);
  DLTensor *all[] = {&q, &k, &v, &serial, &parallel};
  for (int i = 0; i < 5; ++i)
    free(all[i]->data);
  return differing != 0;
}
