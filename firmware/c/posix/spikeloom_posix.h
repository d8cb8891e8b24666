/* A port on Linux, macOS and other POSIX systems: a serial device, or any file that can be read and written. */
#ifndef SPIKELOOM_POSIX_H
#define SPIKELOOM_POSIX_H

#include "spikeloom_link.h"

typedef struct {
    int file;
} spikeloom_posix;

/* Open `path`; a terminal is made raw, at `baud` where it is not 0. Returns 0, or errno. */
int spikeloom_posix_open(spikeloom_posix *posix, const char *path, uint32_t baud);
void spikeloom_posix_close(spikeloom_posix *posix);

/* The port on it; `posix` must live as long. */
spikeloom_port spikeloom_posix_port(spikeloom_posix *posix);

#endif
