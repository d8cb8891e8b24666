/* Everything that the driver offers, on the board at a serial device; what comes of it goes to stdout.
 *
 * exercise DEVICE TIMEOUT_MS SAMPLES STEPS < counts
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spikeloom_build.h"
#include "spikeloom_posix.h"

static spikeloom_board board;
static int64_t scores[SPIKELOOM_OUTPUTS];
static uint32_t samples, steps;
static uint8_t *counts;

static void check(int code, const char *what)
{
    if (code == SPIKELOOM_OK)
        return;
    printf("error %d %s: %s\n", code, what, spikeloom_message(code));
    exit(1);
}

static const uint8_t *sample(uint32_t number) { return counts + (size_t)number * steps * SPIKELOOM_CHANNELS; }

static void read_counts(void)
{
    size_t size = (size_t)samples * steps * SPIKELOOM_CHANNELS;
    counts = malloc(size);
    if (!counts || fread(counts, 1, size, stdin) != size)
        exit(3);
}

static void print_scores(uint32_t number, uint32_t winner)
{
    uint32_t k;
    printf("run %u winner %u scores", number, winner);
    for (k = 0; k < SPIKELOOM_OUTPUTS; k++)
        printf(" %lld", (long long)scores[k]);
    printf("\n");
}

static void on_output(void *context, uint32_t step, const spikeloom_token *token)
{
    printf("token %u %u %u %lld\n", *(uint32_t *)context, step, token->index, (long long)token->value);
}

static void run_all(void)
{
    uint32_t k, winner;
    for (k = 0; k < samples; k++) {
        check(spikeloom_run(&board, sample(k), steps, scores, &winner, on_output, &k), "run");
        print_scores(k, winner);
    }
}

/* Events of one channel in a step, one by one or as a value. */
static int put_count(uint32_t channel, uint8_t count, int (*put)(spikeloom_board *, uint32_t, uint8_t))
{
    int code = SPIKELOOM_OK;
    if (spikeloom_build.value_bits)
        return count ? put(&board, channel, count) : SPIKELOOM_OK;
    while (!code && count--)
        code = put(&board, channel, 1);
    return code;
}

static void send_step(const uint8_t *step_counts)
{
    uint32_t channel;
    for (channel = 0; channel < SPIKELOOM_CHANNELS; channel++)
        check(put_count(channel, step_counts[channel], spikeloom_send), "send");
}

static void read_sample(void)
{
    spikeloom_token token;
    do {
        check(spikeloom_read(&board, &token), "read");
        if (token.tick)
            printf("tick %d\n", token.last);
        else
            printf("event %u %lld\n", token.index, (long long)token.value);
    } while (!token.last);
}

static void step_by_step(void)
{
    uint32_t step;
    for (step = 0; step < steps; step++) {
        send_step(sample(0) + (size_t)step * SPIKELOOM_CHANNELS);
        check(spikeloom_tick(&board, step + 1 == steps), "tick");
    }
    read_sample();
}

/* Half of a sample, forgotten; then the same as ever. */
static void reset_and_run(void)
{
    uint32_t winner;
    send_step(sample(0));
    check(spikeloom_tick(&board, false), "tick");
    send_step(sample(0));
    check(spikeloom_reset(&board), "reset");
    check(spikeloom_run(&board, sample(0), steps, scores, &winner, NULL, NULL), "run after reset");
    print_scores(0, winner);
}

