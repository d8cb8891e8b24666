/* As pico/stdlib.h beside it. */
#ifndef STUB_HARDWARE_UART_H
#define STUB_HARDWARE_UART_H

#include <stdbool.h>

typedef struct uart_inst uart_inst_t;
#define uart1 ((uart_inst_t *)0)

unsigned uart_init(uart_inst_t *uart, unsigned baud);
void uart_set_irq_enables(uart_inst_t *uart, bool receive, bool send);
bool uart_is_readable(uart_inst_t *uart);
bool uart_is_writable(uart_inst_t *uart);
char uart_getc(uart_inst_t *uart);
void uart_putc_raw(uart_inst_t *uart, char byte);

#endif
