/* Calls attention with `argv[1]` of: fine; short, whose k ends before its shape
 * says; race, where two threads run the same items. */
#include "attention.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 64, E = 16 };

static int64_t shape[] = {1, 1, N, E};
static const DLTensor *tensors[4];
static char workspace[64] __attribute__((aligned(64)));

static void *run(void *unused) {
  char message[256];
  (void)unused;
  if (attention_run_items(tensors, 4, 0, 0, N, 0, workspace, sizeof(workspace),
                          message, sizeof(message)))
    puts(message);
  return NULL;
}

int main(int argc, char **argv) {
  DLTensor all[4];
  const char *mode = argc > 1 ? argv[1] : "fine";
  for (int i = 0; i < 4; ++i) {
    int rows = i == 1 && !strcmp(mode, "short") ? N - 1 : N;
    all[i] = attn_cpu_tensor(calloc((size_t)(rows * E), sizeof(float)),
                             kDLFloat, 32, 4, shape);
    tensors[i] = &all[i];
  }
  if (!strcmp(mode, "race")) {
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    run(NULL);
    pthread_join(thread, NULL);
  } else {
    run(NULL);
  }
  for (int i = 0; i < 4; ++i)
    free(all[i].data);
  puts("done");
  return 0;
}
