#include "spikeloom_mmio.h"

#include <string.h>

/* A spikeloom_link is made for a line. What is kept in it here: */
#define ROOM(link) ((link)->limit)             /* tokens that EVENT takes for sure */
#define EVENT_BYTES(link) ((link)->base)       /* of a token */
#define OUT_BITS(link) ((link)->held)          /* of a token; 0: there are streams instead */
#define TOKEN(link) ((link)->frame)            /* that was read last */
#define TOKEN_BYTES(link) ((link)->frame_length)
#define TAKEN(link) ((link)->offset)           /* bytes of it that were taken */
#define WAITING(link) ((link)->poll)           /* since `since_ms`, for room or for a token */

enum { READ_SLICES = (SPIKELOOM_PAYLOAD_BYTES - 2) / 2 }; /* most that a frame would hold */

#define FIELD(word, name) ((word) >> SPIKELOOM_##name##_SHIFT & SPIKELOOM_##name##_MASK)

const char *spikeloom_message(int code)
{
    switch (code) {
    case SPIKELOOM_OK: return "right";
    case SPIKELOOM_AGAIN: return "not now, try again";
    case SPIKELOOM_NO_ANSWER: return "there is no accelerator at this address";
    case SPIKELOOM_STALLED: return "the accelerator gets no further";
    case SPIKELOOM_PORT_FAILED: return "tokens of this accelerator go through streams";
    case SPIKELOOM_BAD_REPLY: return "a reply that no accelerator gives";
    case SPIKELOOM_WRONG_BUILD: return "the accelerator is of another build";
    case SPIKELOOM_BAD_OUTPUT: return "output that the accelerator of this build does not give";
    case SPIKELOOM_ARGUMENT: return "an argument is out of range";
    default: return "unknown code";
    }
}

static const spikeloom_bus *bus_of(const spikeloom_link *link) { return link->port.context; }

static uint32_t get(const spikeloom_link *link, uint32_t offset)
{
    return bus_of(link)->read(bus_of(link)->context, offset);
}

static void put(const spikeloom_link *link, uint32_t offset, uint32_t value)
{
    bus_of(link)->write(bus_of(link)->context, offset, value);
}

static uint32_t now_ms(void *context)
{
    const spikeloom_bus *bus = context;
    return bus->now_ms(bus->context);
}

spikeloom_port spikeloom_mmio_port(const spikeloom_bus *bus)
{
    spikeloom_port port = {NULL, NULL, NULL, now_ms};
    port.context = (void *)(uintptr_t)bus; /* it is only read */
    return port;
}

static void store(uint8_t *bytes, uint32_t word, size_t count)
{
    while (count--) {
        *bytes++ = (uint8_t)word;
        word >>= 8;
    }
}

static uint32_t fetch(const uint8_t *bytes, size_t count)
{
    uint32_t word = 0;
    while (count--)
        word = word << 8 | bytes[count];
    return word;
}

/* ---- Session ---- */

static void reset(spikeloom_link *link)
{
    put(link, SPIKELOOM_REG_CONTROL, SPIKELOOM_CONTROL_RESET);
    ROOM(link) = 0;
    TOKEN_BYTES(link) = TAKEN(link) = 0;
    WAITING(link) = false;
}

void spikeloom_link_init(spikeloom_link *link, const spikeloom_port *port, const spikeloom_options *options)
{
    static const spikeloom_options defaults = SPIKELOOM_DEFAULT_OPTIONS;
    memset(link, 0, sizeof *link);
    link->port = *port;
    link->options = options ? *options : defaults;
}

int spikeloom_link_open(spikeloom_link *link, uint16_t nonce)
{
    uint32_t widths;
    link->nonce = nonce;
    link->error = SPIKELOOM_NO_ANSWER;
    link->opened = false;
    if (get(link, SPIKELOOM_REG_MAGIC) != SPIKELOOM_MAGIC ||
        get(link, SPIKELOOM_REG_VERSION) != SPIKELOOM_MAP_VERSION)
        return link->error;
    widths = get(link, SPIKELOOM_REG_WIDTHS);
    EVENT_BYTES(link) = (uint8_t)((FIELD(widths, WIDTHS_EVENT_BITS) + 7) / 8);
    OUT_BITS(link) = (uint8_t)(FIELD(widths, WIDTHS_STREAMS) ? 0 : FIELD(widths, WIDTHS_OUT_BITS));
    reset(link);
    link->error = SPIKELOOM_OK;
    link->opened = true;
    return SPIKELOOM_OK;
}

int spikeloom_link_pump(spikeloom_link *link, bool expecting)
{
    (void)expecting;
    return link->opened ? link->error : SPIKELOOM_NO_ANSWER;
}

int spikeloom_link_stalled(spikeloom_link *link)
{
    uint32_t now = link->port.now_ms(link->port.context);
    if (!WAITING(link))
        link->since_ms = now;
    WAITING(link) = true;
    if (now - link->since_ms > link->options.stall_ms)
        link->error = SPIKELOOM_STALLED;
    return link->error;
}

