/* An accelerator behind the registers of a bus (docs/blocks/registers.md) instead of a line: compile
 * spikeloom_mmio.c in the place of spikeloom_link.c, and everything in spikeloom.h is as it was.
 *
 *     static const spikeloom_bus bus = {base, read_register, write_register, milliseconds};
 *     spikeloom_port port = spikeloom_mmio_port(&bus);
 *     spikeloom_init(&board, &port, &spikeloom_build, NULL);
 *
 * Frames are not needed, so -DSPIKELOOM_SEND_SLOTS=1 -DSPIKELOOM_RECEIVE_SLOTS=1 saves their memory.
 */
#ifndef SPIKELOOM_MMIO_H
#define SPIKELOOM_MMIO_H

#include "spikeloom_link.h"
#include "spikeloom_registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whole words at an offset in bytes; in device memory these are accesses through a volatile pointer. The
 * driver makes none that the accelerator answers with an error, if it is this build's. */
typedef struct {
    void *context;
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
    uint32_t (*now_ms)(void *context); /* a clock that may wrap */
} spikeloom_bus;

/* The port for spikeloom_init; `bus` stays where it is. */
spikeloom_port spikeloom_mmio_port(const spikeloom_bus *bus);

#ifdef __cplusplus
}
#endif

#endif
