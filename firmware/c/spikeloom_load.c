#include "spikeloom_load.h"

#include <string.h>

enum {
    HEAD = 1 + SPIKELOOM_MEMORY_PLACE_BYTES, /* of a command: its byte and a place */
    WRITE_SLICES = (SPIKELOOM_PAYLOAD_BYTES - HEAD) / 2
};

typedef struct {
    uint8_t memories;
    uint32_t rows, slices; /* of the memory that was asked for */
    uint8_t contents[SPIKELOOM_CONTENTS_BYTES];
} state;

static int command(spikeloom_board *board, const uint8_t *sent, size_t count, uint8_t *reply, size_t wanted)
{
    size_t found;
    int code = spikeloom_link_command(&board->link, sent, count, reply, wanted, &found, true);
    return code ? code : found == wanted ? SPIKELOOM_OK : SPIKELOOM_BAD_REPLY;
}

static int memory_state(spikeloom_board *board, uint8_t memory, state *s)
{
    uint8_t sent[2], reply[SPIKELOOM_MEMORY_STATE_BYTES];
    const uint8_t *facts = reply + SPIKELOOM_CONTENTS_BYTES;
    int code;
    sent[0] = SPIKELOOM_MEMORY_STATE;
    sent[1] = memory;
    code = command(board, sent, sizeof sent, reply, sizeof reply);
    if (code)
        return code;
    memcpy(s->contents, reply, SPIKELOOM_CONTENTS_BYTES);
    s->memories = facts[0];
    s->rows = facts[1] | (uint32_t)facts[2] << 8 | (uint32_t)facts[3] << 16 | (uint32_t)facts[4] << 24;
    s->slices = ((facts[5] | (uint32_t)facts[6] << 8) + 15) / 16;
    return SPIKELOOM_OK;
}

int spikeloom_held(spikeloom_board *board, uint8_t contents[SPIKELOOM_CONTENTS_BYTES])
{
    state s;
    int code = memory_state(board, 0, &s);
    if (!code)
        memcpy(contents, s.contents, SPIKELOOM_CONTENTS_BYTES);
    return code;
}

static void put_place(uint8_t *sent, uint8_t memory, const state *s, uint32_t slice)
{
    uint32_t row = slice / s->slices, at = slice % s->slices;
    sent[1] = memory;
    sent[2] = (uint8_t)at;
    sent[3] = (uint8_t)(at >> 8);
    sent[4] = (uint8_t)row;
    sent[5] = (uint8_t)(row >> 8);
    sent[6] = (uint8_t)(row >> 16);
}

static int write_part(spikeloom_board *board, uint8_t *sent, uint32_t slices)
{
    uint8_t written;
    int code;
    sent[0] = SPIKELOOM_MEMORY_WRITE;
    code = command(board, sent, HEAD + 2 * slices, &written, 1);
    return code ? code : written == slices ? SPIKELOOM_OK : SPIKELOOM_LOAD_FAILED;
}

static int check_part(spikeloom_board *board, uint8_t *sent, uint32_t slices)
{
    uint8_t ask[HEAD + 1], reply[1 + 2 * WRITE_SLICES];
    int code;
    memcpy(ask, sent, HEAD);
    ask[0] = SPIKELOOM_MEMORY_READ;
    ask[HEAD] = (uint8_t)slices;
    code = command(board, ask, sizeof ask, reply, 1 + 2 * slices);
    if (code)
        return code;
    return reply[0] == slices && !memcmp(reply + 1, sent + HEAD, 2 * slices) ? SPIKELOOM_OK : SPIKELOOM_LOAD_FAILED;
}

/* All memories, one after the other, in parts that a frame holds. */
static int walk(spikeloom_board *board, spikeloom_source source, void *context,
                int (*part)(spikeloom_board *, uint8_t *, uint32_t))
{
    uint8_t sent[HEAD + 2 * WRITE_SLICES], memory;
    uint32_t offset = 0, slice, count, all;
    state s;
    int code = memory_state(board, 0, &s);
    for (memory = 0; !code && memory < s.memories; memory++) {
        code = memory_state(board, memory, &s);
        all = code ? 0 : s.rows * s.slices;
        for (slice = 0; !code && slice < all; slice += count) {
            count = all - slice < WRITE_SLICES ? all - slice : WRITE_SLICES;
            put_place(sent, memory, &s, slice);
            if (source(context, offset, sent + HEAD, 2 * count))
                return SPIKELOOM_LOAD_FAILED;
            code = part(board, sent, count);
            offset += 2 * count;
        }
    }
    return code;
}

int spikeloom_load(spikeloom_board *board, spikeloom_source source, void *context,
                   const uint8_t contents[SPIKELOOM_CONTENTS_BYTES])
{
    uint8_t sent[1 + SPIKELOOM_CONTENTS_BYTES], taken;
    int code = spikeloom_reset(board);
    if (!code)
        code = walk(board, source, context, write_part);
    if (!code)
        code = walk(board, source, context, check_part);
    if (code)
        return code;
    sent[0] = SPIKELOOM_MEMORY_COMMIT;
    memcpy(sent + 1, contents, SPIKELOOM_CONTENTS_BYTES);
    code = command(board, sent, sizeof sent, &taken, 1);
    return code ? code : taken ? SPIKELOOM_OK : SPIKELOOM_LOAD_FAILED;
}
