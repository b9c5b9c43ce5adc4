/* replay.c: runs a fuzz target over a folder of inputs, without a fuzzer; part of `make test`.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *dir, const char *name)
{
    static uint8_t bytes[1 << 22];
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");

    FH_ASSERT(file != NULL);
    size_t size = fread(bytes, 1, sizeof(bytes), file);

    (void)fclose(file);
    /* a heap copy of the exact size lets ASan see a read past the end */
    uint8_t *exact = malloc(fh_max(size, 1));

    FH_ASSERT(exact != NULL);
    memcpy(exact, bytes, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv)
{
    size_t count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);

        if (dir == NULL) {
            (void)fprintf(stderr, "%s: no such corpus; tools/seed-corpus makes it\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
            if (entry->d_name[0] != '.') {
                replay(argv[i], entry->d_name);
                count++;
            }
        }
        (void)closedir(dir);
    }
    (void)printf("%zu inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
