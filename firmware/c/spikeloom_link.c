#include "spikeloom_link.h"

#include <string.h>

#define MASK(slots) ((slots)-1)
#define OUT(link, number) (&(link)->send[(uint8_t)(number) & MASK(SPIKELOOM_SEND_SLOTS)])
#define IN(link, number) (&(link)->receive[(uint8_t)(number) & MASK(SPIKELOOM_RECEIVE_SLOTS)])

/* Both are powers of two from 1 to 64, or this does not compile. */
typedef char check_send_slots[(SPIKELOOM_SEND_SLOTS >= 1 && SPIKELOOM_SEND_SLOTS <= SPIKELOOM_MAX_WINDOW &&
                               !(SPIKELOOM_SEND_SLOTS & MASK(SPIKELOOM_SEND_SLOTS)))
                                  ? 1
                                  : -1];
typedef char check_receive_slots[(SPIKELOOM_RECEIVE_SLOTS >= 1 &&
                                  SPIKELOOM_RECEIVE_SLOTS <= SPIKELOOM_MAX_WINDOW &&
                                  !(SPIKELOOM_RECEIVE_SLOTS & MASK(SPIKELOOM_RECEIVE_SLOTS)))
                                     ? 1
                                     : -1];

const char *spikeloom_message(int code)
{
    switch (code) {
    case SPIKELOOM_OK: return "right";
    case SPIKELOOM_AGAIN: return "not now, try again";
    case SPIKELOOM_NO_ANSWER: return "the board does not answer";
    case SPIKELOOM_STALLED: return "the board answers but gets no further";
    case SPIKELOOM_RESTARTED: return "the board was restarted";
    case SPIKELOOM_PORT_FAILED: return "the port failed";
    case SPIKELOOM_BAD_REPLY: return "a reply that no board gives";
    case SPIKELOOM_WRONG_BUILD: return "the board holds another build";
    case SPIKELOOM_BAD_OUTPUT: return "output that the accelerator of this build does not give";
    case SPIKELOOM_UNREAD: return "output has to be read before the reply can come";
    case SPIKELOOM_ARGUMENT: return "an argument is out of range";
    case SPIKELOOM_UNLOADED: return "the board's memories are not loaded";
    case SPIKELOOM_LOAD_FAILED: return "the board's memories do not hold what was to be loaded";
    default: return "unknown code";
    }
}