bool spikeloom_link_delivered(const spikeloom_link *link)
{
    (void)link;
    return true;
}

/* ---- Tokens ---- */

/* Whether tokens can go at all. */
static int usable(spikeloom_link *link)
{
    int code = spikeloom_link_pump(link, false);
    return code || OUT_BITS(link) ? code : SPIKELOOM_PORT_FAILED;
}

int spikeloom_link_put(spikeloom_link *link, const uint8_t *data, size_t count)
{
    int code = usable(link);
    if (code)
        return code;
    if (count != EVENT_BYTES(link))
        return SPIKELOOM_ARGUMENT;
    if (!ROOM(link)) {
        uint32_t status = get(link, SPIKELOOM_REG_STATUS);
        if (!FIELD(status, STATUS_LOADED))
            return SPIKELOOM_UNLOADED;
        ROOM(link) = (uint8_t)FIELD(status, STATUS_EVENT_ROOM);
    }
    if (!ROOM(link))
        return SPIKELOOM_AGAIN;
    if (count > 4)
        put(link, SPIKELOOM_REG_EVENT_HIGH, fetch(data + 4, count - 4));
    put(link, SPIKELOOM_REG_EVENT, fetch(data, count < 4 ? count : 4));
    ROOM(link)--;
    WAITING(link) = false;
    return SPIKELOOM_OK;
}

/* Read a token into the link, without its flag: OK or AGAIN. */
static int read_token(spikeloom_link *link)
{
    uint32_t word = 0, at;
    for (at = 0; at <= OUT_BITS(link) / 32u; at++) {
        word = get(link, SPIKELOOM_REG_OUT + 4 * at);
        store(TOKEN(link) + 4 * at, word, 4);
    }
    if (!(word & SPIKELOOM_OUT_VALID))
        return SPIKELOOM_AGAIN;
    TOKEN(link)[4 * at - 1] &= 0x7f;
    TAKEN(link) = 0;
    TOKEN_BYTES(link) = (uint16_t)((OUT_BITS(link) + 7) / 8);
    WAITING(link) = false;
    return SPIKELOOM_OK;
}

int spikeloom_link_take(spikeloom_link *link, uint8_t *byte)
{
    int code = usable(link);
    if (!code && TAKEN(link) == TOKEN_BYTES(link))
        code = read_token(link);
    if (!code)
        *byte = TOKEN(link)[TAKEN(link)++];
    return code;
}

/* ---- Commands: bodies and replies of docs/link-protocol.md ---- */

static size_t identify(const spikeloom_link *link, uint8_t *reply)
{
    uint32_t widths = get(link, SPIKELOOM_REG_WIDTHS), at;
    reply[0] = SPIKELOOM_VERSION;
    reply[1] = 0; /* no frames */
    reply[2] = (uint8_t)FIELD(widths, WIDTHS_EVENT_BITS);
    reply[3] = (uint8_t)FIELD(widths, WIDTHS_OUT_BITS);
    store(reply + 4, get(link, SPIKELOOM_REG_CLOCK_HZ), 4);
    for (at = 0; at < SPIKELOOM_REG_BUILD_ID_WORDS; at++)
        store(reply + 8 + 4 * at, get(link, SPIKELOOM_REG_BUILD_ID + 4 * at), 4);
    return SPIKELOOM_IDENTITY_BYTES;
}

/* Those of a line stay 0. */
static size_t counters(const spikeloom_link *link, uint8_t *reply)
{
    uint32_t at;
    memset(reply, 0, 4 * SPIKELOOM_COUNTERS);
    for (at = 0; at < SPIKELOOM_REG_COUNTERS_WORDS; at++)
        store(reply + 4 * at, get(link, SPIKELOOM_REG_COUNTERS + 4 * at), 4);
    return 4 * SPIKELOOM_COUNTERS;
}

/* There and back over the bus, a word at a time. */
static size_t echo(const spikeloom_link *link, const uint8_t *body, size_t count, uint8_t *reply)
{
    size_t at, part;
    for (at = 0; at < count; at += part) {
        part = count - at < 4 ? count - at : 4;
        put(link, SPIKELOOM_REG_SCRATCH, fetch(body + at, part));
        store(reply + at, get(link, SPIKELOOM_REG_SCRATCH), part);
    }
    return count;
}

/* Go to a place (memory, slice, row) of the loaded memories; slices from there to the end of the memory. */
static uint32_t go_to(const spikeloom_link *link, const uint8_t *place)
{
    uint32_t slice = fetch(place + 1, 2), row = fetch(place + 3, 3), rows, slices;
    put(link, SPIKELOOM_REG_MEMORY_PLACE,
        place[0] << SPIKELOOM_PLACE_MEMORY_SHIFT | slice << SPIKELOOM_PLACE_SLICE_SHIFT);
    put(link, SPIKELOOM_REG_MEMORY_ROW, row);
    rows = get(link, SPIKELOOM_REG_MEMORY_ROWS);
    slices = (get(link, SPIKELOOM_REG_MEMORY_BITS) + 15) / 16;
    return row < rows && slice < slices ? (rows - row) * slices - slice : 0;
}

