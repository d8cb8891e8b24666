/* As pico/stdlib.h beside it. */
#ifndef STUB_HARDWARE_IRQ_H
#define STUB_HARDWARE_IRQ_H

#include <stdbool.h>

enum { UART1_IRQ = 21 };
typedef void (*irq_handler_t)(void);

void irq_set_exclusive_handler(unsigned number, irq_handler_t handler);
void irq_set_enabled(unsigned number, bool enabled);

#endif
