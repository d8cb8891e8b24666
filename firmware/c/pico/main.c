/* Raspberry Pi Pico (RP2040): the stored samples of the build, run on an accelerator at the other end of
 * UART1. GP4 (TX) to the board's RX, GP5 (RX) to the board's TX, ground to ground; 3.3 V both.
 * What comes of it is printed over USB; the LED is on while everything is right.
 */
#include <stdio.h>

#include "hardware/irq.h"
#include "hardware/uart.h"
#include "pico/stdlib.h"

#include "spikeloom_samples.h"

#define LINE uart1
#define LINE_IRQ UART1_IRQ
enum { TX_PIN = 4, RX_PIN = 5, LED_PIN = 25, RING_BYTES = 1024 };

/* The UART holds 32 bytes, which is a third of a millisecond at 1 Mbaud; an interrupt empties it. What does
 * not fit in the ring is lost, and the link has it sent again. */
static volatile uint8_t ring[RING_BYTES];
static volatile uint32_t ring_in, ring_out;

static void on_receive(void)
{
    while (uart_is_readable(LINE)) {
        uint8_t byte = (uint8_t)uart_getc(LINE);
        if (ring_in - ring_out < RING_BYTES) {
            ring[ring_in % RING_BYTES] = byte;
            ring_in = ring_in + 1;
        }
    }
}

static int line_read(void *context, uint8_t *data, size_t capacity)
{
    size_t count = 0;
    (void)context;
    while (count < capacity && ring_out != ring_in) {
        data[count++] = ring[ring_out % RING_BYTES];
        ring_out = ring_out + 1;
    }
    if (!count)
        tight_loop_contents();
    return (int)count;
}

static int line_write(void *context, const uint8_t *data, size_t count)
{
    size_t done = 0;
    (void)context;
    while (done < count && uart_is_writable(LINE))
        uart_putc_raw(LINE, (char)data[done++]);
    return (int)done;
}

static uint32_t line_now_ms(void *context)
{
    (void)context;
    return to_ms_since_boot(get_absolute_time());
}

static void line_init(void)
{
    uart_init(LINE, SPIKELOOM_BAUD);
    gpio_set_function(TX_PIN, GPIO_FUNC_UART);
    gpio_set_function(RX_PIN, GPIO_FUNC_UART);
    irq_set_exclusive_handler(LINE_IRQ, on_receive);
    irq_set_enabled(LINE_IRQ, true);
    uart_set_irq_enables(LINE, true, false);
    gpio_init(LED_PIN);
    gpio_set_dir(LED_PIN, GPIO_OUT);
}

static spikeloom_board board; /* a few kB: not on the stack */
static int64_t scores[SPIKELOOM_OUTPUTS];

static bool as_expected(uint32_t sample, uint32_t winner)
{
#if SPIKELOOM_SAMPLES
    uint32_t k;
    bool right = winner == spikeloom_sample_winners[sample];
#ifdef SPIKELOOM_SAMPLE_SCORES
    for (k = 0; k < SPIKELOOM_OUTPUTS; k++)
        right = right && scores[k] == spikeloom_sample_scores[sample][k];
#else
    (void)k;
#endif
    return right;
#else
    (void)sample;
    (void)winner;
    return true;
#endif
}

/* Run every stored sample; how many were wrong, or an error. */
static int run_samples(void)
{
    int wrong = 0;
    uint32_t k;
    for (k = 0; k < SPIKELOOM_SAMPLES; k++) {
#if SPIKELOOM_SAMPLES
        uint32_t winner;
        int code = spikeloom_run(&board, spikeloom_samples[k], SPIKELOOM_STEPS, scores, &winner, NULL, NULL);
        if (code)
            return code;
        printf("sample %u: %s, %s\n", (unsigned)k, spikeloom_build.class_names[winner],
               as_expected(k, winner) ? "as expected" : "WRONG");
        wrong += !as_expected(k, winner);
#endif
    }
    return wrong;
}

int main(void)
{
    const spikeloom_port port = {NULL, line_write, line_read, line_now_ms};
    int code;
    stdio_init_all();
    line_init();
    spikeloom_init(&board, &port, &spikeloom_build, NULL);
    while ((code = spikeloom_open(&board, line_now_ms(NULL))) != SPIKELOOM_OK) {
        printf("%s\n", spikeloom_message(code));
        sleep_ms(1000);
    }
    printf("a board at %u Hz\n", (unsigned)board.identity.clock_hz);
    code = run_samples();
    gpio_put(LED_PIN, code == 0);
    printf("%s\n", code < 0 ? spikeloom_message(code) : code ? "some were wrong" : "all right");
    return code != 0;
}
