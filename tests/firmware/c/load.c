/* Memories loaded by the driver: load DEVICE TIMEOUT_MS STEPS IMAGE < counts of one sample. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spikeloom_build.h"
#include "spikeloom_load.h"
#include "spikeloom_posix.h"

static spikeloom_board board;
static int64_t scores[SPIKELOOM_OUTPUTS];
static uint8_t *counts;
static uint32_t steps;

typedef struct {
    FILE *file;
    uint32_t passes, spoil; /* passes that began; in this one (from 1) a bit is wrong */
    bool fails;
} image;

static int give(void *context, uint32_t offset, uint8_t *data, size_t count)
{
    image *from = context;
    if (from->fails || fseek(from->file, (long)offset, SEEK_SET) || fread(data, 1, count, from->file) != count)
        return 1;
    from->passes += !offset;
    if (from->passes == from->spoil)
        data[count - 1] ^= 1;
    return 0;
}

static void run(void)
{
    uint32_t k;
    int code = spikeloom_run(&board, counts, steps, scores, NULL, NULL, NULL);
    printf("run %d", code);
    for (k = 0; !code && k < SPIKELOOM_OUTPUTS; k++)
        printf(" %lld", (long long)scores[k]);
    printf("\n");
}

static void held(void)
{
    uint8_t found[SPIKELOOM_CONTENTS_BYTES];
    size_t k, set = 0;
    int code = spikeloom_held(&board, found);
    for (k = 0; k < sizeof found; k++)
        set += found[k] != 0;
    printf("held %d %s\n", code, !set ? "nothing" : memcmp(found, spikeloom_contents, sizeof found) ? "other" : "it");
}

static void load(image *from, uint32_t spoil, bool fails)
{
    from->passes = 0;
    from->spoil = spoil;
    from->fails = fails;
    printf("load %d\n", spikeloom_load(&board, give, from, spikeloom_contents));
}

int main(int count, char **words)
{
    spikeloom_options options = {0, 50, 60000};
    spikeloom_posix posix;
    spikeloom_port port;
    size_t size;
    image from;
    memset(&from, 0, sizeof from);
    if (count != 5 || spikeloom_posix_open(&posix, words[1], 0))
        return 3;
    options.timeout_ms = (uint32_t)atoi(words[2]);
    steps = (uint32_t)atoi(words[3]);
    size = (size_t)steps * SPIKELOOM_CHANNELS;
    counts = malloc(size);
    from.file = fopen(words[4], "rb");
    if (!counts || !from.file || fread(counts, 1, size, stdin) != size)
        return 3;
    port = spikeloom_posix_port(&posix);
    spikeloom_init(&board, &port, &spikeloom_build, &options);
    printf("open %d\n", spikeloom_open(&board, 7));
    run();
    held();
    load(&from, 0, false);
    held();
    run();
    load(&from, 2, false); /* as RAM that does not keep what was written */
    held();
    run();
    load(&from, 0, true);
    load(&from, 0, false);
    printf("open %d\n", spikeloom_open(&board, 8));
    held();
    run();
    fclose(from.file);
    free(counts);
    spikeloom_posix_close(&posix);
    return 0;
}
