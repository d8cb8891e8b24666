/* An accelerator on a board, from C: events in, spikes, counts, a class or membranes out.
 *
 *     spikeloom_board board;
 *     spikeloom_init(&board, &port, &spikeloom_build, NULL);
 *     if (spikeloom_open(&board, seed) == SPIKELOOM_OK)
 *         spikeloom_run(&board, counts, steps, scores, &winner, NULL, NULL);
 *
 * `port` is yours (spikeloom_link.h), `spikeloom_build` is generated (spikeloom_build.h). Calls that say so
 * wait, with the time-outs of the options; the others never do. Nothing is allocated: a spikeloom_board is
 * all the memory there is, about 250 bytes a slot.
 */
#ifndef SPIKELOOM_H
#define SPIKELOOM_H

#include "spikeloom_link.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SPIKELOOM_SPIKES,   /* each step, the neurons that fired */
    SPIKELOOM_MEMBRANE, /* each step, the state of every neuron */
    SPIKELOOM_COUNTS,   /* at the end, the spikes of every neuron */
    SPIKELOOM_CLASS     /* at the end, the neuron with the most of either */
} spikeloom_readout;

/* What was compiled: spikeloom_build.h has one. */
typedef struct {
    uint8_t build_id[SPIKELOOM_BUILD_ID_BYTES];
    spikeloom_readout readout;
    uint32_t channels;                          /* of the input */
    uint8_t channel_bits, value_bits;           /* of an event; value_bits 0: a count is so many events */
    uint8_t count_max;                          /* most that a channel may count in a step */
    uint32_t outputs;                           /* neurons of the output */
    uint8_t output_bits, output_value_bits;     /* of what comes back */
    bool output_signed;
    uint8_t spikes_max;                         /* how often a neuron may come in a step */
    const uint32_t *order;                      /* number of each output as it is sent; NULL: its index */
    uint32_t classes;                           /* outputs that a class is decided from, from 0 on */
    const double *scale, *offset;               /* of membranes, where neurons differ; else NULL */
    const char *const *class_names;             /* one for each class */
} spikeloom_model;

typedef struct {
    uint8_t version, window, event_bits, out_bits;
    uint32_t clock_hz;
    uint8_t build_id[SPIKELOOM_BUILD_ID_BYTES];
} spikeloom_identity;

typedef struct {
    bool tick, last; /* a tick ends a step; `last` the sample too. Else: */
    uint32_t index;  /* of the neuron, as the network numbers it */
    int64_t value;   /* membrane or count; 1 for a spike */
} spikeloom_token;

typedef struct {
    spikeloom_link link;
    const spikeloom_model *model;
    spikeloom_identity identity;
    uint8_t token[16]; /* of the out stream, as far as it came */
    uint8_t token_bytes;
} spikeloom_board;

/* Called with every token of output that is no tick, and the step it belongs to. */
typedef void (*spikeloom_output)(void *context, uint32_t step, const spikeloom_token *token);

/* `options`: NULL for the defaults. Touches memory only. */
void spikeloom_init(spikeloom_board *board, const spikeloom_port *port, const spikeloom_model *model,
                    const spikeloom_options *options);

/* Begin a session, and check that the board holds this build; waits. `seed`: anything that differs from
 * session to session. Also the way on after any error. */
int spikeloom_open(spikeloom_board *board, uint32_t seed);

/* Run one sample; waits, and reads its whole output.
 *
 * counts: [steps][channels], how many events each channel has in each step.
 * scores: [outputs] or NULL. Spikes of each neuron, or the sum of its membranes; not written for CLASS.
 * winner: or NULL: the class, the lowest of equal ones. NULL for scores then means that memory is missing
 *     to decide, unless the readout is CLASS: SPIKELOOM_ARGUMENT.
 * output, context: or NULL: called as output comes.
 */
int spikeloom_run(spikeloom_board *board, const uint8_t *counts, uint32_t steps, int64_t *scores,
                  uint32_t *winner, spikeloom_output output, void *context);

/* Put an event (`value` only where the build has value_bits, else 1) or the end of a step: OK, or AGAIN if
 * there is no room now; call spikeloom_take or spikeloom_pump, and try again. Frames leave when they are
 * full, or when something is waited for. */
int spikeloom_put(spikeloom_board *board, uint32_t channel, uint8_t value);
int spikeloom_put_tick(spikeloom_board *board, bool last);

/* Take a token of output: OK, or AGAIN if none is there yet. */
int spikeloom_take(spikeloom_board *board, spikeloom_token *token);

/* The same three, but they wait. An output that nobody takes makes the first two fail with STALLED. */
int spikeloom_send(spikeloom_board *board, uint32_t channel, uint8_t value);
int spikeloom_tick(spikeloom_board *board, bool last);
int spikeloom_read(spikeloom_board *board, spikeloom_token *token);

/* Keep the link going without doing anything else. */
int spikeloom_pump(spikeloom_board *board);

/* Commands; they wait. Except for reset, output that was not read may be in the way (SPIKELOOM_UNREAD). */
int spikeloom_identify(spikeloom_board *board, spikeloom_identity *identity);
int spikeloom_reset(spikeloom_board *board); /* the accelerator forgets everything under way */
int spikeloom_counters(spikeloom_board *board, uint32_t counters[SPIKELOOM_COUNTERS]);
int spikeloom_echo(spikeloom_board *board, const uint8_t *data, uint8_t *back, size_t count);

#ifdef __cplusplus
}
#endif

#endif
