/* The Pico's UART as a serial device of this machine, whose path is in SPIKELOOM_PORT. Its "interrupt" comes
 * whenever the program looks at the clock, the UART or nothing (tight_loop_contents).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hardware/irq.h"
#include "hardware/uart.h"
#include "pico/stdlib.h"
#include "spikeloom_posix.h"

enum { FIFO_BYTES = 32 };

static spikeloom_posix device;
static spikeloom_port port;
static uint8_t fifo[FIFO_BYTES];
static int fifo_count, fifo_taken;
static uint8_t held; /* a byte that the device did not take yet */
static bool holding, in_handler;
static irq_handler_t handler;

static void end(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(2);
}

static void interrupt(void)
{
    if (!handler || in_handler)
        return;
    if (fifo_taken == fifo_count) {
        fifo_taken = 0;
        fifo_count = port.read(port.context, fifo, sizeof fifo);
        if (fifo_count < 0)
            end("the port failed");
    }
    if (fifo_taken < fifo_count) {
        in_handler = true;
        handler();
        in_handler = false;
    }
}

unsigned uart_init(uart_inst_t *uart, unsigned baud)
{
    const char *path = getenv("SPIKELOOM_PORT");
    int code;
    (void)uart;
    if (!path)
        end("SPIKELOOM_PORT must name a serial device");
    code = spikeloom_posix_open(&device, path, baud);
    if (code)
        end(strerror(code));
    port = spikeloom_posix_port(&device);
    return baud;
}

bool uart_is_readable(uart_inst_t *uart)
{
    (void)uart;
    return fifo_taken < fifo_count;
}

char uart_getc(uart_inst_t *uart)
{
    (void)uart;
    return (char)fifo[fifo_taken++];
}

bool uart_is_writable(uart_inst_t *uart)
{
    int done;
    (void)uart;
    if (!holding)
        return true;
    done = port.write(port.context, &held, 1);
    if (done < 0)
        end("the port failed");
    holding = !done;
    return !holding;
}

void uart_putc_raw(uart_inst_t *uart, char byte)
{
    held = (uint8_t)byte;
    holding = true;
    uart_is_writable(uart);
}

void uart_set_irq_enables(uart_inst_t *uart, bool receive, bool send)
{
    (void)uart;
    (void)receive;
    (void)send;
}

void irq_set_exclusive_handler(unsigned number, irq_handler_t called)
{
    (void)number;
    handler = called;
}

void irq_set_enabled(unsigned number, bool enabled)
{
    (void)number;
    (void)enabled;
}

void tight_loop_contents(void)
{
    if (holding)
        uart_is_writable(uart1);
    interrupt();
}

absolute_time_t get_absolute_time(void) { return port.now_ms(port.context); }
uint32_t to_ms_since_boot(absolute_time_t time) { return (uint32_t)time; }

void sleep_ms(uint32_t ms)
{
    uint32_t begun = port.now_ms(port.context);
    while (port.now_ms(port.context) - begun < ms)
        interrupt();
}

bool stdio_init_all(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    return true;
}

void gpio_init(unsigned pin) { (void)pin; }

void gpio_set_dir(unsigned pin, bool out)
{
    (void)pin;
    (void)out;
}

void gpio_put(unsigned pin, bool value)
{
    (void)pin;
    (void)value;
}

void gpio_set_function(unsigned pin, enum gpio_function function)
{
    (void)pin;
    (void)function;
}
