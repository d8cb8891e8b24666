/* What the example takes from the Pico SDK, on a POSIX system: pico_stub.c. Not needed on a Pico. */
#ifndef STUB_PICO_STDLIB_H
#define STUB_PICO_STDLIB_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t absolute_time_t;
enum gpio_function { GPIO_FUNC_UART = 2 };
enum { GPIO_OUT = 1 };

bool stdio_init_all(void);
absolute_time_t get_absolute_time(void);
uint32_t to_ms_since_boot(absolute_time_t time);
void sleep_ms(uint32_t ms);
void tight_loop_contents(void);
void gpio_init(unsigned pin);
void gpio_set_dir(unsigned pin, bool out);
void gpio_put(unsigned pin, bool value);
void gpio_set_function(unsigned pin, enum gpio_function function);

#endif
