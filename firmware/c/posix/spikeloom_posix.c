#define _DEFAULT_SOURCE /* cfmakeraw, and rates beyond POSIX */
#define _DARWIN_C_SOURCE

#include "spikeloom_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 1 };

/* The code of a rate; 0 if the system has none, which leaves the device at its own. */
static speed_t speed_of(uint32_t baud)
{
    switch (baud) {
    case 9600: return B9600;
    case 115200: return B115200;
#ifdef B1000000
    case 460800: return B460800;
    case 921600: return B921600;
    case 1000000: return B1000000;
    case 2000000: return B2000000;
    case 3000000: return B3000000;
#endif
    default: return 0;
    }
}

int spikeloom_posix_open(spikeloom_posix *posix, const char *path, uint32_t baud)
{
    struct termios settings;
    posix->file = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (posix->file < 0)
        return errno;
    if (tcgetattr(posix->file, &settings) == 0) {
        cfmakeraw(&settings);
        settings.c_cflag |= CLOCAL | CREAD;
        if (speed_of(baud))
            cfsetspeed(&settings, speed_of(baud));
        tcsetattr(posix->file, TCSANOW, &settings);
    }
    return 0;
}

void spikeloom_posix_close(spikeloom_posix *posix) { close(posix->file); }

static int again(long done)
{
    if (done >= 0)
        return (int)done;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static int port_write(void *context, const uint8_t *data, size_t count)
{
    const spikeloom_posix *posix = context;
    return again((long)write(posix->file, data, count));
}

static int port_read(void *context, uint8_t *data, size_t capacity)
{
    const spikeloom_posix *posix = context;
    struct pollfd file;
    file.fd = posix->file;
    file.events = POLLIN;
    if (poll(&file, 1, WAIT_MS) <= 0)
        return 0;
    return again((long)read(posix->file, data, capacity));
}

static uint32_t port_now_ms(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000);
}

spikeloom_port spikeloom_posix_port(spikeloom_posix *posix)
{
    spikeloom_port port;
    port.context = posix;
    port.write = port_write;
    port.read = port_read;
    port.now_ms = port_now_ms;
    return port;
}
