#include "spikeloom.h"

#include <string.h>

static uint8_t bytes_of(uint32_t bits) { return (uint8_t)((bits + 7) / 8); }

static uint8_t event_bits(const spikeloom_model *model)
{
    return (uint8_t)(model->channel_bits + model->value_bits + 2);
}

static uint8_t out_bits(const spikeloom_model *model)
{
    return (uint8_t)(model->output_bits + model->output_value_bits + 2);
}

void spikeloom_init(spikeloom_board *board, const spikeloom_port *port, const spikeloom_model *model,
                    const spikeloom_options *options)
{
    memset(board, 0, sizeof *board);
    board->model = model;
    spikeloom_link_init(&board->link, port, options);
}

int spikeloom_open(spikeloom_board *board, uint32_t seed)
{
    int code = spikeloom_link_open(&board->link, (uint16_t)(seed ^ seed >> 16));
    board->token_bytes = 0;
    board->link.refused = false;
    if (!code)
        code = spikeloom_identify(board, &board->identity);
    if (!code && (board->identity.version != SPIKELOOM_VERSION ||
                  memcmp(board->identity.build_id, board->model->build_id, SPIKELOOM_BUILD_ID_BYTES) ||
                  board->identity.event_bits != event_bits(board->model) ||
                  board->identity.out_bits != out_bits(board->model)))
        code = SPIKELOOM_WRONG_BUILD;
    return code;
}

int spikeloom_pump(spikeloom_board *board) { return spikeloom_link_pump(&board->link, true); }

/* ---- Tokens ---- */

static int put_word(spikeloom_board *board, uint64_t word)
{
    uint8_t bytes[8];
    uint8_t count = bytes_of(event_bits(board->model)), at;
    if (board->link.refused)
        return SPIKELOOM_UNLOADED;
    for (at = 0; at < count; at++)
        bytes[at] = (uint8_t)(word >> 8 * at);
    return spikeloom_link_put(&board->link, bytes, count);
}

int spikeloom_put(spikeloom_board *board, uint32_t channel, uint8_t value)
{
    const spikeloom_model *model = board->model;
    uint32_t most = model->value_bits ? model->count_max : 1;
    if (channel >= model->channels || !value || value > most)
        return SPIKELOOM_ARGUMENT;
    return put_word(board, channel | (model->value_bits ? (uint64_t)value << model->channel_bits : 0));
}

int spikeloom_put_tick(spikeloom_board *board, bool last)
{
    return put_word(board, (uint64_t)(last ? 3 : 1) << (event_bits(board->model) - 2));
}

/* Bits of the token that came, from `start` on; at most 64. */
static uint64_t field(const spikeloom_board *board, uint32_t start, uint32_t bits)
{
    uint64_t value = 0;
    uint32_t at;
    for (at = 0; at < bits; at++)
        value |= (uint64_t)(board->token[(start + at) / 8] >> (start + at) % 8 & 1) << at;
    return value;
}

static int decode(const spikeloom_board *board, spikeloom_token *token)
{
    const spikeloom_model *model = board->model;
    uint32_t flags = out_bits(model) - 2u;
    uint64_t value = field(board, model->output_bits, model->output_value_bits);
    token->tick = field(board, flags, 1) != 0;
    token->last = field(board, flags + 1, 1) != 0;
    token->index = (uint32_t)field(board, 0, model->output_bits);
    if (!model->output_value_bits)
        value = 1;
    else if (model->output_signed && value >> (model->output_value_bits - 1))
        value -= UINT64_C(2) << (model->output_value_bits - 1);
    memcpy(&token->value, &value, sizeof value); /* two's complement, which int64_t is */
    if (token->tick) {
        token->index = 0;
        token->value = 0;
        return SPIKELOOM_OK;
    }
    if (token->last || token->index >= model->outputs)
        return SPIKELOOM_BAD_OUTPUT;
    if (model->order)
        token->index = model->order[token->index];
    return SPIKELOOM_OK;
}

int spikeloom_take(spikeloom_board *board, spikeloom_token *token)
{
    uint8_t wanted = bytes_of(out_bits(board->model));
    while (board->token_bytes < wanted) {
        if (spikeloom_link_take(&board->link, &board->token[board->token_bytes])) {
            int code = spikeloom_link_pump(&board->link, true);
            if (code)
                return code;
            if (spikeloom_link_take(&board->link, &board->token[board->token_bytes]))
                return board->link.refused ? SPIKELOOM_UNLOADED : SPIKELOOM_AGAIN;
        }
        board->token_bytes++;
    }
    board->token_bytes = 0;
    return decode(board, token);
}

