/* The driver on registers that are words in memory: what it makes of each accelerator. */
#include <stdio.h>
#include <string.h>

#include "spikeloom_build.h"
#include "spikeloom_mmio.h"

static spikeloom_board board;
static uint32_t words[64];

static uint32_t read_word(void *context, uint32_t offset) { return ((const uint32_t *)context)[offset / 4]; }
static void write_word(void *context, uint32_t offset, uint32_t value) { ((uint32_t *)context)[offset / 4] = value; }
static uint32_t now_ms(void *context) { return ((const uint32_t *)context)[0]; }

static void accelerator(uint32_t streams)
{
    uint32_t event_bits = spikeloom_build.channel_bits + spikeloom_build.value_bits + 2u;
    uint32_t out_bits = spikeloom_build.output_bits + spikeloom_build.output_value_bits + 2u, at;
    memset(words, 0, sizeof words);
    words[SPIKELOOM_REG_MAGIC / 4] = SPIKELOOM_MAGIC;
    words[SPIKELOOM_REG_VERSION / 4] = SPIKELOOM_MAP_VERSION;
    words[SPIKELOOM_REG_WIDTHS / 4] = event_bits << SPIKELOOM_WIDTHS_EVENT_BITS_SHIFT |
                                      out_bits << SPIKELOOM_WIDTHS_OUT_BITS_SHIFT |
                                      streams << SPIKELOOM_WIDTHS_STREAMS_SHIFT;
    for (at = 0; at < SPIKELOOM_BUILD_ID_BYTES; at++)
        words[SPIKELOOM_REG_BUILD_ID / 4 + at / 4] |= (uint32_t)spikeloom_build.build_id[at] << 8 * (at % 4);
}

int main(void)
{
    static const spikeloom_bus bus = {words, read_word, write_word, now_ms};
    static const uint8_t state[2] = {SPIKELOOM_MEMORY_STATE, 0};
    uint8_t reply[SPIKELOOM_PAYLOAD_BYTES];
    spikeloom_port port = spikeloom_mmio_port(&bus);
    spikeloom_token token;
    size_t found;
    spikeloom_init(&board, &port, &spikeloom_build, NULL);
    printf("nothing %d\n", spikeloom_open(&board, 1));
    accelerator(0);
    printf("right %d", spikeloom_open(&board, 1));
    printf(" %d", spikeloom_put_tick(&board, false));
    words[SPIKELOOM_REG_STATUS / 4] = 1u << SPIKELOOM_STATUS_LOADED_SHIFT;
    printf(" %d %d", spikeloom_put_tick(&board, false), spikeloom_take(&board, &token));
    printf(" %d\n", spikeloom_link_command(&board.link, state, 2, reply, sizeof reply, &found, false));
    accelerator(1);
    printf("streams %d", spikeloom_open(&board, 1));
    printf(" %d %d\n", spikeloom_put_tick(&board, false), spikeloom_take(&board, &token));
    words[SPIKELOOM_REG_BUILD_ID / 4] ^= 1;
    printf("other %d\n", spikeloom_open(&board, 1));
    accelerator(0);
    words[SPIKELOOM_REG_VERSION / 4]++;
    printf("newer %d\n", spikeloom_open(&board, 1));
    return 0;
}