/* All samples without a pause, as far ahead of the output as there is room. */
static void stream(void)
{
    uint32_t put = 0, step = 0, channel = 0, ended = 0, events = 0;
    uint8_t done = 0;
    while (ended < samples) {
        spikeloom_token token;
        int code = SPIKELOOM_OK;
        while (!code && put < samples) {
            uint8_t count = channel < SPIKELOOM_CHANNELS ? sample(put)[step * SPIKELOOM_CHANNELS + channel] : 0;
            if (channel == SPIKELOOM_CHANNELS) {
                if ((code = spikeloom_put_tick(&board, step + 1 == steps)) != 0)
                    break;
                channel = 0;
                if (++step == steps) {
                    step = 0;
                    put++;
                }
            } else if (done < count) {
                if ((code = spikeloom_put(&board, channel, spikeloom_build.value_bits ? count : 1)) != 0)
                    break;
                done = (uint8_t)(spikeloom_build.value_bits ? count : done + 1);
            } else {
                done = 0;
                channel++;
            }
        }
        if (code != SPIKELOOM_AGAIN)
            check(code, "put");
        while (ended < samples && (code = spikeloom_take(&board, &token)) != SPIKELOOM_AGAIN) {
            check(code, "take");
            events += !token.tick;
            if (token.last) {
                printf("stream %u tokens %u\n", ended, events);
                events = 0;
                ended++;
            }
        }
    }
}

/* A command while output waits: it is read first, or what was read of it stays in order. */
static void command_behind_output(void)
{
    uint32_t found[SPIKELOOM_COUNTERS], step;
    int code;
    for (step = 0; step < steps; step++) {
        send_step(sample(0) + (size_t)step * SPIKELOOM_CHANNELS);
        check(spikeloom_tick(&board, step + 1 == steps), "tick");
    }
    code = spikeloom_counters(&board, found);
    printf("behind %s\n", code == SPIKELOOM_UNREAD ? "unread" : code == SPIKELOOM_OK ? "ok" : "wrong");
    read_sample();
    for (step = 0; step < 10; step++)
        check(spikeloom_counters(&board, found), "counters after it");
}

static void echo_all_bytes(void)
{
    uint8_t data[SPIKELOOM_PAYLOAD_BYTES - 1], back[sizeof data];
    size_t k;
    for (k = 0; k < sizeof data; k++)
        data[k] = (uint8_t)(240 + k);
    memset(back, 0, sizeof back);
    check(spikeloom_echo(&board, data, back, sizeof data), "echo");
    printf("echo %s\n", memcmp(data, back, sizeof data) ? "wrong" : "ok");
    check(spikeloom_echo(&board, data, back, 0), "empty echo");
    printf("too long %d\n", spikeloom_echo(&board, data, back, sizeof data + 1));
}

static void print_counters(void)
{
    const spikeloom_statistics *seen = &board.link.statistics;
    uint32_t found[SPIKELOOM_COUNTERS], k;
    check(spikeloom_counters(&board, found), "counters");
    printf("counters");
    for (k = 0; k < SPIKELOOM_COUNTERS; k++)
        printf(" %lu", (unsigned long)found[k]);
    printf("\nstatistics %lu %lu %lu %lu\n", (unsigned long)seen->sent_again, (unsigned long)seen->bad_frames,
           (unsigned long)seen->stray_frames, (unsigned long)seen->polls);
}

int main(int count, char **words)
{
    spikeloom_options options = {0, 50, 60000};
    spikeloom_posix posix;
    spikeloom_port port;
    if (count != 5 || spikeloom_posix_open(&posix, words[1], 0))
        return 3;
    options.timeout_ms = (uint32_t)atoi(words[2]);
    samples = (uint32_t)atoi(words[3]);
    steps = (uint32_t)atoi(words[4]);
    read_counts();
    port = spikeloom_posix_port(&posix);
    spikeloom_init(&board, &port, &spikeloom_build, &options);
    check(spikeloom_open(&board, 12345), "open");
    printf("clock %lu window %u\n", (unsigned long)board.identity.clock_hz, board.identity.window);
    print_counters();
    printf("outside %d %d\n", spikeloom_put(&board, SPIKELOOM_CHANNELS, 1), spikeloom_put(&board, 0, 0));
    run_all();
    print_counters();
    echo_all_bytes();
    step_by_step();
    reset_and_run();
    stream();
    command_behind_output();
    check(spikeloom_open(&board, 54321), "a second session");
    reset_and_run();
    print_counters();
    free(counts);
    spikeloom_posix_close(&posix);
    return 0;
}