/* After AGAIN: AGAIN while there is hope. */
static int wait(spikeloom_board *board)
{
    int code = spikeloom_link_pump(&board->link, true);
    if (!code)
        code = spikeloom_link_stalled(&board->link);
    return code ? code : SPIKELOOM_AGAIN;
}

int spikeloom_send(spikeloom_board *board, uint32_t channel, uint8_t value)
{
    int code;
    do
        code = spikeloom_put(board, channel, value);
    while (code == SPIKELOOM_AGAIN && (code = wait(board)) == SPIKELOOM_AGAIN);
    return code;
}

int spikeloom_tick(spikeloom_board *board, bool last)
{
    int code;
    do
        code = spikeloom_put_tick(board, last);
    while (code == SPIKELOOM_AGAIN && (code = wait(board)) == SPIKELOOM_AGAIN);
    return code;
}

int spikeloom_read(spikeloom_board *board, spikeloom_token *token)
{
    int code;
    do
        code = spikeloom_take(board, token);
    while (code == SPIKELOOM_AGAIN && (code = spikeloom_link_stalled(&board->link)) == SPIKELOOM_OK);
    return code;
}

/* ---- Samples ---- */

/* Where a sample is on its way in and out. */
typedef struct {
    const uint8_t *counts;
    uint32_t steps;
    uint32_t step, channel; /* next to be put */
    uint8_t done;           /* events of that channel that were put */
    uint32_t out_step;
    uint64_t out_next; /* in this step: the lowest place that may come, times spikes_max, plus how often */
    uint32_t out_tokens;
    bool ended;
} sample;

/* Put as much as there is room for. */
static int put_sample(spikeloom_board *board, sample *s)
{
    const spikeloom_model *model = board->model;
    int code = SPIKELOOM_OK;
    while (!code && s->step < s->steps) {
        uint8_t count;
        if (s->channel == model->channels) {
            code = spikeloom_put_tick(board, s->step + 1 == s->steps);
            if (!code) {
                s->step++;
                s->channel = 0;
            }
            continue;
        }
        count = s->counts[(size_t)s->step * model->channels + s->channel];
        if (count > model->count_max)
            return SPIKELOOM_ARGUMENT;
        if (count > s->done)
            code = spikeloom_put(board, s->channel, model->value_bits ? count : 1);
        if (!code && (s->done == count || ++s->done == count || model->value_bits)) {
            s->channel++;
            s->done = 0;
        }
    }
    return code;
}

/* Whether `board->token`, of which `token` is the meaning, may come at this place of the output. */
static bool in_order(const spikeloom_board *board, sample *s, const spikeloom_token *token)
{
    const spikeloom_model *model = board->model;
    bool each_step = model->readout == SPIKELOOM_SPIKES || model->readout == SPIKELOOM_MEMBRANE;
    uint64_t place, most = model->readout == SPIKELOOM_SPIKES ? model->spikes_max : 1;
    if (token->tick) {
        uint32_t due = model->readout == SPIKELOOM_SPIKES  ? s->out_tokens
                       : model->readout == SPIKELOOM_CLASS ? 1
                                                           : model->outputs;
        bool ok = s->out_tokens == due && token->last == (!each_step || s->out_step + 1 == s->steps);
        s->out_next = 0;
        s->out_tokens = 0;
        s->out_step++;
        s->ended = token->last;
        return ok;
    }
    place = field(board, 0, model->output_bits) * most;
    if (s->out_next < place)
        s->out_next = place;
    s->out_tokens++;
    return s->out_next++ < place + most;
}

static int take_sample(spikeloom_board *board, sample *s, int64_t *scores, uint32_t *winner,
                       spikeloom_output output, void *context)
{
    spikeloom_token token;
    int code;
    while (!s->ended && (code = spikeloom_take(board, &token)) != SPIKELOOM_AGAIN) {
        uint32_t step = s->out_step;
        if (code)
            return code;
        if (!in_order(board, s, &token))
            return SPIKELOOM_BAD_OUTPUT;
        if (token.tick)
            continue;
        if (board->model->readout == SPIKELOOM_CLASS) {
            if (winner)
                *winner = token.index;
        } else if (scores) {
            scores[token.index] += token.value;
        }
        if (output)
            output(context, step, &token);
    }
    return SPIKELOOM_OK;
}