/* CRC-32 (ISO-HDLC), four bits at a time: a table of 64 bytes. */
static uint32_t crc32(const uint8_t *data, size_t count)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    uint32_t crc = 0xffffffffu;
    while (count--) {
        crc ^= *data++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static uint32_t now(const spikeloom_link *link) { return link->port.now_ms(link->port.context); }

static int fail(spikeloom_link *link, int code)
{
    if (!link->error)
        link->error = code;
    return link->error;
}

void spikeloom_link_init(spikeloom_link *link, const spikeloom_port *port, const spikeloom_options *options)
{
    const spikeloom_options defaults = SPIKELOOM_DEFAULT_OPTIONS;
    memset(link, 0, sizeof *link);
    link->port = *port;
    link->options = options ? *options : defaults;
}

bool spikeloom_link_delivered(const spikeloom_link *link) { return !link->held && !link->filling; }

int spikeloom_link_stalled(spikeloom_link *link)
{
    return now(link) - link->since_ms > link->options.stall_ms ? fail(link, SPIKELOOM_STALLED) : SPIKELOOM_OK;
}

/* ---- Going out ---- */

/* Put a frame on the line: COBS and a delimiter. One without a payload has a delimiter before it too, which
 * ends what noise may have begun. */
static void encode(spikeloom_link *link, uint8_t flags, uint8_t seq, uint8_t ack, uint8_t limit,
                   const spikeloom_slot *slot)
{
    uint8_t content[SPIKELOOM_FRAME_BYTES];
    size_t count = SPIKELOOM_HEADER_BYTES, code, at;
    uint32_t crc;
    content[0] = (uint8_t)(SPIKELOOM_VERSION << SPIKELOOM_VERSION_SHIFT | flags);
    content[1] = seq;
    content[2] = ack;
    content[3] = limit;
    if (slot) {
        memcpy(content + count, slot->payload, slot->length);
        count += slot->length;
    }
    crc = crc32(content, count);
    for (at = 0; at < SPIKELOOM_CRC_BYTES; at++)
        content[count++] = (uint8_t)(crc >> 8 * at);

    link->line[0] = 0;
    code = slot ? 0 : 1;
    link->line_length = (uint16_t)(code + 1);
    for (at = 0; at < count; at++) {
        if (content[at])
            link->line[link->line_length++] = content[at];
        if (!content[at] || (link->line_length - code == 255 && at + 1 < count)) {
            link->line[code] = (uint8_t)(link->line_length - code);
            code = link->line_length++;
        }
    }
    link->line[code] = (uint8_t)(link->line_length - code);
    link->line[link->line_length++] = 0;
    link->line_done = 0;
}

static void encode_numbered(spikeloom_link *link, uint8_t flags, uint8_t seq, const spikeloom_slot *slot)
{
    uint8_t limit = (uint8_t)(link->consumed + SPIKELOOM_RECEIVE_SLOTS);
    encode(link, flags, seq, link->expected, limit, slot);
    link->owed = false; /* every frame acknowledges */
}

static void close_frame(spikeloom_link *link)
{
    link->filling = false;
    link->held++;
}

/* Put the next frame on the line, if there is any to send; the line is free. */
static bool next_frame(spikeloom_link *link, bool flush)
{
    uint8_t number = (uint8_t)(link->base + link->sent);
    uint8_t room = (uint8_t)(link->limit - number);
    if (link->poll || link->ask_again) {
        uint8_t flags = SPIKELOOM_STATUS | SPIKELOOM_RESEND;
        encode_numbered(link, link->poll ? flags | SPIKELOOM_POLL : flags, number, NULL);
        link->poll = link->ask_again = false;
        return true;
    }
    if (room && room <= SPIKELOOM_MAX_WINDOW) {
        if (link->sent == link->held && link->filling && flush)
            close_frame(link);
        if (link->sent < link->held) {
            const spikeloom_slot *slot = OUT(link, number);
            encode_numbered(link, slot->type, number, slot);
            link->statistics.frames_out++;
            if (link->sent++ == link->flown)
                link->flown++;
            else
                link->statistics.sent_again++;
            return true;
        }
    }
    if (link->owed) {
        encode_numbered(link, SPIKELOOM_STATUS, number, NULL);
        return true;
    }
    return false;
}

/* Send until the port takes no more. */
static int transmit(spikeloom_link *link, bool flush)
{
    for (;;) {
        int count;
        if (link->line_done == link->line_length && !(link->opened && next_frame(link, flush)))
            return SPIKELOOM_OK;
        count = link->port.write(link->port.context, link->line + link->line_done,
                                 (size_t)(link->line_length - link->line_done));
        if (count < 0)
            return fail(link, SPIKELOOM_PORT_FAILED);
        if (!count)
            return SPIKELOOM_OK;
        link->line_done = (uint16_t)(link->line_done + count);
    }
}

/* ---- Coming in ---- */

/* Ask for what is missing, once; a poll follows if that is lost too. */
static void lost(spikeloom_link *link)
{
    if (!link->rejecting)
        link->rejecting = link->ask_again = true;
}

static void acknowledged(spikeloom_link *link, uint8_t count)
{
    link->base = (uint8_t)(link->base + count);
    link->held = (uint8_t)(link->held - count);
    link->flown = (uint8_t)(link->flown - count);
    link->sent = link->sent > count ? (uint8_t)(link->sent - count) : 0;
    if (count)
        link->since_ms = now(link);
}

static void accept(spikeloom_link *link, uint8_t type, const uint8_t *payload, size_t count)
{
    spikeloom_slot *slot = IN(link, link->expected);
    slot->type = type;
    slot->length = (uint8_t)count;
    memcpy(slot->payload, payload, count);
    if (type == SPIKELOOM_COMMAND && count == 1 && payload[0] == SPIKELOOM_NOT_LOADED) {
        link->refused = true; /* no reply: an empty frame of tokens, which is passed over */
        slot->type = SPIKELOOM_TOKENS;
        slot->length = 0;
    }
    link->expected++;
    link->statistics.frames_in++;
    link->owed = true;
    link->rejecting = false;
    link->since_ms = now(link);
}

/* A whole frame of a session. */
static void take_frame(spikeloom_link *link, const uint8_t *frame, size_t payload_bytes)
{
    uint8_t type = frame[0] & SPIKELOOM_TYPE_MASK;
    uint8_t fresh = (uint8_t)(frame[2] - link->base), ahead = (uint8_t)(frame[1] - link->expected);
    bool sequenced = type == SPIKELOOM_COMMAND || type == SPIKELOOM_TOKENS;
    bool room = (uint8_t)(link->expected - link->consumed) < SPIKELOOM_RECEIVE_SLOTS;
    if (type == SPIKELOOM_OPEN)
        return; /* the answer to a greeting that was repeated */
    if (type == SPIKELOOM_CLOSED) {
        fail(link, SPIKELOOM_RESTARTED);
        return;
    }
    if (fresh <= link->flown) {
        acknowledged(link, fresh);
        /* An answer to a poll comes after all that was sent before it: what it does not name is lost. */
        if (frame[0] & (SPIKELOOM_RESEND | SPIKELOOM_POLL))
            link->sent = 0;
    }
    if ((uint8_t)(frame[3] - link->limit) <= 128)
        link->limit = frame[3];
    if (sequenced && !ahead && room) {
        accept(link, type, frame + SPIKELOOM_HEADER_BYTES, payload_bytes);
    } else if (ahead && ahead < 128) {
        link->statistics.stray_frames++;
        lost(link);
    } else if (sequenced) {
        link->statistics.stray_frames++;
        link->owed = true;
    }
}

/* The delimiter came: is what came before it a frame? */
static void end_frame(spikeloom_link *link)
{
    const uint8_t *frame = link->frame;
    size_t count = link->frame_length;
    bool whole = !link->block_left && !link->too_long && count >= SPIKELOOM_HEADER_BYTES + SPIKELOOM_CRC_BYTES;
    uint32_t crc = 0;
    size_t at;
    if (whole) {
        count -= SPIKELOOM_CRC_BYTES;
        for (at = 0; at < SPIKELOOM_CRC_BYTES; at++)
            crc |= (uint32_t)frame[count + at] << 8 * at;
        whole = crc == crc32(frame, count) && frame[0] >> SPIKELOOM_VERSION_SHIFT == SPIKELOOM_VERSION &&
                (frame[0] & SPIKELOOM_TYPE_MASK) <= SPIKELOOM_CLOSED;
    }
    if (!whole) {
        link->statistics.bad_frames++;
        if (link->opened)
            lost(link);
        return;
    }
    if (link->opened) {
        link->silent = 0;
        link->heard_ms = now(link);
        take_frame(link, frame, count - SPIKELOOM_HEADER_BYTES);
    } else if ((frame[0] & SPIKELOOM_TYPE_MASK) == SPIKELOOM_OPEN &&
               (frame[1] | frame[2] << 8) == link->nonce) {
        link->opened = true;
        link->limit = frame[3];
        link->heard_ms = link->since_ms = now(link);
    }
}

static void put_decoded(spikeloom_link *link, uint8_t byte)
{
    if (link->frame_length < SPIKELOOM_FRAME_BYTES)
        link->frame[link->frame_length++] = byte;
    else
        link->too_long = true;
}

static void take_line_byte(spikeloom_link *link, uint8_t byte)
{
    if (!byte) {
        if (link->anything)
            end_frame(link);
        link->frame_length = 0;
        link->block_left = 0;
        link->anything = link->too_long = link->zero_due = false;
        return;
    }
    link->anything = true;
    if (link->block_left) {
        put_decoded(link, byte);
        link->block_left--;
        return;
    }
    if (link->zero_due)
        put_decoded(link, 0);
    link->block_left = (uint8_t)(byte - 1);
    link->zero_due = byte != 255;
}

static int receive(spikeloom_link *link)
{
    uint8_t bytes[64];
    int count, at;
    do {
        count = link->port.read(link->port.context, bytes, sizeof bytes);
        if (count < 0)
            return fail(link, SPIKELOOM_PORT_FAILED);
        for (at = 0; at < count; at++)
            take_line_byte(link, bytes[at]);
    } while (count == (int)sizeof bytes && !link->error);
    return link->error;
}

/* ---- The session ---- */

int spikeloom_link_open(spikeloom_link *link, uint16_t nonce)
{
    spikeloom_port port = link->port;
    spikeloom_options options = link->options;
    uint32_t tried;
    spikeloom_link_init(link, &port, &options);
    link->nonce = nonce;
    for (tried = 0; tried < options.tries; tried++) {
        uint32_t begun = now(link);
        encode(link, SPIKELOOM_OPEN, (uint8_t)nonce, (uint8_t)(nonce >> 8), SPIKELOOM_RECEIVE_SLOTS, NULL);
        while (!link->opened && now(link) - begun < options.timeout_ms)
            if (transmit(link, false) || receive(link))
                return link->error;
        if (link->opened)
            return SPIKELOOM_OK;
    }
    return fail(link, SPIKELOOM_NO_ANSWER);
}

int spikeloom_link_pump(spikeloom_link *link, bool expecting)
{
    if (link->error || !link->opened)
        return fail(link, SPIKELOOM_NO_ANSWER);
    if (receive(link))
        return link->error;
    if (spikeloom_link_delivered(link) && !expecting) {
        link->heard_ms = now(link); /* nobody wants anything: that is no silence */
    } else if (now(link) - link->heard_ms >= link->options.timeout_ms) {
        link->heard_ms = now(link);
        link->rejecting = false;
        link->poll = true;
        link->statistics.polls++;
        if (link->silent++ >= link->options.tries)
            return fail(link, SPIKELOOM_NO_ANSWER);
    }
    return transmit(link, expecting);
}

/* Time in which nobody wanted anything is not time in which the board was silent. */
static void wake(spikeloom_link *link)
{
    if (spikeloom_link_delivered(link))
        link->heard_ms = link->since_ms = now(link);
}

static bool room_to_send(const spikeloom_link *link) { return link->held < SPIKELOOM_SEND_SLOTS; }

int spikeloom_link_put(spikeloom_link *link, const uint8_t *data, size_t count)
{
    spikeloom_slot *slot;
    if (link->error)
        return link->error;
    if (count > SPIKELOOM_PAYLOAD_BYTES)
        return SPIKELOOM_ARGUMENT;
    if (link->filling && OUT(link, link->base + link->held)->length + count > SPIKELOOM_PAYLOAD_BYTES)
        close_frame(link);
    if (!link->filling) {
        if (!room_to_send(link)) {
            int code = spikeloom_link_pump(link, false);
            return code ? code : SPIKELOOM_AGAIN;
        }
        wake(link);
        link->filling = true;
        slot = OUT(link, link->base + link->held);
        slot->type = SPIKELOOM_TOKENS;
        slot->length = 0;
    }
    slot = OUT(link, link->base + link->held);
    memcpy(slot->payload + slot->length, data, count);
    slot->length = (uint8_t)(slot->length + count);
    return SPIKELOOM_OK;
}

static void consume(spikeloom_link *link)
{
    link->consumed++;
    link->offset = 0;
    link->owed = true; /* there is room for another one, which the board has to know */
}

/* Pass over what nobody will read. */
static void tidy(spikeloom_link *link)
{
    while (link->consumed != link->expected) {
        const spikeloom_slot *slot = IN(link, link->consumed);
        if (slot->type == SPIKELOOM_TOKENS ? link->offset < slot->length : !link->unwanted)
            return;
        if (slot->type == SPIKELOOM_COMMAND)
            link->unwanted--;
        consume(link);
    }
}

int spikeloom_link_take(spikeloom_link *link, uint8_t *byte)
{
    const spikeloom_slot *slot;
    tidy(link);
    slot = IN(link, link->consumed);
    if (link->consumed == link->expected || slot->type != SPIKELOOM_TOKENS)
        return SPIKELOOM_AGAIN;
    *byte = slot->payload[link->offset++];
    tidy(link);
    return SPIKELOOM_OK;
}

static bool receive_full(const spikeloom_link *link)
{
    return (uint8_t)(link->expected - link->consumed) == SPIKELOOM_RECEIVE_SLOTS;
}

/* The slot of the reply that is wanted, or NULL. With `discard`, output before it is thrown away. */
static spikeloom_slot *find_reply(spikeloom_link *link, bool discard)
{
    uint8_t number, skip;
    tidy(link);
    skip = link->unwanted;
    for (number = link->consumed; number != link->expected; number++) {
        spikeloom_slot *slot = IN(link, number);
        if (slot->type == SPIKELOOM_COMMAND && !skip--)
            return slot;
    }
    while (discard && link->consumed != link->expected) {
        if (IN(link, link->consumed)->type == SPIKELOOM_COMMAND)
            link->unwanted--;
        consume(link);
    }
    return NULL;
}

static int wait_reply(spikeloom_link *link, bool discard, spikeloom_slot **reply)
{
    for (;;) {
        int code = spikeloom_link_pump(link, true);
        if (!code)
            code = spikeloom_link_stalled(link);
        if (code)
            return code;
        *reply = find_reply(link, discard);
        if (*reply)
            return SPIKELOOM_OK;
        if (receive_full(link)) {
            link->unwanted++;
            return SPIKELOOM_UNREAD;
        }
    }
}

int spikeloom_link_command(spikeloom_link *link, const uint8_t *command, size_t count, uint8_t *reply,
                           size_t capacity, size_t *reply_bytes, bool discard)
{
    spikeloom_slot *slot;
    int code;
    if (!count || count > SPIKELOOM_PAYLOAD_BYTES)
        return SPIKELOOM_ARGUMENT;
    wake(link);
    if (link->filling)
        close_frame(link);
    while (!room_to_send(link)) {
        if ((code = spikeloom_link_pump(link, true)) != 0 || (code = spikeloom_link_stalled(link)) != 0)
            return code;
        tidy(link); /* a reply that nobody waits for any more is not in the way */
        if (discard)
            find_reply(link, true);
        else if (receive_full(link))
            return SPIKELOOM_UNREAD;
    }
    slot = OUT(link, link->base + link->held++);
    slot->type = SPIKELOOM_COMMAND;
    slot->length = (uint8_t)count;
    memcpy(slot->payload, command, count);
    code = wait_reply(link, discard, &slot);
    if (code)
        return code;
    if (!slot->length || slot->payload[0] != (command[0] | SPIKELOOM_REPLY) || slot->length - 1u > capacity) {
        code = SPIKELOOM_BAD_REPLY;
    } else {
        *reply_bytes = slot->length - 1u;
        if (*reply_bytes)
            memcpy(reply, slot->payload + 1, *reply_bytes);
    }
    /* It was read, whatever is before it: an empty frame of tokens is passed over. */
    slot->type = SPIKELOOM_TOKENS;
    slot->length = 0;
    if (discard) {
        link->unwanted = 0; /* those were before it */
        while (link->consumed != link->expected)
            consume(link);
    }
    tidy(link);
    return code;
}
