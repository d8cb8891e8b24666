/* The driver on registers that a bench reads and writes: requests go to stdout, words come from stdin.
 *
 * mmio_exercise SAMPLES STEPS COUNTS [MEMORIES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spikeloom_build.h"
#include "spikeloom_mmio.h"

static spikeloom_board board;
static int64_t scores[SPIKELOOM_OUTPUTS];
static uint32_t steps;

static uint32_t read_register(void *context, uint32_t offset)
{
    unsigned long word;
    (void)context;
    printf("r %lu\n", (unsigned long)offset);
    fflush(stdout);
    if (scanf("%lu", &word) != 1)
        exit(3);
    return (uint32_t)word;
}

static void write_register(void *context, uint32_t offset, uint32_t value)
{
    (void)context;
    printf("w %lu %lu\n", (unsigned long)offset, (unsigned long)value);
}

/* Time that goes on when somebody asks. */
static uint32_t now_ms(void *context)
{
    static uint32_t now = 0xffffff00u;
    (void)context;
    return now++;
}

static void check(int code, const char *what)
{
    if (code == SPIKELOOM_OK)
        return;
    printf("= error %d %s: %s\n", code, what, spikeloom_message(code));
    exit(1);
}

static uint8_t *file(const char *path, size_t *size)
{
    static uint8_t *bytes;
    FILE *stream = fopen(path, "rb");
    if (!stream || fseek(stream, 0, SEEK_END))
        exit(3);
    *size = (size_t)ftell(stream);
    rewind(stream);
    bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, stream) != *size)
        exit(3);
    fclose(stream);
    return bytes;
}

static size_t ask(const uint8_t *command, size_t count, uint8_t *reply)
{
    size_t found;
    check(spikeloom_link_command(&board.link, command, count, reply, SPIKELOOM_PAYLOAD_BYTES, &found, false),
          "command");
    return found;
}

/* Slices of a memory from `place` on, as many as the file has and a frame holds: written, or read back. */
static size_t part_of(uint8_t number, size_t first, uint32_t slices, const uint8_t *data, size_t left, bool write)
{
    uint8_t command[SPIKELOOM_PAYLOAD_BYTES], reply[SPIKELOOM_PAYLOAD_BYTES];
    size_t count = left < 100 ? left : 100, row = first / slices, found;
    command[0] = write ? SPIKELOOM_MEMORY_WRITE : SPIKELOOM_MEMORY_READ;
    command[1] = number;
    command[2] = (uint8_t)(first % slices);
    command[3] = 0;
    command[4] = (uint8_t)row;
    command[5] = (uint8_t)(row >> 8);
    command[6] = 0;
    command[7] = (uint8_t)count;
    if (write)
        memcpy(command + 7, data, 2 * count);
    found = ask(command, write ? 7 + 2 * count : 8, reply);
    if (reply[0] != count || found != (write ? 1 : 1 + 2 * count) || (!write && memcmp(reply + 1, data, 2 * count)))
        printf("= memory %u differs at %lu\n", number, (unsigned long)first);
    return count;
}

static void all_memories(const uint8_t *data, bool write)
{
    uint8_t number, reply[SPIKELOOM_PAYLOAD_BYTES], state[2] = {SPIKELOOM_MEMORY_STATE, 0};
    size_t first, count;
    for (number = 0; ask(state, 2, reply), number < reply[8]; number++) {
        uint32_t slices, rows;
        state[1] = number;
        ask(state, 2, reply);
        rows = reply[9] | (uint32_t)reply[10] << 8;
        slices = (reply[13] + 15u) / 16;
        for (first = 0; first < (size_t)rows * slices; first += count)
            count = part_of(number, first, slices, data + 2 * first, rows * slices - first, write);
        data += 2 * first;
    }
}

static void load(const char *path)
{
    static const uint8_t outside[8] = {SPIKELOOM_MEMORY_READ, 200, 0, 0, 0, 0, 0, 2};
    static const uint8_t nameless[9] = {SPIKELOOM_MEMORY_COMMIT};
    static const uint8_t named[9] = {SPIKELOOM_MEMORY_COMMIT, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t reply[SPIKELOOM_PAYLOAD_BYTES], state[2] = {SPIKELOOM_MEMORY_STATE, 0};
    size_t size;
    uint8_t *data = file(path, &size);
    printf("= refused %d\n", spikeloom_put_tick(&board, false));
    all_memories(data, true);
    all_memories(data, false);
    ask(outside, 8, reply);
    printf("= outside %u %u %u\n", reply[0], reply[1], reply[4]);
    ask(nameless, 9, reply);
    printf("= nameless %u\n", reply[0]);
    ask(named, 9, reply);
    printf("= named %u\n", reply[0]);
    ask(state, 2, reply);
    printf("= name %u %u\n", reply[0], reply[7]);
    free(data);
}

static void run(uint32_t number, const uint8_t *counts)
{
    uint32_t winner, k;
    check(spikeloom_run(&board, counts, steps, scores, &winner, NULL, NULL), "run");
    printf("= run %u winner %u scores", number, winner);
    for (k = 0; k < SPIKELOOM_OUTPUTS; k++)
        printf(" %lld", (long long)scores[k]);
    printf("\n");
}

static void echo(void)
{
    uint8_t data[77], back[sizeof data];
    uint32_t k;
    for (k = 0; k < sizeof data; k++)
        data[k] = (uint8_t)(200 + k);
    memset(back, 0, sizeof back);
    check(spikeloom_echo(&board, data, back, sizeof data), "echo");
    printf("= echo %s\n", memcmp(data, back, sizeof data) ? "wrong" : "ok");
}

int main(int count, char **words)
{
    static const spikeloom_bus bus = {NULL, read_register, write_register, now_ms};
    static const spikeloom_options options = {0, 0, 300};
    spikeloom_port port = spikeloom_mmio_port(&bus);
    uint32_t samples, k, found[SPIKELOOM_COUNTERS];
    uint8_t *counts;
    size_t size;
    int code;
    if (count < 4)
        return 3;
    samples = (uint32_t)atoi(words[1]);
    steps = (uint32_t)atoi(words[2]);
    counts = file(words[3], &size);
    spikeloom_init(&board, &port, &spikeloom_build, &options);
    printf("= closed %d\n", spikeloom_put_tick(&board, false));
    check(spikeloom_open(&board, 1), "open");
    printf("= clock %lu\n", (unsigned long)board.identity.clock_hz);
    if (count > 4)
        load(words[4]);
    for (k = 0; k < samples; k++)
        run(k, counts + (size_t)k * steps * SPIKELOOM_CHANNELS);
    check(spikeloom_counters(&board, found), "counters");
    printf("= counters");
    for (k = 1; k < SPIKELOOM_COUNTERS; k++)
        printf(" %lu", (unsigned long)found[k]);
    printf("\n");
    echo();
    check(spikeloom_send(&board, 0, 1), "send");
    check(spikeloom_tick(&board, false), "tick");
    check(spikeloom_reset(&board), "reset");
    run(0, counts);
    while (!(code = spikeloom_put_tick(&board, false)))
        ;
    printf("= full %d\n", code);
    while (!(code = spikeloom_tick(&board, false)))
        ;
    printf("= stalled %d %d\n", code, spikeloom_put_tick(&board, false));
    check(spikeloom_open(&board, 2), "a second session");
    run(0, counts);
    free(counts);
    return 0;
}