static double real_score(const spikeloom_model *model, uint32_t index, int64_t score, uint32_t steps)
{
    return (double)score * model->scale[index] + steps * model->offset[index];
}

static uint32_t decide(const spikeloom_model *model, const int64_t *scores, uint32_t steps)
{
    uint32_t best = 0, index;
    for (index = 1; index < model->classes; index++)
        if (model->scale ? real_score(model, index, scores[index], steps) >
                               real_score(model, best, scores[best], steps)
                         : scores[index] > scores[best])
            best = index;
    return best;
}

int spikeloom_run(spikeloom_board *board, const uint8_t *counts, uint32_t steps, int64_t *scores,
                  uint32_t *winner, spikeloom_output output, void *context)
{
    const spikeloom_model *model = board->model;
    bool fabric_decides = model->readout == SPIKELOOM_CLASS;
    sample s;
    int code;
    if (!steps || (winner && !scores && !fabric_decides))
        return SPIKELOOM_ARGUMENT;
    memset(&s, 0, sizeof s);
    s.counts = counts;
    s.steps = steps;
    if (scores && !fabric_decides)
        memset(scores, 0, model->outputs * sizeof *scores);
    while (!s.ended) {
        code = put_sample(board, &s);
        if (code < 0)
            return code;
        code = take_sample(board, &s, scores, winner, output, context);
        if (!code)
            code = spikeloom_link_stalled(&board->link);
        if (code)
            return code;
    }
    if (s.step < s.steps)
        return SPIKELOOM_BAD_OUTPUT; /* it ended before its input */
    if (winner && !fabric_decides)
        *winner = decide(model, scores, steps);
    return SPIKELOOM_OK;
}

/* ---- Commands ---- */

static int ask(spikeloom_board *board, uint8_t command, uint8_t *reply, size_t wanted, bool discard)
{
    size_t count;
    int code = spikeloom_link_command(&board->link, &command, 1, reply, wanted, &count, discard);
    return code ? code : count == wanted ? SPIKELOOM_OK : SPIKELOOM_BAD_REPLY;
}

static uint32_t word32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

int spikeloom_identify(spikeloom_board *board, spikeloom_identity *identity)
{
    uint8_t reply[SPIKELOOM_IDENTITY_BYTES];
    int code = ask(board, SPIKELOOM_IDENTIFY, reply, sizeof reply, false);
    if (code)
        return code;
    identity->version = reply[0];
    identity->window = reply[1];
    identity->event_bits = reply[2];
    identity->out_bits = reply[3];
    identity->clock_hz = word32(reply + 4);
    memcpy(identity->build_id, reply + 8, SPIKELOOM_BUILD_ID_BYTES);
    return SPIKELOOM_OK;
}

int spikeloom_reset(spikeloom_board *board)
{
    int code = ask(board, SPIKELOOM_RESET, NULL, 0, true);
    board->token_bytes = 0;
    board->link.refused = false;
    return code;
}

int spikeloom_counters(spikeloom_board *board, uint32_t counters[SPIKELOOM_COUNTERS])
{
    uint8_t reply[4 * SPIKELOOM_COUNTERS];
    int code = ask(board, SPIKELOOM_READ_COUNTERS, reply, sizeof reply, false);
    uint32_t at;
    for (at = 0; !code && at < SPIKELOOM_COUNTERS; at++)
        counters[at] = word32(reply + 4 * at);
    return code;
}

int spikeloom_echo(spikeloom_board *board, const uint8_t *data, uint8_t *back, size_t count)
{
    uint8_t command[SPIKELOOM_PAYLOAD_BYTES];
    size_t found;
    int code;
    if (count > sizeof command - 1)
        return SPIKELOOM_ARGUMENT;
    command[0] = SPIKELOOM_ECHO;
    memcpy(command + 1, data, count);
    code = spikeloom_link_command(&board->link, command, count + 1, back, count, &found, false);
    return code ? code : found == count ? SPIKELOOM_OK : SPIKELOOM_BAD_REPLY;
}
