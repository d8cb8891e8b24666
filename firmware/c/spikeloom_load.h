/* Weights and parameters into a board whose memories are loaded at run time (`compile --weights loaded`).
 *
 *     spikeloom_open(&board, seed);
 *     spikeloom_held(&board, found);
 *     if (memcmp(found, spikeloom_contents, sizeof found))
 *         spikeloom_load(&board, read_flash, NULL, spikeloom_contents);
 *
 * The bytes are those of load/memories.bin of the build directory; a callback gives them piece by piece, so
 * they can be in flash, on a card or on their way over a network. Nothing is allocated.
 */
#ifndef SPIKELOOM_LOAD_H
#define SPIKELOOM_LOAD_H

#include "spikeloom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Give `count` bytes (at most 240) from `offset` of the file on: 0, or anything else if that failed. Called
 * with rising offsets from 0 to its end, and then once more. */
typedef int (*spikeloom_source)(void *context, uint32_t offset, uint8_t *data, size_t count);

/* The name of what the board's memories hold: the first bytes of the SHA-256 of that file. Zeros: nothing
 * that has a name; such a board refuses tokens (SPIKELOOM_NOT_LOADED). BAD_REPLY: none is loaded at run time. */
int spikeloom_held(spikeloom_board *board, uint8_t contents[SPIKELOOM_CONTENTS_BYTES]);

/* Write everything, read everything back, and only then give it its name; waits. What is under way in the
 * accelerator is forgotten, and what came out of it thrown away.
 *
 * LOAD_FAILED: the source failed, or the memories do not hold what was written. After any error the board says
 * that it is not loaded; begin again (after those that end a session, with spikeloom_open).
 */
int spikeloom_load(spikeloom_board *board, spikeloom_source source, void *context,
                   const uint8_t contents[SPIKELOOM_CONTENTS_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
