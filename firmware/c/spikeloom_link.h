/* The host's half of the link to an accelerator (docs/link-protocol.md): two ordered streams over any line
 * of bytes. C99, no allocation, no operating system. spikeloom.h is what a program uses; this is below it.
 */
#ifndef SPIKELOOM_LINK_H
#define SPIKELOOM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spikeloom_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Frames that are kept until the board has them, and frames that are kept until the program has read them;
 * powers of two, 1 .. 64, of about 250 bytes each. More of them keep a line with a long delay full. */
#ifndef SPIKELOOM_SEND_SLOTS
#define SPIKELOOM_SEND_SLOTS 4
#endif
#ifndef SPIKELOOM_RECEIVE_SLOTS
#define SPIKELOOM_RECEIVE_SLOTS 4
#endif

/* What functions return. Errors are negative; after those marked *, only spikeloom_open goes on. */
enum {
    SPIKELOOM_OK = 0,
    SPIKELOOM_AGAIN = 1,        /* not now: no room, or nothing there */
    SPIKELOOM_NO_ANSWER = -1,   /* nobody is on the line (any more) * */
    SPIKELOOM_STALLED = -2,     /* the board answers, but nothing comes of it * */
    SPIKELOOM_RESTARTED = -3,   /* the board lost the session * */
    SPIKELOOM_PORT_FAILED = -4, /* a callback failed * */
    SPIKELOOM_BAD_REPLY = -5,   /* a reply that no board of ours gives */
    SPIKELOOM_WRONG_BUILD = -6, /* another build is on the board */
    SPIKELOOM_BAD_OUTPUT = -7,  /* output that the accelerator of this build does not give */
    SPIKELOOM_UNREAD = -8,      /* output that was not read is in the way of the reply */
    SPIKELOOM_ARGUMENT = -9,    /* an index, a value or a size that the build has not */
    SPIKELOOM_UNLOADED = -10,   /* the board's memories are not loaded: tokens were refused (spikeloom_load.h) */
    SPIKELOOM_LOAD_FAILED = -11 /* there was nothing to load, or the memories do not hold it */
};

/* What the code means, in words. */
const char *spikeloom_message(int code);

/* The line. `read` and `write` return how many bytes they moved, 0 if none could be now, < 0 if they failed.
 * They may wait for a millisecond or two, which saves power, but need not. */
typedef struct {
    void *context;
    int (*write)(void *context, const uint8_t *data, size_t count);
    int (*read)(void *context, uint8_t *data, size_t capacity);
    uint32_t (*now_ms)(void *context); /* a clock that may wrap */
} spikeloom_port;

typedef struct {
    uint32_t timeout_ms; /* silence after which the board is asked what it has */
    uint32_t tries;      /* how often it is asked before it counts as gone */
    uint32_t stall_ms;   /* time in which something must come of it */
} spikeloom_options;

#define SPIKELOOM_DEFAULT_OPTIONS {200, 10, 10000}

typedef struct {
    uint32_t frames_out, frames_in; /* with commands or tokens; frames_out with those sent again */
    uint32_t sent_again;
    uint32_t bad_frames;   /* damaged ones that came in */
    uint32_t stray_frames; /* whole ones that came in twice or out of order */
    uint32_t polls;        /* times that the board was silent for too long */
} spikeloom_statistics;

typedef struct {
    uint8_t length, type;
    uint8_t payload[SPIKELOOM_PAYLOAD_BYTES];
} spikeloom_slot;

typedef struct {
    spikeloom_port port;
    spikeloom_options options;
    spikeloom_statistics statistics;
    int error; /* what ended the session, or 0 */
    bool opened;
    uint16_t nonce;

    spikeloom_slot send[SPIKELOOM_SEND_SLOTS];
    uint8_t base;   /* number of the oldest frame that the board may not have */
    uint8_t held;   /* frames from there on that are complete */
    uint8_t flown;  /* how many of them were sent at least once */
    uint8_t sent;   /* how many of them were sent since the last time back */
    uint8_t limit;  /* first number that must not be sent yet */
    bool filling;   /* the frame behind them has a part of its tokens */

    spikeloom_slot receive[SPIKELOOM_RECEIVE_SLOTS];
    uint8_t expected; /* number of the next frame in order */
    uint8_t consumed; /* number of the oldest frame that was not read to its end */
    uint8_t offset;   /* in that frame */
    uint8_t unwanted; /* replies that nobody waits for any more */
    bool owed, rejecting, ask_again, poll;
    bool refused; /* tokens were, since its memories are not loaded; spikeloom.c sets it back */

    uint32_t heard_ms, since_ms; /* when a frame last came; when something last came of it */
    uint32_t silent;             /* polls without an answer */

    uint8_t frame[SPIKELOOM_FRAME_BYTES]; /* that is coming in */
    uint16_t frame_length;
    uint8_t block_left;
    bool zero_due, anything, too_long;
    uint8_t line[SPIKELOOM_FRAME_BYTES + 4]; /* that is going out */
    uint16_t line_length, line_done;
} spikeloom_link;

/* options: NULL for the defaults. */
void spikeloom_link_init(spikeloom_link *link, const spikeloom_port *port, const spikeloom_options *options);

/* Begin a session; waits. `nonce` should differ from the last one's. */
int spikeloom_link_open(spikeloom_link *link, uint16_t nonce);

/* Move what can be moved, without waiting. `expecting`: the program waits for something, so silence is asked
 * about and frames leave before they are full. Returns OK or an error. */
int spikeloom_link_pump(spikeloom_link *link, bool expecting);

/* Put bytes of the events stream, all of them or (AGAIN) none; at most 246. */
int spikeloom_link_put(spikeloom_link *link, const uint8_t *data, size_t count);

/* Take a byte of the out stream: OK or AGAIN. */
int spikeloom_link_take(spikeloom_link *link, uint8_t *byte);

/* Send a command (its first byte and a body) and wait for the body of its reply. `discard` throws away all
 * output before the reply, which is else kept. */
int spikeloom_link_command(spikeloom_link *link, const uint8_t *command, size_t count, uint8_t *reply,
                           size_t capacity, size_t *reply_bytes, bool discard);

/* Whether the board has all that was put. */
bool spikeloom_link_delivered(const spikeloom_link *link);

/* STALLED if nothing has come of the link for stall_ms, else OK. */
int spikeloom_link_stalled(spikeloom_link *link);

#ifdef __cplusplus
}
#endif

#endif