static size_t write_memory(spikeloom_link *link, const uint8_t *body, size_t count, uint8_t *reply)
{
    uint32_t room = count < 6 ? 0 : go_to(link, body), at;
    ROOM(link) = 0; /* there is none until it is loaded again */
    for (at = 0; at < room && 6 + 2 * at + 1 < count; at++)
        put(link, SPIKELOOM_REG_MEMORY_DATA, fetch(body + 6 + 2 * at, 2));
    reply[0] = (uint8_t)at;
    return 1;
}

static size_t read_memory(const spikeloom_link *link, const uint8_t *body, size_t count, uint8_t *reply)
{
    uint32_t room = count < 7 ? 0 : go_to(link, body), at;
    reply[0] = count < 7 || body[6] > READ_SLICES ? 0 : body[6];
    for (at = 0; at < reply[0]; at++)
        store(reply + 1 + 2 * at, at < room ? get(link, SPIKELOOM_REG_MEMORY_DATA) : 0, 2);
    return 1 + 2u * reply[0];
}

static size_t memory_state(const spikeloom_link *link, const uint8_t *body, size_t count, uint8_t *reply)
{
    put(link, SPIKELOOM_REG_MEMORY_PLACE, count ? body[0] : 0u);
    store(reply, get(link, SPIKELOOM_REG_CONTENTS), 4);
    store(reply + 4, get(link, SPIKELOOM_REG_CONTENTS_HIGH), 4);
    reply[8] = (uint8_t)FIELD(get(link, SPIKELOOM_REG_WIDTHS), WIDTHS_MEMORIES);
    store(reply + 9, get(link, SPIKELOOM_REG_MEMORY_ROWS), 4);
    store(reply + 13, get(link, SPIKELOOM_REG_MEMORY_BITS), 2);
    return 15;
}

static size_t commit(const spikeloom_link *link, const uint8_t *body, size_t count, uint8_t *reply)
{
    reply[0] = count >= 8 && (fetch(body, 4) || fetch(body + 4, 4));
    if (reply[0]) {
        put(link, SPIKELOOM_REG_CONTENTS, fetch(body, 4));
        put(link, SPIKELOOM_REG_CONTENTS_HIGH, fetch(body + 4, 4));
    }
    return 1;
}

/* Commands of accelerators whose memories are loaded; none for others. */
static int memory_command(spikeloom_link *link, uint8_t op, const uint8_t *body, size_t count,
                          uint8_t *reply, size_t *reply_bytes)
{
    if (!FIELD(get(link, SPIKELOOM_REG_WIDTHS), WIDTHS_MEMORIES))
        return SPIKELOOM_BAD_REPLY;
    switch (op) {
    case SPIKELOOM_MEMORY_WRITE: *reply_bytes = write_memory(link, body, count, reply); break;
    case SPIKELOOM_MEMORY_READ: *reply_bytes = read_memory(link, body, count, reply); break;
    case SPIKELOOM_MEMORY_STATE: *reply_bytes = memory_state(link, body, count, reply); break;
    case SPIKELOOM_MEMORY_COMMIT: *reply_bytes = commit(link, body, count, reply); break;
    default: return SPIKELOOM_BAD_REPLY;
    }
    return SPIKELOOM_OK;
}

int spikeloom_link_command(spikeloom_link *link, const uint8_t *command, size_t count, uint8_t *reply,
                           size_t capacity, size_t *reply_bytes, bool discard)
{
    uint8_t found[SPIKELOOM_PAYLOAD_BYTES];
    const uint8_t *body = command + 1;
    int code = spikeloom_link_pump(link, true);
    (void)discard; /* output of before a reset is gone with it */
    if (code)
        return code;
    if (!count || count > SPIKELOOM_PAYLOAD_BYTES)
        return SPIKELOOM_ARGUMENT;
    switch (command[0]) {
    case SPIKELOOM_IDENTIFY: *reply_bytes = identify(link, found); break;
    case SPIKELOOM_READ_COUNTERS: *reply_bytes = counters(link, found); break;
    case SPIKELOOM_ECHO: *reply_bytes = echo(link, body, count - 1, found); break;
    case SPIKELOOM_RESET:
        reset(link);
        *reply_bytes = 0;
        break;
    default: code = memory_command(link, command[0], body, count - 1, found, reply_bytes); break;
    }
    if (!code && *reply_bytes > capacity)
        code = SPIKELOOM_BAD_REPLY;
    if (!code && *reply_bytes)
        memcpy(reply, found, *reply_bytes);
    return code;
}
